/* A thread cancelled in each kind of wait: its cleanup runs, in cond_wait with the mutex held; it
 * can wait again in there. */
#include "tests/same/see.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static sem_t sem, entered;
static int p[2], sv[2];

static void cleanup(void *what)
{
	printf("cleanup of %s", (char *)what);
	if (!strncmp(what, "cond", 4)) {
		printf(", mutex held %d", pthread_mutex_trylock(&m));
		pthread_mutex_unlock(&m);
	}
	prog_sleep_ms(1);
	free(malloc(100));
	printf("\n");
}

static void w_read(void)
{
	char b;
	(void)!read(p[0], &b, 1);
}
static void w_recv(void)
{
	char b;
	recv(sv[0], &b, 1, 0);
}
static void w_nanosleep(void)
{
	prog_sleep_ms(100000);
}
static void w_sem(void)
{
	sem_wait(&sem);
}
static void w_poll(void)
{
	poll(NULL, 0, -1);
}
static void w_epoll(void)
{
	struct epoll_event e;
	epoll_wait(epoll_create1(0), &e, 1, -1);
}
static void w_cond(void)
{
	pthread_mutex_lock(&m);
	for (;;)
		pthread_cond_wait(&c, &m);
}
static void w_pause(void)
{
	pause();
}
static void w_join(void)
{
	pthread_t t;
	pthread_create(&t, NULL, (void *(*)(void *))(void *)w_pause, NULL);
	pthread_detach(pthread_self());
	pthread_join(t, NULL);
}
static void w_testcancel(void)
{
	for (;;)
		pthread_testcancel();
}

static const struct kind {
	const char *name;
	void (*fn)(void);
} kinds[] = { { "read", w_read },      { "recv", w_recv },   { "nanosleep", w_nanosleep },
	      { "sem_wait", w_sem },   { "poll", w_poll },   { "epoll_wait", w_epoll },
	      { "cond_wait", w_cond }, { "pause", w_pause }, { "testcancel", w_testcancel } };

static void *work(void *arg)
{
	const struct kind *k = arg;
	pthread_cleanup_push(cleanup, (void *)k->name);
	sem_post(&entered);
	k->fn();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *deferred(void *arg)
{
	char b;
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&entered);
	SEE(read(p[0], &b, 1)); /* cancelled meanwhile: must come back */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	return arg;
}

static void *spin(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&entered);
	for (;;)
		__asm__ volatile("" ::: "memory");
	return arg;
}

static void one(const char *name, void *(*fn)(void *), void *arg, int is_async)
{
	pthread_t t;
	void *v;
	CHECK(!pthread_create(&t, NULL, fn, arg));
	CHECK(!sem_wait(&entered));
	if (!is_async)
		prog_sleep_ms(10);
	CHECK(!pthread_cancel(t));
	if (fn == deferred) {
		prog_sleep_ms(10);
		CHECK(write(p[1], "x", 1) == 1);
	}
	CHECK(!pthread_join(t, &v));
	printf("%s: cancelled %d\n", name, v == PTHREAD_CANCELED);
}

int main(void)
{
	(void)w_join;
	sem_init(&sem, 0, 0);
	sem_init(&entered, 0, 0);
	CHECK(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			one(kinds[i].name, work, (void *)&kinds[i], 0);
	one("deferred", deferred, NULL, 0);
	for (int i = 0; i < 100; i++) {
		pthread_t t;
		CHECK(!pthread_create(&t, NULL, spin, NULL));
		CHECK(!sem_wait(&entered) && !pthread_cancel(t) && !pthread_join(t, NULL));
	}
	return 0;
}
