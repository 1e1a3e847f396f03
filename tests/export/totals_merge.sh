#!/bin/bash
# A merged trace in every format: totals agree with Go's reader to the ns.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
cat >"$T/fork.py" <<'END'
import os, threading, time
def work():
    lock = threading.Lock()
    def run():
        for i in range(100):
            with lock: time.sleep(0.0005)
    ts = [threading.Thread(target=run) for k in range(3)]
    for t in ts: t.start()
    for t in ts: t.join()
if os.fork() == 0:
    work()
    os._exit(0)
work()
os.wait()
END
record -- "$py" "$T/fork.py"
eq "$status" 0 "exit status"
judge "$T"/*.trace
"$GT" merge -q -o "$T/merged.out" "$T"/*.trace || fail "gtrace merge"
judge "$T/merged.out"
totals merge "$T/merged.out"
done_ok
