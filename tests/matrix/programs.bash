# Rows that rarely wait run for about a second: shorter ones would measure the start of processes, which make bench does.
# The rows: row NAME CLASS HOW NEEDS SETUP COMMAND CLIENT RESULT (see run). Clients and setups come first.

until_up() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; echo "server does not answer"; exit 9; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

redis_load()
{
	until_up redis-cli -s r.sock ping
	local t0=$(now_ms)
	redis-benchmark -s r.sock -t set,get,lpush,lpop -n "${N:-25000}" -c 20 -r 1000 --csv | cut -d, -f1 | sort
	echo $(($(now_ms) - t0)) >client.ms
	redis-cli -s r.sock config get maxclients
}
memcached_load()
{
	until_up test -S m.sock
	local t0=$(now_ms)
	memcslap --servers="$PWD/m.sock" --concurrency=8 --execute-number=2500 --test=set | grep -c 'seconds to load'
	memcslap --servers="$PWD/m.sock" --concurrency=8 --execute-number=2500 --test=get | grep -c 'seconds to load'
	echo $(($(now_ms) - t0)) >client.ms
}
nginx_load()
{
	until_up curl -sf "http://127.0.0.1:$PORT/index.html"
	local t0=$(now_ms)
	ab -q -k -n 40000 -c 16 "http://127.0.0.1:$PORT/index.html" | grep -E '^(Complete|Failed|Document Length|HTML transferred)'
	echo $(($(now_ms) - t0)) >client.ms
	curl -s "http://127.0.0.1:$PORT/big" | md5sum
}
nginx_setup()
{
	mkdir www && echo '<p>hello</p>' >www/index.html && seq 300000 >www/big && chmod -R a+rX .
	cat >nginx.conf <<-END
		daemon off; worker_processes 2; pid nginx.pid; error_log nginx.err; user $(id -un) $(id -gn);
		events { worker_connections 256; }
		http { access_log off; keepalive_requests 1000000; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
			server { listen 127.0.0.1:$PORT; root $W/www; } }
	END
}
# PostgreSQL will not run as root.
PG=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
NOBODY=$([ "$(id -u)" -ne 0 ] || echo setpriv --reuid=65534 --regid=65534 --clear-groups)
pg_setup()
{
	mkdir -m 777 pg
	$NOBODY "$PG/initdb" -D pg/data -U bench -A trust -E UTF8 --no-locale -N
	printf "listen_addresses=''\nfsync=off\nunix_socket_directories='/tmp'\nport=%s\nautovacuum=off\nlog_min_messages=fatal\n" "$PORT" >>pg/data/postgresql.conf
	$NOBODY "$PG/pg_ctl" -D pg/data -w -l pg/log start
	$NOBODY "$PG/createdb" -h /tmp -p "$PORT" -U bench bench
	$NOBODY "$PG/pgbench" -h /tmp -p "$PORT" -U bench -i -q -s 2 bench
	$NOBODY "$PG/pg_ctl" -D pg/data -w -m fast stop
}
pg_load()
{
	local pg="-h /tmp -p $PORT -U bench"
	until_up "$PG/psql" $pg -c 'select 1' bench
	"$PG/psql" $pg -qc 'truncate pgbench_history; update pgbench_accounts set abalance = 0' bench
	local t0=$(now_ms)
	"$PG/pgbench" $pg -n -c 4 -j 2 -t 400 bench | grep 'actually processed'
	"$PG/pgbench" $pg -n -S -c 4 -j 2 -t 1500 bench | grep 'actually processed'
	echo $(($(now_ms) - t0)) >client.ms
	"$PG/psql" $pg -Atc 'select count(*) from pgbench_history; select (select sum(delta) from pgbench_history) = sum(abalance) from pgbench_accounts' bench
}
git_setup()
{
	git init -q r && cd r && git config user.email a@b && git config user.name a && git config gc.auto 0
	for i in $(seq 150); do seq $i $((i * 400)) >f$((i % 9)); git add -A; git commit -qm "c $i" --date "2020-01-01T00:00:$i"; done
}
build_setup()
{
	cp -r "$ROOT"/encoder "$ROOT"/include "$ROOT"/preload .
	printf 'all: $(patsubst %%.c,%%.o,$(wildcard encoder/*.c preload/s*.c preload/t*.c))\n%%.o: %%.c\n\tgcc -O2 -D_GNU_SOURCE -I. -Iinclude -c -o $@ $<\n' >Makefile
}
video() { awk 'BEGIN { srand(1); for (i = 0; i < 160 * 120 * 3 / 2 * 480; i++) printf "%c", 40 + (i * 7 + int(i / 28800) * 13) % 80 }' >v.yuv; }
# What python's test runner says, without times and memory
py_result() { sed -n 's/^== Tests result: /result: /p; s/^\(Total tests: run=[0-9]*\).*/\1/p; s/^Tests result: /result: /p; /tests\? OK/p; /tests\? failed/p' out; }
PY="/usr/bin/python3 -m test -q --timeout 250"
TESTDIR=/usr/lib/python3.11/test
# stress-ng's mutex stressor sometimes finds its operations done by the first thread, and says that it could create none: natively
# in 3 of 80 runs, traced in 6 of 80. Such a run is made again.
is_void() { [ "$status" -eq 3 ] && grep -q 'aborted early, out of system resources' err; }
metrics() { cat err out | grep -E 'stress-ng: (fail|error)' | grep -vc 'could not create any pthreads'; }
SNG="stress-ng --no-rand-seed --temp-path . --verify --oomable"
CXX=${CXX:-g++}
CC=${CC:-gcc}
export PG NOBODY PORT
M=$B/tests/matrix
S=$ROOT/tests/matrix

