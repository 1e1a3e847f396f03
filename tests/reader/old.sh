#!/bin/bash
# Traces in the formats of Go 1.5 to 1.21. The judge is the parser inside Go 1.19 (Debian's golang-1.19-go, -src):
# the same verdict and events on what Go 1.19 writes, on Go's own test data, on what we convert, and on mutated files;
# what is made of them is a valid Go 1.23 trace with the same waits.
#   N=mutated files SEED=seed. `N=100000` for the long run.
cd "$(dirname "$0")/../.." || exit 1
. tests/reader/compare.bash
N=${N:-5000}
SEED=${SEED:-$RANDOM$RANDOM}
GO19=${GO19:-/usr/lib/go-1.19/bin/go}
OURS=$B/tests/reader/oldcanon
[ -x "$GO19" ] || { echo "skipped: no Go 1.19 (apt-get install golang-1.19-go golang-1.19-src)"; exit 77; }
export GOROOT= GOTOOLCHAIN= GOFLAGS= GOWORK=off GO111MODULE=on GOCACHE=$T/cache
root=$("$GO19" env GOROOT)
[ -f "$root/src/internal/trace/parser.go" ] || { echo "skipped: no sources of Go 1.19 (apt-get install golang-1.19-src)"; exit 77; }
export LSAN_OPTIONS=detect_leaks=0

