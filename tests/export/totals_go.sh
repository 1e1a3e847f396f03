#!/bin/bash
# A Go program's own trace in every format: totals agree with Go's reader to the ns. Also its samples and its heap.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
GOFLAGS=-mod=mod go build -o "$T/go" tests/export/go.go || skip "go cannot build"
"$T/go" "$T/go.trace" || fail "the Go program"
GODEBUG=traceallocfree=1 "$T/go" "$T/heap.trace" || fail "the Go program, with allocations"
totals heap "$T/heap.trace"
# Objects that are there at the end: allocated, or old, and not freed.
want=$("$GT" dump "$T/heap.trace" | sed -n 's/.* \(HeapObject[A-Za-z]*\) id=\([0-9]*\).*/\1 \2/p' | awk '
	$1 == "HeapObject" || $1 == "HeapObjectAlloc" { live[$2] = 1 }
	$1 == "HeapObjectAlloc" { n++ }
	$1 == "HeapObjectFree" { delete live[$2] }
	END { print n, length(live) }')
sum_of() { "$PPROF" -raw "$1" 2>/dev/null | awk '/^Locations/ { exit } /^ +-?[0-9]+ .*: / { sub(/:.*/, ""); for (i = 1; i <= NF; i++) s[i] += $i } END { print s[1], s[3] }'; }
eq "$(sum_of "$T/out.pprof-heap")" "$want" "objects allocated, in use"
totals go "$T/go.trace"
want=$("$GT" dump "$T/go.trace" | grep -c ' CPUSample ')
[ "$want" -gt 0 ] || fail "no CPU samples: the test tests nothing"
eq "$("$PPROF" -raw "$T/out.pprof-cpu" 2>/dev/null | awk '/^Locations/ { exit } /^ +[0-9]+ .*: / { n += $1; ns += $2 } END { print n, ns }')" \
	"$want $((want * 10000000))" "CPU samples"
for f in block mutex offcpu cpu heap; do
	"$PPROF" -top "$T/out.pprof-$f" >"$T/top" 2>&1 || fail "pprof -top: $(cat "$T/top")"
done
done_ok
