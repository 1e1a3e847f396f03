#!/bin/sh
# Installs the Debian packages that are missing, and only those. usage: tests/deps.sh build|demo|bench|test|matrix...
# Needs /bin/sh and apt-get. Not root: says what to type and fails only if building is impossible.
set -u

# libdw and libiberty: source lines and demangled names; protobuf-c and zlib: exports to Perfetto and pprof. gtrace is
# built without them if it must.
build="gcc libc6-dev make binutils libdw-dev libiberty-dev libprotobuf-c-dev protobuf-c-compiler zlib1g-dev"
demo="redis-server redis-tools"
bench="libunwind-dev redis-server redis-tools python3 xz-utils zstd git"
test="g++ libcriterion-dev libdw-dev libdebuginfod1 libunwind-dev jq python3 xz-utils redis-server redis-tools procps util-linux clang-format-14 libc-bin babeltrace2 protobuf-compiler python3-protobuf python3-jsonschema gdb strace valgrind"
# Judges that not every Debian has; without them their tests are skipped.
maybe="golang-1.19-go golang-1.19-src"
# The programs of tests/matrix; a name after / is a command that makes the package unnecessary. What cannot be had is left
# out, and the matrix says so.
matrix="redis-server redis-tools memcached libmemcached-tools nginx-light/nginx apache2-utils postgresql/pgbench python3
	libpython3.11-testsuite nodejs/node default-jdk-headless/javac x264 git make gcc g++ zstd xz-utils sqlite3 libsqlite3-dev
	curl rustc/rustc stress-ng libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 musl-tools strace gdb valgrind pigz perl"
# Nice to have: their absence skips tests. Go itself must be 1.26 or later; Debian 12 has none.

want=
with_maybe=
for kind in "$@"; do
	case $kind in
	build) want="$want $build" ;;
	demo) want="$want $demo" ;;
	bench) want="$want $bench" ;;
	test) want="$want $test"; with_maybe=1 ;;
	matrix) want="$want $matrix" ;;
	*) echo "usage: $0 build|demo|bench|test|matrix..." >&2; exit 2 ;;
	esac
done

missing=
for p in $want; do
	case $p in */*) command -v "${p#*/}" >/dev/null 2>&1 && continue; p=${p%/*} ;; esac
	case " $missing " in *" $p "*) continue ;; esac
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$with_maybe" ] && [ "$(id -u)" -eq 0 ] && command -v apt-cache >/dev/null 2>&1; then
	# No lists at all: a fresh machine.
	apt-cache show gcc >/dev/null 2>&1 || apt-get update -qq >/dev/null 2>&1
	for p in $maybe; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
			! apt-cache show "$p" >/dev/null 2>&1 || missing="$missing $p"
	done
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$missing (no apt-get here: install them your way)" >&2
	command -v cc >/dev/null 2>&1; exit
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages; type:  sudo apt-get install$missing" >&2
	command -v cc >/dev/null 2>&1; exit
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Installing must not start a server: a policy for as long as we install, if the machine has none.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
get()
{
	# shellcheck disable=SC2086
	apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/tmp/gtrace-apt.log 2>&1
}
# The lists may be missing or old: fetch them only when needed.
if ! get; then
	echo "apt-get update"
	apt-get update -qq >/tmp/gtrace-apt-update.log 2>&1
	case " $* " in *" matrix "*)
		for p in $missing; do apt-cache show "$p" >/dev/null 2>&1 || { echo "no package $p here"; drop="${drop:-} $p"; }; done
		for p in ${drop:-}; do missing=$(echo "$missing " | sed "s/ $p / /"); done ;;
	esac
	get || { tail -n 20 /tmp/gtrace-apt.log >&2; echo "could not install:$missing" >&2; exit 1; }
fi
rm -f /tmp/gtrace-apt.log /tmp/gtrace-apt-update.log
