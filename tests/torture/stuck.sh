#!/bin/bash
# A thread that never leaves a hook's section holds up the generation, and the process is killed meanwhile: what the
# other thread waited for since then is in the file, or was dropped and counted (16 busy threads on few CPUs may starve
# advance beyond its bound before anything is stuck). N=30 rounds.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
for i in $(seq "${N:-30}"); do
	record GTRACE_PERIOD=0 GTRACE_MIN_WAIT=0 -- "$B/tests/torture/stuck" $((1000000 + RANDOM * 30))
	eq "$status" 137 "round $i: exit status"
	judge
	fact "[.goroutines[] | select(.id == 1) | .blocks] | add // 0 | . + $(lost_waits "$TRACE") >= $(cat "$T/stdout")"
	rm -f "$T"/*.trace*
done
done_ok
