#!/bin/bash
# gtrace merge: fork and exec children, another host, a process that was killed: one valid trace, in which every counter is the
# sum of the files', and every thread waited as long as in its own file, to the ns but for events of one time, which are counted.
. "$(dirname "$0")/../lib.sh"
py=/usr/bin/python3
[ -x $py ] || { need python3; py=$(command -v python3); }
cat >"$T/work.py" <<'END'
import multiprocessing as mp, os, threading, time
def child(q, n):
    lock = threading.Lock()
    def work():
        for k in range(40):
            with lock: time.sleep(0.001)
    ts = [threading.Thread(target=work) for k in range(2)]
    for t in ts: t.start()
    for t in ts: t.join()
    q.put(n)
mp.set_start_method("fork")
q = mp.Queue()
ps = [mp.Process(target=child, args=(q, n)) for n in range(3)]
for p in ps: p.start()
assert sorted(q.get() for p in ps) == [0, 1, 2]
for p in ps: p.join()
os.system("sleep 0.05")
END
# merge OUT FILE...: valid, and its words in $T/said
period=1s
merge()
{
	local out=$1
	shift
	"$GT" merge --json --period $period -o "$out" "$@" >"$T/said" 2>"$T/stderr" || fail "gtrace merge: $(cat "$T/stderr")"
	judge_now "$out" || fail "the merged trace is invalid: $(head -3 "$out.err")"
	jq -e --argjson n $# '.processes | length == $n' "$T/said" >/dev/null || fail "not all processes: $(cat "$T/said")"
}
calls() { jq -sc '[.[].calls[]] | group_by(.call)[] | [.[0].call, (map(.count) | add), (map(.waits) | add), (map(.total_ns // 0) | add), (map(.max_ns // 0) | max)]'; }
# thread of the kernel -> its waits, in all and by class (another number of a thread ends in the kernel's)
# (one that never ran has no such thread, and nothing to sum)
waits() { jq -sc '[.[].threads[] | select(.waits + .calls > 0)] | map([.tid % 10000000, .waits, .calls, .contention_ns, .io_ns, .idle_ns, .sleep_ns, .calls_ns]) | sort[]'; }
each() { local v=$1 f; shift; for f; do "$GT" "$v" --json "$f"; done; }
sums()
{
	local out=$1 moved
	shift
	moved=$(jq .moved_ns "$T/said")
	each stat "$@" | calls >"$T/a"
	each stat "$out" | calls >"$T/b"
	cmp -s "$T/a" "$T/b" || fail "counters: $(diff "$T/a" "$T/b" | head -4)"
	each threads "$@" | waits >"$T/a"
	each threads "$out" | waits >"$T/b"
	if [ "$moved" = 0 ]; then
		cmp -s "$T/a" "$T/b" || fail "waits: $(diff "$T/a" "$T/b" | head -4)"
	fi
	# as many waits; no time differs by more than all that was moved
	jq -en --slurpfile a "$T/a" --slurpfile b "$T/b" --argjson m "$moved" \
		'($a | length) == ($b | length) and all(range($a | length) as $i | range(8) as $k | [$k, $a[$i][$k], $b[$i][$k]];
		if .[0] < 3 then .[1] == .[2] else (.[1] - .[2] | fabs) <= $m end)' >/dev/null ||
		fail "waits differ by more than $moved ns: $(diff "$T/a" "$T/b" | head -4)"
	# who held and who woke is known as often (of pipes between them perhaps more often; nobody ended a wait that a file cuts)
	each locks "$@" | jq -s 'map(.doubts) | [(map(.waits) | add), (map(.holder_unknown) | add), (map(.waker_unknown + .cut_by_end) | add)]' >"$T/a"
	each locks "$out" | jq '.doubts | [.waits, .holder_unknown, .waker_unknown + .cut_by_end]' >"$T/b"
	jq -en --slurpfile a "$T/a" --slurpfile b "$T/b" '$a[0][0] == $b[0][0] and $b[0][1] <= $a[0][1] and $b[0][2] <= $a[0][2]' >/dev/null ||
		fail "waits, unknown holders, wakers: $(jq -c . "$T/b"), in the files $(jq -c . "$T/a")"
}

