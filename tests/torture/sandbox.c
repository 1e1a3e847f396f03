/*
 * Programs in a sandbox.
 *   sandbox work                       threads that wait, allocate, read; writes "GO" to descriptor
 * 99 first sandbox late NR...                 the same, but from "GO" on every call but NR... kills
 * the process sandbox early kill|ERRNO NR... -- CMD...   from before CMD on: every call but NR...
 * kills, or fails (kill); with an errno: NR... themselves fail
 */
#include "tests/run/prog.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int p[2], q[2];

static void install(char **nr, int n, unsigned listed, unsigned others)
{
	struct sock_filter f[300];
	int at = 0;
	f[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, nr));
	for (int i = 0; i < n; i++) {
		f[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						       (unsigned)atoi(nr[i]), 0, 1);
		f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
	}
	f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
	struct sock_fprog prog = { (unsigned short)at, f };
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	      !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static void *waits(void *arg)
{
	char c;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&m);
		free(malloc(300));
		prog_sleep_ms(0);
		pthread_mutex_unlock(&m);
		if (i % 10 == 0)
			CHECK(write(p[1], "x", 1) == 1 && read(p[0], &c, 1) == 1);
		if (i % 50 == 0)
			usleep(2000);
	}
	return arg;
}

static void work(void)
{
	pthread_t t[4];
	char c;
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, waits, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
	CHECK(write(q[1], "y", 1) == 1 &&
	      read(q[0], &c, 1) == 1); /* a descriptor never seen before */
	waits(NULL);
	CHECK(write(1, "worked\n", 7) == 7);
	_exit(5);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "early")) {
		int n = 3;
		while (n < argc && strcmp(argv[n], "--"))
			n++;
		const int is_kill = !strcmp(argv[2], "kill");
		if (is_kill)
			install(argv + 3, n - 3, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
		else
			install(argv + 3, n - 3, SECCOMP_RET_ERRNO | (unsigned)atoi(argv[2]),
				SECCOMP_RET_ALLOW);
		execv(argv[n + 1], argv + n + 1);
		return 98;
	}
	CHECK(!pipe(p) && !pipe(q));
	if (!strcmp(argv[1], "late"))
		install(argv + 2, argc - 2, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
	(void)!write(99, "GO", 2);
	work();
}
