/* Threads and processes that begin and end. */
#include "bench/harness.h"

#include "bench/stats.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST_US 3000

extern char **environ;

static void *at_once(void *arg)
{
	return arg;
}

static uint64_t run_create(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_t th;
		if (pthread_create(&th, NULL, at_once, NULL) || pthread_join(th, NULL))
			exit(1);
	}
	return n;
}

/*
 * This process is never traced itself: the library comes in BENCH_PRELOAD. From before the launch
 * to the end of the program, as its parent sees it; what the tracer's writer does after that end is
 * not in it.
 */
static uint64_t launch_ns(char *const argv[])
{
	pid_t pid;
	int status;
	const uint64_t from = bench_now_ns();
	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		exit(1);
	const uint64_t took = bench_now_ns() - from;
	usleep(REST_US); /* else the writer of the last one is measured with the next one */
	return took;
}

/* `n` launches; prints like bench_work(). Not pinned: the writer would be on the same CPU. */
int bench_launches(unsigned n)
{
	char name[] = "/bin/true";
	char *const argv[] = { name, NULL };
	double took[256];
	const char *preload = getenv("BENCH_PRELOAD");
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	launch_ns(argv); /* the first one reads the disk */
	if (n > 256)
		n = 256;
	for (unsigned i = 0; i < n; i++)
		took[i] = (double)launch_ns(argv);
	printf("%.1f %u\n", stats_quantile(took, n, BENCH_QUANTILE), n);
	return 0;
}

const struct work works_proc[] = {
	{ "create", NULL, run_create, 10, false },
	{ NULL, NULL, NULL, 0, false },
};
