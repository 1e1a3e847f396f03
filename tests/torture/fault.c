/* A small program with threads, whose output and status are known: what fault.sh traces. With an
 * argument all of it is done by a forked child, and the status is the child's. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 3
#define ROUNDS  20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int turn, sum;

static void *work(void *arg)
{
	const int me = (int)(long)arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		while (turn % THREADS != me)
			pthread_cond_wait(&turned, &lock);
		sum = sum * 7 % 1000003 + me;
		turn++;
		pthread_cond_broadcast(&turned);
		pthread_mutex_unlock(&lock);
		if (i % 8 == 0)
			usleep(500);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t th[THREADS];
	int p[2], status;
	char c = 0;
	(void)argv;
	const pid_t child = argc > 1 ? fork() : 0;
	if (child)
		return waitpid(child, &status, 0) != child ? 1
		       : WIFSIGNALED(status)               ? 128 + WTERMSIG(status)
							   : WEXITSTATUS(status);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&th[i], NULL, work, (void *)i))
			return 1;
	if (pipe(p) || write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1)
		return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
	char *text = malloc(100);
	snprintf(text, 100, "%c %d %d", c, turn, sum);
	puts(text);
	free(text);
	return 3;
}
