#!/bin/bash
# gtrace why: programs whose chain is known (examples/): the right threads, locks and order, to the right end; times lie within
# what the program measured. Also asked for a time, and for what cannot be answered.
. "$(dirname "$0")/../lib.sh"
EX=$B/examples
run()
{
	rm -f "$T"/*.trace*
	record "$@"
	eq "$status" 0 "exit status"
	judge
	lost=$(lost_waits "$TRACE")
}
why()
{
	"$GT" why --json "$@" "$TRACE" >"$T/why.json" 2>"$T/err" || { [ "$lost" -gt 0 ] && skip "lost $lost waits on this machine"; fail "gtrace why $*: $(cat "$T/err")"; }
}
so()
{
	local what=$1
	shift
	jq -e "$@" "$what" "$T/why.json" >/dev/null || {
		[ "$lost" -gt 0 ] && skip "lost $lost waits on this machine"
		cat "$T/stdout"; fail "not so: $what: $(jq -c '.chain[], .end, .last' "$T/why.json" | head -c 5000)"
	}
}

# Three locks and a slow read, written to by a thread that sleeps
run -- "$EX/chain"
read -r _ least most <"$T/stdout"
# (Where generations end all the time the write may be told in the one after the read: then it is not known who wrote.)
late=false
[ "${GTRACE_PERIOD:-}" != 0 ] || late=true
chain='.schema == "gtrace-why/1" and [.chain[].thread.name] [0:4] == ["asker", "first", "second", "third"] and
	[.chain[0:3][].lock] == ["lock_a", "lock_b", "lock_c"] and [.chain[0:3][].kind] == ["mutex", "mutex", "mutex"] and
	[.chain[0:3][] | .holders | length] == [1, 1, 1] and [.chain[0:3][] | .holders[0].thread.name] == ["first", "second", "third"] and
	(.chain[3] | .kind == "read" and (.lock | test("^fd [0-9]+ \\(pipe:")) and .stack[0:2] == ["read", "load"]) and
	(('"$late"' and .chain[3].waker == null and (.chain | length) == 4 and .end == "unknown") or
	 (.chain[3].waker.name == "server" and .chain[3].waker_stack[0:2] == ["write", "server"] and (.chain | length) == 5 and
	  .chain[4].thread.name == "server" and .chain[4].stack[0:3] == ["nanosleep", "think", "server"] and .end == "time" and .last.name == "server"))'
within='.chain[0].wait_ns >= $a and .chain[0].wait_ns <= $b and all(.chain[0:4][]; .wait_ns >= $a) and
	all(.chain[0:3][].holders[]; .to_ns - .from_ns >= $a)'
why --thread asker
so "$chain and $within" --argjson a "$least" --argjson b "$most"
middle=$(jq '((.chain[0].begin_ns + 3 * .chain[0].end_ns) / 4 | floor)' "$T/why.json")
relative=$((middle - $(jq .start_ns "$T/why.json")))
tid=$(jq '.chain[0].thread.tid' "$T/why.json") g=$(jq '.chain[0].thread.g' "$T/why.json")
for t in asker "$tid" "g$g"; do
	for at in "$middle" "${relative}ns"; do
		why --thread "$t" --at "$at"
		so "$chain and $within" --argjson a "$least" --argjson b "$most"
	done
done
"$GT" why --thread asker "$TRACE" >"$T/text" || fail "as text"
sed -n 's/^\([a-z]*\) (tid [0-9]*) .*waited [^ ]* for mutex \(lock_.\),.*/\1 \2/p' "$T/text" | tr '\n' ' ' | grep -qx 'asker lock_a first lock_b second lock_c ' ||
	fail "text: $(cat "$T/text")"
grep -Eq '^third .* was [^ ]* in read of fd [0-9]+ \(pipe:' "$T/text" && { $late || grep -q '^the end: server .*time to pass' "$T/text"; } || fail "text: $(cat "$T/text")"
# Somebody waits longest for a lock; who it is depends on who asked first
why
so '.chain[0].thread.name | IN("asker", "first", "second")'
# status WANT ARGS...: nothing to tell, and it says why
status()
{
	local want=$1
	shift
	"$GT" why "$@" "$TRACE" >"$T/text" 2>"$T/err"
	eq $? "$want" "status of why $*"
	[ -s "$T/err" ] || fail "why $*: nothing is said"
}
status 1 --thread nobody
status 1 --thread asker --at 0
status 2 --at 1q
"$GT" why - <"$TRACE" 2>/dev/null
eq $? 2 "standard input"

# A convoy: the last one waited for each of the others, in the order in which they got the lock, as long as they saw
run -- "$EX/convoy"
order=$(head -7 "$T/stdout" | jq -R 'split(" ") | {name: .[0], least: (.[1] | tonumber), most: (.[2] | tonumber)}' | jq -s .)
why --thread "$(tail -1 "$T/stdout" | cut -d' ' -f1)"
so '.chain[0].lock == "counter_lock" and [.chain[0].holders[].thread.name] == [$o[].name]' --argjson o "$order"
so '[.chain[0].holders, $o] | transpose | .[1:] | all(.[]; (.[0].to_ns - .[0].from_ns) >= .[1].least and (.[0].to_ns - .[0].from_ns) <= .[1].most)' --argjson o "$order"
so 'all(.chain[0].holders[]; .let_go[0:2] == ["pthread_mutex_unlock", "add"]) and .end == "ran" and
	(.last.name as $l | .chain[0].holders | max_by(.to_ns - .from_ns) | .thread.name == $l)'

run -- "$EX/held_over_sleep"
read -r _ least most <"$T/stdout"
why
so '[.chain[].thread.name] == ["reader", "owner"] and .chain[0].lock == "cache_lock" and .chain[0].wait_ns >= $a and .chain[0].wait_ns <= $b and
	.chain[0].holders[0].let_go[0:3] == ["pthread_mutex_unlock", "refresh", "owner"] and
	.chain[1].stack[0:4] == ["nanosleep", "fetch", "refresh", "owner"] and .end == "time"' --argjson a "$least" --argjson b "$most"

run -- "$EX/slow_producer"
why --thread consumer
so '.alike == 2 and [.chain[].thread.name] == ["consumer", "producer"] and .chain[0].class == "idle" and .chain[0].lock == "queue+0x28" and
	.chain[1].stack[0:3] == ["nanosleep", "fetch", "producer"] and .end == "time"'

# Two threads that wait for each other, until one gives up
run -- "$PROGS/circle"
why --thread patient
so '[.chain[].thread.name] == ["patient", "hasty"] and [.chain[].lock] == ["left", "right"] and .end == "circle" and
	.chain[1].expired and (.chain[0].expired | not)'
why --thread hasty
so '[.chain[].thread.name] == ["hasty", "patient"] and .end == "circle"'
done_ok