mkdir -p "$T/judge/trace" "$T/prog" "$T/in"
cp "$root"/src/internal/trace/{parser,order,goroutines}.go "$T/judge/trace/"
cp tests/reader/old/canon.go.txt "$T/judge/trace/canon.go"
cp tests/reader/old/main.go.txt "$T/judge/main.go"
printf 'module old\n\ngo 1.19\n' >"$T/judge/go.mod"
# The program that makes traces for programs.sh, without what Go 1.19 does not know.
cp tests/reader/goprog/*.go "$T/prog"
sed -Ei 's/range ([0-9]+|n) \{/range make([]struct{}, \1) {/' "$T"/prog/*.go
printf 'module goprog\n\ngo 1.19\n' >"$T/prog/go.mod"
(cd "$T/judge" && "$GO19" build -o "$T/go19" . && cd "$T/prog" && "$GO19" build -o "$T/goprog" .) >"$T/build.log" 2>&1 ||
	{ echo "FAIL: no judge: $(head -3 "$T/build.log")"; exit 1; }
fail() { echo "FAIL: $*"; failed=1; }

# ---- valid files: made by Go 1.19 now, kept by Go as test data, converted from traces of ours
for k in $("$T/goprog"); do
	timeout 60 "$T/goprog" "$k" "$T/in/$k.trace" 2>"$T/err" || fail "goprog $k: $(head -1 "$T/err")"
done
made=$(ls "$T/in" | wc -l)
for f in "$root"/src/internal/trace/testdata/*_{good,unordered}; do
	[ -f "$f" ] && cp "$f" "$T/in"
done
"$B/bench/bigtrace" "$T/big.trace" 1M 6 >/dev/null
for f in "$T/big.trace" tests/fuzz/corpus/ok-*.bin; do
	"$GT" convert --to go1.5 -o "$T/in/$(basename "$f").go15" "$f" || fail "convert $f"
done

# file<TAB>verdict<TAB>events<TAB>hash, sorted
digest() { python3 -c '
import sys, hashlib
for line in sys.stdin.buffer:
    if line.startswith(b"file "): name, h, n = line[5:-1].decode(), hashlib.md5(), 0
    elif line in (b"end\n", b"error\n"): print(name, line[:-1].decode(), n if line == b"end\n" else 0, h.hexdigest() if line == b"end\n" else "-", sep="\t")
    else: h.update(line); n += 1
'; }

# Both readers on the files of a list. Where Go leaves the order of events open it differs from run to run: a file
# on which they differ is asked again, and passes if Go ever says what we say.
compare()
{
	local what=$1 list=$2 i
	xargs -n 500 "$OURS" <"$list" 2>"$T/ours.err" | digest >"$T/ours"
	xargs -n 500 "$T/go19" canon <"$list" 2>"$T/go.err" | digest >"$T/go"
	[ "$(wc -l <"$T/ours")" = "$(wc -l <"$list")" ] || fail "$what: we do not read all files"
	comm -23 "$T/ours" "$T/go" >"$T/differ"
	for ((i = 0; i < 40; i++)); do
		[ -s "$T/differ" ] || break
		cut -f1 "$T/differ" | xargs "$T/go19" canon 2>/dev/null | digest >"$T/again"
		comm -23 "$T/differ" "$T/again" >"$T/differ.new"
		mv "$T/differ.new" "$T/differ"
	done
	grep -a 'a number is used twice' "$T/ours.err" | cut -d: -f1 | sort >"$T/twice"
	grep -vFf <(sed 's/$/\t/' "$T/twice") "$T/differ" >"$T/differ.new"
	mv "$T/differ.new" "$T/differ"
	echo "$what: $(wc -l <"$list") files, $(grep -c '	end	' "$T/go") taken by Go 1.19 with $(awk '{n += $3} END {print n}' "$T/go") events," \
		"$(comm -23 "$T/ours" "$T/go" | wc -l) with an order that Go leaves open, $(wc -l <"$T/differ") differ"
	[ -s "$T/differ" ] || return 0
	failed=1
	for i in $(cut -f1 "$T/differ" | head -3); do
		"$OURS" "$i" >"$T/a" 2>&1
		"$T/go19" canon "$i" >"$T/b" 2>&1
		diff "$T/a" "$T/b" | head -5
	done
}

# What Go 1.19 takes becomes a trace without errors, that Go's present reader takes, too.
judge_new()
{
	local what=$1 n
	grep '	end	' "$T/ours" | cut -f1 >"$T/taken"
	xargs -n 500 "$GT" check -q <"$T/taken" >"$T/check" 2>&1
	[ -s "$T/check" ] && fail "$what: what we make of a valid file: $(head -3 "$T/check")"
	grep '	error	' "$T/ours" | cut -f1 | head -500 >"$T/refused"
	n=$(xargs "$GT" check -q <"$T/refused" 2>&1 | cut -d: -f1 | sort -u | wc -l)
	[ "$n" = "$(wc -l <"$T/refused")" ] || fail "$what: check refuses $n of $(wc -l <"$T/refused") bad files"
}

find "$T/in" -type f | sort >"$T/list"
compare "valid" "$T/list"
judge_new "valid"
[ "$(grep -c '	end	' "$T/go")" -gt "$((made + 20))" ] || fail "Go 1.19 takes few of the files"
while read -r f; do
	"$GT" convert --to go -o "$T/new.trace" "$f" || fail "convert $f"
	"$ORACLE" -q "$T/new.trace" >"$T/err" 2>&1 || fail "$(basename "$f"), told anew: $(head -1 "$T/err")"
done <"$T/taken"

# ---- the waits: number and sum of each goroutine and kind. Events of one time get different ones in the new format:
# a few ns each
waits()
{
	"$CANON" "$1" | awk '
	BEGIN { n["sync"] = "GoBlockSync"; n["network"] = "GoBlockNet"; n["sync.(*Cond).Wait"] = "GoBlockCond"; n["select"] = "GoBlockSelect"
		n["chan%20send"] = "GoBlockSend"; n["chan%20receive"] = "GoBlockRecv"; n["sleep"] = "GoSleep"
		n["GC%20mark%20assist%20wait%20for%20work"] = "GoBlockGC" }
	$6 == "Running->Waiting" { since[$5] = $1; why[$5] = $7 in n ? n[$7] : "GoBlock" }
	$6 == "Waiting->Runnable" && $5 in since { sum[$5 " " why[$5]] += $1 - since[$5]; k[$5 " " why[$5]]++; delete since[$5] }
	$6 == "Running->Syscall" { call[$5] = $1 }
	$6 ~ /^Syscall->/ && $5 in call { d = $1 - call[$5]; if (d > 1) { sum[$5 " GoSysCall"] += d; k[$5 " GoSysCall"]++ } delete call[$5] }
	END { for (i in k) { split(i, a, " "); printf "%d %s %d %.0f\n", substr(a[1], 2), a[2], k[i], sum[i] } }' | sort
}
n_sums=0
while read -r f; do
	waits "$f" >"$T/w.ours"
	"$T/go19" waits "$f" | grep -v '^file\|^end' | awk '!($2 == "GoSysCall" && $4 <= $3)' | sort >"$T/w.go"
	join -j1 <(awk '{print $1 "/" $2, $3, $4}' "$T/w.ours" | sort) <(awk '{print $1 "/" $2, $3, $4}' "$T/w.go" | sort) >"$T/w.both"
	n=$(wc -l <"$T/w.both")
	# N.B. a call of 1 ns may be none: left out on both sides
	[ "$n" = "$(grep -vc GoSysCall "$T/w.go")" ] || [ "$n" -ge "$(wc -l <"$T/w.go")" ] ||
		fail "$(basename "$f"): $n of $(wc -l <"$T/w.go") sums of waits: $(diff "$T/w.ours" "$T/w.go" | head -3)"
	awk -v f="$(basename "$f")" '($1 !~ /GoSysCall/ && $2 != $4) || $3 - $5 > 64 * $4 || $5 - $3 > 64 * $4 { print "FAIL: " f ": waits " $0; bad = 1 } END { exit bad }' "$T/w.both" || failed=1
	n_sums=$((n_sums + n))
done <"$T/taken"
echo "waits: $n_sums sums equal"
[ "$n_sums" -gt 300 ] || fail "few sums"

# ---- every command takes them
f=$T/in/locks.trace
for c in info "dump --json" check "stat" "threads" "locks" "flame --folded" "convert --to chrome -o $T/x.json" "convert --to folded -o $T/x.txt"; do
	# shellcheck disable=SC2086 # several words
	"$GT" $c "$f" >"$T/out" 2>"$T/err" || fail "$c: $(head -1 "$T/err")"
done
"$GT" info "$f" | grep -q '^file .*go 1.19' || fail "info does not name the format"
"$GT" dump "$f" | grep -q 'main\.main' || fail "dump has no names"
cat "$f" | "$GT" check -q - || fail "no check of a pipe"
"$GT" dump --wire "$f" >"$T/out" 2>&1 && fail "dump --wire shows what is not in the file"

# ---- mutated files
awk -F'\t' '{ print $1 }' "$T/go" | while read -r f; do [ "$(stat -c %s "$f")" -lt 6000 ] && echo "$f"; done >"$T/small"
mkdir "$T/mut"
xargs python3 tests/reader/old/mutate.py "$SEED" "$N" "$T/mut" <"$T/small" || fail "no mutations"
find "$T/mut" -type f | sort >"$T/list"
compare "mutated (seed $SEED)" "$T/list"
judge_new "mutated"
exit $failed
