#!/bin/bash
# Under gdb, strace -f and valgrind: each works on a traced program as on any other. And what strace shows of a
# priority-protected mutex: no more calls than natively.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
P=$B/tests/torture/fault # prints a line, ends with status 3
done_with=
want=$("$P")
same()
{
	eq "$status" 3 "$1: exit status"
	eq "$(cat "$T/stdout")" "$want" "$1: stdout"
}
if command -v strace >/dev/null && strace -o "$T/probe" true 2>/dev/null; then
	GTRACE_OUT=$T/s.trace strace -f -o "$T/log" -E LD_PRELOAD="$LIB" "$P" >"$T/stdout" 2>"$T/stderr"
	status=$?
	same "strace -f"
	judge "$T/s.trace"
	grep -q '+++ exited with 3 +++' "$T/log" || fail "strace did not see the end"
	# Attached to a running one
	start GTRACE_MIN_WAIT=0 -- "$PROGS/pingpong" pipe 20000
	timeout 20 strace -f -p "$pid" -o "$T/log" 2>/dev/null &
	s=$!
	finish
	wait $s
	eq "$status" 0 "strace -p: exit status"
	eq "$(cat "$T/stdout")" 20000 "strace -p: stdout"
	judge
	done_with="$done_with strace"

	# Trap 30: sched_setscheduler and friends of a PP mutex
	if [ "$(id -u)" -eq 0 ] && chrt -f 10 true 2>/dev/null; then
		for how in native traced; do
			v=(A=1); [ $how = traced ] && v=(LD_PRELOAD="$LIB" GTRACE_OUT="$T/pp.trace")
			chrt -f 10 strace -f -o "$T/$how.log" env "${v[@]}" "$B/tests/torture/ppmutex" >"$T/$how.out" || fail "ppmutex, $how: $(cat "$T/$how.out")"
			grep -c 'sched_set' "$T/$how.log" >"$T/$how.n"
		done
		cmp -s "$T/native.out" "$T/traced.out" || fail "ppmutex: $(cat "$T/traced.out")"
		eq "$(cat "$T/traced.n")" "$(cat "$T/native.n")" "calls that set priorities"
		[ "$(cat "$T/native.n")" -gt 50 ] || fail "ppmutex sets no priorities: $(cat "$T/native.n")"
		judge "$T/pp.trace"
	else
		echo "no real-time priority here: trap 30 is not tried"
	fi
else
	echo "skipped: strace"
fi
if command -v gdb >/dev/null && gdb -nx -batch -ex run -ex quit true >"$T/probe" 2>&1 && grep -q 'exited normally' "$T/probe"; then
	cat >"$T/script" <<-END
		set pagination off
		set confirm off
		set exec-wrapper env LD_PRELOAD=$LIB GTRACE_OUT=$T/g.trace
		break work
		run >$T/stdout
		backtrace
		info threads
		delete
		continue
	END
	timeout 60 gdb -nx -batch -x "$T/script" "$P" >"$T/gdb.out" 2>&1
	grep -q 'hit Breakpoint 1.*work' "$T/gdb.out" || fail "gdb: no breakpoint: $(tail -5 "$T/gdb.out")"
	grep -q 'exited with code 03' "$T/gdb.out" || fail "gdb: $(tail -5 "$T/gdb.out")"
	! grep -q 'SIG\(SEGV\|TRAP\|ILL\|SYS\)' "$T/gdb.out" || fail "gdb saw a signal: $(grep SIG "$T/gdb.out")"
	eq "$(cat "$T/stdout")" "$want" "gdb: stdout"
	judge "$T/g.trace"
	# Attached, stopped for a while, let go
	start -- "$PROGS/pingpong" pipe 40000
	timeout 60 gdb -nx -batch -p "$pid" -ex 'thread apply all bt 3' -ex 'detach' >"$T/gdb.out" 2>&1
	finish
	eq "$status" 0 "gdb -p: exit status"
	eq "$(cat "$T/stdout")" 40000 "gdb -p: stdout"
	judge
	done_with="$done_with gdb"
else
	echo "skipped: gdb"
fi
if command -v valgrind >/dev/null && valgrind -q true >"$T/probe" 2>&1; then
	GTRACE_OUT=$T/v.trace LD_PRELOAD=$LIB timeout 120 valgrind -q --error-exitcode=99 "$P" >"$T/stdout" 2>"$T/stderr"
	status=$?
	[ $status -ne 99 ] || fail "valgrind finds errors: $(head -30 "$T/stderr")"
	same valgrind
	TRACE=$T/v.trace
	judge
	done_with="$done_with valgrind"
else
	echo "skipped: valgrind: $(head -1 "$T/probe")"
fi
echo "worked:$done_with"
[ -n "$done_with" ] || skip "no strace, gdb or valgrind"
done_ok
