#!/bin/bash
# gtrace threads: each thread's times are those that Go's reader adds up, to the nanosecond; scheduling is there when it was
# recorded, and unknown otherwise; the strip has room or is left out. (Threads that were there at the start ran since then, not since
# their first event.)
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/blame"
eq "$status" 0 "exit status"
judge
threads()
{
	"$GT" threads "$@" "$TRACE" 2>"$T/err" || fail "gtrace threads $*: $(cat "$T/err")"
}
threads --json >"$T/threads.json"
jq -e '.schema == "gtrace-threads/1" and .complete and (.threads | length) >= 50 and all(.threads[]; .on_cpu_ns == null)
	and (.threads | map(select(.thread == "serf-0")) | .[0] | .contention_ns > 0 and .io_ns > 0 and .idle_ns > 0)' "$T/threads.json" >/dev/null ||
	fail "threads: $(head -c 3000 "$T/threads.json")"
if [ -x "$ORACLE" ]; then
	jq -nr --slurpfile a "$T/threads.json" --slurpfile b "$TRACE.json" '
		($b[0].goroutines | map({key: (.id | tostring), value: .}) | from_entries) as $go |
		$a[0].threads[] | $go[.g | tostring] as $o |
		[.g, .contention_ns + .io_ns + .idle_ns + .sleep_ns, $o.state_ns.waiting // 0, .calls_ns, $o.state_ns.syscall // 0,
		 .ran_ns, ($o.state_ns.running // 0) + ($o.state_ns.runnable // 0), .waits, $o.blocks] |
		select(.[1] != .[2] or .[3] != .[4] or ($o.creator > 0 and .[5] != .[6]) or .[7] != .[8])' >"$T/differ"
	[ ! -s "$T/differ" ] || fail "g, ours and Go's waiting, calls, running, waits: $(head -20 "$T/differ")"
fi
COLUMNS=120 threads >"$T/wide"
grep -Eq '^  serf-0 +\|[#Li.z ]*L[#Li.z ]*\|$' "$T/wide" || fail "no strip: $(tail -5 "$T/wide")"
COLUMNS=99 threads >"$T/narrow"
! grep -q '^  serf-0' "$T/narrow" || fail "a strip on a narrow terminal"
grep -q '^  nothing lost\|^  lost_' "$T/narrow" || fail "losses are not shown"
eq "$(threads --csv | wc -l)" "$(($(jq '.threads | length' "$T/threads.json") + 1))" "lines of CSV"
rm -f "$T"/*.trace*

record GTRACE_SCHED=on -- "$PROGS/sched" sleepy 10
judge
threads --json >"$T/threads.json"
[ "$("$GT" info --json "$TRACE" | jq '[.counters[] | select(.name == "perf_refused") | .value] | add // 0')" != 0 ] ||
	jq -e '.threads[] | select(.thread == "sleeper") | .on_cpu_ns > 0 and .ready_ns != null and .sleep_ns >= 90000000' "$T/threads.json" >/dev/null ||
	fail "with scheduling: $(cat "$T/threads.json")"
head -c 3000 "$TRACE" >"$T/cut.trace"
"$GT" threads "$T/cut.trace" >/dev/null 2>"$T/err"
[ $? -ge 1 ] && [ -s "$T/err" ] || fail "a cut file is fine for it"
done_ok
