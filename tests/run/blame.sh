#!/bin/bash
# Who held and who woke: a program that knows the answer for each of its waits, 50 rounds of each kind. Never a wrong
# one, and at least 99.9 % known. (Where generations end all the time a write or futex wake may be told in the next one,
# and a starved writer drops waits, which are counted.)
. "$(dirname "$0")/../lib.sh"
need python3
record -- "$PROGS/blame"
eq "$status" 0 "exit status"
judge
"$GT" convert --to chrome -o "$T/blame.json" "$TRACE" || fail "convert"
python3 - "$T/stdout" "$T/blame.json" "$(lost_waits "$TRACE")" "$([ "${GTRACE_PERIOD:-}" = 0 ] && echo 0.9 || echo 0.999)" <<'END' || fail "holders and wakers"
import collections, json, sys

truth = collections.defaultdict(list)
for line in open(sys.argv[1]):
    who, call, holder, waker = line.split()
    truth[who, call].append((holder, waker))

doc = json.load(open(sys.argv[2]))
events = doc["traceEvents"] if isinstance(doc, dict) else doc
names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
told = collections.defaultdict(list)
for e in sorted((e for e in events if e.get("ph") == "X"), key=lambda e: float(e["ts"])):
    a = e.get("args", {})
    if e["name"].startswith("wait ") and e["name"] != "wait sleep" and a.get("stack"):
        told[names[e["tid"]], a["stack"][0]].append((a.get("holder", "-"), a.get("waker", "-")))

right = unknown = wrong = 0
lost, share = int(sys.argv[3]), float(sys.argv[4])
for key, want in truth.items():
    got = told[key]
    if key[1] != "pthread_join" and len(got) != len(want):
        lost -= len(want) - len(got)
        if len(got) < len(want) and lost >= 0:
            continue
        sys.exit("%s: %d waits, the program knows of %d" % (key, len(got), len(want)))
    for i, (g, w) in enumerate(zip(got[-len(want):], want)):
        for got_one, want_one, what in zip(g, w, ("holder", "waker")):
            if got_one == want_one:
                right += 1
            elif got_one == "-":
                unknown += 1
                print("%s %d: %s unknown, is %s" % (key, i, what, want_one))
            else:
                wrong += 1
                print("%s %d: %s told %s, is %s" % (key, i, what, got_one, want_one))
# An arrow starts where the waker let go, which is before the woken thread runs: never later, mostly earlier.
ends = {(e["id"], e["ph"]): e["ts"] for e in events if e.get("ph") in ("s", "f")}
early = [ends[i, "f"] > t for (i, ph), t in ends.items() if ph == "s"]
if not early or any(ends[i, "f"] < t for (i, ph), t in ends.items() if ph == "s") or sum(early) < 0.9 * len(early):
    sys.exit("%d of %d arrows start before they end" % (sum(early), len(early)))
print("%d right, %d unknown, %d wrong" % (right, unknown, wrong))
sys.exit(wrong > 0 or right < 2000 or right < share * (right + unknown))
END
done_ok
