#!/bin/bash
# convert --to go moves the unblocks whose waker is known to the waker, and changes nothing else; Go's reader takes the
# result, in every version; --raw moves none. A program that knows its wakers (blame.sh: are they right?), then python3.
. "$(dirname "$0")/../lib.sh"
need python3
# moved LEAST: so many at least
moved()
{
	judge
	"$GT" convert --to go -o "$T/go.trace" "$TRACE" || fail "convert --to go"
	judge_now "$T/go.trace" || fail "what was made: $(head -3 "$T/go.trace.err")"
	"$GT" convert --to chrome -o "$T/chrome.json" "$TRACE" || fail "convert --to chrome"
	"$GT" dump --json "$TRACE" >"$T/a" && "$GT" dump --json "$T/go.trace" >"$T/b" || fail "dump"
	python3 tests/run/resolve.py "$T/a" "$T/b" "$T/chrome.json" "$1" || fail "$2"
}
record -- "$PROGS/blame"
eq "$status" 0 "exit status"
moved "$([ "${GTRACE_PERIOD:-}" = 0 ] && echo 300 || echo 1000)" "blame"
# A second time there is nothing left to do. (Where wakes stand in the generation after their wait's end, ends that are told
# earlier now may let another wake be matched.)
"$GT" convert --to go -o "$T/again.trace" "$T/go.trace" || fail "the second time"
judge "$T/again.trace"
[ "${GTRACE_PERIOD:-}" = 0 ] || cmp "$T/go.trace" "$T/again.trace" || fail "the second time differs"
"$GT" convert --to go --raw -o "$T/raw.trace" "$TRACE" && cmp "$TRACE" "$T/raw.trace" || fail "--raw"
for v in 1.22 1.23 1.25; do
	"$GT" convert --to go --go-version $v -o "$T/old.trace" "$TRACE" || fail "--go-version $v"
	"$GT" check "$T/old.trace" >"$T/old.err" 2>&1 || fail "Go $v: $(cat "$T/old.err")"
	[ ! -x "$ORACLE" ] || "$ORACLE" -q "$T/old.trace" >"$T/old.err" 2>&1 || fail "Go $v: $(cat "$T/old.err")"
done
cat >"$T/threads.py" <<'END_PY'
import threading, queue
there, back = queue.Queue(2), queue.Queue(2)
def work():
    while (x := there.get()) is not None:
        back.put(x)
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads: t.start()
for i in range(2000):
    there.put(i)
    back.get()
for t in threads: there.put(None)
for t in threads: t.join()
END_PY
py=/usr/bin/python3
[ -x $py ] || py=$(command -v python3)
record -- $py "$T/threads.py"
eq "$status" 0 "exit status of python3"
moved 1000 "python3"
done_ok
