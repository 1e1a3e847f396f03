/*
 * measure FILE CMD...: runs CMD and all that it leaves behind, and writes "WALL_MS CPU_MS" into
 * FILE. Wall is the time until CMD has ended. CPU is that of CMD, its children, and of orphans
 * (daemons, the tracer's writer): we are their reaper, so the writer's time is in the figure of a
 * traced run. A TERM is passed on to CMD. The status is CMD's; 128 + n for a signal.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void pass_on(int sig)
{
	kill(child, sig);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: measure FILE CMD...\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	const double begin = now_ms();
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	signal(SIGTERM, pass_on);

	int status = 0, st;
	double wall = 0;
	for (pid_t p; (p = waitpid(-1, &st, __WALL)) > 0 || errno == EINTR;) {
		if (p != child)
			continue;
		wall = now_ms() - begin;
		status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	}
	struct rusage u;
	getrusage(RUSAGE_CHILDREN, &u);
	FILE *f = fopen(argv[1], "w");
	if (!f)
		return 125;
	fprintf(f, "%.1f %.1f\n", wall, ms(u.ru_utime) + ms(u.ru_stime));
	fclose(f);
	return status;
}
