#!/bin/bash
# python3 with threads in every format: totals agree with Go's reader to the ns.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
cat >"$T/threads.py" <<'END'
import queue, threading, time
q = queue.Queue(4)
def work():
    while True:
        x = q.get()
        if x is None:
            break
        if x % 50 == 0:
            time.sleep(0.001)
ts = [threading.Thread(target=work, name="w;%d" % i) for i in range(8)]
for t in ts: t.start()
for x in range(2000): q.put(x)
for t in ts: q.put(None)
for t in ts: t.join()
END
record -- "$py" "$T/threads.py"
eq "$status" 0 "exit status"
judge
totals python3 "$TRACE"
done_ok
