#!/bin/bash
# Names and lines that are not in the program itself: .gnu_debugdata (symbols in small, compressed), and debuginfod (a server
# here, which is asked only when DEBUGINFOD_URLS says so, by build id, once).
. "$(dirname "$0")/../lib.sh"
need gcc objcopy readelf nm xz
"$GT" symbolize /dev/null 2>&1 | grep -q 'built without' && skip "built without libdw or libiberty"
unset DEBUGINFOD_URLS
export DEBUGINFOD_CACHE_PATH=$T/cache HOME=$T XDG_CACHE_HOME=$T/xdg
src=$ROOT/tests/run/symbolize_c.c

line() { awk -v m="@$1\$" '{ sub(/ *\*\/$/, "") } $0 ~ m { print NR; exit }' "$src"; }
# Frames below the hook of the first wait with REASON in FILE, innermost first: "func file:line" each
frames()
{
	"$GT" dump --json "$1" | jq -r --arg r "$2" 'select(.event == "GoBlock" and .args.reason == $r)
		| [.args.stack[1:][] | "\(.func) \(.file):\(.line)"] | join("\n")' | awk 'NF' | head -n "$3"
}

gcc -O2 -g -pthread -o "$T/full" "$src" || fail "gcc"
id=$(readelf -n "$T/full" | sed -n 's/.*Build ID: //p')
[ -n "$id" ] || skip "the compiler writes no build ids"
objcopy --strip-all "$T/full" "$T/bare"
record -- "$T/bare"
judge
frames "$TRACE" network 3 | grep -q plain && fail "a stripped program has names"

# .gnu_debugdata, made as distributions do: what .dynsym does not have, and no lines.
nm --defined-only --format=posix "$T/full" | awk '$2 ~ /^[Tt]$/ { print $1 }' >"$T/keep"
objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols="$T/keep" "$T/full" "$T/mini" || fail "objcopy"
xz -q "$T/mini" && objcopy --add-section .gnu_debugdata="$T/mini.xz" "$T/bare" "$T/small" || fail "cannot make .gnu_debugdata"
record -- "$T/small"
judge
"$GT" symbolize -q "$TRACE" -o "$T/small.out" || fail "symbolize"
judge "$T/small.out"
eq "$(frames "$T/small.out" network 3 | sed 's/\.constprop[^ ]*//; s/ .*//' | tr '\n' ' ')" "plain outer worker " "names of .gnu_debugdata"
"$GT" dump --lines "$TRACE" | grep -q '< plain' || fail "dump --lines shows no names of .gnu_debugdata"

# debuginfod
need python3
ldconfig -p 2>/dev/null | grep -q libdebuginfod || skip "no libdebuginfod"
record -- "$T/bare"
judge
mkdir -p "$T/www/buildid/$id"
objcopy --only-keep-debug "$T/full" "$T/www/buildid/$id/debuginfo"
cat >"$T/server.py" <<'END'
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
END
exec 3< <(exec python3 "$T/server.py" "$T/www" 2>"$T/asked")
server=$!
read -r -t 20 port <&3 || { kill "$server"; fail "the server does not start"; }
asks=$(grep -c GET "$T/asked")
"$GT" symbolize -q "$TRACE" -o "$T/without.out"
no_urls=$(grep -c GET "$T/asked")
DEBUGINFOD_URLS=http://127.0.0.1:$port "$GT" symbolize -q "$TRACE" -o "$T/with.out"
rc=$?
DEBUGINFOD_URLS=http://127.0.0.1:$port "$GT" dump --lines "$TRACE" >"$T/dumped"
kill "$server"
wait "$server" 2>/dev/null
eq "$rc" 0 "symbolize with a server"
eq "$asks $no_urls" "0 0" "requests unasked"
frames "$T/without.out" network 3 | grep -q plain && fail "names without a server"
judge "$T/with.out"
eq "$(frames "$T/with.out" network 3)" "nap $src:$(line nap)
twice $src:$(line twice)
plain $src:$(line plain)" "frames by debuginfod"
eq "$(grep -c "GET /buildid/$id/debuginfo" "$T/asked")" 1 "requests for the program (then it is in the cache)"
grep -q " < nap $src:$(line nap) < twice $src:" "$T/dumped" || fail "dump --lines with debuginfod"
done_ok
