#!/bin/bash
# Made-up traces with every kind of event in every format: nothing is lost, totals agree with Go's reader to the ns.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
: >"$T/kinds"
for f in $(grep -lE '^expect: (ok|warn)' tests/golden/*.txt); do
	"$B/tests/golden/asm" "$f" >"$T/bytes" || fail "asm $f"
	"$GT" dump --wire "$T/bytes" | awk '{ print $1; print $2 }' >>"$T/kinds"
	totals "$(basename "$f" .txt)" "$T/bytes"
done
# Is it every kind of event that can be in a batch?
"$GT" list events | awk 'NR > 1 && $1 ~ /^[0-9]+$/ { print $2 }' | grep -vxE 'EventBatch|ExperimentalBatch|EndOfGeneration' >"$T/all"
[ "$(wc -l <"$T/all")" -gt 50 ] || fail "gtrace list events: $(head -3 "$T/all")"
missing=$(sort -u "$T/kinds" | comm -13 - <(sort -u "$T/all"))
[ -z "$missing" ] || fail "no made-up trace has: $missing"
done_ok
