#!/bin/bash
# redis-server with two I/O threads under load: all requests succeed, threads have their names, the file is valid.
. "$(dirname "$0")/../lib.sh"
need redis-server redis-benchmark redis-cli
N=${REDIS_N:-6000}
sock=$T/redis.sock
start -- redis-server --port 0 --unixsocket "$sock" --io-threads 2 --io-threads-do-reads yes --save '' --appendonly no --dir "$T"
for _ in $(seq 100); do
	redis-cli -s "$sock" ping 2>/dev/null | grep -q PONG && break
	kill -0 "$pid" 2>/dev/null || fail "redis-server ended: $(cat "$T/stdout")"
	read -rt 0.05 _ < <(:) || :
done
redis-benchmark -s "$sock" -t set,get -n "$N" -c 50 -q >"$T/bench" 2>&1 || fail "redis-benchmark: $(cat "$T/bench")"
[ "$(tr '\r' '\n' <"$T/bench" | grep -c 'requests per second')" -ge 2 ] || fail "redis-benchmark: $(cat "$T/bench")"
processed=$(redis-cli -s "$sock" info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p')
[ "$processed" -ge $((2 * N)) ] || fail "redis processed $processed commands"
redis-cli -s "$sock" shutdown nosave
finish
eq "$status" 0 "exit status"
judge
fact '[.goroutines[] | select(.label == "io_thd_1")] | length == 1'
fact '[.goroutines[] | select((.label // "") | startswith("bio_"))] | length == 3'
fact '[.goroutines[] | waited("network")] | max > 0'
fact 'ev("GoSyscallBegin") - ev("GoSyscallEnd") | . >= 0 and . <= 5'
# Debian's redis-server has no symbol table but what it exports for its modules.
"$GT" dump "$TRACE" | grep -q 'stack=[0-9]*\[epoll_wait .* < aeMain .* < main ' || fail "no names: $("$GT" dump "$TRACE" | grep epoll_wait | head -2)"
done_ok
