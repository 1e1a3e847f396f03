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
# Its whole process group, as shells and time limits do it: the writer has one of its own, and yet no session of its own, where it
# would be starved (docs/DESIGN.md).
rm -f "$T"/*.trace* "$T/told"
set -m
start GTRACE_MIN_WAIT=0 -- "$BUSY" "$T/told"
set +m
busy_is_up
w=$(writer_of "$pid") || fail "no gtrace-writer under $pid"
eq "$(ps -o pgid=,sid= -p "$w" | awk '{ print $1, $2 }')" "$w $(ps -o sid= -p "$pid" | tr -d ' ')" "group and session of the writer"
kill -KILL -- "-$pid"
finish 2>/dev/null
eq "$status" 137 "group killed: exit status"
flock -s -w 20 "$TRACE" true || fail "group killed: not complete"
judge
all_told_in "$TRACE"
done_ok
