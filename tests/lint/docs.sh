#!/bin/bash
# The generated pages of docs/ are those of the tables of today.
cd "$(dirname "$0")/../.." || exit 1
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
tests/lint/gendocs.sh "$t" || exit 1
bad=0
for f in FORMAT HOOKS CONFIG EXPORTS; do
	diff -u "docs/$f.md" "$t/$f.md" >"$t/diff" 2>&1 || { head -20 "$t/diff"; echo "docs/$f.md: run make docs"; bad=1; }
done
exit $bad
