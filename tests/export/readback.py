#!/usr/bin/env python3
"""Reads back what `gtrace convert` wrote, each format in its own way, and compares the totals.

usage: readback.py FOLDER EVENTS      FOLDER holds out.FORMAT of each format, and pb/ of protoc

The judge is what Go's reader says of every event (EVENTS: oracle -events). For every thread: ns and number of waits and of
system calls, to the nanosecond. Prints what differs; exit 1 then."""

import collections
import glob
import json
import os
import re
import subprocess
import sys
from decimal import Decimal

folder, oracle_file = sys.argv[1:3]
sys.path.insert(0, os.path.join(folder, "pb"))
bad = 0


def complain(text):
    global bad
    bad += 1
    if bad <= 20:
        print(text)


def path(name):
    return os.path.join(folder, "out." + name)


class Totals:
    """By thread: ns and number of waits and calls."""

    def __init__(self):
        self.ns = {"wait": collections.Counter(), "call": collections.Counter()}
        self.n = {"wait": collections.Counter(), "call": collections.Counter()}

    def add(self, kind, who, ns, n=1):
        if ns < 0:
            complain("a negative duration: thread %s" % who)
        self.ns[kind][who] += ns
        self.n[kind][who] += n


def kind_of(name):
    return "call" if name == "syscall" else "wait" if name.split(" ")[0] == "wait" else None


# ---------------------------------------------------------------- CTF, by babeltrace2

