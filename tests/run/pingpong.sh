#!/bin/bash
# Thousands of short waits: all of them in the file (GTRACE_MIN_WAIT=0), all ended, exact in the counters.
. "$(dirname "$0")/../lib.sh"
N=2000
for kind in pipe epoll cond; do
	record GTRACE_MIN_WAIT=0 -- "$PROGS/pingpong" $kind $N
	eq "$status" 0 "$kind: exit status"
	judge
	begins_equal_ends
	case $kind in
	cond)
		fact 'thr("ping"), thr("pong") | waited("sync.(*Cond).Wait") > 0' ;;
	*)
		fact "thr(\"ping\"), thr(\"pong\") | waited(\"network\") > 0 and .blocks >= $N"
		eq "$(count "$TRACE" read)" $((2 * N)) "$kind: read calls"
		eq "$(count "$TRACE" write)" $((2 * N)) "$kind: write calls" ;;
	esac
	[ $kind != epoll ] || eq "$(count "$TRACE" epoll_wait)" $((2 * N)) "epoll_wait calls"
	rm -f "$T"/*.trace*
done
done_ok
