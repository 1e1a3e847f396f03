/*
 * "patient" has `right` and waits for `left`; "hasty" has `left` and waits for `right`, but only
 * 100 ms.
 */
#include "examples/example.h"

#include <errno.h>

static pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER, right = PTHREAD_MUTEX_INITIALIZER;
static atomic_int patient_tid, is_held;

static void *patient(void *arg)
{
	pthread_setname_np(pthread_self(), "patient");
	pthread_mutex_lock(&right);
	while (!is_held)
		work_ms(1);
	patient_tid = gettid();
	pthread_mutex_lock(&left);
	pthread_mutex_unlock(&left);
	pthread_mutex_unlock(&right);
	return arg;
}

static void *hasty(void *arg)
{
	struct timespec t;
	pthread_setname_np(pthread_self(), "hasty");
	pthread_mutex_lock(&left);
	is_held = 1;
	while (!is_asleep(patient_tid))
		work_ms(5);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 100000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	if (pthread_mutex_timedlock(&right, &t) != ETIMEDOUT)
		abort();
	pthread_mutex_unlock(&left);
	return arg;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, NULL, patient, NULL);
	pthread_create(&b, NULL, hasty, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}
