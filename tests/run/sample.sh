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
# What a hypervisor took from this machine, in ms: a thread's clock leaves it out, the sampling timer does not.
steal()
{
	awk '/^cpu / { print $9 * 10 }' /proc/stat
}
# 3 s of CPU time at 1 kHz; ticks that fall into the kernel are left out
SECONDS_CPU=${SAMPLE_SECONDS:-3}
stolen=$(steal)
burn split "$SECONDS_CPU"
stolen=$(($(steal) - stolen))
cp "$T/stdout" "$T/traced"
[ $((n + $(metric lost_perf))) -ge $((SECONDS_CPU * 850 - stolen)) ] && [ "$n" -le $((SECONDS_CPU * 1150 + stolen)) ] ||
	fail "$n samples in $SECONDS_CPU s ($stolen ms stolen)"
fact ".cpu_samples == $n and .goroutines[0].cpu_samples == $n"
all=0
for f in heavy middle light; do
	k=$(leaf $f)
	all=$((all + k))
	# its share of the time that the program measured itself, within 4 standard deviations of so many samples
	awk -v f=$f -v k="$k" -v n="$n" -v stolen=$stolen '
		{ t += $2; if ($1 == f) own = $2 }
		END { p = own / t; d = k - n * p; if (d < 0) d = -d
		      printf "%s: %d of %d samples, %.1f %% of the time\n", f, k, n, p * 100
		      exit !(p > 0.05 && d <= 4 * sqrt(n * p * (1 - p)) + stolen) }' "$T/stderr" || fail "$f: $k of $n samples ($stolen ms stolen)"
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
