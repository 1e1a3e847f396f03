#!/bin/bash
# gtrace symbolize: names, lines and inlined functions are those of the source; nothing else changes; the result is valid.
. "$(dirname "$0")/../lib.sh"
need gcc objcopy readelf
"$GT" symbolize /dev/null 2>&1 | grep -q 'built without' && skip "built without libdw or libiberty"
unset DEBUGINFOD_URLS
src=$ROOT/tests/run

# Line of a marker in a source: `line FILE NAME`
line() { awk -v m="@$2\$" '{ sub(/ *\*\/$/, "") } $0 ~ m { print NR; exit }' "$src/$1"; }
# Frames below the hook of the first event with REASON, innermost first: "func file:line" each
frames()
{
	jq -r --arg r "$2" 'select(.event == "GoBlock" and .args.reason == $r) | [.args.stack[1:][] | "\(.func) \(.file):\(.line)"] | join("\n")' \
		"$1.jsonl" | awk 'NF' | head -n "$3"
}
# Symbolizes $TRACE to $OUT, judges it, and makes sure that only names and lines have changed.
symbolize()
{
	OUT=$TRACE.$1; shift
	judge "$TRACE"
	"$GT" symbolize "$@" "$TRACE" -o "$OUT" >"$OUT.said" 2>&1 || fail "symbolize: $(cat "$OUT.said")"
	judge "$OUT"
	"$GT" dump --json "$OUT" >"$OUT.jsonl" || fail "dump"
	# Every event with all its numbers; strings keep their ids, so only frames may differ.
	for f in "$TRACE" "$OUT"; do
		"$GT" dump --json "$f" | jq -c 'select(.event) | del(.offset) | .args |= del(.stack, .new_stack)' >"$T/events.$(basename "$f")"
	done
	cmp "$T/events.$(basename "$TRACE")" "$T/events.$(basename "$OUT")" || fail "other events"
	if [ -x "$ORACLE" ]; then
		for f in "$TRACE" "$OUT"; do jq -S '[.goroutines[] | {id, "label": .label, wait_ns_by_reason, blocks, syscalls}]' "$f.json" >"$f.waits"; done
		cmp "$TRACE.waits" "$OUT.waits" || fail "other waits"
	fi
	"$GT" stat --json "$TRACE" | jq 'del(.file)' >"$T/stat.1"
	"$GT" stat --json "$OUT" | jq 'del(.file)' >"$T/stat.2"
	cmp "$T/stat.1" "$T/stat.2" || fail "other counters"
	"$GT" symbolize -q "$OUT" -o "$OUT.again" || fail "a second time"
	cmp "$OUT" "$OUT.again" || fail "the second time is not the same"
}

c=$src/symbolize_c.c
want_c="nap $c:$(line symbolize_c.c nap)
twice $c:$(line symbolize_c.c twice)
plain $c:$(line symbolize_c.c plain)
outer $c:$(line symbolize_c.c outer)
worker $c:$(line symbolize_c.c worker)"
expect_c()
{
	eq "$(frames "$OUT" network 5)" "$want_c" "frames of $1"
	eq "$(frames "$OUT" sync 1)" "main $c:$(line symbolize_c.c join)" "main's frame of $1"
	eq "$(jq -r 'select(.event == "GoCreate") | .args.new_stack | map("\(.func) \(.file):\(.line)") | join(" ")' "$OUT.jsonl" | head -1)" \
		"worker $c:$(line symbolize_c.c start)" "start routine of $1"
}

# Position-independent, and at a fixed address.
record -- "$PROGS/symbolize_c"
symbolize pie
expect_c "a PIE"
"$GT" dump --lines "$TRACE" | grep -q " < nap $c:$(line symbolize_c.c nap) < twice $c:" || fail "dump --lines"
"$GT" dump "$TRACE" | grep -q "$c:" && fail "dump shows lines unasked"
gcc -O2 -g -no-pie -pthread -o "$T/fixed" "$c" || fail "gcc -no-pie"
record -- "$T/fixed"
symbolize fixed
expect_c "a program at a fixed address"

# The lines are in a file of their own: found by build id, or beside the program.
id=$(readelf -n "$T/fixed" | sed -n 's/.*Build ID: //p')
[ -n "$id" ] || skip "the compiler writes no build ids"
mkdir -p "$T/debug/.build-id/${id:0:2}"
objcopy --only-keep-debug "$T/fixed" "$T/debug/.build-id/${id:0:2}/${id:2}.debug"
objcopy --strip-all "$T/fixed" "$T/bare"
record -- "$T/bare"
symbolize nothing
grep -q "no lines: $T/bare (no debug information)" "$OUT.said" || fail "it does not say what is missing: $(cat "$OUT.said")"
symbolize stripped --debug-dir "$T/debug"
expect_c "a stripped program"
cp "$T/debug/.build-id/${id:0:2}/${id:2}.debug" "$T/bare.debug"
(cd "$T" && objcopy --add-gnu-debuglink=bare.debug bare linked)
record -- "$T/linked"
symbolize linked
expect_c "a program with a debug link"

# Another build at the same place must not be believed, and its debug information neither.
record -- "$T/fixed"
gcc -O1 -g -no-pie -pthread -o "$T/fixed.new" "$c" && mv "$T/fixed.new" "$T/fixed"
symbolize replaced
grep -q "no lines: $T/fixed (not found, or another build)" "$OUT.said" || fail "another build: $(cat "$OUT.said")"
eq "$(frames "$OUT" network 1)" "plain.constprop.0 $T/fixed:1" "frame of another build"

# C++: templates, a lambda, names with parameters.
if [ -x "$PROGS/symbolize_cc" ]; then
	cc=$src/symbolize_cc.cc
	record -- "$PROGS/symbolize_cc"
	symbolize cc
	eq "$(frames "$OUT" sleep 4)" "shop::Queue<long>::take(long, char const*) $cc:$(line symbolize_cc.cc take)
shop::Queue<long>::both(long) $cc:$(line symbolize_cc.cc both)
shop::serve(shop::Queue<long>&) $cc:$(line symbolize_cc.cc serve)
operator() $cc:$(line symbolize_cc.cc lambda)" "frames of C++"
	"$GT" dump "$TRACE" | grep -q 'shop::serve(shop::Queue<long>&)' || fail "dump does not demangle"
fi

# Go's own tools show them.
if command -v go >/dev/null 2>&1 && [ -x "$ORACLE" ]; then
	if go tool trace -pprof=sched "$OUT" >"$T/pprof" 2>/dev/null; then
		go tool trace -pprof=sync "$OUT" >"$T/sync.pb" && go tool pprof -top -lines "$T/sync.pb" >"$T/top" 2>/dev/null
		grep -q "std_thread.h\|symbolize_cc.cc\|join" "$T/top" || fail "go tool pprof: $(cat "$T/top")"
	fi
fi

# A damaged file: what is whole is written.
head -c $(($(stat -c %s "$OUT") - 3)) "$TRACE" >"$T/cut.trace"
"$GT" symbolize -q "$T/cut.trace" -o "$T/cut.out" 2>"$T/cut.err"
[ $? -eq 1 ] || [ -s "$T/cut.out" ] || fail "a cut file: $(cat "$T/cut.err")"
"$GT" symbolize "$TRACE" -o "$TRACE" 2>/dev/null && fail "the input is its own output"
done_ok
