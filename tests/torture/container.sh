#!/bin/bash
# Name spaces: pid 1 of a container (its end kills the writer), no /proc, an empty root, other ids.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
unshare -pfm true 2>/dev/null || skip "no name spaces may be made here"
P=$B/tests/run/endings
number() { od -An -tu8 -N8 "$T/told" | tr -d ' '; }
# However pid 1 ends; the tail is waited for a bounded time. A signal from outside cannot be waited for.
while read -r how want; do
	rm -f "$T"/*.trace* "$T/told"
	t0=$(date +%s%N)
	GTRACE_OUT=$T/one.trace unshare -pf --mount-proc env LD_PRELOAD="$LIB" "$P" "$how" "$T/told" 60 >"$T/stdout" 2>"$T/stderr"
	eq $? "$want" "pid 1, $how: exit status"
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ $ms -lt 2500 ] || fail "pid 1, $how: took $ms ms"
	eq "$(cat "$T/stderr")" "" "pid 1, $how: stderr"
	judge "$T/one.trace"
	told=$(number)
	least=$((told - 100 - $(lost_waits "$T/one.trace")))
	fact "thr(\"teller\") | .blocks >= $least" "$T/one.trace"
done <<'END'
return 7
exit 7
_exit 7
_Exit 7
quick_exit 7
exit_group 7
END
# A shell as pid 1 that starts others. It stays until their files are whole: its end kills their writers as well.
rm -f "$T"/*.trace*
GTRACE_OUT="$T/%e.%p.trace" unshare -pf --mount-proc env LD_PRELOAD="$LIB" sh -c "echo \$\$; '$B/tests/torture/fault'; true & wait
	i=0; for f in '$T'/fault.*.trace; do
		until LD_PRELOAD= '$GT' check -q \$f >/dev/null 2>&1 || [ \$i -gt 200 ]; do i=\$((i + 1)); sleep 0.02; done
	done; exit 6" >"$T/stdout" 2>"$T/stderr"
eq $? 6 "shell as pid 1: exit status"
eq "$(head -1 "$T/stdout")" 1 "shell as pid 1: its pid"
[ "$(wc -l <"$T/stdout")" -eq 2 ] || fail "shell as pid 1: $(cat "$T/stdout")"
judge "$T"/fault.*.trace

# No /proc
want=$("$B/tests/torture/fault")
rm -f "$T"/*.trace*
GTRACE_OUT=$T/noproc.trace unshare -m sh -c 'mount -t tmpfs none /proc && LD_PRELOAD=$1 exec "$2"' - "$LIB" "$B/tests/torture/fault" >"$T/stdout" 2>"$T/stderr"
eq $? 3 "no /proc: exit status"
eq "$(cat "$T/stdout")" "$want" "no /proc: stdout"
[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "no /proc: stderr"
judge "$T/noproc.trace"

# A root with nothing but the libraries
if [ "$(id -u)" -eq 0 ]; then
	mkdir -p "$T/root/out"
	for f in "$LIB" "$B/tests/torture/fault" $(ldd "$B/tests/torture/fault" "$LIB" | grep -o '/[^ :]*' | sort -u); do
		[ -f "$f" ] && install -D "$f" "$T/root$f"
	done
	GTRACE_OUT=/out/x.trace LD_PRELOAD= chroot "$T/root" "$(ldd "$B/tests/torture/fault" | grep -o '/[^ ]*ld-linux[^ ]*')" --preload "$LIB" "$B/tests/torture/fault" >"$T/stdout" 2>"$T/stderr"
	eq $? 3 "chroot: exit status"
	eq "$(cat "$T/stdout")" "$want" "chroot: stdout"
	[ "$(wc -l <"$T/stderr")" -le 1 ] || fail "chroot: stderr"
	judge "$T/root/out/x.trace"
fi
# A user name space of its own, where it is nobody else's
if unshare -Ur true 2>/dev/null; then
	rm -f "$T"/*.trace*
	GTRACE_OUT=$T/u.trace unshare -Ur env LD_PRELOAD="$LIB" "$B/tests/torture/fault" >"$T/stdout" 2>"$T/stderr"
	eq $? 3 "user name space: exit status"
	judge "$T/u.trace"
fi
done_ok
