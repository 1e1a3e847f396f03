#!/bin/bash
# gtrace slice: every run of whole generations of every trace (of Go programs too, stored ones of older Go versions, and every
# valid file of tests/golden) is a trace for Go's reader, and says what the whole says of that time, event by event; or it is
# refused with a reason.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
mkdir "$T/in"
(cd tests/reader/goprog && GOFLAGS=-buildvcs=false GOWORK=off timeout 300 "${GO:-go}" build -o "$T/goprog" .) || { echo "no goprog"; exit 1; }
for k in generations allocfree cgo; do timeout 60 "$T/goprog" $k "$T/in/$k.trace" || { echo "goprog $k failed"; exit 1; }; done
"$B/bench/bigtrace" "$T/in/ours.trace" 2M 6 >/dev/null
for f in tests/reader/go/*.gz; do gzip -dc "$f" >"$T/in/$(basename "$f" .gz)"; done
cp tests/fuzz/corpus/ok-*.bin "$T/in"

# A status tells what is known already, or is the first word: in a slice it may be the other one, and by nobody. What began before the slice has
# no name, parent or begin there.
# Where threads overlap at its beginning the whole has moved events by a few ns.
same()
{
	cut -d' ' -f2- | sed -E 's/^\S+ \S+ \S+ (g|p)([0-9]+) (Undetermined->(\S+)|(\S+)->\5) /\1\2 =\4\5 /; s/^(\S+ \S+ \S+ task-end \S+) .*/\1/; s/^(\S+ \S+ \S+ range-end) .*/\1/
		s/range-(active|begin)/range/; s/NotExist->Running/=Running/; s/NotExist->Idle/=Idle/'
}
n=0 refused=0
for f in "$T"/in/*; do
	"$CANON" "$f" | sed 1d >"$T/whole"
	mapfile -t starts < <("$GT" info --json "$f" 2>/dev/null | jq -r '.generations[] | .start_ns')
	rm -f "$f.idx"
	last=$((${#starts[@]} - 1))
	for ((i = 0; i <= last; i++)); do
		j=$((i + RANDOM % (last - i + 1)))
		to=()
		[ $j -lt $last ] && to=(--to "$((starts[j + 1] - 1))ns")
		"$GT" slice --json --from "${starts[i]}ns" "${to[@]}" -o "$T/out" "$f" >"$T/said" 2>"$T/err"
		case $? in
		0) ;;
		*) grep -q 'no trace without those before' "$T/err" || { echo "FAIL: $(basename "$f") $i-$j: $(cat "$T/err")"; failed=1; }
			refused=$((refused + 1)); continue ;;
		esac
		"$ORACLE" -q "$T/out" 2>/dev/null || { echo "FAIL: $(basename "$f") $i-$j: Go's reader: $("$ORACLE" -q "$T/out" 2>&1 | grep error | head -1)"; failed=1; }
		# the bytes are those of the file
		read -r at bytes < <(jq -r '"\(.offset) \(.bytes)"' "$T/said")
		cmp -s <(tail -c +17 "$T/out") <(tail -c +$((at + 1)) "$f" | head -c "$bytes") || { echo "FAIL: $(basename "$f") $i-$j: other bytes"; failed=1; }
		# and its events those of the whole (all behind the first of them, as many as there are)
		"$CANON" "$T/out" | sed 1d | grep -v '^end' >"$T/part"
		first=$(head -1 "$T/part" | cut -d' ' -f2-)
		line=$(grep -n -m1 -F " $first" "$T/whole" | cut -d: -f1)
		[ -n "$line" ] && diff <(tail -n +"$line" "$T/whole" | head -n "$(wc -l <"$T/part")" | same) <(same <"$T/part") >"$T/diff" ||
			{ echo "FAIL: $(basename "$f") $i-$j: other events"; cat "$T/diff" | tail -3 ; failed=1; }
		n=$((n + 1))
	done
done
echo "$n slices say what the whole says, $refused refused"
[ $n -ge 50 ] || { echo "FAIL: too few"; failed=1; }
# Stale and fresh indices are alike; a pipe and nonsense are refused with a word.
f=$T/big.trace
"$B/bench/bigtrace" "$f" 40M 6 >/dev/null # big enough for an index
"$GT" slice --from 10ms --to 20ms -q -o "$T/a" "$f" && [ -s "$f.idx" ] || { echo "FAIL: no index"; failed=1; }
"$GT" slice --from 10ms --to 20ms -q -o "$T/b" "$f"
cmp "$T/a" "$T/b" || failed=1
for bad in "--from 5ms --to 1ms $f" "-o $f $f" "-" "$T/nothing" "/dev/null"; do
	"$GT" slice -o "$T/out" $bad >/dev/null 2>"$T/err" </dev/null
	[ $? = 2 ] && [ "$(wc -l <"$T/err")" = 1 ] || { echo "FAIL: $bad: $(cat "$T/err")"; failed=1; }
done
# Of a damaged file what is whole, and a word.
head -c $(($(stat -c %s "$f") - 1000)) "$f" >"$T/cut"
"$GT" slice -q -o "$T/out" "$T/cut" 2>"$T/err"
[ $? = 1 ] && grep -q C9 "$T/err" && "$ORACLE" -q "$T/out" || { echo "FAIL: a cut file: $(cat "$T/err")"; failed=1; }
exit $failed
