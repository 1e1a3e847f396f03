/*
 * traps WHAT: one pattern of calls, for traps.sh, which knows what of it may be in the trace. "w"
 * is the thread that the trace is asked about, "h" the other.
 */
#include "tests/run/prog.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static _Atomic int w_tid, go, serials;

static void typed(int type)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, type);
	CHECK(!pthread_mutex_init(&m, &a));
}

static struct timespec in_ms(long ms)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Until the kernel says that "w" sleeps. No hooked call but nanosleep, by the other thread. */
static void until_w_sleeps(void)
{
	char path[64], text[256] = "";
	while (!w_tid)
		prog_sleep_ms(1);
	do {
		prog_sleep_ms(2);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)w_tid);
		FILE *const f = fopen(path, "r");
		CHECK(f && fgets(text, sizeof(text), f));
		fclose(f);
	} while (*(strrchr(text, ')') + 2) != 'S');
}

static void *lock_once(void *arg)
{
	w_tid = (int)syscall(SYS_gettid);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return arg;
}

/* 10^6 free locks, and all that comes back at once */
static void *free_objects(void *arg)
{
	for (int i = 0; i < 1000000; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	for (int i = 0; i < 1000; i++) {
		pthread_rwlock_rdlock(&rw);
		pthread_rwlock_unlock(&rw);
		pthread_rwlock_wrlock(&rw);
		pthread_rwlock_unlock(&rw);
		sem_post(&sem);
		sem_wait(&sem);
		pthread_cond_signal(&cond);
		pthread_cond_broadcast(&cond);
	}
	return arg;
}

/* Try variants that fail; error-checking misuse */
static void *failing_tries(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		CHECK(pthread_mutex_trylock(&m) == EBUSY && sem_trywait(&sem) == -1);
		CHECK(pthread_rwlock_tryrdlock(&rw) == EBUSY &&
		      pthread_rwlock_trywrlock(&rw) == EBUSY);
	}
	return arg;
}
static void *misuse(void *arg)
{
	for (int i = 0; i < 100; i++) {
		CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
		CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM);
		CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
	}
	return arg;
}

