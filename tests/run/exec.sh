#!/bin/bash
# exec keeps the pid: both images have a file, both complete; nothing lost before the exec.
. "$(dirname "$0")/../lib.sh"
sleep=$(command -v sleep)
OUT="GTRACE_OUT=$T/%e.%p.trace"

record "$OUT" -- "$PROGS/procs" forkexec "$sleep" 0.05
eq "$status" 0 "forkexec: exit status"
child=$(sed -n 's/^child //p' "$T/stdout")
parent=$(echo "$T"/procs.*.trace)
after=$T/sleep.$child.trace
judge "$T"/procs.*.trace "$after"
before=$T/procs.$child.trace
fact '[.goroutines[] | waited("sleep")] | max >= 20000000' "$before"
fact '[.goroutines[] | waited("sleep")] | max >= 50000000' "$after"

rm -f "$T"/*.trace*
record "$OUT" -- "$PROGS/procs" exec "$sleep" 0.03
eq "$status" 0 "exec: exit status"
settle "$(echo "$T"/procs.*.trace)"
judge "$T"/procs.*.trace "$T"/sleep.*.trace
f=$(echo "$T"/procs.*.trace)
fact '[.goroutines[] | waited("sleep")] | max >= 30000000' "$f"
# The waiting thread never came back: its wait is open, and written.
fact 'thr("forever") | waited("sync") >= 30000000' "$f"
fact '[.goroutines[] | waited("sleep")] | max >= 30000000' "$(echo "$T"/sleep.*.trace)"

# The same name twice: nothing is overwritten, both are valid
rm -f "$T"/*.trace*
record -- "$PROGS/procs" exec "$PROGS/procs" spawn /bin/true
eq "$status" 0 "exec of itself: exit status"
n=0
for f in "$T"/"$(basename "$TRACE")"*; do
	case $f in *.json|*.err) continue ;; esac
	judge "$f"
	n=$((n + 1))
done
eq $n 2 "files of a process with two images"
done_ok
