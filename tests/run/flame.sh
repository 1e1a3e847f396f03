#!/bin/bash
# gtrace flame: the folded form says what the exporters say, the picture is well-formed XML, holds all names with the same times, needs
# nothing from outside; --only takes a class as gtrace locks tells it apart.
. "$(dirname "$0")/../lib.sh"
need python3
record -- "$PROGS/blame"
eq "$status" 0 "exit status"
judge
sum()
{
	awk '{ n = $NF; $NF = ""; s[$0] += n } END { for (k in s) printf "%s%.0f\n", k, s[k] }' "$1" | sort
}
flame()
{
	"$GT" flame "$@" "$TRACE" 2>"$T/err" || fail "gtrace flame $*: $(cat "$T/err")"
}
for form in folded offwake; do
	"$GT" convert --to $form -o "$T/$form" "$TRACE" || fail "convert"
	flame --folded $([ $form = offwake ] && echo --off-wake) -o "$T/ours"
	sum "$T/$form" >"$T/want"
	sum "$T/ours" >"$T/got"
	[ -s "$T/want" ] && cmp -s "$T/want" "$T/got" || fail "$form: $(diff "$T/want" "$T/got" | head)"
	flame $([ $form = offwake ] && echo --off-wake) -o "$T/$form.svg"
	python3 - "$T/$form.svg" "$T/want" <<'END' || fail "$form.svg"
import re, sys, xml.etree.ElementTree as ET
svg, ns = ET.parse(sys.argv[1]).getroot(), "{http://www.w3.org/2000/svg}"
want = {}
for line in open(sys.argv[2]):
    path, n = line.rsplit(" ", 1)
    for frame in set(path.split(";")):
        want[frame] = want.get(frame, 0) + int(n)
total = sum(int(l.rsplit(" ", 1)[1]) for l in open(sys.argv[2]))
boxes = [(g.get("data-s"), float(g.get("data-x")), float(g.get("data-w")), int(g.get("data-ns")), g) for g in svg.iter(ns + "g")]
assert boxes[0][0] == "all" and boxes[0][3] == total, (boxes[0], total)
for name, x, w, t, g in boxes:
    assert abs(w - 1200 * t / total) < 0.01 and x >= 0 and x + w <= 1200.01, (name, x, w, t)
    assert g.find(ns + "title").text.startswith(name + ": ") and g.find(ns + "rect") is not None
rows = {}
for name, x, w, t, g in boxes: # boxes of a row do not overlap
    rows.setdefault(g.find(ns + "rect").get("y"), []).append((x, x + w))
for row in rows.values():
    row.sort()
    assert all(a[1] <= b[0] + 0.01 for a, b in zip(row, row[1:])), row
for name in ("lord", "serf-0", "pthread_mutex_lock", "[wait sync]"):
    got = [t for n, x, w, t, g in boxes if n == name]
    assert got and sum(got) <= want[name], (name, got)
assert re.findall(r'(?:href|src)\s*=|url\(|https?://(?!www.w3.org/2000/svg)', open(sys.argv[1]).read()) == []
END
done
eq "$(flame --folded -o - | awk '{ n += $NF } END { printf "%.0f", n }')" \
	"$(for c in contention io idle sleep; do flame --only $c --folded -o -; done | awk '{ n += $NF } END { printf "%.0f", n }')" "sum of the classes"
eq "$(flame --only contention --folded -o - | awk '{ n += $NF } END { printf "%.0f", n }')" \
	"$("$GT" locks --json "$TRACE" | jq '[.locks[] | select(.class == "contention") | .total_ns] | add')" "contention"
"$GT" flame "$TRACE" || fail "with no options"
[ -s "$TRACE.flame.svg" ] || fail "no file: $(ls "$T")"
"$GT" flame -o "$TRACE" "$TRACE" 2>/dev/null
eq $? 2 "the output is the input"
done_ok
