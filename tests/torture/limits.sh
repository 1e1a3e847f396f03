#!/bin/bash
# Limits of all kinds, descriptors closed under us, a full buffer, a full disk, memory: the program is as without gtrace.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
P=$B/tests/torture/limits
chmod 777 "$T"
is_root=$([ "$(id -u)" -eq 0 ] && echo yes)
# with LIMITS... -- CMD: traced under prlimit; its output is the native one's, and stderr at most one line
with()
{
	local limits=() want want_status
	while [ "$1" != -- ]; do limits+=("$1"); shift; done
	shift
	want=$("${limits[@]}" "$@" 2>/dev/null)
	want_status=$?
	rm -f "$T"/*.trace*
	GTRACE_OUT=$T/x.trace GTRACE_PERIOD=20ms "${limits[@]}" env LD_PRELOAD="$LIB" "$@" >"$T/stdout" 2>"$T/stderr"
	status=$?
	eq "$status" "$want_status" "${limits[*]}: exit status"
	eq "$(cat "$T/stdout")" "$want" "${limits[*]}: stdout"
	[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "${limits[*]}: stderr"
	TRACE=$T/x.trace
	[ ! -s "$TRACE" ] || [ "$(stat -c %s "$TRACE")" -le 16 ] || [ -n "${MAY_BE_CUT:-}" ] || judge
}
# Resource limits. 40 MB of address space is too little for the arena, 200 MB perhaps not.
for as in 30000000 45000000 60000000 80000000 110000000 150000000 400000000; do
	# (what the program itself cannot do with the rest is no fault of ours: threads' stacks are small)
	with prlimit --as=$as --stack=262144 -- "$P" work
done
with prlimit --nofile=4 -- "$P" work
with prlimit --nofile=3 -- "$P" work
with prlimit --memlock=0 -- "$P" work
with prlimit --core=0 --data=100000000 --stack=262144 -- "$P" work
with prlimit --fsize=20000 -- "$P" work
with prlimit --cpu=20 --nice=0 --rtprio=0 --sigpending=0 --msgqueue=0 -- "$P" work
if [ -n "$is_root" ]; then
	chmod o+rx "$T"
	# No room for the writer: untouched. Else it counts as one task more: known (docs/SAFETY.md).
	with setpriv --reuid=64123 --regid=64123 --clear-groups prlimit --nproc=1 -- /bin/echo hello
	# The kernel counts our reservation against what may be locked: the program gets what it would get alone.
	for lock in 1000000 4500000 8388608; do
		with setpriv --reuid=64123 --regid=64123 --clear-groups prlimit --memlock=$lock -- "$P" mlock_only
		cat "$T/stdout"
	done
	for n in 6 7 8; do
		with setpriv --reuid=64123 --regid=64123 --clear-groups prlimit --nproc=$n -- "$P" work
	done
fi

# Descriptors closed in every way
with -- "$P" closed
judge
rm -f "$T"/*.trace* "$T/done"
GTRACE_OUT=$T/d.trace.%p LD_PRELOAD=$LIB "$P" daemon "$T/done" >"$T/stdout" 2>"$T/stderr" || fail "daemon: $(cat "$T/stderr")"
for _ in $(seq 500); do [ -s "$T/done" ] && break; sleep 0.02; done
[ -s "$T/done" ] || fail "the daemon did not do its work"
for f in "$T"/d.trace.*; do case $f in *.json|*.err) ;; *) judge "$f" ;; esac; done

# The smallest buffer at full speed: whole waits are dropped and counted, or the thread is blocked; never an invalid file
for full in drop block; do
	rm -f "$T"/*.trace*
	record GTRACE_BUFFER=1M GTRACE_FULL=$full GTRACE_MIN_WAIT=0 -- "$B/tests/torture/stress8" 3
	eq "$status" 0 "buffer of 1M, $full: exit status"
	judge
	begins_equal_ends 12 # begun in the generation before, and no room for the end
	lost=$("$GT" info --json "$TRACE" | jq '[.losses[]? | .value] | add // 0')
	echo "buffer of 1M, $full: $(stat -c %s "$TRACE") bytes, $lost lost"
done

# A full disk: a small file system where one may be mounted; else the limit on a file's size does it
if unshare -m true 2>/dev/null; then
	mkdir -p "$T/small"
	unshare -m sh -c 'mount -t tmpfs -o size=300k none "$1" || exit 77
		GTRACE_OUT="$1/x" GTRACE_MIN_WAIT=0 GTRACE_PERIOD=10ms LD_PRELOAD=$2 "$3" 2; rc=$?; sleep 0.3; cp "$1/x" "$4"; exit $rc' \
		- "$T/small" "$LIB" "$B/tests/torture/stress8" "$T/full" >"$T/stdout" 2>"$T/stderr"
	rc=$?
	if [ $rc -ne 77 ]; then
		eq $rc 0 "full disk: exit status"
		[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "full disk: stderr"
		rm -f "$T/r.trace"
		judge_now "$T/full" || { "$GT" recover "$T/full" -o "$T/r.trace" >"$T/o" 2>&1 && judge_now "$T/r.trace"; } || fail "full disk: $(cat "$T/o")"
	fi
fi

# Memory: locked, idle threads, threads in waves
rm -f "$T"/*.trace*
native=$("$P" mlock)
if [ $? -eq 0 ]; then
	record -- "$P" mlock
	eq "$status" 0 "mlockall: exit status"
	more=$(($(cat "$T/stdout") - native))
	[ $more -le 45 ] || fail "mlockall: $more MiB more are resident"
	echo "mlockall: $more MiB more than native"
	judge
fi
rm -f "$T"/*.trace*
native=$("$P" idle 500)
# N.B. no generation ends meanwhile: the begins of their waits are then written, into a chunk of 4 KiB each
record GTRACE_PERIOD=10s -- "$P" idle 500
eq "$status" 0 "500 idle threads: exit status"
more=$(($(cat "$T/stdout") - native))
[ $more -le 24 ] || fail "500 idle threads: $more KiB more for each"
echo "500 idle threads: $more KiB more for each than native"
judge
rm -f "$T"/*.trace*
# (2000 thread records that are not used again would be 32 MiB)
record -- "$P" waves 4000
eq "$status" 0 "4000 threads: exit status"
[ "$(cat "$T/stdout")" -le 12000 ] || fail "4000 threads in waves: $(cat "$T/stdout") KiB more from the first half to the end"
echo "4000 threads in waves: $(cat "$T/stdout") KiB more from the first half to the end"
judge

# A core has nothing of our memory in it
if [ "$(cut -c1 /proc/sys/kernel/core_pattern)" != '|' ] && [ "$(cut -c1 /proc/sys/kernel/core_pattern)" != / ]; then
	mkdir "$T/core"; cd "$T/core" || exit 1
	size() { find . -name 'core*' -printf '%s\n' | head -1; }
	(ulimit -c unlimited; "$P" crash) >/dev/null 2>&1
	native=$(size); rm -f core*
	(ulimit -c unlimited; export GTRACE_OUT=$T/c.trace; LD_PRELOAD=$LIB "$P" crash) >/dev/null 2>&1
	eq $? 139 "core: exit status"
	traced=$(size)
	cd "$ROOT" || exit 1
	if [ -n "$native" ]; then
		[ -n "$traced" ] || fail "no core, natively there is one"
		[ $((traced - native)) -le 4000000 ] || fail "the core has $(((traced - native) / 1024)) KiB more than natively"
		echo "core: $(((traced - native) / 1024)) KiB more than natively"
	fi
	judge "$T/c.trace"
fi
done_ok
