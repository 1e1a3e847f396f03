# Many transfers at a time from a server of our own that is not traced.
port=$PORT
mkdir -p www conf && seq 50000 >www/a && echo small >www/b
cat >nginx.conf <<END
daemon on; pid $PWD/pid; error_log $PWD/e; user $(id -un) $(id -gn); events { }
http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
server { listen 127.0.0.1:$port; root $PWD/www; } }
END
LD_PRELOAD= /usr/sbin/nginx -e e -p "$PWD" -c "$PWD/nginx.conf"
curl -s --parallel --parallel-max 8 "http://127.0.0.1:$port/[a-b]?[1-300]" -o 'x#1#2' --no-progress-meter
cat xa1 xb1 xa300 | md5sum
ls x* | wc -l
curl -s "http://127.0.0.1:$port/none" -o /dev/null -w '%{http_code}\n'
LD_PRELOAD= kill "$(cat pid)"
while [ -e pid ]; do sleep 0.02; done
