/*
 * One named thread ("waiter") waits about 50 ms in the primitive named on the command line, several
 * times; the other ("holder") lets it wait. Prints what it measured: "waited NS", the sum of the
 * waits as the waiter saw them.
 */
#include "tests/run/prog.h"

#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ROUNDS  4
#define HOLD_MS 50

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier, turn;
static sem_t sem;
static int sv[2], pipefd[2], ep;
static int ready;
static int64_t waited;

static void *sleeper(void *arg)
{
	prog_sleep_ms(HOLD_MS);
	return arg;
}

struct kind {
	const char *name;
	void (*hold)(void); /* before the turn: take it */
	void (*let)(void);  /* HOLD_MS after the turn: let the waiter go */
	void (*wait)(void);
};

static void none(void)
{
}
static void mutex_hold(void)
{
	pthread_mutex_lock(&mutex);
}
static void mutex_let(void)
{
	pthread_mutex_unlock(&mutex);
}
static void mutex_wait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}
static void mutex_timed(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 20;
	CHECK(pthread_mutex_timedlock(&mutex, &t) == 0);
	pthread_mutex_unlock(&mutex);
}
static void cond_let(void)
{
	pthread_mutex_lock(&mutex);
	ready = 1;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
}
static void cond_wait(void)
{
	pthread_mutex_lock(&mutex);
	while (!ready)
		pthread_cond_wait(&cond, &mutex);
	ready = 0;
	pthread_mutex_unlock(&mutex);
}
static void wr_hold(void)
{
	pthread_rwlock_wrlock(&rwlock);
}
static void rd_hold(void)
{
	pthread_rwlock_rdlock(&rwlock);
}
static void rw_let(void)
{
	pthread_rwlock_unlock(&rwlock);
}
static void rd_wait(void)
{
	pthread_rwlock_rdlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}
static void wr_wait(void)
{
	pthread_rwlock_wrlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}
static void sem_let(void)
{
	sem_post(&sem);
}
static void sem_wait_(void)
{
	CHECK(sem_wait(&sem) == 0);
}
static void barrier_pass(void)
{
	pthread_barrier_wait(&barrier);
}
static void join_wait(void)
{
	struct prog_thread t;
	prog_spawn(&t, "joined", sleeper, NULL);
	prog_join(&t);
}
static void sleep_wait(void)
{
	prog_sleep_ms(HOLD_MS);
}
static void pipe_let(void)
{
	CHECK(write(pipefd[1], "x", 1) == 1);
}
static void pipe_wait(void)
{
	char c;
	CHECK(read(pipefd[0], &c, 1) == 1);
}
static void epoll_let(void)
{
	CHECK(write(sv[1], "x", 1) == 1);
}
static void epoll_wait_(void)
{
	struct epoll_event e;
	char c;
	CHECK(epoll_wait(ep, &e, 1, 20000) == 1);
	CHECK(read(sv[0], &c, 1) == 1);
}

static const struct kind kinds[] = {
	{ "mutex", mutex_hold, mutex_let, mutex_wait },
	{ "timedlock", mutex_hold, mutex_let, mutex_timed },
	{ "cond", none, cond_let, cond_wait },
	{ "rdlock", wr_hold, rw_let, rd_wait },
	{ "wrlock", rd_hold, rw_let, wr_wait },
	{ "sem", none, sem_let, sem_wait_ },
	{ "barrier", none, barrier_pass, barrier_pass },
	{ "join", none, none, join_wait },
	{ "sleep", none, none, sleep_wait },
	{ "pipe", none, pipe_let, pipe_wait },
	{ "epoll", none, epoll_let, epoll_wait_ },
};

static void *waiter(void *arg)
{
	const struct kind *k = arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&turn);
		int64_t t0 = prog_now_ns();
		k->wait();
		waited += prog_now_ns() - t0;
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

static void *holder(void *arg)
{
	const struct kind *k = arg;
	for (int i = 0; i < ROUNDS; i++) {
		k->hold();
		pthread_barrier_wait(&turn);
		prog_sleep_ms(HOLD_MS);
		k->let();
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	pthread_barrier_init(&turn, NULL, 2);
	pthread_barrier_init(&barrier, NULL, 2);
	sem_init(&sem, 0, 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0 && pipe(pipefd) == 0);
	ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &e) == 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, argv[1]))
			continue;
		struct prog_thread w, h;
		prog_spawn(&w, "waiter", waiter, (void *)&kinds[i]);
		prog_spawn(&h, "holder", holder, (void *)&kinds[i]);
		prog_join(&w);
		prog_join(&h);
		printf("waited %lld\n", (long long)waited);
		return 0;
	}
	return 99;
}
