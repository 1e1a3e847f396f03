#!/bin/sh
# Builds the oracle. usage: build.sh OUTPUT. Prints "ok" or "skipped: why"; exits 0 either way,
# so that a machine without Go can run the other tests.
here=$(cd "$(dirname "$0")" && pwd)
out=$1
go=${GO:-go}
rm -f "$out"

command -v "$go" >/dev/null 2>&1 || {
	[ -x /usr/local/go/bin/go ] && go=/usr/local/go/bin/go || { echo "skipped: no Go"; exit 0; }
}
# "go1.26.8" -> 1 26; an older one would try to download a toolchain.
ver=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed 's/^go//')
major=${ver%%.*}
minor=$(printf '%s' "$ver" | cut -d. -f2 | sed 's/[^0-9].*//')
if [ "${major:-0}" -lt 1 ] || { [ "$major" -eq 1 ] && [ "${minor:-0}" -lt 26 ]; }; then
	echo "skipped: no Go (1.26 or later is needed, this is ${ver:-unknown})"
	exit 0
fi
if ! (cd "$here" && GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off timeout 300 "$go" mod download) 2>"$out.log"; then
	echo "skipped: no Go module ($(tail -1 "$out.log"))"
	exit 0
fi
if ! (cd "$here" && GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off "$go" build -o "$out" .) 2>"$out.log"; then
	echo "skipped: oracle does not build ($(tail -1 "$out.log"))"
	exit 0
fi
rm -f "$out.log"
echo ok
