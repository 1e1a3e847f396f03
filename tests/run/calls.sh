#!/bin/bash
# Every row of hooks.def is seen: the counter of each function is the number of calls that the program made (tests/same/calls.c).
. "$(dirname "$0")/../lib.sh"
CALLS=$B/tests/same/calls
[ -x "$GT" ] || skip "no build/gtrace"
cd "$T" || exit 1
# counted N GROUP: "group name count" as the program says it into want, as the trace says it into got
counted()
{
	rm -f "$T"/*.trace*
	record -- "$CALLS" count "$T/want" "$1" "$2"
	eq "$status" 0 "calls: exit status"
	judge
	stat_json "$TRACE" | jq -r '.calls[] | "\(.call) \(.count)"' |
		awk 'NR == FNR { n[$1] += $2; next } { print $1, $2, n[$2] + 0 }' - "$T/want" >"$T/got"
}

# Group by group: libgcc, which unwinds a thread that ends, calls pthread_once. And the heap is libc's as well.
for group in $("$GT" list groups --csv | sed '1d; s/,.*//; /malloc/d'); do
	counted 1 "$group"
	bad=$(diff <(grep "^$group " want) <(grep "^$group " got) | grep '^[<>]')
	[ -z "$bad" ] || fail "not the calls that were made (<), but (>):
$bad"
done
# Of the system calls by number, those that may wait are timed: all of calls.c but three
counted 1 io
eq "$(stat_json "$TRACE" | jq '[.calls[] | select(.call == "syscall")] | map(.timed) | add')" \
	"$(($(awk '$2 == "syscall" { print $3 }' want) - 3))" "timed calls by number"
# Of the heap, the difference of two runs
counted 1 malloc
cp want want1; cp got got1
counted 4 malloc
differences() { paste -d' ' "$1" "$2" | awk '$1 == "malloc" { print $2, $6 - $3 }'; }
bad=$(diff <(differences want1 want) <(differences got1 got) | grep '^[<>]')
[ -z "$bad" ] || fail "not the calls that were made (<), but (>):
$bad"

# Each function is called in one of these ways, or ends the process
ends=$(sed -n 's/^X(\([a-z_A-Z]*\),.*/\1/p' "$ROOT/tests/same/calls.def")
[ -n "$ends" ] || fail "no calls that end the process"
counted 1 -
bad=$(awk '$3 == 0 { print $2 }' want | grep -vxF "$ends")
[ -z "$bad" ] || fail "never called: $bad"
for name in $ends; do
	rm -f "$T"/*.trace*
	record -- "$CALLS" one "$name"
	[ "$name" = abort ] && [ "${GTRACE_WRITER:-}" = thread ] && continue # loses up to a period
	judge
	n=$(grep "^X($name," "$ROOT/tests/same/calls.def" | grep -o "($name, (" | wc -l)
	[ "$(count "$TRACE" "$name")" = "$n" ] || fail "$name: $(count "$TRACE" "$name") calls, not $n"
done
done_ok
