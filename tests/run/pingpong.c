/* Many hand-overs between two named threads, over pipes, sockets with epoll, or a mutex and
 * condition. Prints the number, and with a third argument how often a thread went to sleep. */
#include "tests/run/prog.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int n, is_epoll;
static int a[2], b[2];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int turn;

static int wait_in(int fd)
{
	if (!is_epoll)
		return 0;
	int ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
	CHECK(epoll_wait(ep, &e, 1, -1) == 1);
	return close(ep);
}

static void pass(int in, int out, int is_first)
{
	char ch = 'x';
	for (int i = 0; i < n; i++) {
		if (is_first)
			CHECK(write(out, &ch, 1) == 1);
		wait_in(in);
		CHECK(read(in, &ch, 1) == 1);
		if (!is_first)
			CHECK(write(out, &ch, 1) == 1);
	}
}

static void *ping(void *arg)
{
	pass(b[0], a[1], 1);
	return arg;
}
static void *pong(void *arg)
{
	pass(a[0], b[1], 0);
	return arg;
}

static void *cond_side(void *arg)
{
	const int me = arg != NULL;
	for (int i = 0; i < n; i++) {
		pthread_mutex_lock(&m);
		while (turn != me)
			pthread_cond_wait(&c, &m);
		turn = !me;
		pthread_cond_signal(&c);
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	CHECK(argc >= 3);
	n = atoi(argv[2]);
	is_epoll = !strcmp(argv[1], "epoll");
	if (is_epoll)
		CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, a) &&
		      !socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	else
		CHECK(!pipe(a) && !pipe(b));
	const int is_cond = !strcmp(argv[1], "cond");
	struct prog_thread t, u;
	prog_spawn(&t, "ping", is_cond ? cond_side : ping, NULL);
	prog_spawn(&u, "pong", is_cond ? cond_side : pong, is_cond ? &n : NULL);
	prog_join(&t);
	prog_join(&u);
	printf("%d\n", n);
	struct rusage r;
	CHECK(!getrusage(RUSAGE_SELF, &r)); /* N.B. the writer is a process of its own */
	if (argc > 3)
		printf("%ld\n", r.ru_nvcsw);
	return 0;
}
