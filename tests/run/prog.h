/* For the programs of tests/run: start named threads, check results, pass time. */
#ifndef GT_TEST_PROG_H
#define GT_TEST_PROG_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__,      \
				#cond, errno);                                                     \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

struct prog_thread {
	pthread_t id;
	const char *name;
	void *(*fn)(void *);
	void *arg;
};

static inline void *prog_enter(void *arg)
{
	struct prog_thread *t = (struct prog_thread *)arg;
	CHECK(pthread_setname_np(pthread_self(), t->name) == 0);
	return t->fn(t->arg);
}

static inline void prog_spawn(struct prog_thread *t, const char *name, void *(*fn)(void *),
			      void *arg)
{
	t->name = name;
	t->fn = fn;
	t->arg = arg;
	CHECK(pthread_create(&t->id, NULL, prog_enter, t) == 0);
}

static inline void prog_join(struct prog_thread *t)
{
	CHECK(pthread_join(t->id, NULL) == 0);
}

static inline void prog_sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static inline int64_t prog_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Whether a thread sleeps in the kernel: what it said before that, "I am about to wait", is true
 * by then. */
static inline int prog_is_asleep(int tid)
{
	char path[64], name[64], state = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %63s %c", name, &state) != 2)
		state = 0;
	if (f)
		fclose(f);
	return state == 'S';
}

#endif
