#!/bin/bash
# docs/SAFETY.md: all 94 traps once, in order; each row names tests, and they exist; every test of tests/torture is named.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "docs/SAFETY.md: $1"; bad=1; }
numbers=$(sed -n 's/^| \([0-9][0-9]*\) |.*/\1/p' docs/SAFETY.md)
[ "$numbers" = "$(seq 94)" ] || complain "the traps are not 1 to 94: $(diff <(seq 94) <(echo "$numbers") | grep '^[<>]' | tr '\n' ' ')"
while IFS= read -r row; do
	tests=$(echo "$row" | awk -F '|' '{ print $(NF - 1) }' | grep -o 'tests/[^ ]*')
	[ -n "$tests" ] || complain "no test in: $row"
done < <(sed -n '/^## Traps/,/^## Options/p' docs/SAFETY.md | grep '^| ' | grep -vE '^\| (trap|what) \|')
for t in $(grep -o 'tests/[a-z]*/[-a-z0-9_]*\.[a-z]*' docs/SAFETY.md | sort -u); do
	[ -f "$t" ] || complain "$t does not exist"
	case $t in *.sh) [ -x "$t" ] || complain "$t cannot be run" ;; esac
done
for t in tests/torture/*.sh; do
	case $t in */advance-stress.sh|*/redis-accept.sh) continue ;; esac # of speed and size
	grep -q "$t" docs/SAFETY.md || complain "$t is not named"
done
exit $bad
