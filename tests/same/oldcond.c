/*
 * Callers of the condition variables from before glibc 2.3.2, which have another ABI: the object is
 * a pointer to one that libc allocates. They must not end up in the new functions, nor the new ones
 * here.
 */
#include "tests/same/see.h"

#ifndef __x86_64__
int main(void)
{
	printf("no old condition variables on this machine\n");
	return 77;
}
#else
struct old_cond {
	pthread_cond_t *real;
	uint64_t guard[5]; /* the new functions would write here */
};
int old_init(struct old_cond *c, const pthread_condattr_t *a);
int old_destroy(struct old_cond *c);
int old_wait(struct old_cond *c, pthread_mutex_t *m);
int old_timedwait(struct old_cond *c, pthread_mutex_t *m, const struct timespec *abs);
int old_signal(struct old_cond *c);
int old_broadcast(struct old_cond *c);
__asm__(".symver old_init, pthread_cond_init@GLIBC_2.2.5");
__asm__(".symver old_destroy, pthread_cond_destroy@GLIBC_2.2.5");
__asm__(".symver old_wait, pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver old_timedwait, pthread_cond_timedwait@GLIBC_2.2.5");
__asm__(".symver old_signal, pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver old_broadcast, pthread_cond_broadcast@GLIBC_2.2.5");
int old_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
__asm__(".symver old_create, pthread_create@GLIBC_2.2.5");

static struct old_cond c = { NULL, { 1, 2, 3, 4, 5 } };
static pthread_cond_t modern = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int turn;

static void *waits(void *arg)
{
	pthread_mutex_lock(&m);
	turn++;
	pthread_cond_signal(&modern);
	while (turn < 10)
		old_wait(&c, &m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	const struct timespec past = { 1, 0 };
	pthread_t t[3];
	SEE(old_signal(&c));
	pthread_mutex_lock(&m);
	SEE(old_timedwait(&c, &m, &past));
	for (int i = 0; i < 3; i++)
		CHECK(!old_create(&t[i], NULL, waits, (void *)(intptr_t)i));
	while (turn < 3)
		CHECK(!pthread_cond_wait(&modern, &m));
	turn = 10;
	SEE(old_signal(&c));
	SEE(old_broadcast(&c));
	pthread_mutex_unlock(&m);
	for (intptr_t i = 0; i < 3; i++) {
		void *v;
		CHECK(!pthread_join(t[i], &v));
		CHECK(v == (void *)i);
	}
	printf("allocated %d, guard %d%d%d%d%d\n", c.real != NULL, (int)c.guard[0], (int)c.guard[1],
	       (int)c.guard[2], (int)c.guard[3], (int)c.guard[4]);
	SEE(old_destroy(&c));
	SEE(old_init(&c, NULL));
	SEE(old_broadcast(&c));
	return 0;
}
#endif
