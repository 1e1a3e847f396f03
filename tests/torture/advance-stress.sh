#!/bin/bash
# 8 threads at full speed while generations advance all the time: valid, every wait that began ended.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
record GTRACE_PERIOD=0 -- "$B/tests/torture/stress8" "${SECONDS_TO_RUN:-10}"
eq "$status" 0 "exit status"
cat "$T/stdout"
settle "$TRACE" 60
ls -l "$TRACE" | awk '{ print $5 " bytes" }'
judge
begins_equal_ends
fact 'ev("GoSyscallBegin") == ev("GoSyscallEnd")'
fact '.wire.generations | length >= 100'
# (the short threads inherit the names of their creators)
fact '[.goroutines[] | select((.label // "") | test("^s[0-7]$"))] | length > 8 and all(.[]; .ended_ns > 0)'
[ -x "$GT" ] && "$GT" info "$TRACE"
done_ok
