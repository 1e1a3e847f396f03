#!/bin/bash
# Hostile places for the file: umask 0777, a current directory that is gone, %p twice, a planted symlink, a file of somebody else's,
# a folder that anybody may write. Nothing of others is followed or overwritten, the program runs as ever.
. "$(dirname "$0")/../lib.sh"
prog=("$PROGS/pingpong" pipe 50)
must_run()
{
	eq "$status" 0 "$1: exit status"
	eq "$(cat "$T/stdout")" 50 "$1: stdout"
	[ "$(wc -l <"$T/stderr")" -le "${2:-0}" ] || fail "$1: stderr"
}
(umask 0777; export GTRACE_OUT=$T/masked.trace; LD_PRELOAD=$LIB exec "${prog[@]}") >"$T/stdout" 2>"$T/stderr"
status=$?
must_run "umask 0777"
case $(stat -c %a "$T/masked.trace") in 0|600) ;; *) fail "umask 0777: mode $(stat -c %a "$T/masked.trace")" ;; esac
chmod 600 "$T/masked.trace"
judge "$T/masked.trace"

mkdir "$T/gone"
(cd "$T/gone" && rmdir "$T/gone" && export GTRACE_OUT=x.trace && LD_PRELOAD=$LIB exec "${prog[@]}") >"$T/stdout" 2>"$T/stderr"
status=$?
must_run "directory that is gone" 1
record "GTRACE_OUT=$T/%p.%p.trace" -- "${prog[@]}"
must_run "%p twice"
judge "$(echo "$T"/[0-9]*.[0-9]*.trace)"

# A symlink at the name: neither followed nor replaced
echo precious >"$T/precious"
ln -s "$T/precious" "$T/link"
ln -s "$T/not-there" "$T/dangling"
for l in link dangling; do
	record "GTRACE_OUT=$T/$l" -- "${prog[@]}"
	must_run "symlink" 1
	[ -L "$T/$l" ] || fail "the symlink is gone"
done
eq "$(cat "$T/precious")" precious "what the symlink points to"
[ ! -e "$T/not-there" ] || fail "the dangling symlink was followed"
# Somebody else's file in a folder of all: kept, ours has another name
if [ "$(id -u)" -eq 0 ]; then
	mkdir -m 1777 "$T/all"; chmod 755 "$T"
	echo theirs >"$T/all/x"; chmod 666 "$T/all/x"; touch -d '1 hour ago' "$T/all/x"
	GTRACE_OUT=$T/all/x setpriv --reuid=64123 --regid=64123 --clear-groups env LD_PRELOAD="$LIB" "${prog[@]}" >"$T/stdout" 2>"$T/stderr"
	status=$?
	must_run "somebody else's file" 1
	eq "$(cat "$T/all/x")" theirs "somebody else's file"
	[ ! -e "$T/all/x.1" ] && [ ! -e "$T/all/x.2" ] || judge "$(ls "$T"/all/x.[12])"
fi
done_ok