#   name         class  how    needs setup command client result
row redis        often  before "redis-server redis-benchmark" true 'redis-server --port 0 --unixsocket r.sock --save ""' redis_load 'cat out'
row redis-io     often  before "redis-server redis-benchmark" 'export N=1000' 'redis-server --port 0 --unixsocket r.sock --save "" --io-threads 2 --io-threads-do-reads yes' redis_load 'cat out'
row memcached    often  before "memcached memcslap" true 'memcached -u $(id -un) -t 4 -s $PWD/m.sock' memcached_load 'cat out'
row nginx        often  before "/usr/sbin/nginx ab curl" nginx_setup '/usr/sbin/nginx -e nginx.err -p $PWD -c $W/nginx.conf' nginx_load 'cat out'
row postgresql   often  before "${PG:-/usr/lib/postgresql}/pgbench" pg_setup '$NOBODY $PG/postgres -D $W/pg/data' pg_load 'cat out'
row xz           rarely before "xz" 'seq 2100000 >in' 'xz -3 -T2 --block-size=1MiB -k -c $W/in' _ 'md5sum <out'
row zstd         rarely before "zstd" 'seq 4500000 >in' 'zstd -q -9 -T2 -c $W/in' _ 'md5sum <out'
row pigz         rarely before "pigz" 'seq 5000000 >in' 'pigz -n -p 4 -c $W/in' _ 'md5sum <out'
row x264         rarely before "x264" video 'x264 --quiet --no-progress --threads 2 --input-res 160x120 --demuxer raw -o o.264 $W/v.yuv' _ 'md5sum <o.264'
row git-log      rarely before "git" git_setup 'git -C $W/r log -p --stat -M' _ 'md5sum <out'
row git-repack   rarely before "git" 'git_setup' 'bash -c "cp -r $W/r r && git -C r -c pack.threads=2 repack -adfq --depth=50 && git -C r fsck --full"' _ 'git -C r rev-list --objects --all | md5sum'
row make-gcc     rarely before "make gcc" build_setup 'bash -c "cp -r $W/encoder $W/include $W/preload $W/Makefile . && make -s -j2 && make -s -j2"' _ 'cat encoder/*.o preload/*.o | md5sum'
row sort         rarely before "sort" 'seq 4000000 | tac >in' 'sort --parallel=2 -S 8M -n $W/in' _ 'md5sum <out'
row perl         rarely before "perl" true 'perl -e "my %h; for my \$i (1..8000000) { \$h{\$i % 5000} += \$i } my \$s = 0; \$s += \$h{\$_} for keys %h; print qq(\$s\n); print qx(echo child); fork or exit 3; wait; print \$? >> 8"' _ 'cat out'
row bash         often  before "bash" true 'bash -c "for i in {1..150}; do echo \$i | cat | wc -c; (exit 3); x=\$(echo \$?); done; kill -0 \$\$; wait; seq 100000 | sort -n | uniq | tail -1"' _ 'md5sum <out'
row sqlite       often  before "$M/sqlite" true '$M/sqlite ./t.db' _ 'cat out'
row curl         often  before "curl /usr/sbin/nginx" true 'bash $S/curl.sh' _ 'cat out'
row python       often  before "/usr/bin/python3" true '/usr/bin/python3 $S/threads.py' _ 'cat out'
row py-threading often  before "$TESTDIR/test_threading.py" true '$PY test_threading' _ py_result
row py-subproc   often  before "$TESTDIR/test_subprocess.py" true '$PY test_subprocess' _ py_result
row py-signal    often  before "$TESTDIR/test_signal.py" true '$PY test_signal' _ py_result
row py-socket    often  before "$TESTDIR/test_socket.py" true '$PY -m BasicTCPTest -m BasicUDPTest -m BasicTCPTest2 -m TestUnixDomain -m NonBlockingTCPTests -m SmallBufferedFileObjectClassTestCase -m TCPTimeoutTest test_socket' _ py_result
row node         often  before "node" true 'node $S/threads.js' _ 'cat out'
row java         often  before "java javac" 'javac -d . $S/Threads.java' 'java -cp $W Threads' _ 'cat out'
row javac        rarely before "javac" true 'javac -d . $S/Threads.java' _ 'ls *.class; cat Threads.class | md5sum'
row rust         often  before "rustc" 'rustc -O -o threads $S/threads.rs' '$W/threads' _ 'cat out'
row cxx20        often  before "$M/cxx20" true '$M/cxx20' _ 'cat out'
row stress-mutex often  before "stress-ng" true '$SNG --mutex 2 --mutex-ops 20000' _ metrics
# (stress-ng 0.15's --sem does not stop at --sem-ops, natively either: tests/torture/mixes.sh has it)
row stress-futex often  before "stress-ng" true '$SNG --futex 2 --futex-ops 20000' _ metrics
row stress-sig   often  before "stress-ng" true '$SNG --sigq 1 --sigq-ops 20000 --sigfd 1 --sigfd-ops 20000 --sigpending 1 --sigpending-ops 20000 --sigsuspend 1 --sigsuspend-ops 5000 --kill 1 --kill-ops 20000' _ metrics
row stress-fork  often  before "stress-ng" true '$SNG --fork 2 --fork-ops 300 --vfork 1 --vfork-ops 100 --pthread 1 --pthread-ops 300 --exec 1 --exec-ops 30' _ metrics
row stress-pipe  often  before "stress-ng" true '$SNG --pipe 1 --pipe-ops 60000 --switch 1 --switch-ops 60000 --poll 1 --poll-ops 10000 --epoll 1 --epoll-ops 300' _ metrics
row jemalloc     often  before+libjemalloc "$M/alloc" true '$M/alloc' _ 'cat out'
row jemalloc-1st often  after+libjemalloc "$M/alloc" true '$M/alloc' _ 'cat out'
row mimalloc     often  before+libmimalloc "$M/alloc" true '$M/alloc' _ 'cat out'
row mimalloc-1st often  after+libmimalloc "$M/alloc" true '$M/alloc' _ 'cat out'
row tcmalloc     often  before+libtcmalloc_minimal "$M/alloc" true '$M/alloc' _ 'cat out'
row tcmalloc-1st often  after+libtcmalloc_minimal "$M/alloc" true '$M/alloc' _ 'cat out'
row glibc-malloc often  before "$M/alloc" true '$M/alloc' _ 'cat out'
row asan         often  record "$CXX" '$CXX -g -O1 -fsanitize=address -o alloc $S/alloc.cc' '$W/alloc 1500' _ 'cat out'
row ubsan        often  record "$CXX" '$CXX -g -O1 -fsanitize=undefined -o alloc $S/alloc.cc' '$W/alloc 1500' _ 'cat out'
row tsan         often  record "$CXX" '$CXX -g -O1 -fsanitize=thread -o alloc $S/alloc.cc' '$W/alloc 300' _ 'cat out'
refuse static    "$CC" '$CC -static -o p -x c $S/hello.inc'
refuse musl      "musl-gcc" 'musl-gcc -o p -x c $S/hello.inc'
refuse setuid    "$CC" '$CC -o p -x c $S/hello.inc && chown nobody p && chmod u+s p'
