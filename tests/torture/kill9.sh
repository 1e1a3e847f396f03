#!/bin/bash
# kill -9 at random instants: within 200 ms the file is complete, valid, and holds every wait the program knew of.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
N=${N:-20}
for i in $(seq "$N"); do
	rm -f "$T"/*.trace* "$T/told"
	start GTRACE_MIN_WAIT=0 -- "$BUSY" "$T/told"
	busy_is_up
	sleep_random 1 250
	kill -KILL "$pid"
	finish 2>/dev/null
	eq "$status" 137 "run $i: exit status"
	[ -f "$TRACE" ] || fail "run $i: no file"
	flock -s -w "${LIMIT_S:-0.2}" "$TRACE" true || fail "run $i: not complete ${LIMIT_S:-0.2} s after the death"
	judge
	all_told_in "$TRACE"
done
echo "$N times"
done_ok
