#!/bin/bash
# The Nth kernel call of the tracer fails, for N = 1, 2, 3 ... until there is no Nth: the program does not notice, nothing
# hangs, and what is in a file is valid or can be recovered.
#   ERRORS="12 1 28" (ENOMEM EPERM ENOSPC)  MAX_N=600 (then every 37th up to FAR_N)
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
lib=$B/fault/libgtrace.so
prog=$B/tests/torture/fault
[ -f "$lib" ] || skip "no $lib: run make fault-library"
want=$("$prog")
want_status=$?

# Valid, or not even begun, or for `gtrace recover`. Not --strict: a symbol table that could not be read costs names.
file_is_fine()
{
	flock -s -w 10 "$1" true || { echo "still being written"; return 1; }
	[ "$(stat -c %s "$1")" -gt 16 ] || { empty=$((empty + 1)); return 0; }
	"$GT" check "$1" >"$T/check" 2>&1 && return 0
	rm -f "$T/recovered"
	"$GT" recover "$1" -o "$T/recovered" >"$T/recover" 2>&1 && "$GT" check "$T/recovered" >>"$T/recover" 2>&1 || {
		cat "$T/check" "$T/recover"
		return 1
	}
	recovered=$((recovered + 1))
}
once()
{
	local out status f
	rm -rf "$T/f" "$T/mark"
	mkdir "$T/f"
	out=$(GTRACE_OUT="$T/f/%p.trace" GTRACE_PERIOD=3ms FAULT_N=$1 FAULT_ERRNO=$2 FAULT_MARK=$T/mark \
		LD_PRELOAD=$lib timeout -k 1 10 "$prog" 2>"$T/stderr")
	status=$?
	eq "$status" "$want_status" "call $1 fails with errno $2: status"
	eq "$out" "$want" "call $1 fails with errno $2: stdout"
	[ "$(wc -l <"$T/stderr")" -le 3 ] || fail "call $1 fails with errno $2: more than three lines on stderr"
	for f in "$T"/f/*; do
		[ -e "$f" ] || { none=$((none + 1)); continue; }
		file_is_fine "$f" || fail "call $1 fails with errno $2: $f: $(file_is_fine "$f")"
	done
	runs=$((runs + 1))
}
runs=0 recovered=0 empty=0 none=0
for error in ${ERRORS:-12 1 28}; do
	n=1
	while [ "$n" -le "${FAR_N:-2000}" ]; do
		once "$n" "$error"
		[ -e "$T/mark" ] || break
		n=$((n < ${MAX_N:-600} ? n + 1 : n + 37))
	done
	echo "errno $error: up to call $n"
done
# The program, or its forked child, is killed just before the Nth call, at its start above all: no file, or a valid one
for child in "" 1; do
	killed=0 without=0
	for n in $(seq "${KILL_N:-150}"); do
		rm -rf "$T/f"
		mkdir "$T/f"
		{ GTRACE_OUT="$T/f/%p.trace" FAULT_N=$n FAULT_ERRNO=0 FAULT_MARK=$T/mark FAULT_CHILD=$child LD_PRELOAD=$lib \
			"$prog" $child >"$T/stdout"; } 2>"$T/stderr"
		case $? in
		137) killed=$((killed + 1)) ;;
		"$want_status") ;;
		*) fail "${child:+child }killed before call $n: status $?: $(cat "$T/stderr")" ;;
		esac
		set -- "$T"/f/*
		if [ -e "$1" ]; then judge "$@"; else without=$((without + 1)); fi
	done
	echo "${child:+child }killed before one of the first $killed calls: $without without a file"
	[ "$killed" -ge 40 ] || fail "only $killed were killed"
done
# A FIFO as output is the user's: it is never taken away, whatever fails
mkfifo "$T/fifo"
exec 9<>"$T/fifo"
cat <&9 >/dev/null &
pid=$!
for n in $(seq "${FIFO_N:-80}"); do
	out=$(GTRACE_OUT="$T/fifo" FAULT_N=$n FAULT_ERRNO=12 FAULT_MARK=$T/mark LD_PRELOAD=$lib timeout -k 1 10 "$prog" 2>"$T/stderr" 9<&-)
	eq "$?" "$want_status" "FIFO, call $n fails: status"
	eq "$out" "$want" "FIFO, call $n fails: stdout"
	[ -p "$T/fifo" ] || fail "FIFO, call $n fails: it is gone"
done
exec 9<&-
kill "$pid"
pid=
echo "$runs runs, $none without a file, $empty with an empty one, $recovered recovered"
[ "$runs" -gt 30 ] || fail "hardly anything was tried"
done_ok
