# The rows: row NAME CLASS HOW NEEDS SETUP COMMAND CLIENT RESULT (see run). Clients come first.

until_up() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; echo "server does not answer"; exit 9; }

redis_load()
{
	until_up redis-cli -s r.sock ping
	local t0=$(date +%s%N)
	redis-benchmark -s r.sock -t set,get,lpush,lrange_100 -n 60000 -c 20 -r 1000 --csv | cut -d, -f1 | sort
	echo $((($(date +%s%N) - t0) / 1000000)) >client.ms
	redis-cli -s r.sock dbsize
}
memcached_load()
{
	until_up test -S m.sock
	local t0=$(date +%s%N)
	memcslap --servers="$PWD/m.sock" --concurrency=8 --execute-number=8000 --test=set | grep -c 'seconds to load'
	memcslap --servers="$PWD/m.sock" --concurrency=8 --execute-number=8000 --test=get | grep -c 'seconds to load'
	echo $((($(date +%s%N) - t0) / 1000000)) >client.ms
}
nginx_load()
{
	until_up curl -sf "http://127.0.0.1:$PORT/index.html"
	local t0=$(date +%s%N)
	ab -q -k -n 40000 -c 16 "http://127.0.0.1:$PORT/index.html" | grep -E '^(Complete|Failed|Document Length|HTML transferred)'
	echo $((($(date +%s%N) - t0) / 1000000)) >client.ms
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

#   name       class  how    needs setup command client result
row redis      often  before "redis-server redis-benchmark" true \
	'redis-server --port 0 --unixsocket r.sock --save "" --io-threads 2 --io-threads-do-reads yes' redis_load 'cat out'
row memcached  often  before "memcached memcslap" true 'memcached -u $(id -un) -t 4 -s $PWD/m.sock' memcached_load 'cat out'
row nginx      often  before "/usr/sbin/nginx ab curl" nginx_setup '/usr/sbin/nginx -e nginx.err -p $PWD -c $W/nginx.conf' nginx_load 'cat out'
row xz         rarely before "xz" 'seq 1500000 >in' 'xz -3 -T2 --block-size=1MiB -k -c $W/in' _ 'md5sum <out'
row zstd       rarely before "zstd" 'seq 6000000 >in' 'zstd -q -9 -T2 -c $W/in' _ 'md5sum <out'
row git        rarely before "git" 'git init -q r && cd r && git config user.email a@b && git config user.name a && for i in $(seq 60); do seq $i $((i * 400)) >f$((i % 9)); git add -A; git commit -qm "c $i"; done' \
	'git -C $W/r -c pack.threads=2 -c core.packedGitLimit=1g log -p --stat -M' _ 'md5sum <out; git -C $W/r fsck --full 2>&1 | tail -1'
