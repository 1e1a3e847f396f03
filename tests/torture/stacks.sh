#!/bin/bash
# Every tenth stack of WAITS waits on all kinds of call chains is the one that libgcc finds at that moment.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
PROG=$B/tests/torture/stacks
[ -x "$PROG" ] || skip "no C++ compiler"
WAITS=${WAITS:-200000}
SEED=${SEED:-$((($(date +%s) + $$) % 32768))}
LIB=$B/judge/libgtrace.so
record GTRACE_MIN_WAIT=0 GTRACE_PERIOD=100ms -- "$PROG" "$WAITS" "$SEED"
cat "$T/stdout"
eq "$status" 0 "exit status (1: a stack differed)"
judged=$(sed -n 's/.* \([0-9]*\) judged.*/\1/p' "$T/stdout")
[ "$judged" -ge $((WAITS / 20)) ] || fail "only $judged stacks were judged"
grep -Eq ' same place [1-9][0-9]* times' "$T/stdout" || fail "no library took the place of another"
[ "$WAITS" -gt 1000000 ] || judge
# The library that people use, on the same chains: valid, and cut stacks say so.
LIB=$B/libgtrace.so
record GTRACE_MIN_WAIT=0 GTRACE_PERIOD=100ms -- "$PROG" 50000 "$SEED"
eq "$status" 0 "exit status"
judge
"$GT" dump "$TRACE" | grep -q '\[cut\]' || fail "no stack is marked as cut"
done_ok
