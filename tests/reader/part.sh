#!/bin/bash
# --from, --to, --thread, --lock on every reader: what they tell of parts of the time adds up to what they tell of the
# whole, to the nanosecond; of a thread and of a lock they tell what the whole says of it.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
command -v jq >/dev/null || { echo "skipped: no jq"; exit 77; }
fail() { echo "FAIL: $*"; failed=1; }

# Columns of a CSV by name: cols FILE name... ; "threads" does not tell the same thread twice.
cols() { python3 -c '
import csv, sys
for r in csv.DictReader(open(sys.argv[1], newline="")):
    print(*(r[c] if r[c] not in ("", "-") else 0 for c in sys.argv[2:]))' "$@"; }
# Adds up lines with the same first field.
sums() { awk '{ for (i = 2; i <= NF; i++) s[$1, i] += $i; n[$1] = NF } END { for (k in n) { printf "%s", k; for (i = 2; i <= n[k]; i++) printf " %.0f", s[k, i]; print "" } }' | sort | awk '{ t = 0; for (i = 2; i <= NF; i++) t += $i; if (t) print }'; }

# adds_up NAME SUMS-OF-A-PART: a function that prints "key number..." of $1 with the options behind it.
adds_up()
{
	local what=$1 of=$2 f=$3 i
	"$of" "$f" | sums >"$T/whole"
	[ -s "$T/whole" ] || { fail "$what: nothing"; return; }
	for ((i = 0; i + 1 < ${#at[@]}; i++)); do
		"$of" "$f" --from "${at[i]}ns" ${at[i + 1]:+--to "${at[i + 1]}ns"}
	done | sums >"$T/parts"
	cmp -s "$T/whole" "$T/parts" && return
	fail "$what of $(basename "$f"): the parts are not the whole (<)"
	diff "$T/whole" "$T/parts" | head -6
}
threads() { "$GT" threads --csv "$@" 2>/dev/null >"$T/csv" && cols "$T/csv" g life_ns ran_ns contention_ns io_ns idle_ns sleep_ns calls_ns; }
on_cpu() { "$GT" threads --csv "$@" 2>/dev/null >"$T/csv" && cols "$T/csv" tid on_cpu_ns ready_ns; }
sched() { "$GT" sched --csv "$@" 2>/dev/null >"$T/csv" && cols "$T/csv" tid on_cpu_ns ready_ns waiting_ns; }
locks() { "$GT" locks --csv "$@" 2>/dev/null >"$T/csv" && cols "$T/csv" class total_ns; }
flame() { "$GT" flame --folded -o - "$@" 2>/dev/null | sed -E 's/ /_/g; s/_([0-9]+)$/ \1/'; }
chrome() # durations of slices, by thread
{
	"$GT" convert --to chrome -o - "${@/#--to/--until}" | jq -r '(if type == "array" then . else .traceEvents end)[] | select(.ph == "X" and .cat != "wake") | "\(.tid) \(.dur * 1000 | round)"'
}

# Five parts of uneven length; the last is open. The boundaries lie inside waits, calls and generations.
parts()
{
	local ns
	ns=$("$GT" threads --json "$1" 2>/dev/null | jq .duration_ns)
	at=(0 $((ns / 7)) $((ns / 7 + 12345)) $((ns / 2)) $((ns * 9 / 10)) "")
}

"$B/bench/bigtrace" "$T/big.trace" 3M 6 >/dev/null || exit 1
GTRACE_OUT=$T/held.trace GTRACE_PERIOD=20ms GTRACE_SCHED=on LD_PRELOAD=$B/libgtrace.so "$B/examples/convoy" >/dev/null 2>&1 || fail "no convoy"
for i in $(seq 100); do flock -n "$T/held.trace" true && break; sleep 0.05; done
gzip -dc tests/reader/go/1.25-locks.trace.gz >"$T/go.trace"
"$GT" convert --to go1.5 -o "$T/old.trace" "$T/go.trace"
for f in "$T/big.trace" "$T/held.trace" "$T/go.trace" "$T/old.trace"; do
	parts "$f"
	adds_up threads threads "$f"
	adds_up locks locks "$f"
	adds_up flame flame "$f"
done
parts "$T/held.trace"
adds_up chrome chrome "$T/held.trace"
if [ "$("$GT" sched --json "$T/held.trace" 2>/dev/null | jq .known)" = true ]; then
	adds_up sched sched "$T/held.trace"
	adds_up "threads' CPU" on_cpu "$T/held.trace"
fi

# ---- a thread: what the whole says of it
f=$T/held.trace
g=$("$GT" threads --csv "$f" 2>/dev/null >"$T/csv"; cols "$T/csv" contention_ns g tid | sort -n | tail -1 | cut -d' ' -f2,3)
tid=${g#* } g=${g% *}
"$GT" threads --csv "$f" 2>/dev/null | grep "^$tid,$g," >"$T/want"
for who in "g$g" "$tid"; do
	"$GT" threads --csv --thread "$who" "$f" 2>/dev/null | tail -n +2 >"$T/got"
	cmp -s "$T/want" "$T/got" || fail "threads --thread $who: $(cat "$T/got"), want $(cat "$T/want")"
	one=$("$GT" flame --folded -o - --thread "$who" "$f" 2>/dev/null | awk '{ n += $NF } END { printf "%.0f", n }')
	want=$(cols <(tr -d '\r' <"$T/csv") g contention_ns io_ns idle_ns sleep_ns calls_ns | awk -v g="$g" '$1 == g { printf "%.0f", $2 + $3 + $4 + $5 + $6 }')
	[ "$one" = "$want" ] || fail "flame --thread $who: $one ns, want $want"
	one=$("$GT" locks --csv --thread "$who" "$f" 2>/dev/null >"$T/l"; cols "$T/l" class total_ns | awk '{ n += $2 } END { printf "%.0f", n }')
	[ "$one" = "$want" ] || fail "locks --thread $who: $one ns, want $want"
	[ "$(chrome "$f" --thread "$who" | cut -d' ' -f1 | sort -u)" = "$tid" ] || fail "convert --thread $who tells of others"
done

# ---- a lock
"$GT" locks --csv "$f" 2>/dev/null >"$T/csv"
name=$(cols "$T/csv" total_ns class lock | awk '$2 == "contention"' | sort -n | tail -1 | cut -d' ' -f3)
want=$(cols "$T/csv" lock total_ns | awk -v l="$name" '$1 == l { n += $2 } END { printf "%.0f", n }')
"$GT" locks --csv --lock "$name" "$f" 2>/dev/null >"$T/l"
[ "$(cols "$T/l" lock | sort -u)" = "$name" ] || fail "locks --lock $name tells of $(cols "$T/l" lock | sort -u | head -3)"
[ "$(cols "$T/l" lock total_ns | awk '{ n += $2 } END { printf "%.0f", n }')" = "$want" ] || fail "locks --lock: another sum"
[ "$("$GT" flame --folded -o - --lock "$name" "$f" 2>/dev/null | awk '{ n += $NF } END { printf "%.0f", n }')" = "$want" ] ||
	fail "flame --lock: another sum"
"$GT" locks --json --lock "$name" "$f" 2>/dev/null | jq -e --arg n "$name" '[.locks[].lock] | unique == [$n]' >/dev/null || fail "locks --json --lock"
"$GT" why --lock "$name" --json "$f" 2>/dev/null | jq -e --arg n "$name" '.chain[0].lock == $n' >/dev/null || fail "why --lock"
"$GT" why --lock no_such_lock "$f" >/dev/null 2>&1
[ $? = 1 ] || fail "why --lock no_such_lock"

# ---- why: a part's longest wait lies in it, times count from the start of the trace
parts "$f"
"$GT" why --from "${at[3]}ns" --to "${at[4]}ns" --json "$f" 2>/dev/null >"$T/why" || fail "why --from --to"
start=$("$GT" threads --json "$f" 2>/dev/null | jq .start_ns)
jq -e --argjson a $((start + at[3])) --argjson b $((start + at[4])) '.chain[0] | .begin_ns >= $a and .end_ns <= $b' "$T/why" >/dev/null ||
	fail "why of a part: $(jq -c '.chain[0] | [.begin_ns, .end_ns]' "$T/why")"

# ---- what makes no sense is refused
for c in "convert --to go --from 1s" "convert --to go --thread 1" "convert --to go1.5 --thread 1" "threads --thread x" "locks --from 2s --to 1s"; do
	# shellcheck disable=SC2086 # several words
	"$GT" $c -o "$T/x" "$f" >/dev/null 2>&1
	[ $? = 2 ] || fail "$c"
done
echo "parts add up"
exit $failed
