#!/bin/bash
# What Go's own runtime writes: our reader and Go's must say the same of every event. Traces of goprog
# (each KIND makes the runtime say something else), made here by the Go that is there; and stored ones
# of older versions, whole and cut.
#   TOOLCHAINS="go1.22.12 go1.25.5" also makes them with these, if the go command can get them.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
CUTS=${CUTS:-12}

make_traces()
{
	local dir=$1 version=$2 k
	mkdir -p "$dir"
	(cd tests/reader/goprog && GOTOOLCHAIN=$version GOFLAGS=-buildvcs=false GOWORK=off timeout 300 "${GO:-go}" build -o "$T/goprog" .) \
		>"$T/build.log" 2>&1 || { echo "no goprog by $version: $(tail -1 "$T/build.log")"; return 1; }
	for k in $("$T/goprog"); do
		GODEBUG=$([ "$k" = allocfree ] && echo traceallocfree=1) timeout 60 "$T/goprog" "$k" "$dir/$k.trace" 2>"$T/err" ||
			{ echo "goprog $k failed: $(head -1 "$T/err")"; failed=1; }
	done
}

cut_some()
{
	local f n size i
	mkdir -p "$T/cut"
	for f in "$@"; do
		size=$(stat -c %s "$f")
		for ((i = 0; i < CUTS; i++)); do
			n=$((16 + (RANDOM * 32768 + RANDOM) % (size - 16)))
			head -c $n "$f" >"$T/cut/$(basename "$f" .trace)-$n.trace"
		done
	done
}

mkdir "$T/stored"
for f in tests/reader/go/*.gz; do gzip -dc "$f" >"$T/stored/$(basename "$f" .gz)"; done
same_events "stored traces of Go 1.22, 1.23, 1.25" "$T"/stored/*.trace
cut_some "$T"/stored/*.trace
same_events "the same, cut" "$T"/cut/*.trace
for v in local ${TOOLCHAINS:-}; do
	make_traces "$T/$v" "$v" || { [ "$v" = local ] && failed=1; continue; }
	same_events "programs made by $v" "$T/$v"/*.trace
	[ "$(ls "$T/$v" | wc -l)" -ge 15 ] || { echo "too few kinds"; failed=1; }
	rm -rf "$T/cut"
	cut_some "$T/$v/generations.trace"
	same_events "one of many generations, cut" "$T"/cut/*.trace
done
exit $failed
