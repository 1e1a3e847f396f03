# More helpers for tests/torture: random instants, the writer's pid, what `busy` told.
. "$ROOT/tests/lib.sh"
BUSY=$B/tests/torture/busy
SEED=${SEED:-$((($(date +%s) + $$) % 32768))}
RANDOM=$SEED
echo "seed $SEED"
# between $1 and $2 ms
sleep_random()
{
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$(printf '0.%03d' $ms)"
}
told()
{
	od -An -tu8 -j $(($1 * 8)) -N8 "$T/told" | tr -d ' '
}
# writer_of PID: nobody's child, but it shares the program's memory, and with that its arguments
writer_of()
{
	local d
	for d in $(pgrep -x gtrace-writer); do
		cmp -s /proc/"$d"/cmdline /proc/"$1"/cmdline && { echo "$d"; return; }
	done
	return 1
}
# Every wait that `busy` told of is in FILE: not one less; at most one more (begun, or ended and not told).
all_told_in()
{
	local w n lost
	lost=$(lost_waits "$1") # by any of the threads: a starved writer costs waits, and says so
	for w in 0 1 2 3; do
		n=$(($(told $w) - lost))
		fact "[thr(\"w$w\") | .blocks] | add // 0 | . >= $n and . <= $n + $lost + 1" "$1"
	done
}
busy_is_up()
{
	local i
	for i in $(seq 200); do
		[ -s "$T/told" ] && [ "$(told 3)" -gt 0 ] && return
		kill -0 "$pid" 2>/dev/null || fail "busy ended: $(cat "$T/stderr")"
		sleep 0.005
	done
	fail "busy does not work"
}
