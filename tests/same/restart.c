/* A handler with SA_RESTART and without, on this thread, in the middle of each kind of wait: what
 * goes on and what is interrupted, and how often the handler ran. */
#include "tests/same/see.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int p[2], s[2], ep, q, set;
static sem_t sem;
static volatile sig_atomic_t runs;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;

static void handler(int sig)
{
	(void)sig;
	runs++;
}

static struct timespec at_ms(clockid_t clk, long ms)
{
	struct timespec t;
	clock_gettime(clk, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}
static const struct timespec longer = { 1, 0 };

/* Each comes to its end about 1 s after its begin, if nothing interrupts it for good. */
static long w_read(void)
{
	char b;
	return read(p[0], &b, 1);
}
static long w_recv(void)
{
	char b;
	return recv(s[0], &b, 1, 0);
}
static long w_recvtimeo(void)
{
	struct timeval tv = { 1, 0 };
	char b;
	setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return recv(s[1], &b, 1, 0);
}
static long w_accept(void)
{
	const int l = socket(AF_UNIX, SOCK_STREAM, 0);
	struct timeval tv = { 1, 0 };
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	CHECK(!bind(l, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)) &&
	      !listen(l, 1));
	const long rc = accept(l, NULL, NULL);
	const int e = errno;
	close(l);
	errno = e;
	return rc;
}
static long w_poll(void)
{
	return poll(NULL, 0, 1000);
}
static long w_ppoll(void)
{
	return ppoll(NULL, 0, &longer, NULL);
}
static long w_select(void)
{
	struct timeval tv = { 1, 0 };
	return select(0, NULL, NULL, NULL, &tv);
}
static long w_pselect(void)
{
	return pselect(0, NULL, NULL, NULL, &longer, NULL);
}
static long w_epoll(void)
{
	struct epoll_event e;
	return epoll_wait(ep, &e, 1, 1000);
}
static long w_nanosleep(void)
{
	return nanosleep(&longer, NULL);
}
static long w_clock_nanosleep(void)
{
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &longer, NULL);
}
static long w_usleep(void)
{
	return usleep(999000);
}
static long w_sem_timedwait(void)
{
	const struct timespec t = at_ms(CLOCK_REALTIME, 1000);
	return sem_timedwait(&sem, &t);
}
static long w_cond_timedwait(void)
{
	const struct timespec t = at_ms(CLOCK_REALTIME, 1000);
	pthread_mutex_lock(&m);
	const long rc = pthread_cond_timedwait(&c, &m, &t);
	pthread_mutex_unlock(&m);
	return rc;
}
static long w_sigtimedwait(void)
{
	sigset_t set1;
	sigemptyset(&set1);
	sigaddset(&set1, SIGUSR2);
	return sigtimedwait(&set1, NULL, &longer);
}
static long w_waitpid(void)
{
	const pid_t pid = vfork();
	if (!pid) {
		execl("/bin/sleep", "sleep", "0.4", (char *)NULL);
		_exit(1);
	}
	const long rc = waitpid(pid, NULL, 0);
	const int e = errno;
	while (rc < 0 && waitpid(pid, NULL, 0) < 0)
		;
	errno = e;
	return rc > 0;
}
static long w_semtimedop(void)
{
	struct sembuf op = { 0, -1, 0 };
	return semtimedop(set, &op, 1, &longer);
}
static long w_msgrcv(void)
{
	char b[32];
	return msgrcv(q, b, 8, 0, 0);
}

static const struct {
	const char *name;
	long (*fn)(void);
	int is_endless;
} waits[] = {
	/* clang-format off */
	{ "read", w_read, 1 }, { "recv", w_recv, 1 }, { "recv with SO_RCVTIMEO", w_recvtimeo, 0 }, { "accept with SO_RCVTIMEO", w_accept, 0 },
	{ "poll", w_poll, 0 }, { "ppoll", w_ppoll, 0 }, { "select", w_select, 0 }, { "pselect", w_pselect, 0 }, { "epoll_wait", w_epoll, 0 },
	{ "nanosleep", w_nanosleep, 0 }, { "clock_nanosleep", w_clock_nanosleep, 0 }, { "usleep", w_usleep, 0 },
	{ "sem_timedwait", w_sem_timedwait, 0 }, { "pthread_cond_timedwait", w_cond_timedwait, 0 }, { "sigtimedwait", w_sigtimedwait, 0 },
	{ "waitpid", w_waitpid, 0 }, { "semtimedop", w_semtimedop, 0 }, { "msgrcv", w_msgrcv, 1 },
	/* clang-format on */
};

/* The kernel says that main sleeps, twice in a row. */
static void until_main_sleeps(void)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	for (int seen = 0; seen < 3;) {
		const int fd = open(path, O_RDONLY);
		const long n = read(fd, text, sizeof(text) - 1);
		CHECK(n > 0 && !close(fd));
		text[n] = 0;
		seen = *(strrchr(text, ')') + 2) == 'S' ? seen + 1 : 0;
		prog_sleep_ms(3);
	}
}

/* One signal into each wait; then, where it goes on and has no end, what ends it. */
static pthread_t target;
static volatile int at, is_waiting;
static void *shooter(void *arg)
{
	(void)arg;
	while (!is_waiting)
		prog_sleep_ms(1);
	until_main_sleeps();
	pthread_kill(target, SIGUSR1);
	while (!runs)
		prog_sleep_ms(1);
	if (waits[at].is_endless) {
		for (int i = 0; i < 30 && is_waiting; i++) /* interrupted: gone by then */
			prog_sleep_ms(1);
		struct {
			long type;
			char text[8];
		} msg = { 1, "x" };
		if (!strcmp(waits[at].name, "msgrcv"))
			msgsnd(q, &msg, 1, 0);
		else
			CHECK(write(strcmp(waits[at].name, "recv") ? p[1] : s[1], "x", 1) == 1);
	}
	return NULL;
}

int main(void)
{
	CHECK(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !sem_init(&sem, 0, 0));
	ep = epoll_create1(0);
	q = msgget(IPC_PRIVATE, 0600);
	set = semget(IPC_PRIVATE, 1, 0600);
	CHECK(q >= 0 && set >= 0);
	target = pthread_self();
	for (int restart = 0; restart < 2; restart++) {
		struct sigaction a = { .sa_handler = handler,
				       .sa_flags = restart ? SA_RESTART : 0 };
		sigaction(SIGUSR1, &a, NULL);
		for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
			pthread_t t;
			char drop[32];
			at = (int)i;
			runs = 0;
			is_waiting = 0;
			CHECK(!pthread_create(&t, NULL, shooter, NULL));
			errno = 0;
			is_waiting = 1;
			const long rc = waits[i].fn();
			is_waiting = 0;
			const int e = rc == -1 ? errno : 0;
			pthread_join(t, NULL);
			printf("%s, SA_RESTART %d: %ld, errno %d, handler ran %d times\n",
			       waits[i].name, restart, rc, e, (int)runs);
			/* what came too late for the interrupted one */
			fcntl(p[0], F_SETFL, O_NONBLOCK);
			while (read(p[0], drop, sizeof(drop)) > 0)
				;
			fcntl(p[0], F_SETFL, 0);
			while (recv(s[0], drop, sizeof(drop), MSG_DONTWAIT) > 0)
				;
			while (msgrcv(q, drop, 8, 0, IPC_NOWAIT) >= 0)
				;
		}
	}
	msgctl(q, IPC_RMID, NULL);
	semctl(set, 0, IPC_RMID);
	return 0;
}
