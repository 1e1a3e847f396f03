#!/bin/bash
# Each primitive: the wait is in the trace under the right reason, as long as the program itself measured, and ended.
. "$(dirname "$0")/../lib.sh"

# kind, reason
while read -r kind reason; do
	record -- "$PROGS/sync" "$kind"
	eq "$status" 0 "$kind: exit status"
	waited=$(sed -n 's/^waited //p' "$T/stdout")
	judge
	fact "[thr(\"waiter\")] | length == 1"
	fact "[thr(\"holder\")] | length == 1"
	# The program's own figure has more in it (clock, the turn of the scheduler): at least 80 %, at most all of it
	# plus the waiter's barrier waits for the same reason.
	fact "thr(\"waiter\") | waited(\"$reason\") >= $waited * 0.8"
	case $reason in sync) ;; *) fact "thr(\"waiter\") | waited(\"$reason\") <= $waited" ;; esac
	fact 'thr("waiter") | .ended_ns > 0'
	fact 'thr("holder") | waited("sleep") >= 190000000'
	begins_equal_ends
	# Whoever writes the wake: never "g0" or a goroutine that does not exist
	fact '[.goroutines[].id] as $ids | all(.goroutines[].unblocked_by // {} | keys[]; . == "none" or . == "self" or ((ltrimstr("g") | tonumber) as $i | any($ids[]; . == $i)))'
	rm -f "$T"/*.trace*
done <<'END'
mutex sync
timedlock sync
cond sync.(*Cond).Wait
rdlock sync
wrlock sync
sem sync
barrier sync
join sync
sleep sleep
pipe network
epoll network
END
done_ok
