#!/bin/bash
# A big file: the index, parts of it, pipes, the progress bar, Ctrl-C.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
BIGTRACE=$B/bench/bigtrace
[ -x "$BIGTRACE" ] || { echo "no $BIGTRACE: run make check"; exit 1; }
F=$T/big.trace
"$BIGTRACE" "$F" "${BYTES:-160M}" >/dev/null || exit 1

fail() { echo "FAIL: $*"; failed=1; }
same() { cmp -s "$1" "$2" || { fail "$3"; diff "$1" "$2" | head -5; }; }
# The lines of a dump between two times, in ns; names that a generation learnt are not of it.
between() { awk -v from="$1" -v to="$2" '{ split(substr($2, 2), t, "."); at = t[1] * 1000000000 + t[2] } at >= from && at <= to' "$3"; }

# The index gives the same figures, and is made anew when the file, or it, is another.
"$GT" info --json "$F" >"$T/first" || fail "info"
[ -s "$F.idx" ] || fail "no index"
"$GT" info --json "$F" >"$T/second"
same "$T/first" "$T/second" "info with the index"
s=$(date +%s%N)
"$GT" info "$F" >/dev/null
ms=$((($(date +%s%N) - s) / 1000000))
[ $ms -lt 1000 ] || fail "info with the index took $ms ms"
for spoil in 'touch "$F"' 'sed -i s/^gen/genx/ "$F.idx"' 'sed -i "2s/16/99/" "$F.idx"' ': >"$F.idx"' 'head -3 "$F.idx" >"$T/i"; cp "$T/i" "$F.idx"'; do
	before=$(md5sum <"$F.idx")
	eval "$spoil"
	"$GT" info --json "$F" >"$T/second" || fail "info after: $spoil"
	same "$T/first" "$T/second" "info after: $spoil"
done

# A part is the same as that part of the whole; with the index, without it, through a pipe.
"$GT" dump --from 500ms --to 1501ms "$F" | between 1500000000 1500300000 /dev/stdin >"$T/want"
[ "$(wc -l <"$T/want")" -gt 500 ] || fail "too few events in the part"
"$GT" dump --from 1500ms --to 1500300us "$F" >"$T/got"
same "$T/want" "$T/got" "dump of a part"
rm "$F.idx"
"$GT" dump --from 1500ms --to 1500300us "$F" >"$T/got"
same "$T/want" "$T/got" "dump of a part without the index"
[ -s "$F.idx" ] || fail "dump --from made no index"
cat "$F" | "$GT" dump --from 1500ms --to 1500300us - >"$T/got"
same "$T/want" "$T/got" "dump of a part of a pipe"
"$GT" dump --from 1500ms --to 1500300us --thread 41235 "$F" >"$T/got"
grep -E '^[0-9]+ \S+ (\S+/)?41235 ' "$T/want" | same /dev/stdin "$T/got" "dump of a thread"
"$GT" info "$F" >/dev/null # now the index knows where generations end
"$GT" check --from 1500ms --to 1600ms "$F" | grep -q 'in 1 generation' || fail "check of a part"
strace -o "$T/strace" -e trace=read,pread64 "$GT" check -q --from 1500ms --to 1600ms "$F" 2>/dev/null &&
	[ "$(awk -F= '{ n += $NF } END { print n }' "$T/strace")" -lt $(($(stat -c %s "$F") * 6 / 10)) ] ||
	{ command -v strace >/dev/null && fail "a part reads the whole file"; }
"$GT" check --from 5s --to 1s "$F" 2>/dev/null
[ $? = 2 ] || fail "--to before --from"
"$GT" dump --thread x "$F" >/dev/null 2>&1
[ $? = 2 ] || fail "--thread x"

# Work of more than a second shows how far it is, on a terminal only; Ctrl-C ends it at once, with 130 and no file.
python3 - "$GT" "$F" <<'P' || failed=1
import os, pty, signal, subprocess, sys, time
gt, f = sys.argv[1:]
def on_terminal(args, stop_at=None):
    master, slave = pty.openpty()
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    seen = b""
    while True:
        try: got = os.read(master, 4096)
        except OSError: break
        if not got: break
        seen += got
        if stop_at and stop_at in seen: p.send_signal(signal.SIGINT); stop_at = None
    return p.wait(), seen
status, seen = on_terminal([gt, "check", f])
bad = []
if status or b"reading [#" not in seen: bad.append("no progress bar: %r" % seen[-200:])
if not seen.endswith(b"\033[K"): bad.append("the bar stays: %r" % seen[-20:])
status, seen = on_terminal([gt, "check", f], b"reading [")
if status != 130 or not seen.endswith(b"\033[K"): bad.append("Ctrl-C: %d %r" % (status, seen[-20:]))
p = subprocess.Popen([gt, "convert", "--to", "go", "-o", f + ".out", "-"], stdin=subprocess.PIPE)
p.stdin.write(open(f, "rb").read(1 << 20)) # and no more: it waits in the middle
while not os.path.exists(f + ".out.new") and p.poll() is None: time.sleep(0.01)
p.send_signal(signal.SIGINT)
status = p.wait()
left = [n for n in os.listdir(os.path.dirname(f)) if ".out" in n]
if status != 130 or left: bad.append("Ctrl-C of convert: %d, left %s" % (status, left))
p = subprocess.run([gt, "check", f], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
if p.stderr: bad.append("progress without a terminal: %r" % p.stderr[:100])
for b in bad: print("FAIL:", b)
sys.exit(bool(bad))
P
[ $failed = 0 ] && echo "big file: index, parts, pipe, progress, Ctrl-C"
exit $failed
