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
	awk -v g="$1" -v w="$2" -v p="$3" -v s="$(($4 + stolen))" 'BEGIN { d = g - w; if (d < 0) d = -d; exit !(d <= w * p / 100 + s) }' ||
		fail "$5: $1 ns told, $2 ns in the kernel's books ($(cat "$T/sched.json"))"
}
stolen=$(steal)
record GTRACE_SCHED=on -- "$PROGS/sched" pinned "${SCHED_SECONDS:-1.5}"
stolen=$(($(steal) - stolen))
eq "$status" 0 "exit status"
judge
sched
jq -e '.known and .lost == 0 and ([.threads[].gaps] | add) == 0' "$T/sched.json" >/dev/null || fail "gaps: $(cat "$T/sched.json")"
echo "stolen: $((stolen / 1000000)) ms"
on=0; want=0
[ "$(kernel left 3)" -gt 0 ] || skip "the kernel keeps no schedstat"
for t in left right; do
	# the kernel's book of a running thread is behind by up to a tick
	close "$(told $t on_cpu_ns)" "$(kernel $t 3)" "$PERCENT" 4000000 "$t on CPU"
	close "$(told $t ready_ns)" "$(kernel $t 4)" 2 20000000 "$t ready"
	on=$((on + $(told $t on_cpu_ns))); want=$((want + $(kernel $t 3)))
done
wall=$(kernel left 5)
both=$on
on=$((on + $(told sched on_cpu_ns))); want=$((want + $(kernel main 3)))
close $on $want "$PERCENT" 0 "sum on CPU of all threads"
# Nobody else on that CPU: each is ready without a CPU for half of its time
for t in left right; do
	share=$(awk -v r="$(told $t ready_ns)" -v o="$(told $t on_cpu_ns)" 'BEGIN { printf "%d", r * 100 / (r + o) }')
	echo "$t: told $(told $t on_cpu_ns) ns on CPU, kernel $(kernel $t 3); ready $share %"
	if [ $((both * 100 / wall)) -ge 93 ]; then
		[ "$share" -ge 40 ] && [ "$share" -le 60 ] || fail "$t is ready for $share % of its time"
	else # others took part of the CPU: then it is more
		[ "$share" -ge 40 ] || fail "$t is ready for $share % of its time"
	fi
done
rm -f "$T"/*.trace*

# A thread that sleeps waits
record GTRACE_SCHED=on -- "$PROGS/sched" sleepy 40
judge
sched
jq -e '.threads[] | select(.thread == "sleeper") | .waiting_ns >= 390000000 and .got >= 40' "$T/sched.json" >/dev/null || fail "sleeper: $(cat "$T/sched.json")"
rm -f "$T"/*.trace*

# Not asked for: unknown, and said so
record -- "$PROGS/sched" sleepy 2
judge
sched
jq -e '.known == false and all(.threads[]; .on_cpu_ns == null)' "$T/sched.json" >/dev/null || fail "off: $(cat "$T/sched.json")"
done_ok
