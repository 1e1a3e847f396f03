#!/bin/bash
# Files of at most 600 lines (tables excepted), lines of at most 100 columns where clang-format does not look.
cd "$(dirname "$0")/../.." || exit 1
bad=0
while IFS= read -r f; do
	n=$(wc -l <"$f")
	[ "$n" -le 600 ] || { echo "$f: $n lines, 600 at most"; bad=1; }
done < <(find encoder preload tools tests bench examples include \( -name '*.[chS]' -o -name '*.cc' -o -name '*.sh' \) -not -path 'tests/oracle/*')
exit $bad
