#!/bin/bash
# GTRACE_SYSCALLS=all: waits that pass by every hook are in the file, each once and as long as the thread itself measured,
# with the stack of who called and who let it go; without the setting they are not (docs/HOOKS.md, "What cannot be hooked").
. "$(dirname "$0")/../lib.sh"

# wait_of FILE THREAD: ns that it waited, and how often
wait_of()
{
	jq -r --arg n "$2" '[.goroutines[] | select(.label==$n)][0] | "\([.wait_ns_by_reason[]?] | add // 0) \(.blocks)"' "$1"
}
# near NAME MEASURED TOLD: not longer than measured, and no shorter than main left it asleep
near()
{
	[ "$3" -le $(($2 + 1000000)) ] || fail "$1: $3 ns are told, $2 were measured"
	[ "$3" -ge 29000000 ] || fail "$1: only $3 of $2 ns are told"
}

for setting in off all; do
	record "GTRACE_PERIOD=${GTRACE_PERIOD:-1h}" GTRACE_SYSCALLS=$setting -- "$PROGS/syscalls"
	eq "$status" 0 "$setting: exit status"
	judge
	[ -f "$TRACE.json" ] || skip "no oracle"
	eq "$(wc -l <"$T/stdout")" 6 "$setting: lines"
	while read -r name ns; do
		read -r told times < <(wait_of "$TRACE.json" "$name")
		case $setting$name in
		all* | offhooked*) near "$setting: $name" "$ns" "$told" ;;
		*) [ "$told" -lt 1000000 ] || fail "$name is seen without the setting: $told ns" ;;
		esac
		case $name in hooked*) [ "$times" -le 1 ] || fail "$setting: $name is told $times times" ;; esac
	done <"$T/stdout"
done
refused=$("$GT" info --json "$TRACE" | jq '[.. | objects | select(.name? == "syscalls_refused") | .value] | add // 0')
[ "$refused" = 0 ] || fail "refused: errno $refused"
"$GT" dump "$TRACE" >"$T/dump"
# (a wait through the end of a generation has its innermost frame alone)
[ "${GTRACE_PERIOD:-}" = 0 ] || grep 'GoBlock reason="network"' "$T/dump" | grep -q 'system_call .* < fgets [^<]*< by_fgets .* < waits ' || fail "no stack of fgets"
grep 'GoBlock reason="sync"' "$T/dump" | grep -q 'stack=[0-9]*.system_call [^<]*< by_bare_futex [^<]*< waits ' || fail "no stack of the futex"
grep ' WAKE ' "$T/dump" | grep -q 'system_call [^<]*< lets_go [^<]*< main' || fail "nobody has woken the futex"
[ "$(count "$TRACE" system_call)" -ge 4 ] || fail "system calls are not counted"
# usleep's own clock_nanosleep, and the threads' ends: nothing twice
eq "$("$GT" stat --json "$TRACE" | jq '[.calls[] | select(.call=="usleep") | .waits] | add')" 1 "usleep"

# The command's option
(cd "$T" && "$GT" record -q --syscalls=all -o opt.trace -- "$PROGS/syscalls" >/dev/null 2>&1) || fail "record --syscalls=all"
judge "$T/opt.trace"
[ "$(count "$T/opt.trace" system_call)" -ge 4 ] || fail "record --syscalls=all counts nothing"

# OpenMP: the barrier's futexes, and who ends them
cat >"$T/omp.c" <<'C'
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	int n = 0;
#pragma omp parallel num_threads(3) reduction(+ : n)
	{
#pragma omp master
		usleep(50000);
#pragma omp barrier
		n++;
	}
	printf("%d\n", n);
	return 0;
}
C
if gcc -O1 -fopenmp -o "$T/omp" "$T/omp.c" 2>/dev/null; then
	for setting in off all; do
		: >"$T/stdout"
		record OMP_WAIT_POLICY=passive GTRACE_SYSCALLS=$setting -- "$T/omp"
		eq "$status $(cat "$T/stdout")" "0 3" "OpenMP, $setting: status and result"
		judge
		case $setting in
		off) fact '[.goroutines[1:][] | waited("sync")] | add // 0 | . < 1000000' ;;
		all) fact '[.goroutines[1:][] | waited("sync") | select(. > 40000000)] | length == 2' ;;
		esac
	done
	"$GT" dump "$TRACE" | grep -q ' WAKE .*libgomp' || fail "OpenMP: no waker"
else
	echo "no OpenMP: left out"
fi

# Go with cgo: its threads' own futexes. N.B. it ends past libc: a writer that is a thread ends with it
if [ "${GTRACE_WRITER:-task}" = task ] && command -v "${GO:-go}" >/dev/null && mkdir "$T/go" && cat >"$T/go/main.go" <<'GO' &&
package main

// #include <unistd.h>
import "C"
import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	var wg sync.WaitGroup
	c := make(chan int)
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go func() {
			runtime.LockOSThread()
			for range c {
			}
			wg.Done()
		}()
	}
	for i := 0; i < 10; i++ {
		c <- i
		time.Sleep(2 * time.Millisecond)
	}
	close(c)
	wg.Wait()
	fmt.Println(int(C.getpid()) == os.Getpid())
}
GO
	(cd "$T/go" && printf 'module x\ngo 1.21\n' >go.mod && CGO_ENABLED=1 GOFLAGS=-mod=mod "${GO:-go}" build -o prog . >build.log 2>&1); then
	for setting in off all; do
		: >"$T/stdout"
		record GTRACE_SYSCALLS=$setting -- "$T/go/prog"
		eq "$status $(cat "$T/stdout")" "0 true" "Go, $setting: status and output"
		judge
		told=$(jq '[.goroutines[].wait_ns_by_reason[]?] | add // 0' "$TRACE.json")
		case $setting in
		off) [ "$told" -lt 1000000 ] || fail "Go: $told ns without the setting" ;;
		all) [ "$told" -gt 20000000 ] || fail "Go: only $told ns" ;;
		esac
	done
	"$GT" dump "$TRACE" | grep 'GoBlock reason="sync"' | grep -q 'system_call [^<]*< runtime.futex' || fail "Go: no futex"
else
	echo "no Go with cgo: left out"
fi
done_ok
