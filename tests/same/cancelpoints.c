/* What is a cancellation point although nothing waits, and what is none although it waits. */
#include "tests/same/see.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>

static sem_t sem, entered, cancelled;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static int p[2];

static void c_sem_wait(void)
{
	sem_wait(&sem);
}
static void c_sem_timedwait(void)
{
	const struct timespec far = { 1L << 40, 0 };
	sem_timedwait(&sem, &far);
}
static void c_sem_clockwait(void)
{
	const struct timespec far = { 1L << 40, 0 };
	sem_clockwait(&sem, CLOCK_MONOTONIC, &far);
}
static void c_sem_timedwait_bad(void)
{
	const struct timespec bad = { 0, -1 };
	sem_timedwait(&sem, &bad);
}
static void c_sem_trywait(void)
{
	sem_trywait(&sem);
	sem_post(&sem);
}
static void c_mutex(void)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}
static void c_rwlock(void)
{
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_unlock(&rw);
}
static void c_post(void)
{
	sem_post(&sem);
	sem_trywait(&sem);
}
static void c_read(void)
{
	char c;
	(void)!read(p[0], &c, 1);
}
static void c_write(void)
{
	(void)!write(p[1], "x", 1);
}
static void c_poll_now(void)
{
	poll(NULL, 0, 0);
}
static void c_nanosleep(void)
{
	nanosleep(&(struct timespec){ 0, 0 }, NULL);
}
static void c_open(void)
{
	close(open("/", O_RDONLY));
}
static void c_malloc(void)
{
	free(malloc(10));
}
static void *ends(void *arg)
{
	return arg;
}
static void c_create_join(void)
{
	pthread_t t;
	int old;
	pthread_create(&t, NULL, ends, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	while (pthread_tryjoin_np(t, NULL) == EBUSY)
		sched_yield();
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
}
static void c_cond_wait(void)
{
	static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_mutex_lock(&m);
	pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &m);
	pthread_cond_wait(&c, &m);
	pthread_cleanup_pop(1);
}

static const struct kind {
	const char *name;
	void (*fn)(void);
} kinds[] = {
#define K(name)                                                                                    \
	{                                                                                          \
#name, c_##name                                                                    \
	}
	K(sem_wait),    K(sem_timedwait), K(sem_clockwait), K(sem_timedwait_bad),
	K(sem_trywait), K(mutex),         K(rwlock),        K(post),
	K(read),        K(write),         K(poll_now),      K(nanosleep),
	K(open),        K(malloc),        K(create_join),   K(cond_wait),
};

static void unwound(void *name)
{
	printf("%s: unwound, ", (const char *)name);
}

static void *work(void *arg)
{
	const struct kind *const k = arg;
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&entered);
	while (sem_wait(&cancelled))
		;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_cleanup_push(unwound, (void *)k->name);
	k->fn();
	pthread_cleanup_pop(0);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	printf("%s: passed, ", k->name);
	return arg;
}

int main(void)
{
	CHECK(!pipe(p) && write(p[1], "yy", 2) == 2);
	CHECK(!sem_init(&sem, 0, 1) && !sem_init(&entered, 0, 0) && !sem_init(&cancelled, 0, 0));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		pthread_t t;
		void *v;
		int value;
		CHECK(!pthread_create(&t, NULL, work, (void *)&kinds[i]));
		CHECK(!sem_wait(&entered));
		CHECK(!pthread_cancel(t));
		CHECK(!sem_post(&cancelled));
		CHECK(!pthread_join(t, &v));
		sem_getvalue(&sem, &value);
		printf("cancelled %d, semaphore %d, mutex %d\n", v == PTHREAD_CANCELED, value,
		       pthread_mutex_trylock(&m));
		pthread_mutex_unlock(&m);
		sem_destroy(&sem);
		sem_init(&sem, 0, 1);
	}
	return 0;
}
