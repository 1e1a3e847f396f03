#!/bin/bash
# convert --to go1.5, judged by the parser inside Go 1.19 (Debian's golang-1.19-go and -src): it takes the file,
# and each goroutine's waits are, by reason, what our own reader says, to the nanosecond.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
GO19=${GO19:-/usr/lib/go-1.19/bin/go}
[ -x "$GO19" ] || { echo "skipped: no Go 1.19 (apt-get install golang-1.19-go golang-1.19-src)"; exit 77; }
export GOROOT= GOTOOLCHAIN= GOFLAGS= GOWORK=off GO111MODULE=on
root=$("$GO19" env GOROOT)
[ -f "$root/src/internal/trace/parser.go" ] || { echo "skipped: no sources of Go 1.19 (apt-get install golang-1.19-src)"; exit 77; }
# Its parser as a package of our own: nobody outside may import an internal one.
mkdir -p "$T/mod/trace"
cp "$root"/src/internal/trace/{parser,order,goroutines}.go "$T/mod/trace/"
cp tests/reader/go15/main.go.txt "$T/mod/main.go"
printf 'module go15\n\ngo 1.19\n' >"$T/mod/go.mod"
(cd "$T/mod" && GOCACHE=$T/cache "$GO19" build -o "$T/go15" .) >"$T/build.log" 2>&1 ||
	{ echo "FAIL: no judge: $(head -3 "$T/build.log")"; exit 1; }

# "wait g7 GoBlockSync 12345" of the trace that was converted: waits that ended.
waits()
{
	"$CANON" "$1" | awk '
	BEGIN { n["sync"] = "GoBlockSync"; n["network"] = "GoBlockNet"; n["sync.(*Cond).Wait"] = "GoBlockCond"; n["select"] = "GoBlockSelect"
		n["chan%20send"] = "GoBlockSend"; n["chan%20receive"] = "GoBlockRecv"; n["sleep"] = "GoSleep" }
	$6 == "Running->Waiting" { since[$5] = $1; why[$5] = $7 in n ? n[$7] : "GoBlock" }
	$6 == "Waiting->Runnable" && $5 in since { sum[$5 " " why[$5]] += $1 - since[$5]; delete since[$5] }
	END { for (k in sum) printf "wait %s %d\n", k, sum[k] }' | sort
}

# "g7 calls waits ns" of each thread, also of what was under way at the start and the end: the life in waits and calls.
lives()
{
	"$GT" threads --csv "$1" 2>/dev/null | tr -d '\r' | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
		{ printf "g%d %d %d %.0f\n", $c["g"], $c["calls"], $c["waits"],
			$c["contention_ns"] + $c["io_ns"] + $c["idle_ns"] + $c["sleep_ns"] + $c["calls_ns"] }' | sort
}

judge15()
{
	local f=$1 out=$T/out.trace
	"$GT" convert --to go1.5 -o "$out" "$f" || { echo "FAIL: convert $(basename "$f")"; failed=1; return; }
	"$T/go15" "$T/go15" "$out" >"$T/verdict" 2>&1 || { echo "FAIL: $(basename "$f"): $(head -1 "$T/verdict")"; failed=1; return; }
	grep '^wait' "$T/verdict" | sort >"$T/theirs"
	waits "$f" >"$T/ours.waits"
	cmp -s "$T/theirs" "$T/ours.waits" || { echo "FAIL: $(basename "$f"): waits differ"; diff "$T/theirs" "$T/ours.waits" | head -4; failed=1; return; }
	"$GT" check -q "$out" >"$T/err" 2>&1 || { echo "FAIL: $(basename "$f"), read back: $(head -1 "$T/err")"; failed=1; }
	lives "$f" >"$T/lives"
	lives "$out" >"$T/lives.back"
	# N.B. ids of goroutines that come again are others there; what happens within a few ns is a few ns later
	case $(basename "$f") in
	*cgo*) sed -i 's/^g[0-9]* //' "$T/lives" "$T/lives.back"; sort -o "$T/lives" "$T/lives"; sort -o "$T/lives.back" "$T/lives.back" ;;
	ok-*) sed -Ei 's/[0-9]{1,2}$/_/' "$T/lives" "$T/lives.back" ;;
	esac
	cmp -s "$T/lives" "$T/lives.back" ||
		{ echo "FAIL: $(basename "$f"), read back: waits differ"; diff "$T/lives" "$T/lives.back" | head -6; failed=1; }
	lives=$((lives + $(wc -l <"$T/lives")))
	n=$((n + 1)) waits=$((waits + $(wc -l <"$T/theirs")))
}
n=0 waits=0 lives=0
"$B/bench/bigtrace" "$T/small.trace" 1M 6 >/dev/null
mkdir "$T/in"
for f in tests/reader/go/*.gz; do gzip -dc "$f" >"$T/in/$(basename "$f" .gz)"; done
cp tests/fuzz/corpus/ok-*.bin "$T/in"
for f in "$T/small.trace" "$T"/in/*; do judge15 "$f"; done
echo "go 1.5: $n traces taken by Go 1.19's parser, $waits sums of waits equal; read back: $lives threads' waits"
exit $failed
