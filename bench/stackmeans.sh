#!/bin/bash
# What the stacks of real programs cost: each runs under the judging build of the library, which times every capture
# (JUDGE_COST=1; nothing is compared). Prints for each program the mean over all its stacks, beside its goal, and the share of
# stacks that the memo proved; for a program of many processes over all of them.
#
#   stackmeans.sh [NAME...]      of: redis python3 xz zstd cc1 git; ROUNDS=7: the best of so many, and a
#   round is all programs, as other people's work on the machine comes and goes within seconds
set -u
cd "$(dirname "$0")/.." || exit 1
LIB=$PWD/${B:-build}/judge/libgtrace.so
[ -f "$LIB" ] || { echo "no $LIB: run make bench-stack" >&2; exit 1; }
T=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-stackmeans.XXXXXX")
trap '[ -n "${KEEP:-}" ] && echo "$T" || rm -rf "$T"' EXIT
trap 'exit 1' INT TERM

# The same source text and data each time.
make_input()
{
	awk 'BEGIN { for (i = 0; i < 400000; i++) print "line", i, i * i % 9973, i * 7919 % 10007 }' >"$T/data"
	awk 'BEGIN {
		print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <pthread.h>\n#include <math.h>"
		for (i = 0; i < 400; i++)
			printf "int f%d(int a, int b) { int s = 0; for (int i = a; i < b; i++) s += i %% %d ? a ^ i : printf(\"%%d\", s); return s; }\n", i, i + 2
	}' >"$T/big.c"
	cat >"$T/work.py" <<'END'
import hashlib, queue, threading, time
q, lock, done = queue.Queue(4), threading.Lock(), []
def work():
    n = 0
    while (x := q.get()) is not None:
        n += len(hashlib.sha256(b"x" * x).hexdigest())
        if x % 50 == 0:
            time.sleep(0.001)
    with lock:
        done.append(n)
ts = [threading.Thread(target=work) for _ in range(8)]
for t in ts: t.start()
for x in range(4000): q.put(x)
for t in ts: q.put(None)
for t in ts: t.join()
END
}

traced()
{
	env JUDGE_COST="$T/said" GTRACE_OUT="$T/%p.trace" LD_PRELOAD="$LIB" "$@"
}

# The data so many times, through a pipe.
many()
{
	for ((i = 0; i < $1; i++)); do cat "$T/data"; done
}

run_redis()
{
	traced redis-server --port 0 --unixsocket "$T/sock" --save '' --appendonly no --dir "$T" >/dev/null &
	local pid=$! i
	for i in $(seq 100); do redis-cli -s "$T/sock" ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done
	redis-benchmark -s "$T/sock" -t set,get -n 20000 -c 50 -q >/dev/null 2>&1
	redis-cli -s "$T/sock" shutdown nosave >/dev/null 2>&1
	wait "$pid"
}
run_python3() { traced "$(command -v /usr/bin/python3 || command -v python3)" "$T/work.py"; }
run_xz() { many 3 | traced xz -T2 -0 --block-size=128KiB -c >/dev/null; }
run_zstd() { many 30 | traced zstd -q -T2 -1 -B512KiB -c >/dev/null; }
run_cc1() { traced gcc -O1 -c -o "$T/big.o" "$T/big.c"; }
run_git()
{
	rm -rf "$T/repo"
	git init -q "$T/repo"
	(
		cd "$T/repo" || exit
		split -l 2000 "$T/data"
		traced git add .
		traced git -c user.name=a -c user.email=a@b commit -q -m all
		traced git status >/dev/null
		traced git log --stat >/dev/null
	)
}

# name, its programs (as the kernel knows them), what must be installed, goal in ns
programs="redis:redis-server:redis-server:60 python3:python3:python3:100 xz:xz:xz:60 zstd:zstd:zstd:200 cc1:cc1:gcc:300 git:git:git:1000"

# All processes of that name in one round: mean of all stacks, stacks, share of hits, mean of hits, mean of walks, cut
sum_up()
{
	awk -v name="$1" '$1 == "cost" && $2 == name {
		for (i = 3; i <= NF; i++) { split($i, kv, "="); v[kv[1]] += kv[2] }
	} END {
		n = v["hits"] + v["walks"]
		if (n)
			printf "%.0f %d %.1f %.0f %.0f %d\n", (v["hit_ns"] + v["walk_ns"]) / n, n, 100 * v["hits"] / n,
				v["hit_ns"] / (v["hits"] ? v["hits"] : 1), v["walk_ns"] / (v["walks"] ? v["walks"] : 1), v["cut"]
	}' "$T/said"
}

asked() { [ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]; }

make_input
declare -A best
for _ in $(seq "${ROUNDS:-7}"); do
	for row in $programs; do
		IFS=: read -r name process needed goal <<<"$row"
		asked "$name" "$@" && command -v "$needed" >/dev/null || continue
		: >"$T/said"
		"run_$name"
		got=$(sum_up "$process")
		[ -n "$got" ] || { echo "$name: no stacks: $(head -3 "$T/said")"; exit 1; }
		[ -n "${best[$name]:-}" ] && [ "${best[$name]%% *}" -le "${got%% *}" ] || best[$name]=$got
	done
done
printf '%-8s %8s %6s %9s %8s %8s %8s %6s\n' program 'mean, ns' goal stacks 'hits, %' 'hit, ns' 'walk, ns' cut
missed=0
for row in $programs; do
	IFS=: read -r name process needed goal <<<"$row"
	asked "$name" "$@" || continue
	[ -n "${best[$name]:-}" ] || { printf '%-8s (not installed)\n' "$name"; continue; }
	read -r mean stacks hits hit walk cut <<<"${best[$name]}"
	[ "$mean" -le "$goal" ] && mark= || { mark='  MISSED'; missed=1; }
	printf '%-8s %8d %6d %9d %8s %8d %8d %6d%s\n' "$name" "$mean" "$goal" "$stacks" "$hits" "$hit" "$walk" "$cut" "$mark"
done
exit $missed
