/* The smallest stack that pthread_create takes: locks, mallocs, sleeps, talks; key destructors that
 * do the same; many threads at once. */
#include "tests/same/see.h"

#include <limits.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static int p[2];
static int destroyed;

static void calls(void)
{
	char c = 'x';
	pthread_mutex_lock(&m);
	free(malloc(1000));
	prog_sleep_ms(1);
	CHECK(write(p[1], &c, 1) == 1 && read(p[0], &c, 1) == 1);
	pthread_mutex_unlock(&m);
}

static void destroy(void *v)
{
	calls();
	destroyed++;
	if ((intptr_t)v > 1)
		pthread_setspecific(key, (void *)((intptr_t)v - 1));
}

static void *work(void *arg)
{
	errno = 123;
	calls();
	pthread_setspecific(key, arg);
	return (void *)(intptr_t)errno;
}

int main(void)
{
	CHECK(!pipe(p) && !pthread_key_create(&key, destroy));
	pthread_attr_t a;
	pthread_attr_init(&a);
	SEE(pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN));
	for (intptr_t i = 1; i < 5; i++) {
		pthread_t t;
		void *v;
		SEE(pthread_create(&t, &a, work, (void *)i));
		SEE(pthread_join(t, &v));
		printf("errno of the thread %ld, destructors %d\n", (long)(intptr_t)v, destroyed);
	}
	pthread_t t[200];
	for (intptr_t i = 0; i < 200; i++)
		CHECK(!pthread_create(&t[i], &a, work, (void *)1));
	for (int i = 0; i < 200; i++)
		CHECK(!pthread_join(t[i], NULL));
	printf("destructors %d\n", destroyed);
	return 0;
}
