/* Results and errno of the descriptor calls, good and bad. */
#include "tests/same/see.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static void pipes(void)
{
	char buf[32] = "0123456789";
	struct iovec iov[2] = { { buf, 4 }, { buf + 8, 4 } };
	int p[2], n[2];
	CHECK(!pipe(p) && !pipe2(n, O_NONBLOCK));
	SEE(write(p[1], buf, 10));
	SEE(read(p[0], buf, 3));
	SEE(readv(p[0], iov, 2));
	SEE(writev(p[1], iov, 2));
	SEE(read(n[0], buf, 1));
	SEE(read(-1, buf, 1));
	SEE(write(-1, buf, 1));
	SEE(read(p[0], (void *)8, 4));
	SEE(write(p[1], buf, 0));
	SEE(read(p[1], buf, 1));
	SEE(pread(p[0], buf, 1, 0));
	SEE(pwrite(p[1], buf, 1, 0));
	SEE(preadv(p[0], iov, 2, 0));
	SEE(writev(p[1], iov, -1));
	SEE(close(p[0]));
	signal(SIGPIPE, SIG_IGN);
	SEE(write(p[1], buf, 1));
	SEE(close(p[1]));
	SEE(close(p[1]));
	SEE(close(-1));
	int e = eventfd(3, EFD_NONBLOCK);
	eventfd_t v = 0;
	SEE(eventfd_read(e, &v));
	printf("%llu\n", (unsigned long long)v);
	SEE(eventfd_read(e, &v));
	SEE(eventfd_write(e, 5));
	SEE(close(e));
}

static void sockets(void)
{
	char buf[32] = "abcdefgh";
	struct iovec iov = { buf, 4 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr mm[3] = { { .msg_hdr = mh }, { .msg_hdr = mh }, { .msg_hdr = mh } };
	struct timespec short_time = { 0, 20000000 };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "no-such-socket" };
	int s[2];
	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	SEE(send(s[0], buf, 8, 0));
	SEE(recv(s[1], buf, 32, 0));
	SEE(recv(s[1], buf, 32, MSG_DONTWAIT));
	SEE(sendto(s[0], buf, 8, 0, NULL, 0));
	SEE(recvfrom(s[1], buf, 32, 0, NULL, NULL));
	SEE(sendmsg(s[0], &mh, 0));
	SEE(recvmsg(s[1], &mh, 0));
	SEE(sendmmsg(s[0], mm, 2, 0));
	SEE(recvmmsg(s[1], mm, 3, MSG_DONTWAIT, NULL));
	printf("lens %u %u\n", mm[0].msg_len, mm[1].msg_len);
	SEE(recvmmsg(s[1], mm, 3, MSG_DONTWAIT, &short_time));
	SEE(send(-1, buf, 1, 0));
	SEE(recv(s[0], buf, 1, 0x40000000 | MSG_DONTWAIT));
	SEE(accept(s[0], NULL, NULL));
	SEE(accept4(s[0], NULL, NULL, 0x12345));
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	SEE(connect(c, (struct sockaddr *)&a, sizeof(a)));
	SEE(connect(-1, (struct sockaddr *)&a, sizeof(a)));
	struct timeval tv = { 0, 20000 };
	CHECK(!setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	SEE(recv(s[0], buf, 1, 0));
	close(s[0]);
	SEE(send(s[1], buf, 1, MSG_NOSIGNAL));
	close(s[1]);
	close(c);
}

static void polls(void)
{
	int p[2];
	CHECK(!pipe(p));
	struct pollfd pf = { p[0], POLLIN, 0 };
	struct timespec ts = { 0, 10000000 };
	struct timeval tv = { 0, 10000 };
	fd_set r;
	SEE(poll(&pf, 1, 0));
	SEE(poll(&pf, 1, 10));
	SEE(poll(NULL, 0, 5));
	SEE(poll((struct pollfd *)8, 1, 0));
	SEE(ppoll(&pf, 1, &ts, NULL));
	printf("%ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	SEE(select(p[0] + 1, &r, NULL, NULL, &tv));
	printf("left %ld, set %d\n", (long)tv.tv_usec, FD_ISSET(p[0], &r));
	FD_SET(p[0], &r);
	SEE(pselect(p[0] + 1, &r, NULL, NULL, &ts, NULL));
	printf("%ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
	SEE(select(-1, NULL, NULL, NULL, &tv));
	CHECK(write(p[1], "x", 1) == 1);
	tv.tv_sec = 100;
	FD_SET(p[0], &r);
	SEE(select(p[0] + 1, &r, NULL, NULL, &tv));
	printf("left >= 99: %d\n", tv.tv_sec >= 99);
	SEE(poll(&pf, 1, -1));
	int ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = 42 };
	SEE(epoll_wait(ep, &e, 1, 0));
	SEE(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
	SEE(epoll_wait(ep, &e, 1, -1));
	printf("%u\n", e.data.u32);
	SEE(epoll_wait(ep, &e, 1, 10));
	SEE(epoll_pwait(ep, &e, 1, 10, NULL));
	SEE(epoll_pwait2(ep, &e, 1, &ts, NULL));
	SEE(epoll_wait(ep, &e, 0, 10));
	SEE(epoll_wait(p[0], &e, 1, 10));
	SEE(epoll_wait(-1, &e, 1, 10));
}

int main(void)
{
	pipes();
	sockets();
	polls();
	return 0;
}
