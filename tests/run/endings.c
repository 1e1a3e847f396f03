/*
 * endings HOW FILE MS: a thread ("teller") sleeps again and again; after each sleep it stores the
 * number of sleeps in FILE, which is mapped and shared: no call of ours is involved, and the number
 * outlives the process. After MS ms the process ends by HOW.
 */
#include "tests/run/prog.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern char **environ;
static volatile uint64_t *told;
static const char *how;
static long ms;
static int stop_at;
static volatile int *volatile nowhere = (int *)8;

static void *teller(void *arg)
{
	const struct timespec t = { 0, 50000 };
	for (uint64_t i = 1;; i++) {
		CHECK(nanosleep(&t, NULL) == 0);
		*told = i;
		if (stop_at && i == (uint64_t)stop_at)
			return arg;
	}
}

static void end(void)
{
	char *args[] = { "/bin/true", NULL };
	prog_sleep_ms(ms);
	while (*told < 5) /* the machine is busy */
		sched_yield();
	if (!strcmp(how, "exit"))
		exit(7);
	if (!strcmp(how, "_exit"))
		_exit(7);
	if (!strcmp(how, "_Exit"))
		_Exit(7);
	if (!strcmp(how, "quick_exit"))
		quick_exit(7);
	if (!strcmp(how, "exit_group"))
		syscall(SYS_exit_group, 7);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "assert"))
		assert(!strcmp(how, "no"));
	if (!strcmp(how, "segv"))
		*nowhere = 1;
	if (!strcmp(how, "raise"))
		raise(SIGTERM);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "exec"))
		execve(args[0], args, environ);
}

static void *ender(void *arg)
{
	end();
	return arg;
}

int main(int argc, char **argv)
{
	CHECK(argc == 4);
	how = argv[1];
	ms = atol(argv[3]);
	int fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, 4096));
	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(told != MAP_FAILED);
	int in_thread = 0;
	if (!strncmp(how, "thread:", 7)) {
		how += 7;
		in_thread = 1;
	}
	if (!strcmp(how, "pthread_exit"))
		stop_at = 300;
	static struct prog_thread t, e; /* main may end first */
	prog_spawn(&t, "teller", teller, NULL);
	if (!strcmp(how, "pthread_exit"))
		pthread_exit(NULL);
	if (in_thread) {
		prog_spawn(&e, "ender", ender, NULL);
		prog_join(&e);
	}
	end();
	return 7; /* "return" */
}
