#!/bin/bash
# gtrace diff: of two runs of one program the lock that was held longer is the first row, and over the limit; figures are those of
# gtrace locks and gtrace stat; statuses for CI.
. "$(dirname "$0")/../lib.sh"
for ms in 4 120; do
	record -- "$PROGS/grow" $ms 5
	eq "$status" 0 "exit status"
	judge
	mv "$TRACE" "$T/$ms.trace"
done
a=$T/4.trace b=$T/120.trace
lost=$(($(lost_waits "$a") + $(lost_waits "$b")))
diff_json()
{
	local want=$1
	shift
	"$GT" diff --json "$@" >"$T/diff.json" 2>"$T/stderr"
	local rc=$?
	eq $rc "$want" "status of diff $* ($(cat "$T/stderr"))"
}
so()
{
	jq -e "$@" "$T/diff.json" >/dev/null || {
		[ "$lost" -gt 0 ] && skip "lost $lost waits on this machine"
		fail "not so: $1: $(jq -c '.a, .b, .waits[:4][], .calls[:4][]' "$T/diff.json")"
	}
}
# What grew stands first among contention, with its lock and its place, and fails a limit of 100 %
diff_json 1 --limit 100% "$a" "$b"
so '.schema == "gtrace-diff/1" and .per == "run" and .limit == "100%"'
so '[.waits[] | select(.class == "contention")][0] | .lock == "hot_lock" and .kind == "mutex" and (.place | startswith("pthread_mutex_lock < want < hot_path < waiter"))
	and .a_waits == 5 and .b_waits == 5 and .ratio > 2 and .growth_ns == .b_ns - .a_ns and .over == "over"'
so 'any(.waits[]; .lock == "cold_lock" and (.place | contains("cold_path")))'
# All rows: sorted; over is what the limit says of contention, I/O and their calls
so '.waits | map([(.class == "contention" or .class == "io"), .growth_ns]) | . == (sort | reverse)'
so '.calls | map(.growth_ns) | . == (sort | reverse)'
so 'all(.waits[]; (.over == "over") == ((.class == "contention" or .class == "io") and .growth_ns > .a_ns and .growth_ns >= 1000000))'
so '.over == ([.waits[], .calls[] | select(.over == "over")] | length)'
so '.calls[] | select(.call == "pthread_mutex_lock") | .over == "over" and .b_ns > .a_ns'
# (the owner sleeps longer: that is no loss)
so 'all(.waits[], .calls[]; .class != "sleep" or .over == "") and all(.calls[]; .call != "nanosleep" and .call != "clock_nanosleep" or .over == "")'
# Sums are those of the other commands
for side in a b; do
	f=${!side}
	"$GT" locks --json --all "$f" | jq -c '[.locks[] | [.class, .total_ns, .waits]] | group_by(.[0]) | map([.[0][0], (map(.[1]) | add), (map(.[2]) | add)])' >"$T/want"
	jq -c --arg s $side '[.waits[] | [.class, .[$s + "_ns"], .[$s + "_waits"]] | select(.[2] > 0)] | group_by(.[0]) | map([.[0][0], (map(.[1]) | add), (map(.[2]) | add)])' "$T/diff.json" >"$T/got"
	eq "$(cat "$T/got")" "$(cat "$T/want")" "waits of $side"
	"$GT" stat --json "$f" | jq -c '[.calls[] | [.call, .count, .total_ns // 0]] | sort' >"$T/want"
	jq -c --arg s $side '[.calls[] | select(.[$s + "_count"] > 0) | [.call, .[$s + "_count"], .[$s + "_ns"]]] | sort' "$T/diff.json" >"$T/got"
	eq "$(cat "$T/got")" "$(cat "$T/want")" "counters of $side"
done
# Per second, per call
diff_json 0 --per second "$a" "$b"
so '. as $d | all(.waits[] | select(.a_waits > 0); (.a_ns - .a_mean_ns * .a_waits * 1e9 / $d.a.duration_ns | fabs) <= 2 + 1e9 * .a_waits / $d.a.duration_ns)'
diff_json 0 --per call "$a" "$b"
so 'all(.waits[]; (.a_waits == 0 or .a_ns == .a_mean_ns) and (.b_waits == 0 or .b_ns == .b_mean_ns))'
# Statuses: nothing grew; it shrank; more than 50 ms; not as much as an hour
diff_json 0 --limit 1% "$a" "$a"
so 'all(.waits[], .calls[]; .growth_ns == 0 and .over == "")'
diff_json 1 --limit 50ms "$a" "$b"
diff_json 0 --limit 1h "$a" "$b"
diff_json 1 --limit 1% --least 10ms "$a" "$b"
diff_json 0 --limit 1% --least 1h "$a" "$b"
head -c $(($(stat -c %s "$b") / 2)) "$b" >"$T/cut.trace"
for bad in "$a" "$a $T/nothing" "$a $T/cut.trace" "--limit x $a $b" "--limit 0% $a $b" "--depth x $a $b" "--per day $a $b"; do
	"$GT" diff $bad >"$T/out" 2>"$T/stderr"
	eq $? 2 "status of diff $bad"
	[ -s "$T/stderr" ] || fail "diff $bad says nothing"
done
"$GT" diff --limit 100% "$a" "$b" >"$T/text"
grep -q '^  contention  mutex .* hot_lock .* over  *pthread_mutex_lock < want < hot_path' "$T/text" || fail "text: $(cat "$T/text")"
grep -q 'rows\? grew by more than 100%' "$T/text" || fail "text: $(head -4 "$T/text")"
"$GT" diff --csv "$a" "$b" | grep -q '^contention,mutex,hot_lock,' || fail "CSV"
done_ok
