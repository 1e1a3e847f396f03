/* setuid and setgid in a program with threads: libc signals every thread and waits for each. It
 * returns, and all have the new ids. */
#include "tests/same/see.h"

#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile int stop;
static sem_t ready;
static int p[2];

static void *busy(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	sem_post(&ready);
	while (!stop) {
		pthread_mutex_lock(&m);
		usleep(20);
		pthread_mutex_unlock(&m);
	}
	return (void *)(intptr_t)syscall(SYS_getuid);
}
static void *reads(void *arg)
{
	char c;
	sem_post(&ready);
	CHECK(read(p[0], &c, 1) == 1);
	return (void *)(intptr_t)syscall(SYS_getuid);
}

int main(void)
{
	if (getuid()) {
		printf("skipped: not root\n");
		return 77;
	}
	int st;
	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		pthread_t t[4];
		void *v;
		CHECK(!pipe(p) && !sem_init(&ready, 0, 0));
		for (int i = 0; i < 4; i++)
			CHECK(!pthread_create(&t[i], NULL, i < 3 ? busy : reads, NULL));
		for (int i = 0; i < 4; i++)
			sem_wait(&ready);
		SEE(setgid(65534));
		SEE(setuid(65534));
		SEE(setuid(0));
		stop = 1;
		CHECK(write(p[1], "x", 1) == 1);
		for (int i = 0; i < 4; i++) {
			CHECK(!pthread_join(t[i], &v));
			printf("uid of a thread %ld\n", (long)(intptr_t)v);
		}
		fflush(stdout);
		_exit(5);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("status %d\n", WEXITSTATUS(st));
	return 0;
}
