/* Priority-protected mutexes, free and contended, under a real-time priority: tools.sh counts the
 * calls that set priorities. */
#include "tests/run/prog.h"

static pthread_mutex_t m;

static void *tries(void *arg)
{
	for (int i = 0; i < 20; i++)
		CHECK(pthread_mutex_trylock(&m) == EBUSY);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t a;
	pthread_t t;
	pthread_mutexattr_init(&a);
	CHECK(!pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT) &&
	      !pthread_mutexattr_setprioceiling(&a, 20));
	CHECK(!pthread_mutex_init(&m, &a));
	for (int i = 0; i < 50; i++)
		CHECK(!pthread_mutex_lock(&m) && !pthread_mutex_unlock(&m));
	CHECK(!pthread_mutex_lock(&m) && !pthread_create(&t, NULL, tries, NULL) &&
	      !pthread_join(t, NULL));
	CHECK(!pthread_mutex_unlock(&m));
	printf("locked\n");
	return 0;
}
