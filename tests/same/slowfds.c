/* Calls that seldom wait, waiting: open of a FIFO, connect and send with a time limit, close that
 * lingers, a full pipe, a lock on a file that another process has. */
#include "tests/same/see.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static int waited;

/* Did the call take at least 30 ms? */
#define SLOW(expr)                                                                                 \
	do {                                                                                       \
		const int64_t t0 = prog_now_ns();                                                  \
		const long rc = (long)(expr);                                                      \
		const int e = errno;                                                               \
		waited = prog_now_ns() - t0 > 30000000;                                            \
		printf("%s: %ld, errno %d, slow %d\n", #expr, rc, rc == -1 ? e : 0, waited);       \
	} while (0)

static void *opens(void *arg)
{
	prog_sleep_ms(60);
	const int fd = open("fifo", O_WRONLY);
	CHECK(fd >= 0);
	return arg;
}

static void *drains(void *arg)
{
	char b[4096];
	prog_sleep_ms(60);
	while (read(*(int *)arg, b, sizeof(b)) == sizeof(b))
		;
	return arg;
}

static void files(void)
{
	pthread_t t;
	int p[2], st;
	CHECK(!mkfifo("fifo", 0600) && !pthread_create(&t, NULL, opens, NULL));
	SLOW(open("fifo", O_RDONLY) >= 0);
	pthread_join(t, NULL);
	CHECK(!pipe(p));
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	static char page[4096 + 1];
	CHECK(write(p[1], page, 4096) == 4096 && !pthread_create(&t, NULL, drains, &p[0]));
	SLOW(write(p[1], page, 4097));
	close(p[1]);
	pthread_join(t, NULL);

	const int fd = open("locked", O_RDWR | O_CREAT, 0600);
	CHECK(!pipe(p));
	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		const int mine = open("locked", O_RDWR);
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		CHECK(!flock(mine, LOCK_EX) && !fcntl(mine, F_SETLK, &l) &&
		      write(p[1], "x", 1) == 1);
		prog_sleep_ms(60);
		_exit(0);
	}
	char b;
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK(read(p[0], &b, 1) == 1);
	SLOW(fcntl(fd, F_SETLKW, &l));
	SLOW(flock(fd, LOCK_EX) * 0);
	waitpid(pid, &st, 0);
	printf("status %d\n", WEXITSTATUS(st));
}

/* A server that does not take calls: its queue is full, so connect waits. */
static void sockets(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	const int l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!bind(l, (struct sockaddr *)&a, sizeof(a)) && !listen(l, 0));
	const int first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!connect(first, (struct sockaddr *)&a, sizeof(a)));
	struct timeval tv = { 0, 60000 };
	setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	SLOW(connect(second, (struct sockaddr *)&a, sizeof(a)));

	static char big[1 << 20];
	int s[2];
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while (send(s[0], big, sizeof(big), 0) > 0)
		;
	SLOW(send(s[0], big, sizeof(big), 0));
	SLOW(recv(s[0], big, 1, 0));

	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	const int tl = socket(AF_INET, SOCK_STREAM, 0), tc = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!bind(tl, (struct sockaddr *)&in, len) && !listen(tl, 1) &&
	      !getsockname(tl, (struct sockaddr *)&in, &len));
	CHECK(!connect(tc, (struct sockaddr *)&in, len));
	setsockopt(tc, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	while (send(tc, big, sizeof(big), 0) > 0)
		;
	struct linger li = { 1, 1 };
	setsockopt(tc, SOL_SOCKET, SO_LINGER, &li, sizeof(li));
	SLOW(close(tc));
}

int main(void)
{
	files();
	sockets();
	return 0;
}
