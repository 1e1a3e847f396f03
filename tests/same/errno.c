/* errno after 20 good and 20 failing calls of each kind, on the main thread and as the first call
 * of a new thread. */
#include "tests/same/see.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static int p[2], n[2], ep;
static char buf[64];
static const struct timespec none, bad = { 0, -1 }, past = { 1, 0 };
static struct timeval now;

static long lock_unlock(void)
{
	pthread_mutex_lock(&m);
	return pthread_mutex_unlock(&m);
}
static long mutex_times_out(void)
{
	pthread_mutex_lock(&m);
	const long rc = pthread_mutex_timedlock(&m, &past);
	pthread_mutex_unlock(&m);
	return rc;
}
static long write_read(void)
{
	return write(p[1], "abc", 3) + read(p[0], buf, 3);
}
static long post_wait(void)
{
	return sem_post(&sem) + sem_wait(&sem);
}
static long rw_times_out(void)
{
	pthread_rwlock_wrlock(&rw);
	const long rc = pthread_rwlock_timedrdlock(&rw, &past) + pthread_rwlock_tryrdlock(&rw);
	pthread_rwlock_unlock(&rw);
	return rc;
}
static long alloc_free(void)
{
	void *volatile q = malloc(100);
	q = realloc(q, 100000);
	free(q);
	return 0;
}
static long alloc_fails(void)
{
	volatile size_t big = SIZE_MAX / 2;
	return malloc(big) == NULL;
}
static long child(void)
{
	int st;
	const pid_t pid = fork();
	if (!pid)
		_exit(3);
	return waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 3;
}
static long open_close(void)
{
	return close(open("/", O_RDONLY));
}

/* clang-format off */
#define KINDS                                                                                       \
	K(lock_unlock())                                                                            \
	K(mutex_times_out())                                                                        \
	K(pthread_mutex_trylock(&m) || pthread_mutex_unlock(&m))                                    \
	K(rw_times_out())                                                                           \
	K(post_wait())                                                                              \
	K(sem_trywait(&sem))                                                                        \
	K(sem_timedwait(&sem, &past))                                                               \
	K(sem_timedwait(&sem, &bad))                                                                \
	K(sem_clockwait(&sem, CLOCK_MONOTONIC, &past))                                              \
	K(write_read())                                                                             \
	K(read(-1, buf, 1))                                                                         \
	K(read(n[0], buf, 1))                                                                       \
	K(write(-1, buf, 1))                                                                        \
	K(readv(-1, NULL, 0))                                                                       \
	K(pread(p[0], buf, 1, 0))                                                                   \
	K(recv(p[0], buf, 1, 0))                                                                    \
	K(send(-1, buf, 1, MSG_DONTWAIT))                                                           \
	K(accept(p[0], NULL, NULL))                                                                 \
	K(connect(-1, NULL, 0))                                                                     \
	K(poll(NULL, 0, 0))                                                                         \
	K(poll(NULL, 0, 1))                                                                         \
	K(poll((struct pollfd *)8, 1, 0))                                                           \
	K(ppoll(NULL, 0, &bad, NULL))                                                               \
	K(select(0, NULL, NULL, NULL, (now = (struct timeval){ 0, 0 }, &now)))                      \
	K(select(-1, NULL, NULL, NULL, NULL))                                                       \
	K(pselect(-1, NULL, NULL, NULL, &none, NULL))                                               \
	K(epoll_wait(ep, (struct epoll_event *)buf, 1, 0))                                          \
	K(epoll_wait(-1, (struct epoll_event *)buf, 1, 0))                                          \
	K(nanosleep(&none, NULL))                                                                   \
	K(nanosleep(&bad, NULL))                                                                    \
	K(nanosleep((struct timespec *)8, NULL))                                                    \
	K(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL))                                          \
	K(usleep(1))                                                                                \
	K(usleep(0))                                                                                \
	K(sleep(0))                                                                                 \
	K(fsync(-1))                                                                                \
	K(fsync(p[0]))                                                                              \
	K(flock(-1, LOCK_SH))                                                                       \
	K(fcntl(p[0], F_GETFL) != -1)                                                               \
	K(fcntl(-1, F_SETFL, O_NONBLOCK))                                                           \
	K(fcntl(p[0], F_SETLKW, (void *)8))                                                         \
	K(open("/nowhere/at/all", O_RDONLY))                                                        \
	K(open_close())                                                                             \
	K(close(-1))                                                                                \
	K(dup2(-1, 5))                                                                              \
	K(dup3(p[0], p[0], 0))                                                                      \
	K(waitpid(-1, NULL, 0))                                                                     \
	K(waitpid(-1, NULL, WNOHANG))                                                               \
	K(child())                                                                                  \
	K(alloc_free())                                                                             \
	K(alloc_fails())                                                                            \
	K(syscall(99999))                                                                           \
	K(syscall(39) == getpid())                                                                  \
	K(execve("/nowhere", NULL, NULL))                                                           \
	K(execl("/nowhere", "a", "b", NULL))                                                        \
	K(sched_yield())
/* clang-format on */

/* Results must be equal each time; errno is what the last call left of the 4711 before it. */
#define K(expr)                                                                                    \
	do {                                                                                       \
		long first = 0, errnos = 0;                                                        \
		for (int i = 0; i < 20; i++) {                                                     \
			errno = 4711;                                                              \
			const long rc = (long)(expr);                                              \
			const int e = errno;                                                       \
			if (i == 0)                                                                \
				first = rc;                                                        \
			if (rc != first)                                                           \
				printf("%s: %ld, then %ld\n", #expr, first, rc);                   \
			errnos += e;                                                               \
		}                                                                                  \
		printf("%s: %ld, errno %ld\n", #expr, first, errnos / 20);                         \
		fflush(stdout);                                                                    \
	} while (0);

static void *all(void *arg)
{
	KINDS
	return arg;
}

static void *first_call(void *arg)
{
	char c;
	const long before = errno;
	const long rc = (intptr_t)arg ? read(-1, &c, 1) : write(p[1], "x", 1);
	printf("first call of a thread: errno %ld, result %ld, errno %d\n", before, rc, errno);
	return arg;
}

int main(void)
{
	CHECK(!pipe(p) && !pipe2(n, O_NONBLOCK) && !sem_init(&sem, 0, 0));
	ep = epoll_create1(0);
	all(NULL);
	pthread_t t;
	for (intptr_t i = 0; i < 2; i++) {
		CHECK(!pthread_create(&t, NULL, first_call, (void *)i));
		CHECK(!pthread_join(t, NULL));
	}
	char c;
	CHECK(read(p[0], &c, 1) == 1);
	CHECK(!pthread_create(&t, NULL, all, NULL));
	CHECK(!pthread_join(t, NULL));
	return 0;
}
