#!/bin/bash
# One file per process. The child's file holds the child's life and nothing of the parent's.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/procs" fork
eq "$status" 3 "exit status"
child=$(sed -n 's/^child //p' "$T/stdout")
judge "$TRACE" "$T/$child.trace"
fact '[thr("busy")] | length == 1'
fact '[thr("in-child")] | length == 0'
fact 'thr("busy") | waited("sleep") > 40000000'
fact '[thr("in-child")] | length == 1' "$T/$child.trace"
fact '[thr("busy")] | length == 0' "$T/$child.trace"
fact 'thr("in-child") | waited("sleep") >= 30000000 and .ended_ns > 0' "$T/$child.trace"
begins_equal_ends

# Many, each with a busy thread in the parent
N=15
record -- "$PROGS/procs" forks $N
eq "$status" 0 "forks: exit status"
eq "$(grep -c ^child "$T/stdout")" $N "forks: children"
judge
for child in $(sed -n 's/^child //p' "$T/stdout"); do
	judge "$T/$child.trace"
	fact '[thr("in-child")] | length == 1' "$T/$child.trace"
done

# GTRACE_FOLLOW=0: the children run untraced
rm -f "$T"/*.trace*
record GTRACE_FOLLOW=0 -- "$PROGS/procs" fork
eq "$status" 3 "FOLLOW=0: exit status"
judge
eq "$(ls "$T" | grep -c 'trace$')" 1 "FOLLOW=0: files"
done_ok
