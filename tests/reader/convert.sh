#!/bin/bash
# convert --to go --go-version V: the result says the same, event by event, but for what V cannot tell.
#   TOOLCHAINS="go1.22.12 go1.23.12 go1.25.5": the tools of these versions read what is made for them, too.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
mkdir "$T/in"
"$B/bench/bigtrace" "$T/in/small.trace" 1M 6 >/dev/null
for f in tests/reader/go/*.gz; do gzip -dc "$f" >"$T/in/$(basename "$f" .gz)"; done
cp tests/fuzz/corpus/ok-*.bin "$T/in"

# What is left of the events in a version.
left()
{
	case $1 in
	1.25 | 1.26) cat ;;
	1.23) grep -v '^[-0-9]* sync ' ;;
	1.22) grep -v '^[-0-9]* sync ' | grep -v ' experiment ' | sed -E 's/ (g[0-9]+ )(Undetermined->\S+|(\S+)->\3)  \S+ \S+$/ \1\2/; s/^[-0-9]+ //' ;;
	esac
}
n=0 refused=0
for f in "$T"/in/*; do
	version=$(head -c 7 "$f" | tail -c 4)
	for v in 1.22 1.23 1.25 1.26; do
		if ! "$GT" convert --to go --go-version $v -o "$T/out" "$f" 2>"$T/err"; then
			grep -q 'cannot be told to Go 1.22' "$T/err" && { refused=$((refused + 1)); continue; }
			echo "FAIL: $(basename "$f") to $v: $(head -1 "$T/err")"; failed=1; continue
		fi
		[[ $v < $version ]] && want=$v || want=$version
		[ "$(head -c 13 "$T/out")" = "go $want trace" ] || { echo "FAIL: $(basename "$f") to $v: header $(head -c 13 "$T/out")"; failed=1; }
		"$ORACLE" -q "$T/out" 2>/dev/null || { echo "FAIL: $(basename "$f") to $v: $("$ORACLE" -q "$T/out" 2>&1 | grep error | head -1)"; failed=1; }
		"$CANON" "$f" | grep -v ^file | left "$want" >"$T/a"
		"$CANON" "$T/out" | grep -v ^file | left "$want" >"$T/b"
		cmp -s "$T/a" "$T/b" || { echo "FAIL: $(basename "$f") to $v differs"; diff "$T/a" "$T/b" | head -4; failed=1; }
		n=$((n + 1))
	done
done
echo "convert --to go: $n conversions say the same, $refused refused (GoSwitch, for 1.22)"
for t in ${TOOLCHAINS:-}; do
	v=$(echo "$t" | sed -E 's/go(1\.[0-9]+).*/\1/')
	for f in "$T"/in/small.trace "$T"/in/1.25-{locks,network,steals}.trace; do
		"$GT" convert --to go --go-version "$v" -o "$T/out" "$f"
		GOTOOLCHAIN=$t timeout 120 "${GO:-go}" tool trace -d=$([[ $v < 1.25 ]] && echo 1 || echo parsed) "$T/out" >"$T/text" 2>"$T/err" && [ -s "$T/text" ] ||
			{ echo "FAIL: $t reads $(basename "$f"): $(head -2 "$T/err")"; failed=1; }
	done
	echo "$t was asked"
done
# A file that is cut gives its whole generations.
"$B/bench/bigtrace" "$T/two.trace" 12M 2 >/dev/null
head -c $(($(stat -c %s "$T/two.trace") - 100)) "$T/two.trace" >"$T/cut.trace"
"$GT" convert --to go --go-version 1.25 -o "$T/out" "$T/cut.trace" 2>"$T/err"
[ $? = 1 ] && "$ORACLE" -q "$T/out" && grep -q 'C9' "$T/err" || { echo "FAIL: a cut file: $(cat "$T/err")"; failed=1; }
exit $failed
