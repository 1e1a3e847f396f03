#!/bin/bash
# Every row of hooks.def has a case in tests/same/calls.def, and the other way round.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
bad=0
cases=$(sed -n 's/^[CNX](\([A-Za-z0-9_]*\),.*/\1/p' tests/same/calls.def | sort -u)
for s in $(comm -13 <(echo "$cases") <(sort -u $B/obj/hooks.txt)); do echo "row of hooks.def without a case in tests/same/calls.def: $s"; bad=1; done
for s in $(comm -23 <(echo "$cases") <(sort -u $B/obj/hooks.txt)); do echo "case in tests/same/calls.def, but no row of hooks.def: $s"; bad=1; done
exit $bad
