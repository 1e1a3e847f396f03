#!/bin/bash
# libgtrace.so exports exactly the rows of hooks.def and gtrace_*: nothing else can shadow a symbol of the host.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
[ -f $B/libgtrace.so ] || { echo "no $B/libgtrace.so"; exit 1; }
# Names; one that exists in two versions (condition variables) counts once. Absolute symbols are version names.
got=$(nm -D --defined-only $B/libgtrace.so | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort -u)
bad=0
for s in $(comm -23 <(echo "$got" | grep -v '^gtrace_') <(sort -u $B/obj/hooks.txt)); do echo "exported, but no row of hooks.def: $s"; bad=1; done
for s in $(comm -13 <(echo "$got") <(sort -u $B/obj/hooks.txt)); do echo "row of hooks.def without a body: $s"; bad=1; done
if echo "$got" | grep -E '^(gt_|_Unwind_|backtrace)'; then echo "these may never be exported"; bad=1; fi
# A name with an old version only would let the others pass by; one without a version beside it would answer for it
for s in $(nm -D --defined-only $B/libgtrace.so | awk '$2 != "A" { print $3 }' | grep '[^@]@[^@]' | sed 's/@.*//' | sort -u); do
	nm -D --defined-only $B/libgtrace.so | awk '{ print $3 }' | grep -q "^$s@@" || { echo "$s has old versions, but no newest one (versions.map)"; bad=1; }
done
exit $bad
