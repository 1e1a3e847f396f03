#include "bench/harness.h"

#include "bench/stats.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_SLICES 4096

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* The n-th usable CPU from the end; the first ones take most interrupts. */
static int cpu_from_end(int n)
{
	static cpu_set_t
		set; /* as the process was started: pinning changes what can be asked for later */
	static bool is_known;
	if (!is_known)
		is_known = sched_getaffinity(0, sizeof(set), &set) == 0;
	int found = 0;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		found = cpu;
		if (n-- == 0)
			break;
	}
	return found;
}

int bench_cpu_main(void)
{
	return cpu_from_end(0);
}

int bench_cpu_other(void)
{
	return cpu_from_end(1);
}

void bench_pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* refused: then it is not pinned */
}

void bench_no_preemption(void)
{
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
}

void bench_thread(void *(*fn)(void *))
{
	pthread_t th;
	if (pthread_create(&th, NULL, fn, NULL)) {
		perror("pthread_create");
		exit(1);
	}
}

int bench_work(const struct work *w, unsigned ms)
{
	static double slices[MAX_SLICES];
	bench_cpu_other(); /* asks while not yet pinned */
	/*
	 * N.B. only now, in the process itself: the tracer's writer has started already and stays
	 * free to run elsewhere. Pinned with us it would be measured as a part of each operation.
	 */
	bench_pin(bench_cpu_main());
	if (w->setup)
		w->setup();

	uint64_t units = 0;
	const uint64_t begin = bench_now_ns();
	while (bench_now_ns() - begin < BENCH_WARM_UP_MS * 1000000ull)
		units += w->run(w->slice);

	unsigned n = 0;
	const clockid_t clock = w->is_by_the_clock ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
	const uint64_t end = bench_now_ns() + ms * 1000000ull;
	do {
		const uint64_t from = read_clock(clock);
		units += w->run(w->slice);
		slices[n++] = (double)(read_clock(clock) - from) / (double)w->slice;
	} while (n < MAX_SLICES && bench_now_ns() < end);
	printf("%.4f %lu\n", stats_quantile(slices, n, BENCH_QUANTILE), (unsigned long)units);
	fflush(stdout);
	return 0;
}
