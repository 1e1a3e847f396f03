#!/bin/bash
# Switches of the scheduler in the Perfetto export: preempted is R+ in Perfetto's terms (prev_state 256), and as long
# as gtrace sched says; the waits are the same as in all formats.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
record GTRACE_SCHED=on -- "$PROGS/sched" pinned 0.6
eq "$status" 0 "exit status"
judge
"$GT" sched --json "$TRACE" >"$T/sched.json" 2>/dev/null
jq -e .known "$T/sched.json" >/dev/null || skip "perf_event_open is refused here"
totals sched "$TRACE"
PYTHONPATH=$T/pb "$py" - "$T/out.perfetto" "$T/sched.json" <<'END' || fail "preempted"
import collections, json, sys
from tools.export.schema import perfetto_pb2 as pb
trace = pb.Trace()
trace.ParseFromString(open(sys.argv[1], "rb").read())
since, ready, times = {}, collections.Counter(), collections.Counter()
for p in trace.packet:
    for x in p.ftrace_events.event:
        if not x.HasField("sched_switch"):
            continue
        s = x.sched_switch
        if s.prev_pid and s.prev_state == 256:
            since[s.prev_pid] = x.timestamp
            times[s.prev_pid] += 1
        if s.next_pid in since:
            ready[s.next_pid] += x.timestamp - since.pop(s.next_pid)
bad = 0
for t in json.load(open(sys.argv[2]))["threads"]:
    # N.B. a thread that was preempted on its way to a wait is in that wait here
    if t["thread"] not in ("left", "right"):
        continue
    print("%s: R+ %d ns, %d times; ready %d ns, %d times" % (t["thread"], ready[t["tid"]], times[t["tid"]], t["ready_ns"], t["preempted"]))
    bad |= not (0.95 * t["ready_ns"] <= ready[t["tid"]] <= t["ready_ns"] + 1000000) or t["ready_ns"] == 0
sys.exit(bad)
END
done_ok
