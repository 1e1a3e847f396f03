#!/bin/bash
# GTRACE_HOOKS: a group that is off is neither counted nor written, the file says so, and the program notices nothing; a
# bad name is one line on stderr. gtrace list hooks knows every function.
. "$(dirname "$0")/../lib.sh"
CALLS=$B/tests/same/calls
[ -x "$GT" ] || skip "no build/gtrace"
cd "$T" || exit 1
calls() # of the whole process by group: those seen
{
	stat_json "$TRACE" | jq -r '.calls[] | .call' | sort -u >"$T/seen"
	"$GT" list hooks --csv | awk -F, 'NR == FNR { seen[$1] = 1; next } seen[$1] { print $2 }' "$T/seen" - | sort -u
}
off() # HOOKS: what the file says
{
	eq "$("$GT" info --json "$TRACE" | jq -r .hooks_off)" "$1" "info: hooks_off"
	eq "$(stat_json "$TRACE" | jq -r .hooks_off)" "$1" "stat: hooks_off"
}
run()
{
	rm -f "$T"/*.trace*
	record "$@"
	eq "$status" 0 "exit status of $*"
	judge
}
groups=$("$GT" list groups --csv | sed '1d; s/,.*//')

run -- "$CALLS" count "$T/n" 1 -
cp stdout want
eq "$(calls | tr '\n' ' ')" "$(tr ' ' '\n' <<<"$groups" | sort | tr '\n' ' ')" "groups seen"
off null
for g in $groups; do
	run "GTRACE_HOOKS=-$g" -- "$CALLS" count "$T/n" 1 -
	cmp -s stdout want || fail "-$g: the program's output differs: $(diff stdout want)"
	[ ! -s stderr ] || fail "-$g: said something"
	calls | grep -qx "$g" && fail "-$g: calls of the group are counted"
	eq "$(calls | wc -l)" "$(($(wc -w <<<"$groups") - 1))" "-$g: other groups seen"
	off "-$g"
	"$GT" info "$TRACE" | grep -q -- "-$g: these functions were not traced" || fail "info does not say -$g"
	"$GT" stat "$TRACE" | grep -q -- "GTRACE_HOOKS=-$g" || fail "stat does not say -$g"
done
run GTRACE_HOOKS=-all,+sync,+io,-io -- "$CALLS" count "$T/n" 1 -
eq "$(calls)" sync "-all,+sync"
off "-thread,-io,-fs,-ipc,-signal,-proc,-malloc"
run GTRACE_HOOKS=+io,-malloc -- "$CALLS" count "$T/n" 1 io
off -malloc
run GTRACE_HOOKS=-all -- "$CALLS" count "$T/n" 1 -
eq "$(calls)" "" "-all"

for bad in +oi io, -malloc,, io "" +; do
	rm -f "$T"/*.trace*
	record "GTRACE_HOOKS=$bad" -- "$CALLS" count "$T/n" 1 io
	eq "$status" 0 "exit status with GTRACE_HOOKS=$bad"
	eq "$(wc -l <stderr)" 1 "lines on stderr with GTRACE_HOOKS=$bad"
	grep -q "gtrace: GTRACE_HOOKS=$bad cannot be read .*malloc.*; using +all" stderr || fail "GTRACE_HOOKS=$bad: $(cat stderr)"
	judge
	off null
done

# What keeps the host safe does not depend on the groups
for p in forks signals execs stacks contexts; do
	prog=$B/tests/same/$p
	[ -x "$prog" ] || continue
	mkdir -p "$T/d1" "$T/d2"
	(cd "$T/d1" && "$prog" >"$T/out1" 2>"$T/err1"); rc=$?
	cd "$T/d2" || exit 1
	record GTRACE_HOOKS=-all -- "$prog"
	cd "$T" || exit 1
	eq "$status" "$rc" "$p: exit status"
	cmp -s out1 stdout || fail "$p with -all: $(diff out1 stdout | head -5)"
	rm -rf "$T/d1" "$T/d2" "$T"/*.trace*
done

"$GT" record --hooks -io -o r.trace -q -- "$CALLS" count "$T/n" 1 io >/dev/null || fail "record --hooks"
TRACE=$T/r.trace
judge
off -io

"$GT" list hooks --json | jq -e '.hooks | length > 240 and all(.group != "" and .versions != "" and (.why == "" or .meaning != ""))' >/dev/null ||
	fail "list hooks: $("$GT" list hooks --json | jq -c '.hooks[] | select(.group == "" or .versions == "" or (.why != "" and .meaning == ""))')"
done_ok
