#!/bin/bash
# redis-server under load in every format: totals agree with Go's reader to the ns.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
need redis-server redis-benchmark redis-cli
sock=$T/redis.sock
start -- redis-server --port 0 --unixsocket "$sock" --io-threads 2 --io-threads-do-reads yes --save '' --appendonly no --dir "$T"
for _ in $(seq 100); do
	redis-cli -s "$sock" ping 2>/dev/null | grep -q PONG && break
	kill -0 "$pid" 2>/dev/null || fail "redis-server ended: $(cat "$T/stdout")"
	read -rt 0.05 _ < <(:) || :
done
redis-benchmark -s "$sock" -t set,get -n 2000 -c 20 -q >"$T/bench" 2>&1 || fail "redis-benchmark: $(cat "$T/bench")"
redis-cli -s "$sock" shutdown nosave
finish
judge
totals redis "$TRACE"
done_ok
