#!/bin/bash
# Waits by syscall(SYS_futex): seen, with the reason of a lock.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/cxx20"
eq "$status" 0 "exit status"
eq "$(cat "$T/stdout")" 10 "sum"
judge
for i in 0 1 2 3; do
	fact "thr(\"worker-$i\") | waited(\"sync\") >= 150000000"
done
begins_equal_ends
done_ok
