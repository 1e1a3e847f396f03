/*
 * Threads whose scheduling is known.
 *   sched pinned SECONDS    two threads on one CPU burn so much CPU time each
 *   sched sleepy N          a thread sleeps N times
 * Each prints "NAME TID ns-on-cpu ns-ready wall-ns" as the kernel counts them, at its end.
 */
#include "tests/run/prog.h"

#include <sched.h>
#include <sys/syscall.h>

static double amount;

static double clock_of(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void tell(const char *name, double start)
{
	char path[64], line[128] = "";
	unsigned long long on = 0, ready = 0;
	sched_yield(); /* the kernel's figure is of the last switch or tick */
	const int tid = (int)syscall(SYS_gettid);
	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", tid);
	FILE *f = fopen(path, "r");
	if (f) {
		CHECK(fgets(line, sizeof(line), f));
		fclose(f);
		CHECK(sscanf(line, "%llu %llu", &on, &ready) == 2);
	}
	printf("%s %d %llu %llu %.0f\n", name, tid, on, ready,
	       (clock_of(CLOCK_MONOTONIC) - start) * 1e9);
	fflush(stdout);
}

static void *burner(void *arg)
{
	const double start = clock_of(CLOCK_MONOTONIC);
	while (clock_of(CLOCK_THREAD_CPUTIME_ID) < amount)
		for (volatile int i = 0; i < 100000; i++)
			;
	tell(arg, start);
	return NULL;
}

static void *sleeper(void *arg)
{
	const double start = clock_of(CLOCK_MONOTONIC);
	const struct timespec ts = { 0, 10000000 };
	for (int i = 0; i < (int)amount; i++)
		nanosleep(&ts, NULL);
	tell(arg, start);
	return NULL;
}

static void pin(void)
{
	cpu_set_t all, one;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	}
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	const double start = clock_of(CLOCK_MONOTONIC);
	amount = atof(argv[2]);
	struct prog_thread t[2];
	int n = 1;
	if (strcmp(argv[1], "pinned") == 0) {
		pin();
		n = 2;
		prog_spawn(&t[0], "left", burner, "left");
		prog_spawn(&t[1], "right", burner, "right");
	} else {
		prog_spawn(&t[0], "sleeper", sleeper, "sleeper");
	}
	for (int i = 0; i < n; i++)
		CHECK(pthread_join(t[i].id, NULL) == 0);
	tell("main", start);
	return 0;
}
