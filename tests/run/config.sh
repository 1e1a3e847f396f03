#!/bin/bash
# A bad value: one clear line on stderr, the default is used, the program is not harmed.
. "$(dirname "$0")/../lib.sh"
prog=("$PROGS/sync" sleep)
while read -r setting; do
	rm -f "$T"/*.trace*
	record "$setting" -- "${prog[@]}"
	eq "$status" 0 "$setting: exit status"
	eq "$(grep -c '^waited' "$T/stdout")" 1 "$setting: stdout"
	eq "$(wc -l <"$T/stdout")" 1 "$setting: lines on stdout"
	eq "$(wc -l <"$T/stderr")" 1 "$setting: lines on stderr"
	grep -q "${setting%%=*}" "$T/stderr" || fail "$setting: the message does not name the variable: $(cat "$T/stderr")"
	judge
	fact 'thr("waiter") | waited("sleep") >= 190000000'
done <<'END'
GTRACE_PERIOD=fast
GTRACE_PERIOD=-1
GTRACE_PERIOD=10parsecs
GTRACE_PERIOD=99999999999999999999s
GTRACE_MIN_WAIT=x
GTRACE_BUFFER=1Q
GTRACE_FULL=maybe
GTRACE_FOLLOW=perhaps
GTRACE_LOG=loud
GTRACE_WRITER=pigeon
END
# Good values, quietly
while read -r setting; do
	rm -f "$T"/*.trace*
	record "$setting" -- "${prog[@]}"
	eq "$status" 0 "$setting: exit status"
	eq "$(cat "$T/stderr")" "" "$setting: stderr"
	judge
done <<'END'
GTRACE_PERIOD=20ms
GTRACE_PERIOD=1s
GTRACE_PERIOD=1h
GTRACE_MIN_WAIT=0
GTRACE_MIN_WAIT=100us
GTRACE_BUFFER=1M
GTRACE_BUFFER=1M
GTRACE_FULL=block
GTRACE_LOG=error
GTRACE_CLOCK=mono
GTRACE_STACKS=0
END
# A long threshold: nothing written, everything counted
record GTRACE_MIN_WAIT=10s -- "$PROGS/pingpong" pipe 100
judge
fact 'ev("GoBlock") == ev("GoUnblock") or ev("GoUnblock") == 0'
eq "$(count "$TRACE" read)" 200 "GTRACE_MIN_WAIT=10s: reads counted"
# GTRACE_START=off
rm -f "$T"/*.trace*
record GTRACE_START=off -- "${prog[@]}"
eq "$status" 0 "GTRACE_START=off: exit status"
eq "$(cat "$T/stderr")" "" "GTRACE_START=off: stderr"
done_ok
