#!/bin/bash
# Each header compiles alone.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for h in include/gtrace/*.h encoder/*.h preload/*.h tools/*.h tools/*/*.h; do
	[ -f "$h" ] || continue
	case $h in preload/*) d=-DGT_PRELOAD ;; *) d= ;; esac
	echo "#include \"$h\"" | ${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -I. -Iinclude $d -Wall -Wextra -Wno-unused-function -Werror -fsyntax-only -x c - 2>/tmp/gtrace-h.$$ ||
		{ echo "$h does not compile alone:"; head -3 /tmp/gtrace-h.$$; bad=1; }
done
rm -f /tmp/gtrace-h.$$
exit $bad
