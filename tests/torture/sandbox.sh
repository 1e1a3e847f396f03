#!/bin/bash
# Seccomp: a filter that kills on unknown calls, installed by the program itself; one that was there before the program; a container's
# that refuses some. And the calls that we make are those that docs/SAFETY.md lists.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
BOX=$B/tests/torture/sandbox
header=/usr/include/x86_64-linux-gnu/asm/unistd_64.h
[ -e $header ] || header=/usr/include/asm/unistd_64.h
[ -e $header ] || skip "no list of system calls"
# listed WORDS: the calls of the row that begins so
listed() { sed -n "s/^| $1[^|]*| \(.*\) |\$/\1/p" docs/SAFETY.md | tr ' ' '\n' | sort; }
number() { local n; for n; do sed -n "s/^#define __NR_$n \([0-9]*\)\$/\1/p" $header; done; }
"$BOX" work >"$T/native" 2>&1 99>/dev/null || [ $? -eq 5 ] || fail "natively: $(cat "$T/native")"

# What is made, and what is listed
need strace
strace -f -o "$T/probe" true 2>/dev/null || skip "strace may not trace here"
strace -f -o "$T/n.log" "$BOX" work >/dev/null 99>/dev/null
GTRACE_OUT=$T/s.trace strace -f -o "$T/t.log" -E LD_PRELOAD="$LIB" "$BOX" work >/dev/null 99>/dev/null
judge "$T/s.trace"
names() { grep -o '^[0-9]* *[a-z0-9_]*(' | awk '{ sub("\\(", "", $2); print $2 }' | sort -u; }
for l in n t; do
	awk '/write\(99/ { exit } { print }' "$T/$l.log" | names >"$T/$l.start"
	awk '/write\(99/ { go = 1 } go' "$T/$l.log" | names >"$T/$l.later"
done
unlisted=$(comm -13 "$T/n.start" "$T/t.start" | comm -23 - <(listed 'the program, at start'))
[ -z "$unlisted" ] || fail "calls at start that docs/SAFETY.md does not list: $unlisted"
unlisted=$(comm -13 "$T/n.later" "$T/t.later" | comm -23 - <(listed 'its threads'))
[ -z "$unlisted" ] || fail "calls of threads that docs/SAFETY.md does not list: $unlisted"

# Its own filter: nothing but what it makes natively
own=$(number $(cat "$T/n.later") exit_group)
for mode in "" GTRACE_MIN_WAIT=0 GTRACE_PERIOD=0 GTRACE_FULL=block; do
	rm -f "$T"/*.trace*
	record $mode -- "$BOX" late $own 99>/dev/null
	eq "$status" 5 "own filter, $mode: exit status"
	eq "$(cat "$T/stdout")$(cat "$T/stderr")" worked "own filter, $mode"
	judge
done
# One that was there before: what the program makes, and what is listed
all=$(number $(cat "$T/n.start" "$T/n.later") exit_group execve arch_prctl $(listed 'the program, at start') $(listed 'its threads') $(listed 'the writer') | sort -un)
rm -f "$T"/*.trace*
"$BOX" early kill $all -- /usr/bin/env LD_PRELOAD="$LIB" GTRACE_OUT="$T/early.trace" "$BOX" work >"$T/stdout" 2>"$T/stderr" 99>/dev/null
eq $? 5 "filter before the start: exit status"
eq "$(cat "$T/stdout")$(cat "$T/stderr")" worked "filter before the start"
judge "$T/early.trace"
fact '[.goroutines[]] | length == 5' "$T/early.trace"
# Each listed call refused with EPERM and with ENOSYS: the program does not notice (calls it needs itself excepted)
needed=$(cat "$T/n.start" "$T/n.later")
for call in $(cat <(listed 'the program, at start') <(listed 'its threads') <(listed 'the writer') | sort -u); do
	echo "$needed" | grep -qx "$call" && continue
	for errno in 1 38; do
		rm -f "$T"/*.trace*
		timeout 20 "$BOX" early $errno $(number "$call") -- /usr/bin/env LD_PRELOAD="$LIB" GTRACE_OUT="$T/e.trace" "$BOX" work >"$T/stdout" 2>"$T/stderr" 99>/dev/null
		eq $? 5 "$call refused with errno $errno: exit status"
		eq "$(cat "$T/stdout")" worked "$call refused with errno $errno: stdout"
		[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "$call refused with errno $errno: stderr"
		if [ "$call" = gettid ]; then # N.B. threads of one tid would be buried alive, each by the next
			judge "$T/e.trace"
			eq "$("$GT" dump "$T/e.trace" | grep -o ' THREAD tid=[0-9]*' | sort -u | wc -l)" 5 "tids where gettid is refused"
		fi
	done
done
# As container engines do: no name spaces, keys, perf, bpf, ptrace, kcmp
rm -f "$T"/*.trace*
"$BOX" early 1 $(number unshare setns mount umount2 keyctl add_key request_key perf_event_open bpf ptrace kcmp process_vm_readv reboot swapon userfaultfd) -- \
	/usr/bin/env LD_PRELOAD="$LIB" GTRACE_OUT="$T/container.trace" "$BOX" work >"$T/stdout" 2>"$T/stderr" 99>/dev/null
eq $? 5 "a container's filter: exit status"
eq "$(cat "$T/stdout")$(cat "$T/stderr")" worked "a container's filter"
judge "$T/container.trace"
# Nobody is left over.
for _ in $(seq 200); do
	left=$(for w in $(pgrep -x gtrace-writer); do { tr '\0' ' ' <"/proc/$w/cmdline"; } 2>/dev/null | grep -q "^$BOX work" && echo "$w"; done)
	[ "$left" ] || break
	sleep 0.05
done
[ -z "$left" ] || fail "writers that never end: $left"
done_ok
