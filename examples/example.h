/* What the examples have in common: time, work, and how to know that another thread really waits.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline void sleep_ms(int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000l };
	nanosleep(&t, NULL);
}

/* Uses a CPU for that long. */
static inline void work_ms(int ms)
{
	struct timespec t;
	int64_t end = 0;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		const int64_t used = t.tv_sec * 1000000000ll + t.tv_nsec;
		end = end ? end : used + ms * 1000000ll;
		if (used >= end)
			return;
	} while (1);
}

/* Does the kernel say that this thread sleeps? 0 = not started yet. */
static inline int is_asleep(int tid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	const int fd = open(path, O_RDONLY);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *p = strrchr(text, ')');
	return tid != 0 && p != NULL && p[2] == 'S';
}

#endif
