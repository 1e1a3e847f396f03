#!/bin/bash
# The command: exit statuses of record, check and friends; JSON is JSON; damaged files are told apart; recover repairs a cut one.
. "$(dirname "$0")/../lib.sh"
[ -x "$GT" ] || fail "no build/gtrace"
cd "$T" || exit 1
# want STATUS COMMAND...
want()
{
	local w=$1 rc
	shift
	"$@" >"$T/out" 2>"$T/stderr"
	rc=$?
	[ $rc -eq "$w" ] || fail "status $rc, want $w: $*"
}
want 0 "$GT" --help
want 0 "$GT" --version
want 2 "$GT" no-such-verb
[ -s "$T/stderr" ] || fail "an error says nothing"
for v in info stat dump check recover; do want 2 "$GT" $v "$T/no-such-file"; done

# record passes the target's status on
want 0 "$GT" record -o a.trace -- "$PROGS/sync" sleep
grep -q '^waited' "$T/out" || fail "stdout of the program"
[ "$(wc -l <"$T/stderr")" -le 10 ] || fail "record says too much: $(cat "$T/stderr")"
settle a.trace
want 3 "$GT" record -o b.trace -- /bin/sh -c 'exit 3'
want 127 "$GT" record -o c.trace -- /no/such/program
: >"$T/plain"
want 126 "$GT" record -o c.trace -- "$T/plain"
"$GT" record -o d.trace -- /bin/sh -c 'kill -TERM $$' >/dev/null 2>&1
eq $? 143 "record of a program that dies of SIGTERM"
# The older file is kept
want 0 "$GT" record -o a.trace -- "$PROGS/sync" sleep
[ -f a.trace.old ] || fail "the older a.trace is gone: $(ls)"
# What was preloaded stays so, ours comes after it
want 0 env LD_PRELOAD= "$GT" record -o e.trace -- /bin/sh -c 'echo $LD_PRELOAD'
grep -q libgtrace.so "$T/out" || fail "LD_PRELOAD of the program: $(cat "$T/out")"

# (a writer that is a thread cannot close the file of a program that a signal ends)
[ "${GTRACE_WRITER:-task}" = task ] || rm d.trace
for f in [abde].trace; do judge "$T/$f"; done
want 0 "$GT" check a.trace
want 0 "$GT" check a.trace b.trace
for v in info stat dump; do
	want 0 "$GT" $v a.trace
	[ -s "$T/out" ] || fail "$v prints nothing"
	want 0 "$GT" $v --json a.trace
	jq -e . "$T/out" >/dev/null || fail "$v --json is no JSON"
done
want 0 "$GT" dump a.trace
grep -q 'waiter' "$T/out" || fail "dump does not name the thread"
want 0 "$GT" info a.trace
grep -q 'sync' "$T/out" || fail "info does not name the program"

# Damaged: check finds it, and says where
head -c $(($(wc -c <a.trace) * 2 / 3)) a.trace >cut.trace
want 1 "$GT" check cut.trace
want 0 "$GT" recover cut.trace -o whole.trace
judge "$T/whole.trace"
# A FIFO or a device is written to, never replaced (as root, /dev/null was)
mkfifo fifo
for v in recover symbolize "convert --to chrome"; do
	cat fifo >through &
	# shellcheck disable=SC2086
	want 0 "$GT" $v whole.trace -o fifo
	wait $!
	[ -p fifo ] && [ -s through ] || fail "$v -o FIFO: $(ls -l fifo* through)"
done
# (at a place that does not depend on the length of a path: the head of the first batch)
{ head -c 16 a.trace; printf "\377\377\377"; tail -c +20 a.trace; } >bad.trace
"$GT" check bad.trace >"$T/out" 2>"$T/stderr"
[ $? -ne 0 ] || fail "check accepts a damaged file"
head -c 100 /dev/urandom >noise
: >empty
for f in noise empty; do
	"$GT" check $f >"$T/out" 2>"$T/stderr"
	case $? in 1 | 2) ;; *) fail "check accepts $f" ;; esac
done
done_ok
