#!/bin/bash
# CPU samples: their number, their shares, their stacks and names; and the program sees nothing of them. Then the same by a
# timer on each thread, where perf is refused.  SAMPLE_SECONDS=10 for the long run.
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
HZ=1000 BY=perf
burn()
{
	record GTRACE_SAMPLE=$HZ GTRACE_SAMPLE_BY=$BY -- "$PROGS/sample" "$@"
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
	# and within 3 points of what it is made to be
	case $f in heavy) want=70 ;; middle) want=20 ;; light) want=10 ;; esac
	awk -v k="$k" -v n="$n" -v w=$want -v s=$stolen 'BEGIN { d = k * 100 / n - w; if (d < 0) d = -d; exit !(d <= 3 + s * 100 / n) }' ||
		fail "$f: $k of $n samples, not $want % ($stolen ms stolen)"
done
[ $all -ge $((n * 98 / 100)) ] || fail "only $all of $n samples are in the three functions"
# Go's tools show them: each a line of the parsed trace, and an instant with a stack on the page
if command -v go >/dev/null 2>&1 && [ -x "$ORACLE" ]; then
	eq "$(go tool trace -d=parsed "$TRACE" | grep -c ' StackSample ')" "$n" "samples in go tool trace -d=parsed"
	tests/run/sample-page.py "$TRACE" >"$T/page" || fail "the page of go tool trace: $(cat "$T/page")"
	cat "$T/page"
	for f in heavy middle light; do
		eq "$(sed -n "s/^$f //p" "$T/page")" "$(leaf $f)" "$f on the page"
	done
fi

