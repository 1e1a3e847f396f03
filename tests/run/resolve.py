"""resolve.py ORIGINAL.jsonl CONVERTED.jsonl CHROME.json LEAST: does the Go trace say the same, with each wake in its waker's stream?

Two dumps, and what another exporter says of the original's wakers. LEAST: how many must have moved."""
import collections, json, sys

SLACK = 10000  # go_wakers.c
NEAR = 100     # ordered times are made distinct, 1 ns each
STATUS = ("ProcStatus", "GoStatus", "GoStatusStack")


def events(path):
    for line in open(path):
        e = json.loads(line)
        yield e


def funcs(stack):
    return [f["func"] for f in stack or []]


class Dump:
    def __init__(self, path):
        self.syncs, self.unblocks, self.rest = [], collections.defaultdict(list), collections.defaultdict(list)
        since, self.wakes = {}, collections.defaultdict(list)  # of a goroutine: its calls that let others go, its end
        self.told = {}  # such a time -> the generation that tells it
        for e in events(path):
            if e.get("record") == "WAKE":
                self.wakes[e["args"]["g"]].append(e["time_ns"])
                self.told[e["time_ns"]] = len(self.syncs)
            if "event" not in e or "time_ns" not in e:
                continue
            if e["event"] == "GoDestroy":
                self.wakes[e["subject_g"]].append(e["time_ns"])
            if e["event"] == "Sync":
                self.syncs.append(e["time_ns"])
            if e.get("to") == "waiting":
                since[e["subject_g"]] = e["time_ns"]
            if e["event"] == "GoUnblock":
                self.unblocks[e["subject_g"]].append((e, since.get(e["subject_g"], 0)))
            else:
                time = 0 if e["event"] in STATUS or e["event"] == "Sync" else e["time_ns"]
                self.rest[e.get("m")].append((e["event"], json.dumps(e.get("args"), sort_keys=True), time))


def wakers(path, base):
    """(g, end of the wait) -> name, tid, stack of the waker"""
    doc = json.load(open(path))
    known, wait = {}, None
    for e in doc["traceEvents"] if isinstance(doc, dict) else doc:
        if e.get("ph") == "X" and e["name"].startswith("wait "):
            end = base + round(float(e["ts"]) * 1000) + round(float(e["dur"]) * 1000)
            wait = (e["args"].get("g"), end), e["args"]
        elif e.get("ph") == "s" and e["name"] == "wake":
            known[wait[0]] = wait[1]["waker"], e["tid"], wait[1].get("waker stack", [])
    return known


def same_rest(a, b):
    if a.keys() != b.keys():
        sys.exit("threads differ")
    for m in a:
        if len(a[m]) != len(b[m]):
            sys.exit("thread %s: %d events became %d" % (m, len(a[m]), len(b[m])))
        for x, y in zip(a[m], b[m]):
            if x[:2] != y[:2] or abs(x[2] - y[2]) > NEAR:
                sys.exit("thread %s: %s became %s" % (m, x, y))


a, b = Dump(sys.argv[1]), Dump(sys.argv[2])
known = wakers(sys.argv[3], a.syncs[0])
same_rest(a.rest, b.rest)
g_of = {}
for e in events(sys.argv[1]):
    if e.get("record") == "THREAD":
        g_of.setdefault(e["args"]["tid"], set()).add(e["args"]["g"])
moved = left = 0
for g, list_a in a.unblocks.items():
    if len(list_a) != len(b.unblocks[g]):
        sys.exit("g%d: %d unblocks became %d" % (g, len(list_a), len(b.unblocks[g])))
    for (x, begin), (y, since) in zip(list_a, b.unblocks[g]):
        name, tid, stack = known.get((g, x["time_ns"]), (None, None, []))
        if x["m"] == y["m"]:
            if abs(x["time_ns"] - y["time_ns"]) > NEAR or funcs(x["args"]["stack"]) != funcs(y["args"]["stack"]):
                sys.exit("%s became %s" % (x, y))
            start = max([begin] + [s for s in a.syncs if s <= x["time_ns"]])
            times = [t for one in g_of.get(tid, ()) for t in a.wakes[one] if start < t <= x["time_ns"]]
            if times:  # the wake, or another, is in the same generation
                left += 1
                print("left: g%d at %d, woken by %s at one of %s" % (g, x["time_ns"], name, times))
            continue
        moved += 1
        if y["m"] != tid or y["g"] not in g_of[tid] or y["g"] == g:
            sys.exit("moved to another than %s/%s: %s" % (name, tid, y))
        if not since < y["time_ns"] <= x["time_ns"]:
            sys.exit("%s became %s, blocked at %d" % (x, y, since))
        wakes = [t for t in a.wakes[y["g"]] if -SLACK <= y["time_ns"] - t <= NEAR]
        if not wakes:
            sys.exit("%s at a time when %s woke nobody" % (y, name))
        gen = sum(s <= y["time_ns"] for s in a.syncs)
        if not y["args"]["stack"] and all(a.told.get(t) != gen for t in wakes):
            continue  # told in another generation: stacks mean nothing there (go_edges.c)
        if funcs(y["args"]["stack"])[: len(stack)] != stack:
            sys.exit("stack of %s: %s" % (stack, y))
print("%d wakes moved to their waker, %d left although both are in one generation" % (moved, left))
sys.exit(left > 0.05 * (moved + left) + 2 or moved < int(sys.argv[4]))
