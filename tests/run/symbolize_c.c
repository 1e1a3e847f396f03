/*
 * Waits at lines that are known: `@NAME` in a comment marks the line that a frame must show. NAME
 * is what symbolize.sh asks for.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int fds[2];

static inline __attribute__((always_inline)) void nap(int ms)
{
	struct pollfd p = { .fd = fds[0], .events = POLLIN };
	poll(&p, 1, ms); /* @nap */
}

static inline __attribute__((always_inline)) void twice(int ms)
{
	nap(ms); /* @twice */
	fds[1]++;
}

__attribute__((noinline)) static int plain(int ms)
{
	twice(ms); /* @plain */
	return fds[1];
}

__attribute__((noinline)) static int outer(int ms)
{
	const int rc = plain(ms); /* @outer */
	return rc + 1;
}

static void *worker(void *arg) /* @start */
{
	long sum = 0;
	for (int i = 0; i < 10; i++)
		sum += outer(3); /* @worker */
	return (char *)arg + sum;
}

int main(void)
{
	pthread_t t;
	if (pipe(fds))
		return 1;
	pthread_create(&t, NULL, worker, NULL); /* @create */
	pthread_join(t, NULL);                  /* @join */
	puts("done");
	return 0;
}
