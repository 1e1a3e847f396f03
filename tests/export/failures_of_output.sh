#!/bin/bash
# What goes wrong while converting: a full disk, Ctrl-C, a cut trace, an output that is in the way. Never half a file.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
"$GT" convert --help | grep -q pprof-block || FORMATS="chrome folded offwake speedscope firefox ctf ctf-kernel"

# A trace of some size, made by a program that waits.
record GTRACE_MIN_WAIT=0 -- "$PROGS/pingpong" cond 2000
eq "$status" 0 "exit status"
judge
good=$TRACE

left() { ls -d "$T"/o.* 2>/dev/null | tr '\n' ' '; }

# 1. Formats as they are listed; an unknown one has a hint; nothing is left behind.
"$GT" convert --to perfeto "$good" -o "$T/o.x" 2>"$T/err" && fail "an unknown format is taken"
grep -q "unknown format" "$T/err" || fail "$(cat "$T/err")"
eq "$(left)" "" "an unknown format leaves"

# 2. A full disk is said, and leaves nothing. /dev/full cannot be renamed: standard output stands for it; and a small
# limit of the file size for files.
for f in $FORMATS; do
	if [ "${f#ctf}" = "$f" ]; then
		"$GT" convert --to "$f" "$good" -o - >/dev/full 2>"$T/err" && fail "$f: /dev/full is fine"
		grep -q "cannot write" "$T/err" || fail "$f: $(cat "$T/err")"
	fi
	# N.B. the limit holds for a file with the errors, too: hence a pipe
	{ (ulimit -f 0; trap '' XFSZ; "$GT" convert --to "$f" "$good" -o "$T/o.x" 2>&1 && echo fine) | cat; } >"$T/err"
	grep -q fine "$T/err" && fail "$f: no room is fine"
	grep -qE "cannot write|no room" "$T/err" || fail "$f: $(cat "$T/err")"
	eq "$(left)" "" "$f: no room leaves"
done

# 3. Ctrl-C while it runs (it waits for its input: a pipe that stays open) leaves nothing, and ends by that signal.
mkfifo "$T/pipe"
for f in chrome ctf; do
	for sig in INT TERM; do
		# N.B. a job in the background of a script ignores SIGINT: python undoes that
		"$py" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$GT" convert --to $f "$T/pipe" -o "$T/o.x" &
		job=$!
		exec 9>"$T/pipe"
		head -c 64 "$good" >&9
		for _ in $(seq 500); do
			[ -e "$T/o.x.new" ] && break
			read -rt 0.02 _ < <(:) || :
		done
		[ -e "$T/o.x.new" ] || fail "$f: nothing was begun"
		kill -s $sig $job
		{ wait $job; rc=$?; } 2>/dev/null
		exec 9>&-
		eq "$rc" $((128 + $(kill -l $sig))) "$f: exit status after SIG$sig"
		eq "$(left)" "" "$f: SIG$sig leaves"
	done
done

# 4. A cut trace gives what was before the cut, a whole file, and status 1.
head -c $(($(stat -c %s "$good") - 7)) "$good" >"$T/cut"
for f in $FORMATS; do
	"$GT" convert --to "$f" "$T/cut" -o "$T/o.cut" 2>"$T/err"
	eq "$?" 1 "$f: status of a cut trace"
	[ -e "$T/o.cut" ] || fail "$f: a cut trace gives nothing"
	case $f in chrome | speedscope | firefox) jq -e . "$T/o.cut" >/dev/null || fail "$f: not whole" ;; esac
	rm -rf "$T"/o.*
done

# 5. What was there becomes .old; a folder, too. The input is never the output.
for f in chrome ctf; do
	"$GT" convert --to $f "$good" -o "$T/o.x" && "$GT" convert --to $f "$good" -o "$T/o.x" || fail "$f: twice"
	eq "$(left)" "$T/o.x $T/o.x.old " "$f: twice"
	rm -rf "$T"/o.*
done
"$GT" convert --to chrome "$good" -o "$good" 2>/dev/null && fail "the input is overwritten"

# 6. Standard input gives the same bytes as the file.
for f in $FORMATS; do
	"$GT" convert --to "$f" "$good" -o "$T/o.file" && "$GT" convert --to "$f" - -o "$T/o.pipe" <"$good" || fail "$f"
	diff -r "$T/o.file" "$T/o.pipe" >"$T/err" || fail "$f: a pipe gives something else: $(head -3 "$T/err")"
	rm -rf "$T"/o.*
done
done_ok
