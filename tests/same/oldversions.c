/*
 * Functions of which libc has an old version that does something else (preload/old.def): programs
 * that ask for it get it, beside others that ask for the new one. oldcond.c has the condition
 * variables.
 */
#include "tests/same/see.h"

#ifndef __x86_64__
int main(void)
{
	printf("no old versions on this machine\n");
	return 77;
}
#else
#include <aio.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

int old_kill(pthread_t t, int sig);
int old_listio(int mode, struct aiocb *const list[], int n, struct sigevent *ev);
int old_listio64(int mode, struct aiocb64 *const list[], int n, struct sigevent *ev);
int old_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *fa,
	      const posix_spawnattr_t *at, char *const argv[], char *const envp[]);
int old_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *fa,
	       const posix_spawnattr_t *at, char *const argv[], char *const envp[]);
void old_quick_exit(int code) __attribute__((noreturn));
__asm__(".symver old_kill, pthread_kill@GLIBC_2.2.5");
__asm__(".symver old_listio, lio_listio@GLIBC_2.2.5");
__asm__(".symver old_listio64, lio_listio64@GLIBC_2.2.5");
__asm__(".symver old_spawn, posix_spawn@GLIBC_2.2.5");
__asm__(".symver old_spawnp, posix_spawnp@GLIBC_2.2.5");
__asm__(".symver old_quick_exit, quick_exit@GLIBC_2.10");

static void *returns(void *arg)
{
	return arg;
}

/* A thread that has ended and is not joined yet. */
static pthread_t ended(void)
{
	pthread_t t;
	pthread_attr_t at;
	CHECK(!pthread_create(&t, NULL, returns, NULL));
	while (pthread_getattr_np(t, &at) == 0 && pthread_attr_destroy(&at) == 0 &&
	       old_kill(t, 0) == 0)
		;
	return t;
}

static void scripts(void)
{
	char *const argv[] = { (char *)"script", NULL }, *const envp[] = { NULL };
	int status;
	pid_t pid;
	const int fd = open("script", O_WRONLY | O_CREAT, 0700);
	CHECK(write(fd, "exit 9\n", 7) == 7 && !close(fd) && !chmod("script", 0700));
	CHECK(SEE(old_spawn(&pid, "./script", NULL, NULL, argv, envp)) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("status %x\n", (unsigned)status);
	CHECK(SEE(old_spawnp(&pid, "./script", NULL, NULL, argv, envp)) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("status %x\n", (unsigned)status);
	SEE(posix_spawn(&pid, "./script", NULL, NULL, argv, envp));
	unlink("script");
}

int main(void)
{
	const pthread_t t = ended();
	SEE(old_kill(t, 0));
	SEE(pthread_kill(t, 0));
	SEE(pthread_join(t, NULL));

	char c = 0;
	struct aiocb cb = { .aio_fildes = -1, .aio_buf = &c, .aio_nbytes = 1 };
	struct aiocb64 cb64;
	memcpy(&cb64, &cb, sizeof(cb));
	struct aiocb *const list[] = { &cb };
	struct aiocb64 *const list64[] = { &cb64 };
	SEE(old_listio(LIO_WAIT, list, 1, NULL));
	SEE(old_listio64(LIO_WAIT, list64, 1, NULL));
	SEE(old_listio(77, list, 1, NULL));
	scripts();
	fflush(stdout);
	old_quick_exit(4);
}
#endif
