#!/bin/bash
# Golden traces: text -> bytes -> check -> dump -> bytes. Prints "ok name" or "not ok name: why".
#   tests/golden/run.sh [NAME...]      B=build folder; exit 1 when anything failed
#
# A file says what is expected of it:
#   expect: ok                valid, without warnings, for us and for Go's reader
#   expect: warn "REGEX"      valid; --strict tells this
#   expect: fail "REGEX"      refused, and told so
#   expect-dump: REGEX        a line of `gtrace dump` (may stand more than once)

cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
ASM=${ASM:-$B/tests/golden/asm}
GT=${GT:-$B/gtrace}
ORACLE=${ORACLE:-$B/oracle}
for p in "$ASM" "$GT"; do [ -x "$p" ] || { echo "no $p: run make check"; exit 1; }; done
[ -x "$ORACLE" ] || { echo "# no $ORACLE: only our own verdicts"; ORACLE=; }
T=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-golden.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT

# Sets `status`: what a checker says of the file. Anything but 0 and 1 is a crash.
run()
{
	"$@" >"$T/out" 2>&1
	status=$?
	[ $status -le 1 ] || { why="$(basename "$1") ended with $status: $(head -1 "$T/out")"; return 1; }
}

verdict()
{
	local kind=$1 regex=$2
	run "$GT" check "$T/bytes" || return
	case $kind in
	ok) [ $status = 0 ] && run "$GT" check --strict "$T/bytes" && [ $status = 0 ] ||
		{ why="refused: $(head -1 "$T/out")"; return 1; } ;;
	warn) [ $status = 0 ] || { why="refused: $(head -1 "$T/out")"; return 1; }
		run "$GT" check --strict "$T/bytes" || return
		[ $status = 1 ] || { why="no warning"; return 1; } ;;
	fail) [ $status = 1 ] || { why="accepted"; return 1; } ;;
	*) why="no line 'expect: ok|warn|fail'"; return 1 ;;
	esac
	[ -z "$regex" ] || grep -qE -- "$regex" "$T/out" || { why="no '$regex' in: $(head -2 "$T/out")"; return 1; }
}

# Go's verdict must be the one that the file expects.
second_opinion()
{
	local kind=$1
	[ -n "$ORACLE" ] || return 0
	run "$ORACLE" -q "$T/bytes" || return
	[ $status = "$([ "$kind" = fail ] && echo 1 || echo 0)" ] ||
		{ why="the oracle disagrees: $status $(head -1 "$T/out")"; return 1; }
	[ "$kind" != fail ] || return 0
	run "$ORACLE" -q -strict "$T/bytes" || return
	[ $status = "$([ "$kind" = warn ] && echo 1 || echo 0)" ] ||
		{ why="oracle -strict disagrees: $status $(head -1 "$T/out")"; return 1; }
}

# What was accepted can be told and made again.
dumps()
{
	local file=$1 kind=$2 regex
	run "$GT" dump --json "$T/bytes" || return
	run "$GT" dump "$T/bytes" || return
	cp "$T/out" "$T/dump"
	while IFS= read -r regex; do
		grep -qE -- "$regex" "$T/dump" || { why="no line '$regex' in the dump"; return 1; }
	done < <(sed -n 's/^expect-dump: //p' "$file")
	[ "$kind" != fail ] || return 0
	[ $status = 0 ] || { why="dump ended with $status"; return 1; }
	grep -qE 'pad|raw' "$file" && return
	"$GT" dump --wire "$T/bytes" >"$T/wire" && "$ASM" "$T/wire" >"$T/again" && cmp -s "$T/bytes" "$T/again" ||
		{ why="dump --wire does not give the same bytes"; return 1; }
}

one()
{
	local file=$1 expect kind regex
	why=
	expect=$(sed -n 's/^expect: //p' "$file")
	kind=${expect%% *}
	regex=$(sed -n 's/^[a-z]* "\(.*\)"$/\1/p' <<<"$expect")
	"$ASM" "$file" >"$T/bytes" 2>"$T/out" || { why="asm: $(head -1 "$T/out")"; return 1; }
	verdict "$kind" "$regex" && second_opinion "$kind" && dumps "$file" "$kind"
}

failed=0 n=0
[ $# -gt 0 ] || set -- tests/golden/*.txt
for f; do
	[ -f "$f" ] || f=tests/golden/$f.txt
	name=$(basename "$f" .txt)
	n=$((n + 1))
	if one "$f"; then
		echo "ok $name"
	else
		echo "not ok $name: $why"
		failed=$((failed + 1))
	fi
done
echo "1..$n"
[ $failed -eq 0 ] || echo "# $failed of $n failed"
[ $failed -eq 0 ] && [ $n -gt 0 ]
