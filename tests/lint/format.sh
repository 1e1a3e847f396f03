#!/bin/bash
# clang-format, pinned to 14 (major versions disagree on macro bodies); `make format` repairs.
cd "$(dirname "$0")/../.." || exit 1
cf=$(command -v clang-format-14) || { echo "skipped: no clang-format-14"; exit 77; }
bad=0
while IFS= read -r f; do
	"$cf" --dry-run -Werror "$f" >/dev/null 2>&1 || { n=$("$cf" "$f" | diff "$f" - | grep -c '^>'); echo "$f: $n lines"; bad=1; }
done < <(find encoder preload tools tests bench examples include \( -name '*.c' -o -name '*.h' \) -not -path 'tests/oracle/*' | sort)
[ $bad -eq 0 ] || echo "make format repairs"
exit $bad
