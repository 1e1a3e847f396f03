/* A fortified program reaches the _chk forms: results as without, and an overflow still ends it.
 * same: not with a thread (nobody completes the file of a child that a signal ends) */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2
#include "tests/same/see.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int p[2], s[2];
static char small[8];
static volatile size_t n; /* unknown to the compiler, so that the check is left to run time */

static void o_read(void)
{
	(void)!read(p[0], small, n);
}
static void o_pread(void)
{
	(void)!pread(p[0], small, n, 0);
}
static void o_pread64(void)
{
	(void)!pread64(p[0], small, n, 0);
}
static void o_recv(void)
{
	recv(s[0], small, n, MSG_DONTWAIT);
}
static void o_recvfrom(void)
{
	recvfrom(s[0], small, n, MSG_DONTWAIT, NULL, NULL);
}
static void o_poll(void)
{
	struct pollfd f[1] = { { p[0], POLLIN, 0 } };
	poll(f, n, 0);
}
static void o_ppoll(void)
{
	struct pollfd f[1] = { { p[0], POLLIN, 0 } };
	const struct timespec none = { 0, 0 };
	ppoll(f, n, &none, NULL);
}
static void o_open(void)
{
	volatile int fl = O_CREAT | O_WRONLY;
	close(open("made-without-a-mode", fl));
}
static void o_openat(void)
{
	volatile int fl = O_CREAT | O_WRONLY;
	close(openat(AT_FDCWD, "made-without-a-mode", fl));
}

static void in_child(const char *name, void (*fn)(void))
{
	int st = 0;
	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		fn();
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("%s of %zu: exit %d, signal %d\n", name, n, WIFEXITED(st) ? WEXITSTATUS(st) : -1,
	       WIFSIGNALED(st) ? WTERMSIG(st) : 0);
}

static jmp_buf here;
static __attribute__((noinline)) void jump_up(volatile int *depth)
{
	if (*depth > 100)
		return;
	if ((*depth)--)
		jump_up(depth);
	else
		longjmp(here, 5);
	printf("not reached\n");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} overflows[] = { { "read", o_read },  { "pread", o_pread },       { "pread64", o_pread64 },
			  { "recv", o_recv },  { "recvfrom", o_recvfrom }, { "poll", o_poll },
			  { "ppoll", o_ppoll } };
	CHECK(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	n = 4;
	CHECK(write(p[1], "0123456789", 10) == 10 && write(s[1], "0123456789", 10) == 10);
	SEE(read(p[0], small, n));
	SEE(pread(p[0], small, n, 0));
	SEE(recv(s[0], small, n, 0));
	SEE(recvfrom(s[0], small, n, 0, NULL, NULL));
	SEE(recv(s[0], small, n - 2, MSG_PEEK));
	n = 1;
	struct pollfd f[1] = { { p[0], POLLIN, 0 } };
	SEE(poll(f, n, -1));
	SEE(ppoll(f, n, NULL, NULL));
	volatile int fl = O_RDONLY;
	SEE(open("/nowhere", fl));
	SEE(openat(AT_FDCWD, "/nowhere", fl));
	SEE(close(open64("/", fl)));
	SEE(close(openat64(AT_FDCWD, "/", fl)));
	volatile int depth = 3;
	const int rc = setjmp(here);
	if (!rc)
		jump_up(&depth);
	printf("jumped %d\n", rc);
	for (n = 1; n < 20; n += 18)
		for (size_t i = 0; i < sizeof(overflows) / sizeof(overflows[0]); i++)
			in_child(overflows[i].name, overflows[i].fn);
	in_child("open", o_open);
	in_child("openat", o_openat);
	return 0;
}
