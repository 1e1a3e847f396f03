/* Mutexes on which a trylock is not harmless: robust (owner died, not recoverable), PI, priority
 * protected. */
#include "tests/same/see.h"

static pthread_mutex_t m;

static void make(int type, int robust, int protocol)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	CHECK(!pthread_mutexattr_settype(&a, type));
	if (robust)
		CHECK(!pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
	CHECK(!pthread_mutexattr_setprotocol(&a, protocol));
	memset(&m, 0, sizeof(m));
	printf("type %d, robust %d, protocol %d: init %d\n", type, robust, protocol,
	       pthread_mutex_init(&m, &a));
}

static void *lock_and_end(void *arg)
{
	SEE(pthread_mutex_lock(&m));
	return arg;
}

static void *try_all(void *arg)
{
	const struct timespec past = { 1, 0 };
	SEE(pthread_mutex_trylock(&m));
	SEE(pthread_mutex_timedlock(&m, &past));
	SEE(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	return arg;
}

static void in_thread(void *(*fn)(void *))
{
	pthread_t t;
	CHECK(!pthread_create(&t, NULL, fn, NULL));
	CHECK(!pthread_join(t, NULL));
}

/* Lock, relock and unlock by the owner, then what others get. */
static void plain(int type)
{
	const struct timespec past = { 1, 0 };
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_timedlock(&m, &past));
	if (type != PTHREAD_MUTEX_NORMAL && type != PTHREAD_MUTEX_ADAPTIVE_NP) {
		const int rc = SEE(pthread_mutex_lock(&m));
		if (rc == 0)
			SEE(pthread_mutex_unlock(&m));
	}
	if (type == PTHREAD_MUTEX_RECURSIVE)
		SEE(pthread_mutex_unlock(&m)); /* of the timedlock */
	in_thread(try_all);
	SEE(pthread_mutex_unlock(&m));
	SEE(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	SEE(pthread_mutex_unlock(&m));
}

static void *lock_again(void *arg)
{
	const struct timespec past = { 1, 0 };
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_timedlock(&m, &past));
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	return arg;
}

static void dies(void)
{
	in_thread(lock_and_end);
	SEE(pthread_mutex_lock(&m)); /* EOWNERDEAD */
	SEE(pthread_mutex_consistent(&m));
	SEE(pthread_mutex_unlock(&m));
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_unlock(&m));
	in_thread(lock_and_end);
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_unlock(
		&m)); /* not made consistent: lost for ever, and said so to everybody */
	SEE(pthread_mutex_lock(&m));
	in_thread(lock_again);
	in_thread(lock_again);
	SEE(pthread_mutex_lock(&m));
}

int main(void)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				     PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };
	for (int i = 0; i < 4; i++)
		for (int robust = 0; robust < 2; robust++)
			for (int protocol = 0; protocol < 3; protocol++) {
				make(types[i], robust, protocol);
				if (protocol == PTHREAD_PRIO_PROTECT) {
					SEE(pthread_mutex_lock(
						&m)); /* EINVAL without a real-time priority */
					continue;
				}
				plain(types[i]);
				if (robust)
					dies();
			}
	return 0;
}
