#!/bin/bash
# A quiet time between the first events of a generation and the first that reach the writer: times stay what they were.
. "$(dirname "$0")/../lib.sh"
for period in 3s "${GTRACE_PERIOD-100ms}"; do
	record GTRACE_PERIOD=$period -- "$PROGS/late"
	eq "$status" 0 "exit status"
	judge
	fact '[thr("waiter") | waited("sync")] | max >= 50000000'
	eq "$("$GT" locks --json "$TRACE" | jq -r '[.locks[] | select(.kind == "mutex" or (.lock | test("mutex"))) | .waits] | add')" 1 "waits for the mutex, $period"
	# The note of the wait has the time at which the wait began.
	"$GT" dump --json "$TRACE" >"$T/dump"
	waiter=$(jq 'select(.event == "GoBlock" and .thread == "waiter") | .subject_g' "$T/dump" | head -1)
	begin=$(jq -r 'select(.event == "GoBlock" and .args.reason == "sync" and ([.args.stack[]?.func] | index("pthread_mutex_lock"))) | .time_ns' "$T/dump" | head -1)
	note=$(jq -r --argjson g "$waiter" 'select(.record == "WAIT" and .args.g == $g) | .time_ns' "$T/dump" | head -1)
	[ "$begin" ] && [ "$note" ] || fail "no wait: '$begin', no note: '$note'"
	[ $((begin - note)) -ge -100 ] && [ $((begin - note)) -le 100 ] || fail "$period: the wait began at $begin, its note says $note"
	rm -f "$T"/*.trace*
done
done_ok
