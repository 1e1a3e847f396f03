#!/bin/bash
# python3: 8 threads with queues and locks; subprocess (vfork) whose children are traced on their own.
. "$(dirname "$0")/../lib.sh"
py=/usr/bin/python3
[ -x $py ] || { need python3; py=$(command -v python3); }
cat >"$T/threads.py" <<'END'
import os, threading, queue, time, hashlib
q, done = queue.Queue(4), []
lock = threading.Lock()
def work(i):
    n = 0
    while True:
        x = q.get()
        if x is None:
            break
        n += len(hashlib.sha256(b"x" * x).hexdigest())
        if x % 50 == 0:
            time.sleep(0.001)
    with lock:
        done.append(n)
ts = [threading.Thread(target=work, args=(i,), name="w%d" % i) for i in range(8)]
for t in ts: t.start()
for x in range(4000): q.put(x)
for t in ts: q.put(None)
for t in ts: t.join()
# join() returns before the thread has left the kernel; main's end would cut it off.
while any(os.path.exists("/proc/self/task/%d" % t.native_id) for t in ts): time.sleep(0.001)
print(sum(done))
END
record -- $py "$T/threads.py"
eq "$status" 0 "exit status"
eq "$(cat "$T/stdout")" 256000 "result"
judge
fact '[.goroutines[] | select(.ended_ns > 0)] | length >= 8'
fact '[.goroutines[] | select(.ended_ns > 0 and .blocks > 0)] | length >= 8'
begins_equal_ends 9
"$GT" dump "$TRACE" | grep 'stack=[0-9]*\[sem_\|stack=[0-9]*\[pthread_cond' | grep -q ' < _PyEval_EvalFrameDefault ' || fail "no names: $("$GT" dump "$TRACE" | grep GoBlock | head -2)"

cat >"$T/sub.py" <<'END'
import subprocess, sys
for i in range(12):
    subprocess.run(["/bin/true"], check=True)
print(subprocess.run(["/bin/sh", "-c", "exit 5"]).returncode, subprocess.check_output(["/bin/echo", "hi"]).decode().strip())
END
rm -f "$T"/*.trace*
record -- $py "$T/sub.py"
eq "$status" 0 "subprocess: exit status"
eq "$(cat "$T/stdout")" "5 hi" "subprocess: result"
for f in "$T"/*.trace; do judge "$f"; done
[ "$(ls "$T" | grep -c 'trace$')" -ge 15 ] || fail "subprocess: files of the children: $(ls "$T" | grep -c 'trace$')"
begins_equal_ends 1
done_ok
