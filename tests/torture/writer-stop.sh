#!/bin/bash
# The writer alone is killed or stopped: the program runs on at full speed and ends; the loss is counted.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
[ "${GTRACE_WRITER:-task}" = task ] || skip "the writer is a thread"
rounds=${ROUNDS:-60000}
# The program runs to its end while its writer is stopped or dead, and never sleeps but in its own reads, at most two a round.
ends_without()
{
	start GTRACE_MIN_WAIT=0 GTRACE_BUFFER=1M GTRACE_FULL=drop -- "$PROGS/pingpong" pipe "$rounds" count
	for _ in $(seq 400); do w=$(writer_of "$pid") && break; sleep 0.002; done
	[ "${w:-}" ] || fail "no gtrace-writer under $pid"
	kill -"$1" "$w"
	finish 2>/dev/null
	eq "$status" 0 "$1: exit status"
	{ read -r n; read -r sleeps; } <"$T/stdout"
	eq "$n" "$rounds" "$1: stdout"
	echo "$1: slept $sleeps times in $rounds rounds"
	[ "$sleeps" -le $((rounds * 2)) ] || fail "$1: slept $sleeps times in $rounds rounds"
}
ends_without STOP
kill -CONT "$w"
judge
lost=$(lost_waits "$TRACE")
[ "$lost" -gt 0 ] || fail "the loss is not told"
rm -f "$T"/*.trace*
w=
ends_without KILL
if ! judge_now "$TRACE"; then
	"$GT" recover "$TRACE" -o "$T/r.trace" >"$T/recover.out" 2>&1 || fail "recover: $(cat "$T/recover.out")"
	judge "$T/r.trace"
fi
# Nothing happens while it is stopped: a generation's stamp is not a second before its first event all the same.
rm -f "$T"/*.trace*
start -- sleep 2.5
for _ in $(seq 200); do w=$(writer_of "$pid") && [ "$(wc -c <"$TRACE")" -gt 16 ] && break; sleep 0.005; done
kill -STOP "$w" || fail "no gtrace-writer under $pid"
finish
kill -CONT "$w"
judge
fact '[.goroutines[] | waited("sleep")] | max >= 2500000000'
# The same with a thread that has handed over full chunks before the writer comes back to end the generation.
rm -f "$T"/*.trace*
start GTRACE_MIN_WAIT=0 GTRACE_PERIOD=100ms -- "$B/tests/torture/burst"
for _ in $(seq 400); do w=$(writer_of "$pid") && grep -q busy "$T/stdout" && break; sleep 0.005; done
sleep 0.3 # some generations without a call
kill -STOP "$w" || fail "no gtrace-writer under $pid"
sleep 1.3
kill -USR1 "$pid"
for _ in $(seq 400); do grep -q done "$T/stdout" && break; sleep 0.01; done
kill -CONT "$w"
kill -USR1 "$pid"
finish
eq "$status" 0 "burst: exit status"
judge
fact '[.goroutines[] | .blocks + .syscalls] | add >= 30000'
done_ok
