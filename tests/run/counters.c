/*
 * counters THREADS ROUNDS: each thread makes a known number of each call; some wait, most do not.
 * At the end prints "NAME COUNT" for each function: how often the whole process called it.
 * Functions that libc itself calls through us (malloc) are printed as
 * "+NAME COUNT": the script compares two runs.
 */
#include "tests/run/prog.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define MAX_NAMES 128
static struct {
	const char *name;
	atomic_long n;
} counts[MAX_NAMES];
static atomic_int n_names;

static int slot(const char *name)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	while (atomic_flag_test_and_set(&busy))
		;
	int i = 0;
	while (i < n_names && strcmp(counts[i].name, name))
		i++;
	if (i == n_names) {
		counts[i].name = name;
		n_names = i + 1;
	}
	atomic_flag_clear(&busy);
	return i;
}

/* Counts and calls. */
#define DO_AS(text, expr)                                                                          \
	({                                                                                         \
		static _Atomic int s_ = -1;                                                        \
		if (s_ < 0)                                                                        \
			s_ = slot(text);                                                           \
		counts[s_].n++;                                                                    \
		(expr);                                                                            \
	})
#define DO(fn, ...) DO_AS(#fn, fn(__VA_ARGS__))

static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t bar;
static sem_t sem;
static int rounds, n_threads;

static void locks(void)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	struct timespec past = { 1, 0 }, later;
	clock_gettime(CLOCK_REALTIME, &later);
	later.tv_sec += 100;

	DO(pthread_mutex_lock, &shared);
	DO(pthread_cond_signal, &cond);
	DO(pthread_cond_timedwait, &cond, &shared,
	   &past); /* times out, or meets another thread's signal */
	DO(pthread_mutex_unlock, &shared);
	DO(pthread_cond_broadcast, &cond);
	CHECK(DO(pthread_mutex_trylock, &own) == 0);
	CHECK(DO(pthread_mutex_trylock, &own) == EBUSY);
	CHECK(DO(pthread_mutex_timedlock, &own, &past) == ETIMEDOUT);
	DO(pthread_mutex_unlock, &own);
	CHECK(DO(pthread_mutex_clocklock, &own, CLOCK_REALTIME, &later) == 0);
	DO(pthread_mutex_unlock, &own);
	DO(pthread_rwlock_rdlock, &rw);
	DO(pthread_rwlock_unlock, &rw);
	DO(pthread_rwlock_wrlock, &rw);
	DO(pthread_rwlock_unlock, &rw);
	if (DO(pthread_rwlock_tryrdlock, &rw) == 0)
		DO(pthread_rwlock_unlock, &rw);
	CHECK(DO(pthread_rwlock_timedwrlock, &rw, &later) == 0);
	DO(pthread_rwlock_unlock, &rw);
	DO(sem_wait, &sem);
	DO(sem_post, &sem);
	if (DO(sem_trywait, &sem) == 0)
		DO(sem_post, &sem);
	CHECK(DO(sem_timedwait, &sem, &later) == 0);
	DO(sem_post, &sem);
}

static void io(void)
{
	char buf[16] = "0123456789";
	struct iovec iov = { buf, 4 };
	int p[2], s[2];
	CHECK(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK(DO(write, p[1], buf, 10) == 10);
	CHECK(DO(read, p[0], buf, 6) == 6);
	CHECK(DO(readv, p[0], &iov, 1) == 4);
	CHECK(DO(writev, p[1], &iov, 1) == 4);
	struct pollfd pf = { p[0], POLLIN, 0 };
	CHECK(DO(poll, &pf, 1, 0) == 1);
	CHECK(DO(poll, &pf, 1, 1000) == 1);
	CHECK(DO(ppoll, &pf, 1, NULL, NULL) == 1);
	fd_set fs;
	FD_ZERO(&fs);
	struct timeval tv = { 0, 10 };
	CHECK(DO(select, 0, NULL, NULL, NULL, &tv) == 0);
	CHECK(DO(read, -1, buf, 1) == -1); /* failing calls count as well */
	CHECK(DO(send, s[0], buf, 8, 0) == 8);
	CHECK(DO(recv, s[1], buf, 4, 0) == 4);
	CHECK(DO(recvfrom, s[1], buf, 4, 0, NULL, NULL) == 4);
	CHECK(DO(recv, s[1], buf, 4, MSG_DONTWAIT) == -1);
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	CHECK(DO(sendmsg, s[1], &mh, 0) == 4);
	CHECK(DO(recvmsg, s[0], &mh, 0) == 4);
	int ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };
	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
	CHECK(DO(epoll_wait, ep, &e, 1, -1) == 1);
	CHECK(DO(epoll_pwait, ep, &e, 1, 0, NULL) == 1);
	for (int i = 0; i < 2; i++) {
		CHECK(!DO(close, p[i]));
		CHECK(!DO(close, s[i]));
	}
	CHECK(!DO(close, ep));
}

static void files(const char *name)
{
	char buf[8] = "abc";
	int fd = DO(open, name, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(DO(pwrite, fd, buf, 4, 0) == 4);
	CHECK(DO(pread, fd, buf, 4, 0) == 4);
	CHECK(!DO(flock, fd, LOCK_EX));
	CHECK(!DO(flock, fd, LOCK_UN));
	CHECK(DO(fcntl, fd, F_GETFD) >= 0);
	CHECK(!DO(fdatasync, fd));
	CHECK(!DO(close, fd));
	CHECK(DO(openat, AT_FDCWD, "/nonexistent", O_RDONLY) == -1);
}

/* Else the compiler removes an allocation that nobody looks at. */
static __thread void *volatile keep;

static void rest(int round)
{
	struct timespec t = { 0, 1000 };
	CHECK(!DO(nanosleep, &t, NULL));
	CHECK(!DO(clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL));
	CHECK(!DO(usleep, 1));
	CHECK(DO(syscall, SYS_gettid) > 0);
	if (round % 16 == 0)
		DO(pthread_barrier_wait, &bar);
	void *p = DO_AS("+malloc", malloc(100));
	p = DO_AS("+realloc", realloc(p, 5000));
	DO_AS("+free", free(p));
	keep = DO_AS("+calloc", calloc(3, 30));
	DO_AS("+free", free(keep));
	CHECK(!DO_AS("+posix_memalign", posix_memalign(&p, 64, 100)));
	DO_AS("+free", free(p));
}

static void *work(void *arg)
{
	char name[64];
	snprintf(name, sizeof(name), "counters.%d.%d", (int)getpid(), (int)(intptr_t)arg);
	for (int i = 0; i < rounds; i++) {
		locks();
		io();
		files(name);
		rest(i);
	}
	unlink(name);
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	n_threads = atoi(argv[1]);
	rounds = atoi(argv[2]);
	pthread_barrier_init(&bar, NULL, (unsigned)n_threads);
	sem_init(&sem, 0, 1);
	pthread_t t[64];
	for (int i = 0; i < n_threads; i++)
		CHECK(!DO(pthread_create, &t[i], NULL, work, (void *)(intptr_t)i));
	for (int i = 0; i < n_threads; i++)
		CHECK(!DO(pthread_join, t[i], NULL));
	pid_t pid = DO(fork);
	if (!pid)
		_exit(0);
	CHECK(DO(waitpid, pid, NULL, 0) == pid);
	for (int i = 0; i < n_names; i++)
		printf("%s %ld\n", counts[i].name, (long)counts[i].n);
	return 0;
}