# What the program sees is what it sees without us
NO_PRELOAD=1 record -- "$PROGS/sample" split 0.1
# (a writer that is a thread is one, and with the first thread libc takes a signal for itself)
[ "${GTRACE_WRITER:-task}" = task ] || sed -i '/^Threads/d; /^SigCgt/d; /^SigIgn/d' "$T/traced" "$T/stdout"
sed -i "s|$T/[a-z]*|FILE|" "$T/traced" "$T/stdout"
grep -q '^fd 0 ' "$T/traced" && grep -q '^interrupted 0$' "$T/traced" || fail "the program told nothing: $(cat "$T/traced")"
cp "$T/stdout" "$T/stdout_native"
cmp -s "$T/traced" "$T/stdout" || fail "the program sees a difference: $(diff "$T/traced" "$T/stdout")"
rm -f "$T"/*.trace*

# Whole stacks, without frame pointers
burn deep 0.5
# (heavy, or what it calls, in it)
chain='([^<]*< ){0,3}'
for _ in $(seq 31); do chain="${chain}deep [^<]*< "; done
good=$(grep -cE " CPUSample [^[]*\[${chain}main [^<]*\]" "$T/dump")
[ "${GTRACE_WRITER:-task}" = thread ] || [ "$good" -ge $((n * 98 / 100)) ] || fail "$good of $n stacks are whole: $(grep CPUSample "$T/dump" | tail -1)"
rm -f "$T"/*.trace*

# Each sample belongs to its thread
burn threads 0.3
fact '[.goroutines[] | select(.label == ("one", "two", "three", "four")) | .cpu_samples >= 150] | length == 4 and all'
rm -f "$T"/*.trace*

# By timers: the same, a little coarser; a handler is seen, and no timer is left but the living threads'
HZ=200 BY=timer
burn split "$SECONDS_CPU" 200
cp "$T/stdout" "$T/timed"
eq "$(metric timer_refused)" 0 "timers"
k=$(leaf heavy)
echo "by timer: $n samples, $k in heavy, $(metric samples_cut) cut, $(metric lost_ticks) ticks merged"
# no fewer than a timer of the program's own has seen, and no more than it took CPU
sampled=$((n + $(metric lost_ticks)))
control=$(sed -n 's/^control //p' "$T/stderr")
most=$(awk '/^(heavy|middle|light) / { s += $2 } END { print int(s / 1e9 * 200 * 1.1 + 30) }' "$T/stderr")
[ "$n" -ge 5 ] && [ "$sampled" -ge $((control * 9 / 10 - 10)) ] && [ "$sampled" -le "$most" ] ||
	fail "$sampled samples by timer, $control of the program's own, $most at most"
awk -v n="$n" -v k="$k" 'BEGIN { d = k - n * 0.7; if (d < 0) d = -d; exit !(d <= 4 * sqrt(n * 0.21) + n * 0.02) }' ||
	fail "by timer: $k of $n samples in heavy"
sed -i "s|$T/[a-z]*|FILE|" "$T/timed"
[ "${GTRACE_WRITER:-task}" = task ] || sed -i '/^SigIgn/d' "$T/timed"
diff <(sed '/^SigCgt/d; /^timers/d; /^interrupted/d; /^Threads/d' "$T/timed") \
	<(sed '/^SigCgt/d; /^timers/d; /^interrupted/d; /^Threads/d' "$T/stdout_native") || fail "by timer: the program sees more than it should"
[ "${GTRACE_WRITER:-task}" = thread ] || eq "$(sed -n 's/^SigCgt:\t//p' "$T/timed")" 1000000000000000 "signals caught, by timer"
rm -f "$T"/*.trace*
burn deep 0.5 200
good=$(grep -cE " CPUSample [^[]*\[${chain}main [^<]*\]" "$T/dump")
[ "$n" -ge 5 ] && [ "$good" -ge $((n * 95 / 100)) ] || fail "$good of $n stacks are whole, by timer: $(grep CPUSample "$T/dump" | tail -1)"
rm -f "$T"/*.trace*
burn threads 0.3 200
fact '[.goroutines[] | select(.label == ("one", "two", "three", "four")) | .cpu_samples >= 5] | length == 4 and all'
rm -f "$T"/*.trace*

# Ends of programs and threads: no signal survives its timer, and no timer its thread
record GTRACE_SAMPLE=1000 GTRACE_SAMPLE_BY=timer -- "$PROGS/sample" images 20
eq "$status" 0 "exec under timers: exit status"
for f in "$T"/*.trace*; do judge "$f"; done
rm -f "$T"/*.trace*
record GTRACE_SAMPLE=1000 GTRACE_SAMPLE_BY=timer -- "$PROGS/sample" lives 50 1000
eq "$status" 0 "threads under timers: exit status"
eq "$(grep -x 'timers [01]' "$T/stdout")" "$(cat "$T/stdout")" "timers left by 50 threads"
judge
for f in "$T"/*.trace; do [ "$f" = "$TRACE" ] || child=$f; done
judge "$child"
fact '.cpu_samples >= 5' "$child"
rm -f "$T"/*.trace*
# A sandbox in which no handler could return
record GTRACE_SAMPLE=1000 GTRACE_SAMPLE_BY=timer -- "$PROGS/sample" sandbox 0.2
eq "$status" 0 "sandbox under timers: exit status"
judge
rm -f "$T"/*.trace*

# Perf is refused: nothing and said so, but by timer there are samples
NO_PRELOAD=1 record GTRACE_SAMPLE=200 GTRACE_LOG=info -- "$PROGS/noperf" "$LIB" "$PROGS/sample" deep 0.2
eq "$status" 0 "refused: exit status"
judge
eq "$(grep -c 'perf_event_open is refused (errno 13); GTRACE_SAMPLE_BY=timer' "$T/stderr")" 1 "lines on stderr"
eq "$(metric samples)/$(metric perf_refused)" 0/13 "refused"
rm -f "$T"/*.trace*
NO_PRELOAD=1 record GTRACE_SAMPLE=200 GTRACE_SAMPLE_BY=timer GTRACE_SCHED=on -- "$PROGS/noperf" "$LIB" "$PROGS/sample" deep 0.2 200
eq "$status" 0 "refused, by timer: exit status"
judge
fact '.cpu_samples >= 5'
eq "$(metric perf_refused)" 13 "refused, by timer"
"$GT" sched "$TRACE" 2>&1 | grep -q 'scheduling is unknown: perf_event_open was refused (errno 13)' || fail "gtrace sched: $("$GT" sched "$TRACE" 2>&1)"
rm -f "$T"/*.trace*
# The signal is somebody's: left alone
record GTRACE_SAMPLE=200 GTRACE_SAMPLE_BY=timer -- bash -c "trap '' 61; exec '$PROGS/sample' split 0.1"
eq "$status" 0 "signal in use: exit status"
TRACE=$TRACE.1
judge
eq "$(metric samples)/$(metric timer_refused)" 0/16 "signal in use"
# (make leaves libc's own two, 32 and 33, ignored; libc takes them with the first thread)
ignored() { echo $((0x$(sed -n 's|^SigIgn:\t||p' "$1") & ~(3 << 31))); }
eq "$(ignored "$T/stdout")" $(($(ignored /proc/self/status) | 1 << 60)) "signals ignored, as before"
rm -f "$T"/*.trace*

# Off: no sample, and nothing said of perf
record -- "$PROGS/sample" split 0.1
judge
fact '.cpu_samples == 0'
eq "$(metric samples)$(metric perf_refused)" 00 "off"
done_ok
