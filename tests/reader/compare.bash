# For the tests of this folder: $T, $CANON, $ORACLE, same_events. Sets `failed`.
export LC_ALL=C
B=${B:-build}
CANON=${CANON:-$B/tests/reader/canon}
ORACLE=${ORACLE:-$B/oracle}
GT=${GT:-$B/gtrace}
[ -x "$CANON" ] || { echo "no $CANON: run make check"; exit 1; }
[ -x "$ORACLE" ] || { echo "skipped: no oracle ($(cat "$B/oracle.ok" 2>/dev/null))"; exit 77; }
T=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-reader.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
failed=0

# Every event of these files, and whether they end well, by both readers.
same_events()
{
	local what=$1
	shift
	printf '%s\n' "$@" | xargs -n 500 "$CANON" >"$T/ours" 2>"$T/ours.err"
	printf '%s\n' "$@" | xargs -n 500 "$ORACLE" -canon >"$T/go" 2>"$T/go.err"
	if cmp -s "$T/ours" "$T/go"; then
		echo "$what: $# files, $(($(wc -l <"$T/go") - 2 * $#)) events, $(grep -c '^error' "$T/go") refused: the same"
		return
	fi
	failed=1
	echo "$what: DIFFERENT (< ours, > Go's)"
	diff "$T/ours" "$T/go" | head -10
	head -3 "$T/ours.err" "$T/go.err"
}
