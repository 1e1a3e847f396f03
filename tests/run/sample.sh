#!/bin/bash
# CPU samples: their number, their shares, their stacks and names; and the program sees nothing of them.
. "$(dirname "$0")/../lib.sh"
[ -x "$GT" ] || skip "no build/gtrace"
metric()
{
	"$GT" dump "$TRACE" | sed -n "s/.* METRIC .*name=\"$1\" value=\([0-9]*\).*/\1/p" | awk '{ s += $1 } END { print s + 0 }'
}
# samples FILTER: how many have this innermost function
leaf()
{
	grep -cE " CPUSample .*stack=[0-9]+\[$1 " "$T/dump"
}
burn()
{
	record GTRACE_SAMPLE=1000 -- "$PROGS/sample" "$@"
	eq "$status" 0 "$*: exit status"
	judge
	"$GT" dump "$TRACE" >"$T/dump" || fail "gtrace dump"
	[ "$(metric perf_refused)" = 0 ] || skip "perf_event_open is refused here (errno $(metric perf_refused))"
	n=$(grep -c ' CPUSample ' "$T/dump")
	eq "$n" "$(metric samples)" "samples in the file, and counted"
	[ "$(metric lost_perf)" -le $((n / 10)) ] || fail "$*: $(metric lost_perf) records lost"
}
# 3 s of CPU time at 1 kHz; ticks that fall into the kernel are left out
SECONDS_CPU=${SAMPLE_SECONDS:-3}
burn split "$SECONDS_CPU"
cp "$T/stdout" "$T/traced"
[ $((n + $(metric lost_perf))) -ge $((SECONDS_CPU * 850)) ] && [ "$n" -le $((SECONDS_CPU * 1150)) ] || fail "$n samples in $SECONDS_CPU s"
fact ".cpu_samples == $n and .goroutines[0].cpu_samples == $n"
all=0
for row in heavy:70 middle:20 light:10; do
	k=$(leaf ${row%:*})
	all=$((all + k))
	share=$((k * 1000 / n))
	want=$((${row#*:} * 10))
	[ $share -ge $((want - 30)) ] && [ $share -le $((want + 30)) ] || fail "${row%:*}: $share per mille of $n samples, not $want"
done
[ $all -ge $((n * 98 / 100)) ] || fail "only $all of $n samples are in the three functions"
# What the program sees is what it sees without us
NO_PRELOAD=1 record -- "$PROGS/sample" split 0.1
# (a writer that is a thread is one)
[ "${GTRACE_WRITER:-task}" = task ] || sed -i '/^Threads/d; /^SigCgt/d' "$T/traced" "$T/stdout"
cmp -s "$T/traced" "$T/stdout" || fail "the program sees a difference: $(diff "$T/traced" "$T/stdout")"
rm -f "$T"/*.trace*

# Whole stacks, without frame pointers
burn deep 0.5
chain='heavy '
for _ in $(seq 31); do chain="$chain[^<]*< deep "; done
good=$(grep -cE " CPUSample .*\[$chain[^<]*< main [^<]*\]" "$T/dump")
[ "${GTRACE_WRITER:-task}" = thread ] || [ "$good" -ge $((n * 98 / 100)) ] || fail "$good of $n stacks are whole: $(grep CPUSample "$T/dump" | tail -1)"
rm -f "$T"/*.trace*

# Each sample belongs to its thread
burn threads 0.3
fact '[.goroutines[] | select(.label == ("one", "two", "three", "four")) | .cpu_samples >= 150] | length == 4 and all'
rm -f "$T"/*.trace*

# Off: no sample, and nothing said of perf
record -- "$PROGS/sample" split 0.1
judge
fact '.cpu_samples == 0'
eq "$(metric samples)$(metric perf_refused)" 00 "off"
done_ok
