#!/bin/bash
# Mutated traces, read by our reader and by x/exp/trace: the same verdict; of those that both take, the same
# events. Where Go is known to be wrong (docs/READER.md) the file is counted as such, by the reason that we give.
#   N=files SEED=seed. `N=100000` for the long run.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
N=${N:-12000}
SEED=${SEED:-$RANDOM$RANDOM}
FUZZ=$B/address-undefined/tests/fuzz/fuzz_read
[ -x "$FUZZ" ] || FUZZ=build/address-undefined/tests/fuzz/fuzz_read
[ -x "$FUZZ" ] || { echo "skipped: no fuzz_read, run make fuzz"; exit 77; }

# Each line: what we say of a file that Go takes, and the number in docs/READER.md.
known='Frequency of 0 units per second|the batch ends inside a (string|stack|CPU sample|ClockSnapshot|Frequency)|batch of experiment [0-9]+: readers know only 1|experimental batch in a go 1.22 trace|the file ends behind the first byte of an experimental batch|not a Go trace: expected a header|a batch that begins with the mark'

# file<TAB>verdict<TAB>hash of its events
digest() { python3 -c '
import sys, hashlib
name, h, n = None, None, 0
for line in sys.stdin.buffer:
    if line.startswith(b"file "): name, h, n = line[5:-1].decode(), hashlib.md5(), 0
    elif line in (b"end\n", b"error\n"): print(name, line[:-1].decode(), n if line == b"end\n" else 0, h.hexdigest() if line == b"end\n" else "-", sep="\t")
    else: h.update(line); n += 1
'; }

round()
{
	local what=$1 light=$2 i n_known
	rm -rf "$T/in" && mkdir "$T/in"
	"$FUZZ" $light -s "$SEED" -n "$N" -w "$T/in" tests/fuzz/corpus >/dev/null || exit 1
	find "$T/in" -name '*.bin' | sort >"$T/list"
	xargs -n 1000 "$CANON" <"$T/list" 2>"$T/ours.err" | digest >"$T/ours"
	xargs -n 1000 "$ORACLE" -canon <"$T/list" 2>/dev/null | digest >"$T/go"
	[ "$(wc -l <"$T/ours")" = "$N" ] && [ "$(wc -l <"$T/go")" = "$N" ] || { echo "FAIL: not all files were read"; exit 1; }
	# Differences that are not Go's known ones.
	grep -aE "$known" "$T/ours.err" | cut -d: -f1 | sort -u >"$T/known"
	comm -3 "$T/ours" "$T/go" | sed 's/^\t//' | cut -f1 | sort -u >"$T/differ"
	n_known=$(comm -12 "$T/differ" "$T/known" | wc -l)
	comm -23 "$T/differ" "$T/known" >"$T/bad"
	echo "$what: $N files, $(grep -c '	end	' "$T/go") taken by Go with $(awk '{n+=$3} END {print n}' "$T/go") events," \
		"$n_known known cases, $(wc -l <"$T/bad") differ (seed $SEED)"
	[ -s "$T/bad" ] || return
	failed=1
	for i in $(head -3 "$T/bad"); do
		grep -h "^$i	" "$T/ours" "$T/go"
		"$CANON" "$i" >"$T/a" 2>&1
		"$ORACLE" -canon "$i" >"$T/b" 2>&1
		diff "$T/a" "$T/b" | head -5
	done
}
round "one change each" -l
round "many changes each" ""
exit $failed
