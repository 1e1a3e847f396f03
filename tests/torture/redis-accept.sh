#!/bin/bash
# The acceptance of issue 3, point 2: the file of a loaded redis-server passes every judge, Go's own tools among them.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/torture/torture-lib.bash"
need redis-server redis-benchmark redis-cli
N=${REDIS_N:-50000}
sock=$T/redis.sock
start -- redis-server --port 0 --unixsocket "$sock" --io-threads 2 --io-threads-do-reads yes --save '' --appendonly no --dir "$T"
for _ in $(seq 100); do
	redis-cli -s "$sock" ping 2>/dev/null | grep -q PONG && break
	kill -0 "$pid" 2>/dev/null || fail "redis-server ended: $(cat "$T/stdout")"
	sleep 0.05
done
redis-benchmark -s "$sock" -t set,get -n "$N" -c 50 -q | tr '\r' '\n' | grep 'requests per second' || fail "redis-benchmark"
processed=$(redis-cli -s "$sock" info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p')
[ "$processed" -ge $((2 * N)) ] || fail "redis processed $processed commands"
redis-cli -s "$sock" shutdown nosave
finish
eq "$status" 0 "exit status"
judge
echo "$(wc -c <"$TRACE") bytes"
[ -x "$ORACLE" ] || done_ok
cat "$B/oracle.ok" | grep -q ok || done_ok
GO=${GO:-go}
command -v "$GO" >/dev/null || GO=/usr/local/go/bin/go
"$GO" tool trace -d=parsed "$TRACE" >"$T/parsed" 2>"$T/stderr" || fail "go tool trace -d=parsed: $(tail -3 "$T/stderr")"
[ "$(wc -l <"$T/parsed")" -gt 1000 ] || fail "go tool trace -d=parsed prints $(wc -l <"$T/parsed") lines"
for p in sync net syscall sched; do
	"$GO" tool trace -pprof=$p "$TRACE" >"$T/$p.pb" 2>"$T/stderr" || fail "go tool trace -pprof=$p: $(tail -3 "$T/stderr")"
	"$GO" tool pprof -top -nodecount=3 "$T/$p.pb" 2>/dev/null | sed -n '/flat%/,$p' | sed "s/^/$p: /"
done
tests/oracle/std/check.sh "$TRACE" >"$T/std" 2>&1
case $? in 0) cat "$T/std" ;; 1) fail "Go's own validator: $(cat "$T/std")" ;; *) echo "Go's own validator cannot be built here" ;; esac
done_ok
