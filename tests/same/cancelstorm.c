/* 1000 threads that compute with asynchronous cancellation are cancelled, beside threads that wait
 * all the time. */
#include "tests/same/see.h"

#include <semaphore.h>

static volatile int stop;
static sem_t entered;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *waits(void *arg)
{
	while (!stop) {
		pthread_mutex_lock(&m);
		usleep(5);
		pthread_mutex_unlock(&m);
	}
	return arg;
}
static void *computes(void *arg)
{
	volatile unsigned long x = 1;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&entered);
	for (;;)
		x = x * 6364136223846793005ul + 1;
	return arg;
}

int main(void)
{
	pthread_t w[2], t;
	int cancelled = 0;
	sem_init(&entered, 0, 0);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&w[i], NULL, waits, NULL));
	for (int i = 0; i < 1000; i++) {
		void *v;
		CHECK(!pthread_create(&t, NULL, computes, NULL) && !sem_wait(&entered));
		CHECK(!pthread_cancel(t) && !pthread_join(t, &v));
		cancelled += v == PTHREAD_CANCELED;
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(w[i], NULL));
	printf("%d\n", cancelled);
	return 0;
}
