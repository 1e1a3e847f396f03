#!/bin/bash
# C++ threads, condition variables, exceptions between threads.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/cxx"
eq "$status" 0 "exit status"
eq "$(cat "$T/stdout")" 45857 "sum"
judge
fact 'thr("consumer") | waited("sync.(*Cond).Wait") >= 20000000'
fact 'thr("producer") | waited("sleep") >= 30000000'
fact '[.goroutines[] | select(.ended_ns > 0)] | length >= 4'
begins_equal_ends
done_ok
