#!/bin/bash
# True scheduling: times on a CPU and ready without one are those of the kernel's own books.
. "$(dirname "$0")/../lib.sh"
[ -x "$GT" ] || skip "no build/gtrace"
PERCENT=${SCHED_PERCENT:-${CI:+2}}
PERCENT=${PERCENT:-1}
sched()
{
	"$GT" sched --json "$TRACE" >"$T/sched.json" || fail "gtrace sched"
	local refused
	refused=$(jq .perf_refused "$T/sched.json")
	[ "$refused" = 0 ] || skip "perf_event_open is refused here (errno $refused)"
}
# told THREAD KEY; kernel THREAD COLUMN
told()
{
	jq -r --arg n "$1" "[.threads[] | select(.thread == \$n) | .$2] | add // 0" "$T/sched.json"
}
kernel()
{
	awk -v n="$1" -v c="$2" '$1 == n { print $c }' "$T/stdout"
}
# What a hypervisor took from this machine, in ns: the kernel's books leave it out, the clock does not.
steal()
{
	awk '/^cpu / { printf "%.0f", $9 * 10000000 }' /proc/stat
}
# close GOT WANT PERCENT SLACK_NS WHAT
close()
{
	awk -v g="$1" -v w="$2" -v p="$3" -v s="$4" 'BEGIN { d = g - w; if (d < 0) d = -d; exit !(d <= w * p / 100 + s) }' ||
		fail "$5: $1 ns told, $2 ns in the kernel's books ($(cat "$T/sched.json"))"
}
stolen=$(steal)
record GTRACE_SCHED=on -- "$PROGS/sched" pinned "${SCHED_SECONDS:-1.5}"
stolen=$(($(steal) - stolen))
eq "$status" 0 "exit status"
judge
sched
jq -e '.known and .lost == 0 and ([.threads[].gaps] | add) == 0' "$T/sched.json" >/dev/null || fail "gaps: $(cat "$T/sched.json")"
wall=$(kernel left 5)
both=$(($(told left on_cpu_ns) + $(told right on_cpu_ns)))
# The kernel's clock of a CPU stands still from the moment that another program is woken until it is switched to (some us, which
# it counts for the other): if others were there, each such time is allowed for.
alone=1 slack=$stolen
if [ $((both * 100 / wall)) -lt 93 ]; then
	alone=0
	slack=$((slack + $(told left preempted) * 8000))
fi
echo "stolen: $((stolen / 1000000)) ms; alone: $alone"
# the kernel's book of a running thread is behind by up to a tick
for t in left right; do
	echo "$t: told $(told $t on_cpu_ns) ns on CPU, kernel $(kernel $t 3); ready $(told $t ready_ns), kernel $(kernel $t 4)"
	# every moment of its life is told, whatever was stolen: what it saw of it by the same clock lies in that, and that in the trace
	life=$(($(told $t on_cpu_ns) + $(told $t ready_ns) + $(told $t waiting_ns)))
	[ $life -ge $(($(kernel $t 5) - 1000)) ] && [ $life -le "$(jq .duration_ns "$T/sched.json")" ] ||
		fail "$t: $life ns told of its life, $(kernel $t 5) ns by its own clock ($(cat "$T/sched.json"))"
	close "$(told $t on_cpu_ns)" "$(kernel $t 3)" "$PERCENT" $((slack + 4000000)) "$t on CPU"
	close "$(told $t ready_ns)" "$(kernel $t 4)" 2 $((slack + 20000000)) "$t ready"
done
# Nobody else on that CPU: each is ready without a CPU for half of its time. Others there: for more.
for t in left right; do
	share=$(awk -v r="$(told $t ready_ns)" -v o="$(told $t on_cpu_ns)" 'BEGIN { printf "%d", r * 100 / (r + o) }')
	[ "$share" -ge 40 ] && { [ $alone = 0 ] || [ "$share" -le 60 ]; } || fail "$t is ready for $share % of its time"
done
close $((both + $(told sched on_cpu_ns))) $(($(kernel left 3) + $(kernel right 3) + $(kernel main 3))) "$PERCENT" \
	$((2 * slack)) "sum on CPU of all threads"
# Advancing all the time costs what happens, not what time passes: a wait that goes on is not told again and again
gens=$("$GT" info --json "$TRACE" | jq ".generations | length")
switches=$(jq '[.threads[] | .got + .preempted] | add' "$T/sched.json")
echo "$gens generations, $switches switches"
[ "$gens" -le $((switches * 2 + 400)) ] || fail "$gens generations for $switches switches"
[ $both -le $(($(jq .duration_ns "$T/sched.json"))) ] || fail "two threads on one CPU: $both ns on it"
rm -f "$T"/*.trace*

# A thread that sleeps waits
record GTRACE_SCHED=on -- "$PROGS/sched" sleepy 40
judge
sched
jq -e '.threads[] | select(.thread == "sleeper") | .waiting_ns >= 390000000 and .got >= 40' "$T/sched.json" >/dev/null || fail "sleeper: $(cat "$T/sched.json")"
rm -f "$T"/*.trace*

# Not asked for: unknown, and said so
unknown()
{
	"$GT" sched --json "$TRACE" >"$T/sched.json" 2>"$T/note" || fail "gtrace sched"
	jq -e ".known == false and .perf_refused == $1 and all(.threads[]; .on_cpu_ns == null)" "$T/sched.json" >/dev/null ||
		fail "unknown: $(cat "$T/sched.json")"
	grep -q 'scheduling is unknown' "$T/note" || fail "nothing said: $(cat "$T/note")"
}
record -- "$PROGS/sched" sleepy 2
judge
unknown 0
rm -f "$T"/*.trace*
# Refused: the rest works, one line for those who ask
NO_PRELOAD=1 record GTRACE_SCHED=on GTRACE_SAMPLE=99 GTRACE_LOG=info -- "$PROGS/noperf" "$LIB" "$PROGS/sched" sleepy 2
eq "$status" 0 "refused: exit status"
eq "$(grep -c 'gtrace: .*perf_event_open is refused (errno 13)' "$T/stderr")" 1 "lines on stderr"
judge
unknown 13
fact 'thr("sleeper") | waited("sleep") >= 18000000'
done_ok