record -- $py "$T/work.py"
eq "$status" 0 "exit status"
files=("$T"/*.trace)
judge "${files[@]}"
[ ${#files[@]} -ge 5 ] || fail "only ${#files[@]} files"
merge "$T/m.out" "${files[@]}"
sums "$T/m.out" "${files[@]}"
# As many generations as the trace has ms: what goes on at the end of one goes on in the next
period=1ms merge "$T/m.out" "${files[@]}"
sums "$T/m.out" "${files[@]}"
[ "$(jq .generations "$T/said")" -ge 50 ] || fail "$(jq .generations "$T/said") generations"
merge "$T/m.out" "${files[@]}"
jq -e 'all(.processes[]; .clock == "same" and .shift_ns == 0 and .error_ns == 0 and .error == null)' "$T/said" >/dev/null || fail "clocks of one host: $(cat "$T/said")"
"$GT" info --json "$T/m.out" >"$T/info"
jq -e --argjson n ${#files[@]} '(.sources | length) == $n and all(.sources[]; .error_ns == null) and
	([.sources[].pid] - [.threads[].name | capture("\\[(?<p>[0-9]+)\\]").p | tonumber]) == []' "$T/info" >/dev/null ||
	fail "info: $(jq -c '.sources, [.threads[].name]' "$T/info")"
# Locks of processes at the same address stay apart; pipes do not
"$GT" locks --json "$T/m.out" | jq -e '[.locks[].lock | select(test("of process [0-9]+$"))] | map(split(" ")[3]) | unique | length >= 2' >/dev/null ||
	fail "locks of processes: $("$GT" locks "$T/m.out" | head -20)"
# Parts of it, and other formats
from=$("$GT" info --json "$T/m.out" | jq '.duration_ns / 2 | floor')
"$GT" slice -q --from "${from}ns" -o "$T/s.out" "$T/m.out" && judge_now "$T/s.out" || fail "a slice of it"
eq "$(each stat "$T/s.out" | calls)" "$("$GT" stat --json --from "${from}ns" "$T/m.out" | calls)" "stat of a slice of it"
"$GT" convert --to go -o "$T/g.out" "$T/m.out" && judge_now "$T/g.out" || fail "convert --to go"

# Another host: its name is one of as many letters
host=$(jq -r '.sources[0].host' "$T/info")
child=$(jq -r '.sources[] | select(.exe | test("python")) | .file' "$T/info" | tail -1)
other=$(printf '%s' "$host" | tr 'a-zA-Z0-9' 'b-zaB-ZA1-90')
len=$(printf '\\x%02x' ${#host})
LC_ALL=C sed "s/$len$host/$len$other/g" "$child" >"$T/other.host"
judge_now "$T/other.host" || fail "the copy with another host name"
merge "$T/h.out" "$child" "$T/other.host"
sums "$T/h.out" "$child" "$T/other.host"
jq -e --arg h "$other" '(.processes[1].host == $h) and ([.processes[].error_ns] | sort | .[0] == 0 and .[1] >= 1)' "$T/said" >/dev/null ||
	fail "uncertainty of another host: $(cat "$T/said")"
"$GT" info --json "$T/h.out" | jq -e --arg h "$other" '([.sources[].clock] | sort) == ["the trace'"'"'s", "time of day"] and any(.threads[]; .name | startswith($h + ":"))' >/dev/null ||
	fail "info of another host: $("$GT" info "$T/h.out" | head -20)"
"$GT" merge --clock mono -q -o "$T/h.out" "$child" "$T/other.host" && "$GT" info --json "$T/h.out" | jq -e 'all(.sources[]; .error_ns == null)' >/dev/null || fail "--clock mono"

# A child ends while a thread of it waits, the parent lives on: that wait does not
cat >"$T/daemon.py" <<'END'
import os, threading, time
if os.fork() == 0:
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=lock.acquire, daemon=True).start()
    time.sleep(0.05)
    os._exit(0)
os.wait()
time.sleep(0.3)
END
rm -f "$T"/*.trace*
record -- $py "$T/daemon.py"
eq "$status" 0 "exit status"
judge "$T"/*.trace
merge "$T/d.out" "$T"/*.trace
sums "$T/d.out" "$T"/*.trace
each threads "$T"/*.trace | jq -s '[.[].threads[]] | length' >"$T/a"
[ "$(cat "$T/a")" = 3 ] || fail "threads: $(cat "$T/a")"

# fork and exec; many threads; killed in the middle of its waits
rm -f "$T"/*.trace*
record -- "$PROGS/procs" forkexec "$PROGS/sync" cond
GTRACE_PERIOD=20ms record -- "$PROGS/threads2000" 200
start -- "$PROGS/procs" fork
until [ -e "$TRACE" ]; do :; done # (wherever it is by then)
kill -KILL "$pid" && finish
files=()
for f in "$T"/*.trace; do # (of a program that was killed before its first event there is the head)
	settle "$f"
	[ "$(stat -c %s "$f")" -gt 16 ] && "$GT" check -q "$f" >/dev/null 2>&1 && files+=("$f")
done
merge "$T/m.out" "${files[@]}"
sums "$T/m.out" "${files[@]}"

# A server and its client: the client's requests are the server's
if command -v redis-server redis-benchmark redis-cli >/dev/null; then
	rm -f "$T"/*.trace*
	sock=$T/redis.sock
	start -- redis-server --port 0 --unixsocket "$sock" --io-threads 2 --save '' --dir "$T"
	server=$TRACE
	for _ in $(seq 100); do
		redis-cli -s "$sock" ping 2>/dev/null | grep -q PONG && break
		read -rt 0.05 _ < <(:) || :
	done
	(record -- redis-benchmark -s "$sock" -t set -n 2000 -c 10 -q; echo "$TRACE" >"$T/client"; exit "$status") || fail "redis-benchmark"
	client=$(cat "$T/client")
	redis-cli -s "$sock" shutdown nosave
	finish
	judge "$server" "$client"
	merge "$T/r.out" "$server" "$client"
	sums "$T/r.out" "$server" "$client"
	"$GT" threads --json "$T/r.out" | jq -e '[.threads[].thread] | (map(select(startswith("redis-server["))) | length >= 5) and
		(map(select(startswith("redis-benchmark["))) | length >= 1)' >/dev/null || fail "threads: $("$GT" threads "$T/r.out")"
	files=("$server" "$client")
	merge "$T/m.out" "${files[@]}"
fi

# What is damaged is left out, with a word; what cannot be merged is refused in one line
head -c $(($(stat -c %s "${files[0]}") - 1)) "${files[0]}" >"$T/cut.out"
"$GT" merge -q -o "$T/c.out" "$T/cut.out" "${files[1]}" 2>"$T/stderr"
rc=$?
if "$GT" info "$T/cut.out" >/dev/null 2>&1 || [ $? = 1 ]; then
	[ $rc = 2 ] || { eq $rc 1 "status for a damaged file"; judge_now "$T/c.out" || fail "invalid after a damage"; }
	grep -q 'cut.out: 0x.*C9' "$T/stderr" || fail "where is the damage: $(cat "$T/stderr")"
fi
refused()
{
	"$GT" merge "$@" >/dev/null 2>"$T/stderr"
	eq $? 2 "status of merge $*"
	eq "$(wc -l <"$T/stderr")" 1 "lines of $(cat "$T/stderr")"
}
refused "${files[0]}"
refused -o "$T/x.out" "$T/m.out" "${files[0]}"
refused -o "$T/x.out" "$T/nothing"
refused -o "$T/x.out" tests/fuzz/corpus/ok-worked-example.bin
refused -o "${files[0]}" "${files[@]}"
done_ok
