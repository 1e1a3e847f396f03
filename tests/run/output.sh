#!/bin/bash
# Where the trace goes: names, off, and outputs that cannot be written. The program is never harmed, never late.
. "$(dirname "$0")/../lib.sh"
prog=("$PROGS/sync" sleep)
mkdir "$T/cwd"
in_cwd() { (cd "$T/cwd" && "$@"); }
must_run()
{
	eq "$status" 0 "$1: exit status"
	eq "$(sed 's/ .*//' "$T/stdout")" waited "$1: stdout"
}
# $1 setting, $2 glob of the file that must be there, from $T/cwd
named()
{
	rm -rf "$T/cwd"; mkdir "$T/cwd"; cd "$T/cwd" || exit 1
	record "$1" -- "${prog[@]}"
	cd "$ROOT" || exit 1
	must_run "$1"
	eq "$(cat "$T/stderr")" "" "$1: stderr"
	# shellcheck disable=SC2086
	set -- "$1" "$T/cwd/"$2
	[ $# -eq 2 ] && [ -f "$2" ] || fail "$1: no $2 but $(cd "$T/cwd" && find . -type f)"
	judge "$2"
	fact "thr(\"waiter\") | waited(\"sleep\") >= $((190000000 - 51000000 * $(lost_waits "$2")))" "$2"
	rm -f "$2".json "$2".err
	eq "$(find "$T/cwd" -type f | wc -l)" 1 "$1: files"
}
# Unset: the default name in the current directory
rm -rf "$T/cwd"; mkdir "$T/cwd"
(cd "$T/cwd" && unset GTRACE_OUT && export GTRACE_PERIOD=100ms && LD_PRELOAD=$LIB exec "${prog[@]}") >"$T/stdout" 2>"$T/stderr"
status=$?
must_run "no GTRACE_OUT"
f=$(echo "$T"/cwd/gtrace.sync.*.trace)
judge "$f"
case $(basename "$f") in gtrace.sync.[0-9]*.trace) ;; *) fail "default name: $f" ;; esac

named GTRACE_OUT=plain plain
named GTRACE_OUT=a%%b 'a%b'
named GTRACE_OUT=%e-%h-x "sync-$(uname -n)-x"
named "GTRACE_OUT=%p.t" '[0-9]*.t'
named "GTRACE_OUT=%t.t" '[0-9]*.t'
named "GTRACE_OUT=n%n.t" 'n[0-9]*.t'
XYZ=hello; export XYZ
named 'GTRACE_OUT=%q{XYZ}.%q{NOT_SET_ANYWHERE}.t' 'hello..t'
named "GTRACE_OUT=$T/cwd/deep/er/%p.t" 'deep/er/[0-9]*.t'

# Off
for off in GTRACE_OUT= GTRACE_DISABLE=1; do
	rm -rf "$T/cwd"; mkdir "$T/cwd"; cd "$T/cwd" || exit 1
	record $off -- "${prog[@]}"
	cd "$ROOT" || exit 1
	must_run $off
	eq "$(cat "$T/stderr")" "" "$off: stderr"
	eq "$(ls -A "$T/cwd")" "" "$off: files"
done

# The second run of the same name does not destroy the first
rm -rf "$T/cwd"; mkdir "$T/cwd"
record "GTRACE_OUT=$T/cwd/same" -- "${prog[@]}"
settle "$T/cwd/same"
sum=$(sha256sum <"$T/cwd/same")
record "GTRACE_OUT=$T/cwd/same" -- "${prog[@]}"
must_run "same name again"
flock -s -w 20 "$T/cwd/same" true
eq "$(find "$T/cwd" -type f | wc -l)" 2 "same name again: files"
sha256sum "$T"/cwd/* | grep -q "${sum%% *}" || fail "same name again: the first trace is gone"
for f in "$T"/cwd/*; do judge "$f"; done

# Impossible outputs: one line on stderr, no harm, no delay (native takes 0.2 s)
impossible()
{
	local t
	t=$(date +%s%N)
	record "$1" -- "${prog[@]}"
	t=$((($(date +%s%N) - t) / 1000000))
	must_run "$1"
	[ $t -lt 5000 ] || fail "$1: took $t ms"
	eq "$(wc -l <"$T/stderr")" 1 "$1: lines on stderr"
}
impossible GTRACE_OUT=/proc/nowhere/x
impossible GTRACE_OUT=/dev/full
impossible "GTRACE_OUT=$T"
touch "$T/file"
impossible "GTRACE_OUT=$T/file/x"
mkfifo "$T/fifo"
impossible "GTRACE_OUT=$T/fifo"
if [ "$(id -u)" -ne 0 ]; then
	mkdir "$T/ro" && chmod 500 "$T/ro"
	impossible "GTRACE_OUT=$T/ro/x"
fi
impossible "GTRACE_OUT=$T/$(printf 'x%.0s' {1..4000})"
# A full disk (where we may mount one, in a name space of our own)
if unshare -m true 2>/dev/null; then
	mkdir -p "$T/small"
	unshare -m sh -c 'mount -t tmpfs -o size=64k none "$1" || exit 77
		export GTRACE_OUT="$1/x" GTRACE_MIN_WAIT=0 GTRACE_PERIOD=20ms LD_PRELOAD=$2; exec "$3" pipe 20000' \
		- "$T/small" "$LIB" "$PROGS/pingpong" >"$T/stdout" 2>"$T/stderr"
	status=$?
	if [ $status -ne 77 ]; then
		eq "$status" 0 "full disk: exit status"
		eq "$(cat "$T/stdout")" 20000 "full disk: stdout"
		[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "full disk: stderr"
	fi
fi
# A disk that fills up: a limit on the size of files is the same to a writer
cd "$T/cwd" || exit 1
(
	ulimit -f 8
	trap '' XFSZ
	export GTRACE_OUT=$T/cwd/limited GTRACE_MIN_WAIT=0 GTRACE_PERIOD=20ms LD_PRELOAD=$LIB
	exec "$PROGS/pingpong" pipe 20000
) >"$T/stdout" 2>"$T/stderr"
status=$?
cd "$ROOT" || exit 1
eq "$status" 0 "ulimit -f: exit status"
eq "$(cat "$T/stdout")" 20000 "ulimit -f: stdout"
[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "ulimit -f: stderr"
settle "$T/cwd/limited"
done_ok
