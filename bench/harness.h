/*
 * Inside a measured process: runs one piece of work in slices and reports a fast one of them.
 * Shared by the programs that are traced (bench.c) and the one that is linked with the library's
 * own objects (nohooks.c).
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

struct work {
	const char *name;
	void (*setup)(void); /* may be NULL */
	/* Does `n` operations; returns how many events' worth of operations those were, for bytes
	 * per operation. */
	uint64_t (*run)(uint64_t n);
	uint64_t slice; /* operations of one slice: a few hundred microseconds */
	/*
	 * False: its threads share one CPU and keep it busy; then CPU time of the process is the
	 * time it took, without what other people's processes took in between.
	 */
	bool is_by_the_clock;
};

/*
 * Which slice stands for a process: whatever disturbs only ever adds, so one of the faster ones;
 * not the fastest, which may be luck.
 */
#define BENCH_QUANTILE 0.1

#define BENCH_WARM_UP_MS 45 /* the tracer's clock needs 30 ms to find the TSC's rate */

uint64_t bench_now_ns(void);

/* The CPUs of a run: the last two that this process may use; equal when there is only one. */
int bench_cpu_main(void);
int bench_cpu_other(void);

/* Ties the calling thread, and threads that it creates, to one CPU. */
void bench_pin(int cpu);

/*
 * Two threads on one CPU that hand over to each other: a woken thread must not preempt its waker,
 * else half of the waits find their condition true already and never block.
 */
void bench_no_preemption(void);

void bench_thread(void *(*fn)(void *));

/* Measures for `ms` milliseconds and prints "ns-per-operation operations" on stdout. */
int bench_work(const struct work *w, unsigned ms);

/* /bin/true, `n` times. Prints the same for a median launch. */
int bench_launches(unsigned n);

/* The works of each file, ended by one without a name. */
extern const struct work works_sync[], works_io[], works_mem[], works_proc[];

#endif
