/*
 * Process life: argv[1] is what to do. Prints "child PID" for each child that it knows of.
 *   fork       a busy second thread; a child that sleeps, uses a mutex, a thread of its own, exits
 * 3 forks N    N children, one after the other, exit status summed forkexec   fork, execve of
 * argv[2...]; waits exec       execve of argv[2...] without fork, while a thread waits spawn
 * posix_spawn of argv[2...], 3 times; waits system     system("sleep 0.05; exit 4"), popen vfork
 * vfork + execve of argv[2...], 5 times
 */
#include "tests/run/prog.h"

#include <semaphore.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static volatile int stop;

static void *busy(void *arg)
{
	while (!stop) {
		pthread_mutex_lock(&m);
		prog_sleep_ms(1);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

static _Atomic int forever_tid;

static void *forever(void *arg)
{
	sem_t s;
	sem_init(&s, 0, 0);
	forever_tid = gettid();
	sem_wait(&s);
	return arg;
}

static void *child_work(void *arg)
{
	prog_sleep_ms(30);
	return arg;
}

static int wait_for(pid_t pid)
{
	int st;
	CHECK(waitpid(pid, &st, 0) == pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static int do_fork(int rc)
{
	fflush(stdout);
	/* The lock must be free in the child: hold it while forking. */
	pthread_mutex_lock(&m);
	pid_t pid = fork();
	pthread_mutex_unlock(&m);
	CHECK(pid >= 0);
	if (!pid) {
		struct prog_thread t;
		prog_spawn(&t, "in-child", child_work, NULL);
		pthread_mutex_lock(&m);
		free(malloc(100000));
		pthread_mutex_unlock(&m);
		prog_join(&t);
		exit(rc);
	}
	printf("child %d\n", (int)pid);
	return wait_for(pid);
}

int main(int argc, char **argv)
{
	CHECK(argc >= 2);
	const char *what = argv[1];
	int rc = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "fork")) {
		struct prog_thread t;
		prog_spawn(&t, "busy", busy, NULL);
		prog_sleep_ms(20);
		rc = do_fork(3);
		prog_sleep_ms(20);
		stop = 1;
		prog_join(&t);
	} else if (!strcmp(what, "forks")) {
		struct prog_thread t;
		prog_spawn(&t, "busy", busy, NULL);
		int n = atoi(argv[2]);
		for (int i = 0; i < n; i++)
			rc += do_fork(i) != i;
		stop = 1;
		prog_join(&t);
	} else if (!strcmp(what, "forkexec")) {
		prog_sleep_ms(10);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (!pid) {
			prog_sleep_ms(20);
			execve(argv[2], argv + 2, environ);
			_exit(98);
		}
		printf("child %d\n", (int)pid);
		rc = wait_for(pid);
	} else if (!strcmp(what, "exec")) {
		struct prog_thread t;
		prog_spawn(&t, "forever", forever, NULL);
		while (!forever_tid || !prog_is_asleep(forever_tid))
			prog_sleep_ms(1);
		prog_sleep_ms(30);
		execve(argv[2], argv + 2, environ);
		rc = 98;
	} else if (!strcmp(what, "spawn")) {
		for (int i = 0; i < 3; i++) {
			pid_t pid;
			CHECK(posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ) == 0);
			printf("child %d\n", (int)pid);
			rc += wait_for(pid);
		}
	} else if (!strcmp(what, "system")) {
		int st = system("sleep 0.05; exit 4");
		FILE *f = popen("echo hello", "r");
		char line[64];
		CHECK(f && fgets(line, sizeof(line), f));
		fputs(line, stdout);
		CHECK(pclose(f) == 0);
		rc = WEXITSTATUS(st);
	} else if (!strcmp(what, "vfork")) {
		prog_sleep_ms(10);
		for (int i = 0; i < 5; i++) {
			pid_t pid = vfork();
			CHECK(pid >= 0);
			if (!pid) {
				execve(argv[2], argv + 2, environ);
				_exit(98);
			}
			printf("child %d\n", (int)pid);
			rc += wait_for(pid);
		}
		prog_sleep_ms(10);
	} else {
		rc = 99;
	}
	return rc;
}
