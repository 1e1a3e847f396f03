#!/usr/bin/env python3
"""Mutated traces in old formats: mutate.py SEED N OUTDIR FILE... Most changes are of events and their
numbers, so that much of what comes out is a trace that somebody has to think about."""
import os, random, sys

def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)

def number(b, at):
    v = shift = 0
    while True:
        c = b[at]
        at += 1
        v |= (c & 0x7F) << shift
        shift += 7
        if c < 0x80:
            return v, at

def parse(b):
    """[type, arguments, bytes behind them] of each event"""
    few = 5 if b[:8] == b"go 1.5 t" else 4
    events, at = [], 16
    while at < len(b):
        first, at = b[at], at + 1
        kind, n, args, tail = first & 63, (first >> 6) + few - 3, [], b""
        if kind == 37:
            i, at = number(b, at)
            n, at = number(b, at)
            args, tail, at = [i], b[at:at + n], at + n
        elif n < few:
            for _ in range(n):
                v, at = number(b, at)
                args.append(v)
        else:
            n, at = number(b, at)
            end = at + n
            while at < end:
                v, at = number(b, at)
                args.append(v)
        if kind == 48:
            n, at = number(b, at)
            tail, at = b[at:at + n], at + n
        events.append([kind, args, tail])
    return few, events

def build(head, few, events):
    out = bytearray(head)
    for kind, args, tail in events:
        body = b"".join(map(varint, args))
        if kind == 37:
            out += bytes([37]) + body + varint(len(tail)) + tail
            continue
        n = len(args) - (few - 3)
        if len(args) < few and n >= 0:
            out += bytes([kind | n << 6]) + body
        else:
            out += bytes([kind | 3 << 6]) + varint(len(body)) + body
        if kind == 48:
            out += varint(len(tail)) + tail
    return bytes(out)

def change(r, events):
    """One change of meaning."""
    i = r.randrange(len(events))
    kind, args, tail = events[i]
    what = r.randrange(9)
    if what == 0:
        del events[i]
    elif what == 1:
        events.insert(r.randrange(len(events)), [kind, list(args), tail])
    elif what == 2:
        k = min(i + 1, len(events) - 1)
        events[i], events[k] = events[k], events[i]
    elif what == 3:
        k = r.randrange(len(events))
        events[i], events[k] = events[k], events[i]
    elif what == 4:
        events[i] = [r.randrange(1, 50), args, tail]
    elif what == 5 and args:
        k = r.randrange(len(args))
        args[k] = max(0, args[k] + r.choice([-2, -1, 1, 2, 100]))
    elif what == 6 and args:
        other = r.choice(events)[1]
        args[r.randrange(len(args))] = r.choice(other) if other else 0
    elif what == 7:
        same = [k for k, e in enumerate(events) if len(e[1]) == len(args)]
        events[i] = [events[r.choice(same)][0], args, tail]
    elif what == 8 and args:
        args[r.randrange(len(args))] = r.choice([0, 1, 2, 3, 1000002, 2**31, 2**63, 2**64 - 1])
    return events

def main():
    seed, n, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    r = random.Random(seed)
    files = []
    for name in sys.argv[4:]:
        b = open(name, "rb").read()
        files.append((b, *parse(b)))
    for i in range(n):
        b, few, events = r.choice(files)
        if r.randrange(10) == 0: # bytes
            b = bytearray(b)
            for _ in range(r.choice([1, 1, 3])):
                if r.randrange(3) == 0:
                    del b[r.randrange(16, len(b)):]
                    break
                b[r.randrange(len(b))] ^= 1 << r.randrange(8)
        else:
            events = [[k, list(a), t] for k, a, t in events]
            for _ in range(r.choice([1, 1, 1, 2, 5])):
                if events:
                    events = change(r, events)
            b = build(b[:16], few, events)
        with open(os.path.join(out, f"{i:06}.trace"), "wb") as f:
            f.write(b)

main()
