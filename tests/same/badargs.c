/* Clocks and times that are refused even though the object is free: a try in front must not hide
 * that. */
#include "tests/same/see.h"

#include <semaphore.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;

static void mutex(int rc)
{
	if (!rc)
		SEE(pthread_mutex_unlock(&m));
}
static void rwlock(int rc)
{
	if (!rc)
		SEE(pthread_rwlock_unlock(&rw));
}
static void semaphore(int rc)
{
	if (!rc)
		SEE(sem_post(&sem));
}

static void *nothing(void *arg)
{
	return arg;
}

static void join(int clk)
{
	const struct timespec bad = { 0, -1 }, past = { 1, 0 };
	pthread_t t;
	CHECK(!pthread_create(&t, NULL, nothing, (void *)7));
	prog_sleep_ms(20); /* it has ended, most likely: the result is the same if not */
	void *v = NULL;
	SEE(pthread_clockjoin_np(t, &v, 4242, &past));
	if (clk)
		SEE(pthread_timedjoin_np(t, &v, NULL));
	else
		SEE(pthread_join(t, &v));
	printf("%p\n", v);
	(void)bad;
}

int main(void)
{
	const struct timespec times[] = {
		{ 1, 0 }, { 1, -1 }, { 1, 1000000000 }, { -5, 0 }, { 1L << 60, 999999999 }
	};
	const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, 4242,
			       -1 };
	CHECK(!sem_init(&sem, 0, 1));
	for (int i = 0; i < 5; i++) {
		const struct timespec *at = &times[i];
		printf("time %ld.%ld\n", (long)at->tv_sec, at->tv_nsec);
		mutex(SEE(pthread_mutex_timedlock(&m, at)));
		rwlock(SEE(pthread_rwlock_timedrdlock(&rw, at)));
		rwlock(SEE(pthread_rwlock_timedwrlock(&rw, at)));
		semaphore(SEE(sem_timedwait(&sem, at)));
		for (int k = 0; k < 5; k++) {
			const int clk = clocks[k];
			printf("clock %d\n", clk);
			mutex(SEE(pthread_mutex_clocklock(&m, clk, at)));
			rwlock(SEE(pthread_rwlock_clockrdlock(&rw, clk, at)));
			rwlock(SEE(pthread_rwlock_clockwrlock(&rw, clk, at)));
			semaphore(SEE(sem_clockwait(&sem, clk, at)));
		}
	}
	/* a free mutex does not look at the time */
	mutex(SEE(pthread_mutex_timedlock(&m, (struct timespec *)8)));
	join(0);
	join(1);
	return 0;
}
