# Queues, locks, conditions, pools, asyncio, multiprocessing, subprocesses, sqlite: what Python programs wait for.
import asyncio, concurrent.futures, hashlib, multiprocessing, queue, subprocess, sys, threading

def square(x):
    return x * x

def main():
    q, out, lock = queue.Queue(8), [], threading.Lock()
    def worker():
        while (x := q.get()) is not None:
            with lock:
                out.append(hashlib.sha256(b'x' * x).digest()[0])
    ts = [threading.Thread(target=worker) for _ in range(4)]
    for t in ts: t.start()
    for i in range(6000): q.put(i % 500)
    for _ in ts: q.put(None)
    for t in ts: t.join()
    with concurrent.futures.ThreadPoolExecutor(4) as e:
        a = sum(e.map(square, range(2000)))
    with multiprocessing.Pool(2) as p:
        b = sum(p.map(square, range(20000)))
    async def wait(n):
        await asyncio.sleep(0.001 * (n % 5))
        return n
    async def many():
        return sum(await asyncio.gather(*[wait(i) for i in range(500)]))
    c = asyncio.run(many())
    d = [subprocess.run(['/bin/sh', '-c', 'cat; exit 7'], input=b'abc', capture_output=True) for _ in range(20)]
    print(sum(out), a, b, c, {(x.stdout, x.returncode) for x in d})

if __name__ == '__main__':
    main()
