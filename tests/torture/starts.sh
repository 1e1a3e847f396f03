#!/bin/bash
# Programs that end before the writer has had a CPU, on a loaded machine; a hundred at a time into one folder.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
need gcc
cd "$T" || exit 1
printf '#include <unistd.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void c(void) { if (getenv("EARLY")) _exit(5); }\n' >early.c
gcc -shared -fPIC -o early.so early.c || skip "cannot build"
busy=()
for _ in 1 2 3; do (while :; do :; done) & busy+=($!); done
stop() { kill "${busy[@]}" 2>/dev/null; wait 2>/dev/null; }
trap 'stop; cleanup' EXIT
mkdir out
for pre in "$LIB:$T/early.so" "$T/early.so:$LIB"; do
	for i in $(seq 25); do
		EARLY=1 GTRACE_OUT=$T/out/%p.%n.trace LD_PRELOAD=$pre timeout 20 /bin/true
		eq $? 5 "constructor that ends the program, $pre: exit status"
	done
done
for i in $(seq 50); do
	GTRACE_OUT=$T/out/%p.%n.trace LD_PRELOAD=$LIB timeout 20 /bin/true || fail "true: $?"
done
# A hundred at a time
for i in $(seq 100); do
	(GTRACE_OUT=$T/out/same.$((i % 2 * i)).%h.trace LD_PRELOAD=$LIB "$PROGS/pingpong" pipe 50 >"p.$i" 2>"e.$i"; echo $? >>"p.$i") &
	ids="${ids:-} $!"
done
for i in $ids; do wait "$i"; done
stop
for i in $(seq 100); do
	eq "$(tr '\n' ' ' <"p.$i")" "50 0 " "run $i of 100 at a time"
	eq "$(cat "e.$i")" "" "run $i of 100 at a time: stderr"
done
n=0
for f in out/*; do
	case $f in *.json|*.err) continue ;; esac
	settle "$T/$f" 60
	judge "$T/$f"
	case $f in out/same.0.*) ;; out/same*) n=$((n + 1)) ;; esac
done
# (of the 50 with one name a later one may have set an earlier one's file aside)
eq $n 50 "files of the programs with names of their own"
done_ok
