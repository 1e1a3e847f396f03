#!/bin/bash
# Waits in C11, once, IPC, signal, aio and copy functions are told; a thread that spins runs, and has a region.
. "$(dirname "$0")/../lib.sh"
[ -x "$GT" ] || skip "no build/gtrace"
record -- "$PROGS/kinds"
eq "$status" 0 "exit status"
judge
stat_json "$TRACE" >"$T/stat.json"
for call in mtx_lock cnd_wait thrd_join pthread_once call_once msgrcv semop mq_receive sigwait aio_suspend splice pthread_spin_lock; do
	jq -e --arg c $call '[.calls[] | select(.call == $c)] | (map(.waits) | add) >= 1 and (map(.max_ns) | add) > 19000000' "$T/stat.json" >/dev/null ||
		fail "$call: $(jq -c --arg c $call '.calls[] | select(.call == $c)' "$T/stat.json")"
done
# Blocked all that time, for the reason of whys.def
for pair in mtx_lock:sync cnd_wait:sync thrd_join:sync pthread_once:sync call_once:sync msgrcv:network semop:network mq_receive:network \
	aio_suspend:network splice:network; do
	fact "thr(\"${pair%:*}\") | waited(if \"${pair#*:}\" == \"sync\" and .label == \"cnd_wait\" then \"sync.(*Cond).Wait\" else \"${pair#*:}\" end) > 19000000"
done
fact 'thr("spin") | [(.wait_ns_by_reason // {})[]] | add // 0 | . < 10000000'
fact 'ev("UserRegionBegin") == 1 and ev("UserRegionEnd") == 1'
done_ok
