#!/bin/bash
# The writer alone is killed or stopped: the program runs on at full speed and ends; the loss is counted.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
[ "${GTRACE_WRITER:-task}" = task ] || skip "the writer is a thread"
work=("$PROGS/pingpong" pipe "${ROUNDS:-60000}")
now() { date +%s%N; }
timed()
{
	local t0
	t0=$(now)
	start GTRACE_MIN_WAIT=0 GTRACE_BUFFER=1M GTRACE_FULL="$2" -- "${work[@]}"
	if [ "$1" ]; then
		for _ in $(seq 100); do w=$(writer_of "$pid") && break; sleep 0.002; done
		[ "${w:-}" ] || fail "no gtrace-writer under $pid"
		kill -"$1" "$w"
	fi
	finish 2>/dev/null
	ms=$((($(now) - t0) / 1000000))
	eq "$status" 0 "$1: exit status"
	eq "$(cat "$T/stdout")" "${ROUNDS:-60000}" "$1: stdout"
}
timed "" drop
judge
base=$ms
for sig in STOP KILL; do
	for full in drop; do
		w=
		rm -f "$T"/*.trace*
		timed $sig $full
		echo "$sig $full: $ms ms, undisturbed $base ms"
		[ "$ms" -le $((base * 3 / 2 + 300)) ] || fail "$sig: took $ms ms, undisturbed $base ms"
		if [ $sig = STOP ]; then
			kill -CONT "$w"
			judge
			[ -x "$GT" ] && { "$GT" info --json "$TRACE" | grep -q '"lost_waits_[a-z]*"' || fail "the loss is not in gtrace info"; }
		elif ! judge_now "$TRACE"; then
			[ -x "$GT" ] || skip "no build/gtrace"
			"$GT" recover "$TRACE" -o "$T/r.trace" >"$T/recover.out" 2>&1 || fail "recover: $(cat "$T/recover.out")"
			judge "$T/r.trace"
		fi
	done
done
# Nothing happens while it is stopped: a generation's stamp is not a second before its first event all the same.
rm -f "$T"/*.trace*
start -- sleep 2.5
for _ in $(seq 200); do w=$(writer_of "$pid") && [ "$(wc -c <"$TRACE")" -gt 16 ] && break; sleep 0.005; done
kill -STOP "$w" || fail "no gtrace-writer under $pid"
finish
kill -CONT "$w"
judge
fact '[.goroutines[] | waited("sleep")] | max >= 2500000000'
done_ok
