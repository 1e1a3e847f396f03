#!/bin/bash
# 2,000 short threads: every one in the trace with its creation; all joined ones ended.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/threads2000" 2000
eq "$status" 0 "exit status"
eq "$(cat "$T/stdout")" 2000 "threads"
judge
fact '[.goroutines[] | select(.name == "work")] | length == 2000'
fact '[.goroutines[] | select(.name == "work" and .ended_ns > 0)] | length >= 1990'
fact 'ev("GoCreate") == 2000'
eq "$(count "$TRACE" pthread_create)" 2000 "pthread_create calls"
eq "$(count "$TRACE" pthread_join)" 1750 "pthread_join calls"
eq "$(count "$TRACE" pthread_detach)" 250 "pthread_detach calls"
done_ok
