#!/bin/bash
# gtrace locks: programs whose answer is known (examples/): the lock's name, who had it, where it was let go, what it did meanwhile
# and what to do first; times lie within what the program measured by itself.
. "$(dirname "$0")/../lib.sh"
EX=$B/examples
run()
{
	rm -f "$T"/*.trace*
	record "$@"
	eq "$status" 0 "exit status"
	judge
	"$GT" locks --json "$TRACE" >"$T/locks.json" 2>"$T/err" || fail "gtrace locks: $(cat "$T/err")"
	lost=$(lost_waits "$TRACE")
}
# so 'JQ' [jq arguments]: $lock(NAME) is that lock
so()
{
	local what=$1
	shift
	jq -e "$@" 'def lock(n): .locks[] | select(.lock == n and (.class == "contention" or .class == "idle"));
		def by(n): .by[] | select(.thread == n);
		'"$what" "$T/locks.json" >/dev/null || {
		# (where generations end all the time a starved writer drops waits, which are counted)
		[ "$lost" -gt 0 ] && skip "lost $lost waits on this machine"
		cat "$T/stdout"; fail "not so: $what: $(jq -c '.do_first, .locks[]' "$T/locks.json" | head -c 4000)"
	}
}

run -- "$EX/held_over_sleep"
read -r _ least most <"$T/stdout"
so '.schema == "gtrace-locks/1" and .complete and (.doubts.lost | length) == 0 and .doubts.holder_unknown == 0'
so 'lock("cache_lock") | .kind == "mutex" and .waits == 1 and .threads == 1 and .total_ns >= $a and .total_ns <= $b and
	.max_ns == .total_ns and .sites[0].stack[0:3] == ["pthread_mutex_lock", "look_up", "reader"] and
	.sites[0].p50_ns == .max_ns and .sites[0].p99_ns == .max_ns' --argjson a "$least" --argjson b "$most"
so 'lock("cache_lock") | (.by | length) == 1 and (by("owner") | .times == 1 and .begin_not_seen == 1 and .total_ns >= $a and
	.total_ns <= $b and .stack[0:3] == ["pthread_mutex_unlock", "refresh", "owner"] and
	(.meanwhile | max_by(.ns) | .class == "sleep" and .stack[0:4] == ["nanosleep", "fetch", "refresh", "owner"] and .ns >= 100000000))' \
	--argjson a "$least" --argjson b "$most"
so '.do_first[0] | startswith("mutex cache_lock: 1 thread waited") and contains("Its holder owner") and contains("nanosleep < fetch < refresh < owner")'
"$GT" locks "$TRACE" >"$T/text" || fail "as text"
tr -s '\n ' ' ' <"$T/text" | grep -q '^do first: mutex cache_lock: 1 thread waited .* nanosleep < fetch < refresh < owner. Let go' || fail "text: $(cat "$T/text")"
grep -q '^  nothing lost$' "$T/text" || fail "losses are not shown: $(tail -5 "$T/text")"
"$GT" locks --lines "$TRACE" | grep -Eq 'refresh \(held_over_sleep.c:[0-9]+\)' || ! ldd "$GT" | grep -q libdw || fail "no lines"
"$GT" locks --csv "$TRACE" 2>/dev/null | grep -q '^contention,mutex,cache_lock,1,1,' || fail "CSV"

# Eight queue: each hold lies within what the thread itself saw of it
run -- "$EX/convoy"
sum=0 most=0
while read -r _ a b; do sum=$((sum + a)) most=$((most + b)); done <"$T/stdout"
read -r _ first _ <"$T/stdout"
so 'lock("counter_lock") | .waits == 7 and .threads == 7 and ([.by[].times] | add) == 7 and ([.by[].threads] | max) == 7 and
	all(.by[]; .stack[0:2] == ["pthread_mutex_unlock", "add"]) and .sites[0].stack[0:2] == ["pthread_mutex_lock", "add"]'
# (the first is seen from when somebody waits; the last one lets nobody go)
so 'lock("counter_lock") | ([.by[].total_ns] | add) >= $a and ([.by[].total_ns] | add) <= $b' \
	--argjson a $((sum - first - $(awk 'END { print $2 }' "$T/stdout"))) --argjson b "$most"
so 'lock("counter_lock") | .by[0] | .ran_ns > .total_ns / 2'
so '.do_first[0] | startswith("mutex counter_lock: 7 threads waited") and contains("A convoy")'

# Three locks and a read: what to change is the last of the chain. (A read that goes on when a generation ends has its caller only.)
run -- "$EX/chain"
read -r _ least most <"$T/stdout"
so 'lock("lock_a") | .waits == 1 and .total_ns >= $a and .total_ns <= $b' --argjson a "$least" --argjson b "$most"
for step in "lock_a first lock_b" "lock_b second lock_c"; do
	set -- $step
	so 'lock($l) | .waits == 1 and (by($t) | .times == 1 and (.meanwhile | max_by(.ns) | .class == "contention" and .lock == $n))' \
		--arg l "$1" --arg t "$2" --arg n "$3"
done
so 'lock("lock_c") | by("third") | .meanwhile | max_by(.ns) | .kind == "read" and (.lock | test("^fd [0-9]+ \\(pipe:")) and
	.stack[0:2] == ["read", "load"]'
# (Where generations end all the time the write may be told in the one after the read: then it is not known who wrote.)
late=false
[ "${GTRACE_PERIOD:-}" != 0 ] || late=true
so "$late"' or (.locks[] | select(.kind == "read" and (.by | length) == 1 and .by[0].thread == "server") | .waits == 1 and .by[0].stack[0:2] == ["write", "server"])'
so '.do_first | (.[0] | test("lock_c.*Its holder third .*read < load")) and ('"$late"' or (.[1] | test("for server .*too slow.*nanosleep < think < server")))'

# Nobody fights; who gives work is too slow
run -- "$EX/slow_producer"
read -r _ waited _ fetched <"$T/stdout"
so '[.locks[] | select(.lock == "queue+0x28")] | length == 1 and .[0].class == "idle" and .[0].kind == "cond" and .[0].threads == 2 and
	.[0].total_ns <= $a and all(.[0].by[]; .thread == "producer")' --argjson a "$waited"
so 'lock("queue+0x28") | [.by[].meanwhile[] | select(.class == "sleep" and .stack[0:3] == ["nanosleep", "fetch", "producer"]) | .ns] | add > 0.5 * $a' \
	--argjson a "$fetched"
so '.do_first[0] | test("cond queue\\+0x28: 2 threads waited .* for producer .*too slow.*nanosleep < fetch < producer")'
"$GT" locks "$T/no-such-file" 2>/dev/null
eq $? 2 "status for a file that is not there"
done_ok
