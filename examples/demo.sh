#!/bin/bash
# `make demo`: records redis-server (two I/O threads) while redis-benchmark drives it, shows what was found and what to type next.
# DEMO_QUICK=1: fewer requests, and the trace goes to a temporary folder (used by make test).
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
out=${DEMO_OUT:-demo.trace}
requests=${DEMO_REQUESTS:-200000}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-demo.XXXXXX")
server=
cleanup()
{
	# Only what we started, by its number
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
if [ -n "${DEMO_QUICK:-}" ]; then requests=20000 out=$tmp/demo.trace; fi
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
die() { echo "demo: $*" >&2; exit 1; }
for c in redis-server redis-benchmark redis-cli; do
	command -v $c >/dev/null || { echo "skipped: no $c (make deps-demo)"; exit 77; }
done
[ -x "$B/gtrace" ] && [ -f "$B/libgtrace.so" ] || die "not built: make"

sock=$tmp/redis.sock
cmd=(redis-server --port 0 --unixsocket "$sock" --io-threads 2 --io-threads-do-reads yes --save '' --appendonly no --dir "$tmp")
say "$B/gtrace record -o $out -- redis-server --io-threads 2 --io-threads-do-reads yes ..."
"$B/gtrace" record -o "$out" -- "${cmd[@]}" >"$tmp/server.log" 2>"$tmp/record.err" &
server=$!
for _ in $(seq 200); do
	redis-cli -s "$sock" ping 2>/dev/null | grep -q PONG && break
	kill -0 "$server" 2>/dev/null || { cat "$tmp/server.log" "$tmp/record.err" >&2; server=; die "redis-server did not start"; }
	sleep 0.05
done

say "redis-benchmark -t set,get -n $requests -c 50"
redis-benchmark -s "$sock" -t set,get -n "$requests" -c 50 -q | tr '\r' '\n' | grep 'requests per second' || die "redis-benchmark failed"
redis-cli -s "$sock" shutdown nosave
wait "$server"
rc=$?
server=
[ $rc -eq 0 ] || { cat "$tmp/record.err" >&2; die "redis-server ended with status $rc"; }
cat "$tmp/record.err"

say "$B/gtrace check $out"
"$B/gtrace" check "$out" || die "the trace is not valid"
say "$B/gtrace info $out"
"$B/gtrace" info "$out" || die "gtrace info failed"
if [ -n "${DEMO_QUICK:-}" ]; then exit 0; fi

say "Now type"
cat <<END
  $B/gtrace info $out               threads, events, losses
  $B/gtrace stat $out               every call: count, total, p50, p99, max
  $B/gtrace dump $out | less        every event, a line each
  go tool trace $out                   Go's own viewer, in the browser (Go 1.26 or later)
  go tool trace -pprof=sync $out > sync.pb && go tool pprof -top sync.pb
  $B/gtrace record -o my.trace -- YOUR PROGRAM
END
