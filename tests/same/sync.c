/* Return codes of the pthread calls: kinds of mutexes, time-outs, try variants, misuse that is
 * defined. */
#include "tests/same/see.h"

#include <semaphore.h>

static struct timespec in_ms(clockid_t clk, long ms)
{
	struct timespec t;
	clock_gettime(clk, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *unlock_foreign(void *m)
{
	printf("unlock by a stranger: %d\n", pthread_mutex_unlock(m));
	return NULL;
}

static void *lock_and_end(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *v = (void *)1;
	CHECK(!pthread_create(&t, NULL, fn, arg));
	SEE(pthread_join(t, &v));
	printf("value %p\n", v);
}

static void mutexes(void)
{
	static const int kinds[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				     PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };
	for (int i = 0; i < 4; i++) {
		pthread_mutex_t m;
		pthread_mutexattr_t a;
		pthread_mutexattr_init(&a);
		pthread_mutexattr_settype(&a, kinds[i]);
		pthread_mutex_init(&m, &a);
		printf("kind %d\n", kinds[i]);
		SEE(pthread_mutex_lock(&m));
		SEE(pthread_mutex_trylock(&m));
		if (i == 1 || i == 2)
			SEE(pthread_mutex_lock(&m));
		struct timespec t = in_ms(CLOCK_REALTIME, 10);
		SEE(pthread_mutex_timedlock(&m, &t));
		t.tv_nsec = -1;
		SEE(pthread_mutex_timedlock(&m, &t));
		t = in_ms(CLOCK_MONOTONIC, 10);
		SEE(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &t));
		SEE(pthread_mutex_clocklock(&m, 12345, &t));
		if (i == 1 || i == 2)
			in_thread(unlock_foreign, &m);
		for (int k = 0; k < (i == 1 ? 5 : 1); k++)
			SEE(pthread_mutex_unlock(&m));
		if (i == 1 || i == 2)
			SEE(pthread_mutex_unlock(&m));
		printf("destroy %d\n", i == 1 || pthread_mutex_destroy(&m));
	}
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&m, &a);
	in_thread(lock_and_end, &m);
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_unlock(&m));
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_trylock(&m));
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&m, &a);
	SEE(pthread_mutex_lock(&m));
	SEE(pthread_mutex_trylock(&m));
	SEE(pthread_mutex_unlock(&m));
	SEE(pthread_mutex_unlock(&m));
}

static void conds(void)
{
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	struct timespec t = in_ms(CLOCK_REALTIME, 10);
	SEE(pthread_cond_signal(&c));
	SEE(pthread_cond_broadcast(&c));
	pthread_mutex_lock(&m);
	SEE(pthread_cond_timedwait(&c, &m, &t));
	t.tv_nsec = 2000000000;
	SEE(pthread_cond_timedwait(&c, &m, &t));
	t = in_ms(CLOCK_MONOTONIC, 10);
	SEE(pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &t));
	SEE(pthread_cond_clockwait(&c, &m, 999, &t));
	SEE(pthread_mutex_unlock(&m));
	SEE(pthread_cond_destroy(&c));
}

static void rest(void)
{
	pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
	struct timespec t = in_ms(CLOCK_REALTIME, 10), mono = in_ms(CLOCK_MONOTONIC, 10);
	SEE(pthread_rwlock_rdlock(&l));
	SEE(pthread_rwlock_tryrdlock(&l));
	SEE(pthread_rwlock_trywrlock(&l));
	SEE(pthread_rwlock_timedwrlock(&l, &t));
	SEE(pthread_rwlock_clockwrlock(&l, CLOCK_MONOTONIC, &mono));
	SEE(pthread_rwlock_unlock(&l));
	SEE(pthread_rwlock_unlock(&l));
	SEE(pthread_rwlock_wrlock(&l));
	SEE(pthread_rwlock_rdlock(&l));
	SEE(pthread_rwlock_wrlock(&l));
	SEE(pthread_rwlock_timedrdlock(&l, &t));
	SEE(pthread_rwlock_clockrdlock(&l, CLOCK_MONOTONIC, &mono));
	SEE(pthread_rwlock_unlock(&l));

	sem_t s;
	sem_init(&s, 0, 1);
	int v;
	SEE(sem_wait(&s));
	SEE(sem_trywait(&s));
	SEE(sem_timedwait(&s, &t));
	SEE(sem_clockwait(&s, CLOCK_MONOTONIC, &mono));
	t.tv_nsec = -1;
	SEE(sem_timedwait(&s, &t));
	SEE(sem_post(&s));
	SEE(sem_timedwait(&s, &t));
	SEE(sem_getvalue(&s, &v));
	sem_init(&s, 0, 0x7fffffff);
	SEE(sem_post(&s));

	pthread_barrier_t b;
	pthread_barrier_init(&b, NULL, 1);
	SEE(pthread_barrier_wait(&b));
}

static void *self_join(void *arg)
{
	printf("join oneself: %d\n", pthread_join(pthread_self(), NULL));
	return arg;
}

static void *exits(void *arg)
{
	pthread_exit(arg);
}

static void *sleeps(void *arg)
{
	prog_sleep_ms(300);
	return arg;
}

static void joins(void)
{
	pthread_t t;
	in_thread(self_join, (void *)5);
	in_thread(exits, (void *)6);
	CHECK(!pthread_create(&t, NULL, sleeps, (void *)7));
	void *v = NULL;
	struct timespec at = in_ms(CLOCK_REALTIME, 20), mono = in_ms(CLOCK_MONOTONIC, 20);
	SEE(pthread_tryjoin_np(t, &v));
	SEE(pthread_timedjoin_np(t, &v, &at));
	SEE(pthread_clockjoin_np(t, &v, CLOCK_MONOTONIC, &mono));
	SEE(pthread_join(t, &v));
	printf("%p\n", v);
	CHECK(!pthread_create(&t, NULL, sleeps, NULL));
	SEE(pthread_detach(t));
	SEE(pthread_detach(t));
	SEE(pthread_join(t, NULL));
	SEE(pthread_setname_np(pthread_self(), "a name that is much too long"));
	SEE(pthread_setname_np(pthread_self(), "short"));
	char name[16];
	SEE(pthread_getname_np(pthread_self(), name, 16));
	printf("%s\n", name);
	pthread_attr_t a;
	pthread_attr_init(&a);
	SEE(pthread_attr_setstacksize(&a, 1ULL << 46));
	SEE(pthread_create(&t, &a, sleeps, NULL));
}

int main(void)
{
	mutexes();
	conds();
	rest();
	joins();
	return 0;
}
