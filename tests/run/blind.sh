#!/bin/bash
# The blind spots that the README names are what they are: fgets on a pipe and OpenMP's own futexes run as ever and are not in
# the file; getaddrinfo is one outer call.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/blind"
eq "$status" 0 "exit status"
eq "$(tr '\n' ' ' <"$T/stdout")" "line 1 0 1 " "stdout"
judge
fact '[.goroutines[] | waited("network")] | add < 30000000'
eq "$(count "$TRACE" getaddrinfo)" 2 "getaddrinfo"
eq "$(count "$TRACE" read)$(count "$TRACE" poll)$(count "$TRACE" recvfrom)" 000 "calls inside libc"
cat >"$T/omp.c" <<'C'
#include <stdio.h>
int main(void)
{
	long sum = 0;
	for (int k = 0; k < 50; k++)
#pragma omp parallel for reduction(+ : sum) num_threads(3)
		for (int i = 0; i < 30000; i++)
			sum += i % 7;
	printf("%ld\n", sum);
	return 0;
}
C
if gcc -O1 -fopenmp -o "$T/omp" "$T/omp.c" 2>/dev/null; then
	rm -f "$T"/*.trace*
	want=$("$T/omp")
	record -- "$T/omp"
	eq "$status" 0 "OpenMP: exit status"
	eq "$(cat "$T/stdout")" "$want" "OpenMP: stdout"
	judge
	eq "$(count "$TRACE" pthread_create)" 2 "OpenMP: threads"
	fact '[.goroutines[] | waited("sync")] | add < 1000000000'
fi
done_ok
