#!/bin/bash
# However a process ends, the file holds every wait up to the last instruction (interposition.md 5.6).
. "$(dirname "$0")/../lib.sh"
ulimit -c 0
number()
{
	od -An -tu8 -N8 "$T/told" | tr -d ' '
}
while read -r how want unseen; do
	rm -f "$T"/*.trace* "$T/told"
	record -- "$PROGS/endings" "$how" "$T/told" 60
	eq "$status" "$want" "$how: exit status"
	if [ "${GTRACE_WRITER:-task}" = thread ] && [ "${unseen:-}" ]; then
		# The writer dies with the process, unseen by any hook: at most what was not yet written is lost.
		judge_now "$TRACE" && continue
		[ "$(stat -c %s "$TRACE")" -le 16 ] && continue # killed before the first period was over
		"$GT" recover "$TRACE" -o "$TRACE.r" >/dev/null 2>&1
		judge "$TRACE.r"
		continue
	fi
	judge
	told=$(number)
	[ "$told" -ge 5 ] || fail "$how: the program itself slept only $told times"
	# One more can have begun, or have ended without being told. A writer that is a thread closes the file in the last
	# hook before the end: what other threads do between that and the end of the process (some ms) is not in it.
	least=$told
	[ "${GTRACE_WRITER:-task}" = task ] || least=$((told - 100))
	# waits that were dropped because the writer was starved are counted, by thread
	least=$((least - $(lost_waits "$TRACE")))
	fact "thr(\"teller\") | .blocks >= $least and .blocks <= $told + 1" || fail "$how"
done <<'END'
return 7
exit 7
_exit 7
_Exit 7
quick_exit 7
exit_group 7
abort 134
assert 134 unseen
segv 139 unseen
raise 143 unseen
kill 137 unseen
exec 0
pthread_exit 0
thread:exit 7
thread:_exit 7
thread:quick_exit 7
thread:exit_group 7
thread:abort 134
thread:segv 139 unseen
thread:exec 0
END
done_ok
