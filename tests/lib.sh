# Helpers for tests/run and tests/torture. A test starts with
#     . "$(dirname "$0")/../lib.sh"
# and is run by tests/run-all, or by hand: `tests/run/mutex.sh`. Exit: 0 pass, 1 fail, 77 skip.
#
#   record [VAR=value]... -- CMD...   run CMD traced; sets $status $pid $TRACE; $T/stdout $T/stderr
#   start  [VAR=value]... -- CMD...   the same in the background; then `finish`
#   judge FILE...                     complete, valid for Go's reader (strict) and for gtrace check
#   fact 'JQ' [FILE]                  the oracle's summary of FILE (default $TRACE) says so
#   stat_json FILE > out              exact counters
#   lost_waits FILE                   how many waits the file says were dropped (buffer full, writer starved)
#   fail TEXT, skip TEXT, eq GOT WANT WHAT, done_ok (always the last line)
#
# GTRACE_* of the caller (GTRACE_PERIOD=0, GTRACE_WRITER=thread) reach the traced program.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
B=$(cd "$ROOT/${B:-build}" && pwd) || exit 1
LIB=$B/libgtrace.so
GT=$B/gtrace
ORACLE=$B/oracle
PROGS=$B/tests/run
NAME=$(basename "$0" .sh)

T=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-$NAME.XXXXXX")
no_oracle=
pid=
cleanup()
{
	local rc=$?
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	if [ -n "${KEEP:-}" ]; then echo "kept: $T"; else rm -rf "$T"; fi
	exit $rc
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail()
{
	echo "FAIL: $*"
	[ -s "$T/stderr" ] && { echo "--- stderr of the program:"; head -c 2000 "$T/stderr"; }
	exit 1
}
skip()
{
	echo "skipped: $*"
	exit 77
}
eq()
{
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', want '$2'"
}
need()
{
	local c
	for c; do command -v "$c" >/dev/null 2>&1 || skip "no $c"; done
}

[ -f "$LIB" ] || fail "no $LIB: run make"
need flock jq

# Not `env`: the program itself must be the process whose pid we know.
start()
{
	local vars=()
	while [ "$1" != -- ]; do vars+=("$1"); shift; done
	shift
	case $1 in "$B"/*) [ -x "$1" ] || skip "$(basename "$1") is not built" ;; esac
	: >"$T/stdout"; : >"$T/stderr"
	(
		export GTRACE_OUT="$T/%p.trace" GTRACE_PERIOD="${GTRACE_PERIOD-100ms}"
		for v in "${vars[@]+"${vars[@]}"}"; do export "${v?}"; done
		[ -n "${NO_PRELOAD:-}" ] || export LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}$LIB"
		exec "$@" >>"$T/stdout" 2>>"$T/stderr"
	) <&0 &
	pid=$!
	TRACE=$T/$pid.trace
}
finish()
{
	# N.B. the message of bash about a killed job must not look like the program's
	{ wait "$pid"; status=$?; } 2>/dev/null
	pid=
}
record()
{
	start "$@"
	finish
}

# The writer holds flock(LOCK_EX) on its file until the file is complete. (Just made, it is empty and not locked yet.)
settle()
{
	[ -f "$1" ] || fail "no trace file $1 ($(cd "$T" && echo *))"
	local i
	for i in {1..100}; do
		flock -s -w "${2:-20}" "$1" true || fail "$1 is still being written"
		[ "$(stat -c %s "$1")" -le 16 ] || return 0
		sleep 0.02
	done
}

judge()
{
	[ $# -gt 0 ] || set -- "$TRACE"
	local f
	for f; do
		settle "$f"
		judge_now "$f" || fail "invalid trace $(basename "$f"): $(head -5 "$f.err")"
	done
}
# Only the verdict, for files that are complete or cut on purpose.
judge_now()
{
	if [ -x "$ORACLE" ]; then
		"$ORACLE" -strict ${ORACLE_FLAGS:-} "$1" >"$1.json" 2>"$1.err" || return 1
	else
		no_oracle=1
	fi
	if [ -x "$GT" ]; then
		"$GT" check --strict "$1" >"$1.err" 2>&1 || return 1
	fi
}

fact()
{
	local f=${2:-$TRACE}
	[ -x "$ORACLE" ] || { no_oracle=1; return 0; }
	jq -e "$LIBJQ $1" "$f.json" >/dev/null || {
		jq -c '{g: [.goroutines[] | {id, name, "label": .label, wait_ns_by_reason, blocks, syscalls, ended_ns}][:12], ev: .wire.wire_events}' "$f.json" | head -c 3000
		fail "not so: $1"
	}
}
# jq helpers: thread by name; sum of waits; count of a wire event
LIBJQ='def thr(n): .goroutines[] | select(.label==n);
def ev(n): (.wire.wire_events[n].count // 0);
def waited(r): (.wait_ns_by_reason[r] // 0);'

# Every wait that began has ended, except those that the end of the process cut (N, default 0).
begins_equal_ends()
{
	fact "(ev(\"GoBlock\") - ev(\"GoUnblock\")) as \$open | \$open >= 0 and \$open <= ${1:-0}"
}

stat_json()
{
	"$GT" stat --json "$1"
}
# count FILE CALL: how often the whole process called it
count()
{
	"$GT" stat --json "$1" | jq -r --arg c "$2" "$COUNT_JQ"
}
COUNT_JQ='[.calls[] | select(.call==$c) | .count] | add // 0'

done_ok()
{
	[ -z "$no_oracle" ] || skip "no Go ($(cat "$B/oracle.ok" 2>/dev/null); the rest passed)"
	exit 0
}
lost_waits()
{
	"$GT" info --json "$1" | jq '[.losses[]? | select(.name | test("^lost_waits")) | .value] | add // 0'
}
