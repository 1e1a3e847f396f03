/* syscall() with its arguments and errors, futex by hand, a thread by raw clone that ends by raw
 * exit. */
#include "tests/same/see.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint32_t word;
static volatile int done;

static void *wake(void *arg)
{
	prog_sleep_ms(20);
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	SEE(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) >= 0);
	return arg;
}

static int raw_thread(void *arg)
{
	syscall(SYS_getppid);
	*(volatile int *)arg = 1;
	return 0;
}

int main(void)
{
	SEE(syscall(SYS_getpid) == getpid());
	SEE(syscall(SYS_close, -1));
	SEE(syscall(99999));
	void *p = (void *)syscall(SYS_mmap, NULL, 4096L, (long)(PROT_READ | PROT_WRITE),
				  (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
	printf("six arguments %d\n", p != MAP_FAILED && (*(int *)p = 5));
	struct timespec t = { 0, 10000000 };
	SEE(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0));
	SEE(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, NULL, NULL, 0));
	SEE(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, 1));
	pthread_t th;
	CHECK(!pthread_create(&th, NULL, wake, NULL));
	while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	CHECK(!pthread_join(th, NULL));
	SEE(syscall(SYS_futex, 1, FUTEX_WAKE, 1, NULL, NULL, 0));

	char *stack = malloc(65536);
	int tid = clone(raw_thread, stack + 65536, CLONE_VM | SIGCHLD, (void *)&done);
	int st = 1;
	CHECK(tid > 0);
	SEE(waitpid(tid, &st, 0) == tid);
	printf("done %d, status %d\n", done, st);
	pid_t pid = (pid_t)syscall(SYS_fork);
	if (!pid)
		syscall(SYS_exit, 6);
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("raw fork %d\n", WEXITSTATUS(st));
	pid = vfork();
	if (!pid)
		_exit(8);
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("vfork %d\n", WEXITSTATUS(st));
	return 0;
}