/* Descriptors that are asked and not waited for */
static void *at_once(void *arg)
{
	int p[2], s[2];
	char c;
	struct epoll_event e;
	CHECK(!pipe2(p, O_NONBLOCK) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	const int ep = epoll_create1(0);
	for (int i = 0; i < 1000; i++) {
		struct pollfd f = { p[0], POLLIN, 0 };
		struct timeval tv = { 0, 0 };
		CHECK(!poll(&f, 1, 0) && !epoll_wait(ep, &e, 1, 0) &&
		      !select(0, NULL, NULL, NULL, &tv));
		CHECK(read(p[0], &c, 1) == -1 && errno == EAGAIN);
		CHECK(recv(s[0], &c, 1, 0) == -1 && recv(s[0], &c, 1, MSG_DONTWAIT) == -1);
	}
	return arg;
}

static void *timed(void *arg)
{
	w_tid = (int)syscall(SYS_gettid);
	struct timespec t = in_ms(30);
	CHECK(pthread_mutex_timedlock(&m, &t) == ETIMEDOUT);
	go = 1;
	t = in_ms(20000);
	CHECK(pthread_mutex_timedlock(&m, &t) == 0 && !pthread_mutex_unlock(&m));
	return arg;
}

static void *meets(void *arg)
{
	w_tid = (int)syscall(SYS_gettid);
	for (int i = 0; i < 50; i++)
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serials++;
	return arg;
}

static void *returns(void *arg)
{
	w_tid = (int)syscall(SYS_gettid);
	return arg;
}

/* A pipe 20 times slowly, a file 1000 times at once */
static int slow[2];
static void *reads(void *arg)
{
	char c;
	w_tid = (int)syscall(SYS_gettid);
	const int fd = open("/proc/self/exe", O_RDONLY);
	for (int i = 0; i < 1000; i++)
		CHECK(pread(fd, &c, 1, 0) == 1);
	for (int i = 0; i < 20; i++)
		CHECK(read(slow[0], &c, 1) == 1);
	return arg;
}

static void *renames(void *arg)
{
	w_tid = (int)syscall(SYS_gettid);
	CHECK(!prctl(PR_SET_NAME, "by-prctl"));
	prog_sleep_ms(30);
	go = 1;
	while (go == 1)
		prog_sleep_ms(2);
	return arg;
}

int main(int argc, char **argv)
{
	struct prog_thread w, h;
	const char *const what = argc > 1 ? argv[1] : "";
	sem_init(&sem, 0, 0);
	if (!strcmp(what, "free")) {
		prog_spawn(&w, "w", free_objects, NULL);
	} else if (!strcmp(what, "tries")) {
		pthread_mutex_lock(&m);
		pthread_rwlock_wrlock(&rw);
		prog_spawn(&w, "w", failing_tries, NULL);
	} else if (!strcmp(what, "misuse")) {
		typed(PTHREAD_MUTEX_ERRORCHECK);
		prog_spawn(&w, "w", misuse, NULL);
	} else if (!strcmp(what, "at-once")) {
		prog_spawn(&w, "w", at_once, NULL);
	} else if (!strcmp(what, "recursive")) {
		typed(PTHREAD_MUTEX_RECURSIVE);
		for (int i = 0; i < 3; i++)
			pthread_mutex_lock(&m);
		prog_spawn(&w, "w", lock_once, NULL);
		while (!w_tid)
			prog_sleep_ms(1);
		for (int i = 0; i < 3; i++) {
			until_w_sleeps();
			pthread_mutex_unlock(&m);
		}
	} else if (!strcmp(what, "adaptive")) {
		typed(PTHREAD_MUTEX_ADAPTIVE_NP);
		prog_spawn(&h, "h", free_objects, NULL);
		prog_spawn(&w, "w", free_objects, NULL);
		prog_join(&h);
	} else if (!strcmp(what, "timed")) {
		pthread_mutex_lock(&m);
		prog_spawn(&w, "w", timed, NULL);
		while (!go)
			prog_sleep_ms(1);
		until_w_sleeps();
		pthread_mutex_unlock(&m);
	} else if (!strcmp(what, "barrier")) {
		pthread_barrier_init(&barrier, NULL, 3);
		prog_spawn(&w, "w", meets, NULL);
		prog_spawn(&h, "h", meets, NULL);
		for (int i = 0; i < 50; i++) {
			until_w_sleeps();
			if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
				serials++;
		}
		prog_join(&h);
		printf("serials %d\n", (int)serials);
	} else if (!strcmp(what, "joined")) {
		prog_spawn(&w, "w", returns, NULL);
		/* Gone: its entry in /proc is, too */
		char path[64];
		while (!w_tid)
			prog_sleep_ms(1);
		snprintf(path, sizeof(path), "/proc/self/task/%d", (int)w_tid);
		while (access(path, F_OK) == 0)
			prog_sleep_ms(1);
	} else if (!strcmp(what, "threshold")) {
		CHECK(!pipe(slow));
		prog_spawn(&w, "w", reads, NULL);
		while (!w_tid)
			prog_sleep_ms(1);
		for (int i = 0; i < 20; i++) {
			until_w_sleeps();
			CHECK(write(slow[1], "x", 1) == 1);
		}
	} else if (!strcmp(what, "names")) {
		prog_spawn(&w, "w", renames, NULL);
		while (!go)
			prog_sleep_ms(1);
		CHECK(!pthread_setname_np(w.id, "by-another"));
		prog_sleep_ms(30);
		go = 2;
	} else if (!strcmp(what, "cond-mutex")) {
		/* cond_wait gives the mutex that "w" waits for away */
		pthread_mutex_lock(&m);
		prog_spawn(&w, "w", lock_once, NULL);
		while (!w_tid)
			prog_sleep_ms(1);
		until_w_sleeps();
		const struct timespec t = in_ms(100);
		CHECK(pthread_cond_timedwait(&cond, &m, &t) == ETIMEDOUT);
		pthread_mutex_unlock(&m);
	} else {
		return 2;
	}
	prog_join(&w);
	return 0;
}
