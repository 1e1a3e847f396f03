/*
 * Threads are stopped by a handler that never returns, some of them in the middle of what a hook
 * does; another one goes on waiting, says how often, and kills the process.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define N 16

static atomic_int n_stopped;

static void stop(int sig)
{
	(void)sig;
	atomic_fetch_add(&n_stopped, 1);
	for (;;)
		pause();
}

static void *short_waits(void *arg)
{
	char byte;
	while (read(*(int *)arg, &byte, 1) == 1)
		;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t th[N];
	const struct timespec before = { 0, argc > 1 ? atol(argv[1]) : 1000000 };
	const struct timespec after = { 0, 2000000 };
	int fd = open("/dev/zero", O_RDONLY);
	signal(SIGUSR1, stop);
	for (int i = 0; i < N; i++)
		pthread_create(&th[i], NULL, short_waits, &fd);
	nanosleep(&before, NULL);
	for (int i = 0; i < N; i++)
		pthread_kill(th[i], SIGUSR1);
	while (n_stopped < N)
		sched_yield();
	int n = 1;
	for (; n < 6; n++)
		nanosleep(&after, NULL);
	printf("%d\n", n);
	fflush(stdout);
	kill(getpid(), SIGKILL);
	return 1;
}
