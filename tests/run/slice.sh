#!/bin/bash
# gtrace slice: what stat, locks, threads and why say of a slice is what they say of that part of the whole.
. "$(dirname "$0")/../lib.sh"
py=/usr/bin/python3
[ -x $py ] || { need python3; py=$(command -v python3); }
cat >"$T/work.py" <<'END'
import threading, time
lock = threading.Lock()
def work(i):
    for k in range(150):
        with lock: time.sleep(0.001 * (i + 1))
ts = [threading.Thread(target=work, args=(i,), name="w%d" % i) for i in range(3)]
for t in ts: t.start()
for t in ts: t.join()
END
[ "${GTRACE_PERIOD:-}" = 0 ] && GTRACE_PERIOD=5ms
record -- $py "$T/work.py"
judge
whole=$TRACE
n=$("$GT" info --json "$whole" | jq '.generations | length')
[ "$n" -ge 4 ] || fail "only $n generations"
# Words and figures; where the head tells the file and its places, these differ.
of()
{
	jq -S 'del(.file, .whole_bytes, .bytes, .generations[]?.offset, .generations[]?.number, .generations[]?.start_ns,
		.threads[]?.born_ns, .threads[]?.died_ns)'
}
same()
{
	local v=$1 slice=$2
	shift 2
	"$GT" "$v" --json "$@" "$whole" | of >"$T/a" || fail "$v of the whole"
	"$GT" "$v" --json "$slice" | of >"$T/b" || fail "$v of the slice"
	cmp -s "$T/a" "$T/b" || fail "$v $*: $(diff "$T/a" "$T/b" | head -6)"
}
# Of threads each one's, of locks all.
waited()
{
	jq -r '(.threads[]? | select(.life_ns > 0) | "\(.g) \(.ran_ns) \(.contention_ns + .io_ns + .idle_ns + .sleep_ns + .calls_ns)"),
		(select(.locks) | [.locks[].total_ns] | add)' | sort
}
for range in "--from 200ms --to 400ms" "--from 450ms" "--to 250ms" "--from 0s" "--from 333ms --to 333ms"; do
	"$GT" slice $range -o "$T/s.trace" "$whole" >"$T/said" || fail "slice $range"
	judge_now "$T/s.trace" || fail "the slice $range is no valid trace: $(head -3 "$T/s.trace.err")"
	for v in stat info; do same $v "$T/s.trace" $range; done
	# Waits: of the time that the slice holds, to the ns; what those that began before it are for only the whole knows.
	"$GT" slice --json $range -o "$T/s.trace" "$whole" >"$T/said"
	at=$(jq .from_ns "$T/said")
	to=$((at + $("$GT" threads --json "$T/s.trace" 2>/dev/null | jq .duration_ns)))
	for v in threads locks; do
		"$GT" $v --json --from ${at}ns --to ${to}ns "$whole" | waited >"$T/a"
		"$GT" $v --json "$T/s.trace" | waited >"$T/b"
		[ -s "$T/a" ] && cmp -s "$T/a" "$T/b" || fail "$v $range: $(diff "$T/a" "$T/b" | head -6)"
	done
done
# Counters of a part: the sums of its generations
sum() { jq -s "[.[].calls[] | select(.call == \"sem_wait\" or .call == \"clock_nanosleep\") | .$1] | add"; }
"$GT" slice --from 300ms --to 450ms -q -o "$T/mid.trace" "$whole"
for k in count total_ns; do
	eq "$("$GT" stat --json "$T/mid.trace" | sum $k)" "$("$GT" stat --json --from 300ms --to 450ms "$whole" | sum $k)" "$k"
done
# why: the same chain for the same moment, where all its waits began in the slice
from=$("$GT" slice --json --from 300ms -o "$T/s.trace" "$whole" | jq .from_ns)
tid=$("$GT" threads --json "$whole" | jq -r '[.threads[] | select(.thread == "w0" or .start == "w0")][0].tid // .threads[1].tid')
chain() { jq -S '[.chain[]? | {thread, lock, kind, class, stack}]'; }
for ms in $(seq 320 20 600); do
	"$GT" why --json --thread "$tid" --at ${ms}ms "$whole" >"$T/why" 2>/dev/null
	jq -e "(.start_ns + $from) as \$first | [.chain[]?.begin_ns >= \$first] | length > 0 and all" "$T/why" >"$T/said" || continue
	chain <"$T/why" >"$T/a"
	"$GT" why --json --thread "$tid" --at $((ms * 1000000 - from))ns "$T/s.trace" 2>/dev/null | chain >"$T/b"
	cmp -s "$T/a" "$T/b" || fail "why at $ms ms: $(diff "$T/a" "$T/b" | head -5)"
	had=$((${had:-0} + 1))
done
[ "${had:-0}" -ge 3 ] || fail "only ${had:-0} chains to compare"
# Refused in one line: a time behind the trace is its last generation, an end before its beginning is nonsense.
"$GT" slice --from 3s --to 1s "$whole" 2>"$T/err"
eq $? 2 "status"
"$GT" slice -o "$whole" "$whole" 2>"$T/err"
eq $? 2 "status for the input as output"
done_ok