def read_ctf():
    """Also says which thread is which, g -> (tid, name), and when the last event was."""
    out = subprocess.run(["babeltrace2", "--clock-seconds", "--no-delta", path("ctf")], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if out.stderr:
        complain("babeltrace2: " + out.stderr[:500])
    totals, threads, open_at, late, last = Totals(), {}, {}, 0, 0
    line_re = re.compile(r"^\[(\d+)\.(\d+)\] (?:\S+ )?(\w+): "
                         r"\{ tid = (\d+), g = (\d+), thread = \"(.*?)\" \}, \{ (.*) \}$")
    for line in out.stdout.splitlines():
        m = line_re.match(line)
        if not m:
            complain("babeltrace2 said: " + line[:200])
            continue
        s, ns, event, tid, g, thread, fields = m.groups()
        time = int(s) * 10**9 + int(ns)
        last = max(last, time)
        if g != "0":
            threads[int(g)] = (int(tid), thread)
        if event in ("wait_begin", "syscall_begin"):
            open_at[g] = time
        elif event in ("wait_end", "syscall_end"):
            d = int(re.search(r"duration = (\d+)", fields).group(1))
            late += d != time - open_at.pop(g)
            totals.add("wait" if event == "wait_end" else "call", int(g), d)
    if open_at:
        complain("ctf: waits without an end: %s" % list(open_at)[:5])
    if late > len(threads):
        complain("ctf: %d events are late, only a thread's first may be" % late)
    return totals, threads, last


def read_ctf_kernel(end):
    """By tid: ns between leaving a CPU to sleep and the wake-up, or the end; by babeltrace2."""
    out = subprocess.run(["babeltrace2", "--clock-seconds", "--no-delta", path("ctf-kernel")], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if out.stderr:
        complain("babeltrace2: " + out.stderr[:500])
    asleep, since, on_cpu = collections.Counter(), {}, {}
    for line in out.stdout.splitlines():
        m = re.match(r"^\[(\d+)\.(\d+)\] (?:\S+ )?(\w+): \{ cpu_id = (\d+) \}, \{ (.*) \}$", line)
        if not m:
            complain("babeltrace2 said: " + line[:200])
            continue
        s, ns, event, cpu, rest = m.groups()
        time = int(s) * 10**9 + int(ns)
        n = {k: int(v) for k, v in re.findall(r"(\w+) = (-?\d+)", rest)}
        if event == "sched_wakeup":
            if n["tid"] in since:
                asleep[n["tid"]] += time - since.pop(n["tid"])
            continue
        if on_cpu.get(cpu, 0) != n["prev_tid"]:
            complain("ctf-kernel: thread %d leaves a CPU that it is not on" % n["prev_tid"])
        on_cpu[cpu] = n["next_tid"]
        if n["prev_tid"] and n["prev_state"] == 1:
            since[n["prev_tid"]] = time
    for tid, t in since.items():
        asleep[tid] += end - t
    return asleep


# ---------------------------------------------------------------- Perfetto, by protobuf

def read_perfetto():
    """Waits are slices; and the states that Perfetto makes of scheduler events must agree."""
    from tools.export.schema import perfetto_pb2 as pb
    trace = pb.Trace()
    with open(path("perfetto"), "rb") as f:
        trace.ParseFromString(f.read())
    totals, asleep = Totals(), collections.Counter()
    names, stacks, frames, functions = {}, {}, {}, {}
    tracks, stack_of_track, sleeps_since, flows = {}, collections.defaultdict(list), {}, {}
    on_cpu, end, arrows = {}, 0, 0
    packets = sorted(enumerate(trace.packet), key=lambda x: (time_of(x[1]), x[0]))
    for p in trace.packet:  # what is interned stands before its use
        for x in p.interned_data.event_names:
            names[x.iid] = x.str.decode()
        for x in p.interned_data.function_names:
            functions[x.iid] = x.str.decode()
        for x in p.interned_data.frames:
            frames[x.iid] = functions[x.function_name_id]
        for x in p.interned_data.callstacks:
            stacks[x.iid] = [frames[i] for i in x.frame_ids]
        if p.HasField("track_event"):
            if p.track_event.HasField("name_iid") and p.track_event.name_iid not in names:
                complain("perfetto: a name that was not told")
            if p.track_event.callstack_iid and p.track_event.callstack_iid not in stacks:
                complain("perfetto: a stack that was not told")
            if p.track_event.track_uuid not in tracks:
                complain("perfetto: a track that was not told")
        if p.HasField("track_descriptor"):
            tracks[p.track_descriptor.uuid] = p.track_descriptor
    for _, p in packets:
        e = p.track_event
        end = max(end, time_of(p))
        if e.type == pb.TrackEvent.TYPE_SLICE_BEGIN:
            notes = {n.name: n for n in e.debug_annotations}
            stack_of_track[e.track_uuid].append(
                (p.timestamp, names[e.name_iid], notes["g"].uint_value if "g" in notes else None))
        elif e.type == pb.TrackEvent.TYPE_SLICE_END:
            begin, name, g = stack_of_track[e.track_uuid].pop()
            if g is not None:
                totals.add(kind_of(name), g, p.timestamp - begin)
            for f in e.terminating_flow_ids:
                arrows += 1
                if flows.pop(f) != p.timestamp:
                    complain("perfetto: an arrow that is bent")
        elif e.type == pb.TrackEvent.TYPE_INSTANT:
            for f in e.flow_ids:
                flows[f] = p.timestamp
        for x in p.ftrace_events.event:
            if x.HasField("sched_switch"):
                s = x.sched_switch
                if on_cpu.get(p.ftrace_events.cpu, 0) != s.prev_pid:
                    complain("perfetto: thread %d leaves a CPU that it is not on" % s.prev_pid)
                on_cpu[p.ftrace_events.cpu] = s.next_pid
                if s.prev_pid and s.prev_state == 1:
                    sleeps_since[s.prev_pid] = x.timestamp
            else:
                pid = x.sched_waking.pid
                if pid in sleeps_since:
                    asleep[pid] += x.timestamp - sleeps_since.pop(pid)
    for pid, t in sleeps_since.items():
        asleep[pid] += end - t
    if flows:
        complain("perfetto: %d arrows without an end" % len(flows))
    return totals, asleep, arrows


def time_of(p):
    if p.HasField("ftrace_events"):
        return p.ftrace_events.event[0].timestamp
    return p.timestamp


# ---------------------------------------------------------------- JSON formats

def load(name):
    with open(path(name), encoding="utf-8") as f:
        return json.load(f, parse_float=Decimal)


def whole(x):
    if x != int(x):
        complain("not a whole number of ns: %s" % x)
    return int(x)


def read_chrome():
    totals, flows, ends = Totals(), collections.Counter(), {}
    for e in load("chrome")["traceEvents"]:
        if e["ph"] == "X" and e["cat"] in ("wait", "syscall"):
            totals.add(kind_of(e["name"]), e["args"]["g"], whole(e["dur"] * 1000))
        elif e["ph"] in "sf":
            flows[e["id"], e["ph"]] += 1
            ends[e["id"], e["ph"]] = e["ts"]
    arrows = sum(1 for _, ph in flows if ph == "s")
    if set(flows.values()) - {1} or len(flows) != 2 * arrows:
        complain("chrome: arrows without begin or end")
    late = [k for k, _ in flows if ends[k, "s"] > ends[k, "f"]]
    if late:
        complain("chrome: %d arrows go back in time" % len(late))
    return totals, arrows


def read_speedscope():
    """By tid: the last word of a profile's name."""
    totals = Totals()
    data = load("speedscope")
    frames = data["shared"]["frames"]
    for p in data["profiles"]:
        tid, stack, last = int(p["name"].split(" ")[-1]), [], 0
        for e in p["events"]:
            if e["at"] < last or e["at"] > p["endValue"]:
                complain("speedscope: time goes back in %s" % p["name"])
            last = e["at"]
            if e["type"] == "O":
                stack.append((e["frame"], e["at"]))
                continue
            frame, at = stack.pop()
            if frame != e["frame"]:
                complain("speedscope: frames do not nest in %s" % p["name"])
            name = frames[frame]["name"]
            if name.startswith("[") and kind_of(name[1:-1]):
                totals.add(kind_of(name[1:-1]), tid, e["at"] - at)
        if stack:
            complain("speedscope: open frames in %s" % p["name"])
    return totals


def check_table(name, table, sizes):
    """Columns are equally long, and indices lie in the tables that they point into."""
    for column, values in table.items():
        if isinstance(values, list) and len(values) != table["length"]:
            complain("firefox: %s.%s has %d rows of %d" % (name, column, len(values), table["length"]))
        if isinstance(values, list) and column in sizes:
            for v in values:
                if v is not None and not 0 <= v < sizes[column]:
                    complain("firefox: %s.%s: %s is outside" % (name, column, v))


def read_firefox():
    totals = Totals()
    data = load("firefox")
    shared = data["shared"]
    strings = len(shared["stringArray"])
    check_table("stackTable", shared["stackTable"],
                {"frame": shared["frameTable"]["length"], "prefix": shared["stackTable"]["length"]})
    for i, prefix in enumerate(shared["stackTable"]["prefix"]):
        if prefix is not None and prefix >= i:
            complain("firefox: a stack before its parent")
    check_table("frameTable", shared["frameTable"], {"func": shared["funcTable"]["length"]})
    check_table("funcTable", shared["funcTable"],
                {"name": strings, "source": shared["sources"]["length"]})
    check_table("sources", shared["sources"], {"filename": strings})
    kinds = {"Wait": "wait", "Syscall": "call"}
    for t in data["threads"]:
        check_table("samples", t["samples"], {"stack": shared["stackTable"]["length"]})
        check_table("markers", t["markers"], {"name": strings, "category": len(data["meta"]["categories"])})
        for d, start, stop in zip(t["markers"]["data"], t["markers"]["startTime"], t["markers"]["endTime"]):
            if d["type"] in kinds:
                totals.add(kinds[d["type"]], t["tid"], whole((stop - start) * 10**6))
            if "cause" in d and not 0 <= d["cause"]["stack"] < shared["stackTable"]["length"]:
                complain("firefox: a marker's stack is outside")
    return totals


# ---------------------------------------------------------------- text and pprof

def read_folded(name):
    """By name of the thread; ns only."""
    ns = {"wait": collections.Counter(), "call": collections.Counter()}
    with open(path(name), encoding="utf-8") as f:
        for line in f:
            frames, n = line.rstrip("\n").rsplit(" ", 1)
            frames = frames.split(";")
            if "--" in frames:
                frames = frames[:len(frames) - 1 - frames[::-1].index("--")]
            ns[kind_of(frames[-1][1:-1])][frames[0]] += int(n)
    return ns


def read_pprof(name):
    """pprof -raw: a line of numbers, then lines of labels."""
    out = subprocess.run([os.environ.get("PPROF", "pprof"), "-raw", path(name)], check=True, encoding="utf-8",
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    totals, values = Totals(), None
    lines = iter(out[out.index("Samples:"):out.index("\nLocations")].splitlines()[2:])
    samples = []
    for line in lines:
        m = re.match(r"^ +(-?\d+) +(-?\d+): ", line)
        if m:
            samples.append([int(m.group(1)), int(m.group(2)), ""])
        else:
            samples[-1][2] += " " + line
    for n, ns, labels in samples:
        tid = re.search(r"tid:\[(\d+)", labels)
        kind = "call" if "state:[syscall]" in labels else "wait"
        totals.add(kind, int(tid.group(1)), ns, n)
    return totals


# ---------------------------------------------------------------- comparing

def same(what, got, want):
    for key in sorted(set(got) | set(want), key=str):
        if got.get(key, 0) != want.get(key, 0):
            complain("%s: %s: got %s, want %s" % (what, key, got.get(key, 0), want.get(key, 0)))


def regroup(counter, key):
    result = collections.Counter()
    for g, v in counter.items():
        result[key(g)] += v
    return result


def compare(what, totals, want, key=lambda g: g, kinds=("wait", "call")):
    for kind in kinds:
        same("%s: ns of %ss" % (what, kind), totals.ns[kind], regroup(want.ns[kind], key))
        same("%s: number of %ss" % (what, kind), totals.n[kind], regroup(want.n[kind], key))


def read_oracle():
    """Every change of state, as Go's reader prints it. What was there at the start counts from it."""
    line_re = re.compile(r'^M=-?\d+ P=-?\d+ G=(-?\d+) (\w+) Time=(\d+)(?: GoID=(\d+) (\w+)->(\w+) Reason="(.*)")?')
    kinds = {"Waiting": "wait", "Syscall": "call"}
    totals, sync, start, end, arrows = Totals(), collections.Counter(), None, None, 0
    state = {}
    with open(oracle_file, encoding="utf-8", errors="replace") as f:
        for line in f:
            m = line_re.match(line)
            if not m:
                continue
            by, event, time = int(m.group(1)), m.group(2), int(m.group(3))
            start = time if start is None else start
            if event == "Sync":
                continue  # N.B. the reader puts one behind the last event
            end = time
            if m.group(4) is None:
                continue
            g, old, new, reason = int(m.group(4)), m.group(5), m.group(6), m.group(7)
            if g in state and old != new:
                since, was, why = state.pop(g)
                if was in kinds:
                    totals.add(kinds[was], g, time - since)
                if was == "Waiting" and why == "sync":
                    sync[g] += time - since
                if was == "Waiting" and by not in (-1, g):
                    arrows += 1
            if g not in state and new != "NotExist":
                state[g] = (start if old == "Undetermined" else time, new, reason)
    for g, (since, was, why) in state.items():
        if was in kinds:
            totals.add(kinds[was], g, end - since)
        if was == "Waiting" and why == "sync":
            sync[g] += end - since
    return totals, sync, arrows


def main():
    ctf, threads, end = read_ctf()
    go, sync, go_arrows = read_oracle()
    compare("ctf, by Go's reader", ctf, go)
    tid = lambda g: threads[g][0]
    label = lambda g: threads[g][1].replace(";", ":")
    perfetto, asleep, arrows = read_perfetto()
    compare("perfetto", perfetto, ctf)
    same("perfetto: ns asleep by scheduler events", asleep, regroup(ctf.ns["wait"], tid))
    same("ctf-kernel: ns asleep by scheduler events", read_ctf_kernel(end), regroup(ctf.ns["wait"], tid))
    chrome, chrome_arrows = read_chrome()
    compare("chrome", chrome, ctf)
    # In a trace of ours the wakers are in records of its own, which Go's reader does not know.
    if arrows != chrome_arrows or go_arrows not in (0, arrows):
        complain("wake-ups: perfetto %d, chrome %d, Go's reader %d" % (arrows, chrome_arrows, go_arrows))
    compare("speedscope", read_speedscope(), ctf, tid)
    compare("firefox", read_firefox(), ctf, tid)
    compare("pprof-block", read_pprof("pprof-block"), ctf, tid, ("wait",))
    compare("pprof-offcpu", read_pprof("pprof-offcpu"), ctf, tid)
    same("pprof-mutex: ns", read_pprof("pprof-mutex").ns["wait"],
         {k: v for k, v in regroup(sync, tid).items() if v})
    for name in ("folded", "offwake"):
        ns = read_folded(name)
        for kind in ("wait", "call"):
            same("%s: ns of %ss" % (name, kind), ns[kind], regroup(ctf.ns[kind], label))
    print("%d threads, %d waits of %d ns, %d calls of %d ns, %d arrows" %
          (len(threads), sum(ctf.n["wait"].values()), sum(ctf.ns["wait"].values()),
           sum(ctf.n["call"].values()), sum(ctf.ns["call"].values()), arrows))
    sys.exit(bad > 0)


main()
