#!/bin/bash
# What may be in the trace and what may not: nothing of calls that did not wait, once what waited once (docs/SAFETY.md has the
# numbers of the traps).
. "$(dirname "$0")/../lib.sh"
traced()
{
	local what=$1
	shift
	rm -f "$T"/*.trace*
	record "$@" -- "$PROGS/traps" "$what"
	eq "$status" 0 "$what: exit status"
	judge
}
# w LABEL-OF-THREAD JQ: its waits are so. Those that advance begins on its behalf (period 0) are no more than they are.
waits() { fact "[thr(\"$1\") | .blocks] | add // 0 | $2"; }

# A wait that a starved machine makes of a call that never waits is none of ours: the threshold is 1 s.
traced free GTRACE_MIN_WAIT=1s
waits w '. == 0'
eq "$(count "$TRACE" pthread_mutex_lock)" 1000000 "locks"
traced tries GTRACE_MIN_WAIT=0
waits w '. == 0'
traced at-once GTRACE_MIN_WAIT=0
waits w '. == 0'
# (the end of a generation writes the begin of a wait that goes on, however short)
traced misuse GTRACE_MIN_WAIT=1s GTRACE_PERIOD=1h
waits w '. == 0'
traced adaptive GTRACE_MIN_WAIT=1s GTRACE_PERIOD=1h
waits w '. == 0'
eq "$(count "$TRACE" pthread_mutex_lock)" 2000000 "locks"

traced recursive
waits w '. == 1'
traced timed
waits w '. == 2'
fact 'thr("w") | waited("sync") >= 30000000'
traced barrier
eq "$(cat "$T/stdout")" "serials 50" "barrier: one a round"
fact '([thr("w"), thr("h")] | map(.blocks) | add) as $n | $n <= 100 and $n >= 50'
traced joined
fact '[.goroutines[] | select(.id == 1) | waited("sync")] | add < 1000000'
traced threshold
waits w '. == 20'
traced names
fact '[.goroutines[] | select(.label == "by-another")] | length == 1'
traced cond-mutex
waits w '. == 1'
done_ok
