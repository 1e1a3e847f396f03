/* fork beside four busy threads, also from a handler; the child allocates, locks, starts a thread,
 * ends in several ways.
 * same: not with a thread (nobody completes the file of a child that a signal ends) */
#include "tests/same/see.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile int stop;
static volatile sig_atomic_t handler_forks, handler_bad;

static void *busy(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	while (!stop) {
		pthread_mutex_lock(&m);
		free(malloc(100));
		usleep(50);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

static void *quick(void *arg)
{
	prog_sleep_ms(1);
	return arg;
}

static int child(int i)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	pthread_mutex_lock(&m);
	free(malloc(5000));
	pthread_mutex_unlock(&m);
	if (pthread_create(&t, NULL, quick, NULL) || pthread_join(t, NULL))
		return 1;
	if (i % 4 == 1)
		_exit(40 + i);
	if (i % 4 == 2)
		kill(getpid(), SIGKILL);
	if (i % 4 == 3)
		syscall(SYS_exit_group, 40 + i);
	return 40 + i;
}

static void on_alarm(int sig)
{
	int e = errno, st;
	(void)sig;
	pid_t pid = fork();
	if (!pid)
		_exit(5);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(st) || WEXITSTATUS(st) != 5)
		handler_bad++;
	handler_forks++;
	errno = e;
}

int main(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, busy, NULL));
	for (int i = 0; i < 16; i++) {
		fflush(stdout);
		pid_t pid = i % 5 == 4 ? (pid_t)syscall(SYS_fork) : fork();
		if (!pid)
			exit(child(i));
		int st;
		CHECK(waitpid(pid, &st, 0) == pid);
		printf("%d: %d %d\n", i, WIFEXITED(st) ? WEXITSTATUS(st) : -1,
		       WIFSIGNALED(st) ? WTERMSIG(st) : 0);
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &a, NULL);
	struct itimerval it = { { 0, 3000 }, { 0, 3000 } };
	setitimer(ITIMER_REAL, &it, NULL);
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	while (handler_forks < 20) {
		pthread_mutex_lock(&m);
		usleep(10);
		pthread_mutex_unlock(&m);
	}
	it = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &it, NULL);
	printf("forks in a handler: bad %d\n", (int)handler_bad);
	return 0;
}
