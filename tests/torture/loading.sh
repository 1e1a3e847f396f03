#!/bin/bash
# Programs linked in all ways, other libraries preloaded beside us, odd LD_PRELOADs, sanitizers, programs that cannot be preloaded.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
need gcc
cd "$T" || exit 1
SRC="-x c $ROOT/tests/torture/loading.inc -x none"
WANT="1800 x 9"
good() # WHAT FILES-AT-LEAST
{
	eq "$status" 3 "$1: exit status"
	eq "$(cat "$T/stdout")" "$WANT" "$1: stdout"
	eq "$(cat "$T/stderr")" "" "$1: stderr"
	[ "$(ls "$T" | grep -c 'trace$')" -ge 1 ] || fail "$1: no file"
	for f in "$T"/*.trace; do judge "$f"; done
	rm -f "$T"/*.trace*
}
while read -r name flags; do
	# shellcheck disable=SC2086
	gcc -O2 -D_GNU_SOURCE -pthread -o p $SRC $flags 2>build.err || { echo "$name: cannot be built: $(tail -1 build.err)"; continue; }
	record -- ./p
	good "$name"
	LD_BIND_NOW=1 record -- ./p
	good "$name, LD_BIND_NOW"
done <<'END'
pie -fPIE -pie
no-pie -no-pie
lazy -Wl,-z,lazy
relro -Wl,-z,relro,-z,now
omit -fomit-frame-pointer -fno-asynchronous-unwind-tables
gnu-hash -Wl,--hash-style=gnu
sysv-hash -Wl,--hash-style=sysv
static-libgcc -static-libgcc
fortified -D_FORTIFY_SOURCE=2 -fstack-protector-all
lto -flto
END
# In a library that binds its own symbols first
gcc -O2 -D_GNU_SOURCE -pthread -shared -fPIC -Dmain=lib_main -Wl,-Bsymbolic -o libp.so $SRC &&
	echo 'int lib_main(void); int main(void) { return lib_main(); }' | gcc -x c - -o q -L. -lp -Wl,-rpath,"$T" || fail "cannot build"
record -- ./q
good "-Bsymbolic"

# LD_PRELOAD as people write it
for pre in "$LIB:" ":$LIB" "$LIB:$LIB" " $LIB " "$LIB $LIB:" "$(dirname "$LIB")/../$(basename "$B")/libgtrace.so:$LIB"; do
	(export GTRACE_OUT=$T/%p.trace; LD_PRELOAD=$pre exec ./p) >stdout 2>stderr
	status=$?
	good "LD_PRELOAD='$pre'"
done
# Another library with hooks of its own, before and after us
gcc -O2 -D_GNU_SOURCE -shared -fPIC -o beside.so -x c "$ROOT/tests/torture/beside.inc" -ldl || fail "cannot build"
for pre in "$LIB:$T/beside.so" "$T/beside.so:$LIB"; do
	(export GTRACE_OUT=$T/%p.trace; case $pre in "$T"*) export BESIDE_IS_FIRST=1 ;; esac
		LD_PRELOAD=$pre exec ./p) >stdout 2>stderr
	status=$?
	good "LD_PRELOAD=$pre"
done
# Allocators, before and after us, where there are any (the matrix installs them)
for a in jemalloc mimalloc tcmalloc_minimal tcmalloc; do
	so=$(ls /usr/lib/x86_64-linux-gnu/lib$a.so.? 2>/dev/null | head -1)
	[ -n "$so" ] || continue
	for pre in "$LIB:$so" "$so:$LIB"; do
		(export GTRACE_OUT=$T/%p.trace; LD_PRELOAD=$pre exec timeout 30 ./p) >stdout 2>stderr
		status=$?
		good "LD_PRELOAD=$pre"
	done
done
# Lock elision: on where the processor has it, without effect elsewhere
(export GTRACE_OUT=$T/%p.trace GLIBC_TUNABLES=glibc.elision.enable=1; LD_PRELOAD=$LIB exec ./p) >stdout 2>stderr
status=$?
good "elision"
grep -qw rtm /proc/cpuinfo || echo "elision: this processor has no RTM, so it stayed off"

# Sanitizers, by gtrace record
for s in address thread undefined; do
	gcc -g -O1 -D_GNU_SOURCE -pthread -fsanitize=$s -o s $SRC 2>build.err || { echo "-fsanitize=$s: cannot be built"; continue; }
	for static in "" "-static-lib$(echo $s | sed 's/address/asan/; s/thread/tsan/; s/undefined/ubsan/')"; do
		[ -z "$static" ] || gcc -g -O1 -D_GNU_SOURCE -pthread -fsanitize=$s $static -o s $SRC 2>/dev/null || continue
		./s >native 2>&1 </dev/null
		[ $? -eq 3 ] || { echo "-fsanitize=$s $static: fails natively: $(head -1 native)"; continue; }
		GTRACE_OUT=$T/%p.trace "$GT" record -q -- ./s >stdout 2>stderr
		status=$?
		good "-fsanitize=$s $static"
	done
done

# Those that cannot be preloaded: run as they are, and one line says why
refused()
{
	local rc
	./r >native; rc=$?
	"$GT" record -o "$T/%p.trace" -- ./r >stdout 2>stderr
	eq $? $rc "$1: exit status"
	cmp -s native stdout || fail "$1: stdout: $(cat stdout)"
	grep -q "$2" stderr || fail "$1: said is: $(cat stderr)"
	rm -f "$T"/*.trace*
}
gcc -O2 -D_GNU_SOURCE -pthread -static -o r $SRC && refused static 'statically linked'
gcc -O2 -D_GNU_SOURCE -pthread -static-pie -o r $SRC 2>/dev/null && refused static-pie 'statically linked'
if [ "$(id -u)" -eq 0 ]; then
	gcc -O2 -D_GNU_SOURCE -pthread -o r $SRC && chown 65534 r && chmod 4755 r && refused setuid setuid
	# Without `record`: the loader itself ignores the preload
	(export GTRACE_OUT=$T/%p.trace; LD_PRELOAD=$LIB setpriv --reuid=64123 --clear-groups ./r) >stdout 2>stderr
	eq $? 3 "setuid by hand: exit status"
fi
if command -v musl-gcc >/dev/null; then
	printf '#include <stdio.h>\nint main(void) { puts("musl"); return 4; }\n' >musl.c
	musl-gcc -o r musl.c && refused musl musl
fi
if gcc -m32 -o r $SRC 2>/dev/null; then refused 32-bit 'bit'; else echo "32-bit programs cannot be built here"; fi
done_ok
