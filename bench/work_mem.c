/* The heap. */
#include "bench/harness.h"

#include <stdlib.h>
#include <unistd.h>

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void setup(void)
{
	bench_thread(sleeper); /* most programs that are worth tracing have a second thread */
}

static uint64_t run_malloc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = malloc(64);
		__asm__ volatile("" : "+r"(p)::"memory"); /* else the pair is optimized away */
		free(p);
	}
	return n;
}

/* What a trace holds when nothing happens: taken off before bytes are divided by operations. */
static uint64_t run_nothing(uint64_t n)
{
	usleep((useconds_t)n);
	return n;
}

const struct work works_mem[] = {
	{ "malloc", setup, run_malloc, 20000, false },
	{ "nothing", setup, run_nothing, 30000, true },
	{ NULL, NULL, NULL, 0, false },
};
