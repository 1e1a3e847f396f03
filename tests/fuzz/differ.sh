#!/bin/bash
# Does `gtrace check` say the same as Go's reader? Mutated traces, both verdicts, with and without --strict.
# N=inputs of each kind SEED=seed B=build folder. Differences are kept and shown.
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C # messages quote any bytes
B=${B:-build}
N=${N:-4000}
SEED=${SEED:-$RANDOM$RANDOM}
GT=${GT:-$B/gtrace}
ORACLE=${ORACLE:-$B/oracle}
FUZZ=${FUZZ:-}
for p in "$B/tests/fuzz/fuzz_read" "$B/address-undefined/tests/fuzz/fuzz_read"; do
	[ -z "$FUZZ" ] && [ -x "$p" ] && FUZZ=$p
done
[ -x "$ORACLE" ] || { echo "skipped: no oracle ($(cat "$B/oracle.ok" 2>/dev/null))"; exit 77; }
[ -n "$FUZZ" ] || { echo "skipped: no fuzz_read, run make fuzz"; exit 77; }
[ -x "$GT" ] || { echo "no $GT"; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-differ.XXXXXX") || exit 1

# Names of the files that each refuses, from "file: ..." lines; many files at a time.
refused_by_us() { find "$T/in" -name '*.bin' -print0 | xargs -0 -n 500 "$GT" check -q "$@" | cut -d: -f1 | sort -u; }
refused_by_go() { find "$T/in" -name '*.bin' -print0 | xargs -0 -n 500 "$ORACLE" -q "$@" 2>&1 |
	sed -n 's/^\([^:]*\): error: .*/\1/p' | sort -u; }

failed=0
compare()
{
	local name=$1 light=$2 us=$3 go=$4 n
	rm -rf "$T/in" && mkdir "$T/in"
	"$FUZZ" $light -s "$SEED" -n "$N" -w "$T/in" tests/fuzz/corpus >/dev/null || exit 1
	refused_by_us $us >"$T/us"
	refused_by_go $go >"$T/go"
	n=$(comm -3 "$T/us" "$T/go" | wc -l)
	echo "$name: $N files, $(wc -l <"$T/go") refused by Go, $n verdicts differ (seed $SEED)"
	[ "$n" -eq 0 ] && return
	failed=1
	for f in $(comm -3 "$T/us" "$T/go" | head -5); do
		cp "$f" "$T/"
		echo "  ours: $("$GT" check -q $us "$f" | head -1)"
		echo "  Go's: $("$ORACLE" -q $go "$f" 2>&1 | head -1)"
	done
}
compare "light" -l "" ""
compare "light, strict" -l --strict -strict
compare "heavy" "" "" ""
rm -rf "$T/in"
[ $failed -eq 0 ] && rm -rf "$T" || echo "kept: $T"
exit $failed
