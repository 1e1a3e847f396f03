/*
 * Running the program.
 *
 * Invariants
 *
 * 1. What the program inherits is what gtrace inherited: signal dispositions and mask are put back
 *    before exec. Otherwise `nohup gtrace record -- app` would make app die of SIGHUP.
 * 2. gtrace never ends before the program does. Otherwise a shell would go on while it still runs.
 *
 * Corner cases
 *
 * - Ctrl-C: the terminal signals the whole foreground group, the program included; passing it on as
 *   well would deliver it twice. The kernel's own signals have si_code > 0 and are dropped, those
 *   sent with kill() are passed on.
 * - SIGCHLD ignored by whoever started us: then the kernel reaps our child and its status is lost.
 *   Set to default.
 * - Orphans of the program come to us, the subreaper; they are reaped as they end, and are not
 *   waited for.
 */
#include "tools/record/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int passed_on[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
#define N_PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

/* Handlers have no argument of their own. 0: no program, or none any more (its pid may be someone
 * else's). */
static volatile sig_atomic_t child;

static void pass_on(int sig, siginfo_t *info, void *context)
{
	(void)context;
	const int e = errno;
	if (info->si_code <= 0 && child > 0)
		kill((pid_t)child, sig);
	errno = e;
}

struct inherited {
	struct sigaction action[N_PASSED_ON], chld;
	sigset_t mask;
};

static void take_signals(struct inherited *old)
{
	struct sigaction ours = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigemptyset(&ours.sa_mask);
	for (size_t i = 0; i < N_PASSED_ON; i++)
		sigaction(passed_on[i], &ours, &old->action[i]);
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigaction(SIGCHLD, &dfl, &old->chld);
}

static void give_back_signals(const struct inherited *old)
{
	for (size_t i = 0; i < N_PASSED_ON; i++)
		sigaction(passed_on[i], &old->action[i], NULL);
	sigaction(SIGCHLD, &old->chld, NULL);
	sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

/* In the child. Tells the parent through `report` (closed by a successful exec) why exec failed. */
__attribute__((noreturn)) static void start(const struct gt_run *r, const struct inherited *old,
					    int report)
{
	for (const struct gt_env *e = r->env; e->name != NULL; e++) {
		if (e->value != NULL)
			setenv(e->name, e->value, 1);
	}
	give_back_signals(old);
	execvp(r->argv[0], r->argv);
	const int error = errno;
	if (write(report, &error, sizeof(error)) != (ssize_t)sizeof(error))
		_exit(125);
	_exit(127);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int read_report(int fd)
{
	int error = 0;
	ssize_t n;
	do
		n = read(fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(error) ? error : 0;
}

/* Reaps whatever ends until it is the program. */
static int wait_for(struct gt_run *r)
{
	for (;;) {
		int status;
		const pid_t pid = wait4(-1, &status, __WALL, NULL);
		if (pid == r->pid && (WIFEXITED(status) || WIFSIGNALED(status))) {
			r->status = status;
			return 0;
		}
		if (pid < 0 && errno != EINTR)
			return -errno;
	}
}

/*
 * N.B. a descriptor above the standard three: a program that is started with some of them closed
 * shall not find our pipe there, not even for the moment before exec.
 */
static int make_report_pipe(int fds[static 2])
{
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		const int high = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
		if (high < 0)
			continue;
		close(fds[i]);
		fds[i] = high;
	}
	return 0;
}

int gt_run(struct gt_run *r)
{
	int report[2];
	int rc = make_report_pipe(report);
	if (rc != 0)
		return rc;
	struct inherited old;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all,
		    &old.mask); /* until `child` is known: a signal now waits and is passed on */
	take_signals(&old);
	prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);

	const uint64_t start_ns = now_ns();
	r->pid = fork();
	if (r->pid == 0)
		start(r, &old, report[1]);
	rc = r->pid < 0 ? -errno : 0;
	child = r->pid > 0 ? r->pid : 0;
	close(report[1]);
	sigprocmask(SIG_SETMASK, &old.mask, NULL);
	if (rc == 0) {
		const int error = read_report(report[0]);
		rc = wait_for(r);
		child = 0;
		r->elapsed_ns = now_ns() - start_ns;
		if (error != 0)
			rc = -error;
	}
	close(report[0]);
	return rc;
}

/* A child of ours that is a writer of the library: it is called so (preload/writer.c). */
static bool is_writer(long pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	const bool ok = fgets(name, sizeof(name), f) != NULL;
	fclose(f);
	return ok && strncmp(name, "gtrace-w", 8) == 0;
}

static bool has_writer(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	bool found = false;
	long pid;
	while (!found && fscanf(f, "%ld", &pid) == 1)
		found = is_writer(pid);
	fclose(f);
	return found;
}

bool gt_run_wait_for_writers(uint64_t limit_ns, bool (*is_busy)(void *arg), void *arg)
{
	const uint64_t end = now_ns() + limit_ns;
	for (long nap_ns = 200000;; nap_ns = nap_ns < 20000000 ? 2 * nap_ns : nap_ns) {
		while (wait4(-1, NULL, __WALL | WNOHANG, NULL) > 0)
			;
		if (!has_writer() && (is_busy == NULL || !is_busy(arg)))
			return true;
		if (now_ns() >= end)
			return false;
		nanosleep(&(struct timespec){ 0, nap_ns }, NULL);
	}
}

void gt_run_exit_like(int status)
{
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));

	const int sig = WTERMSIG(status);
	fflush(NULL);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0L, 0L, 0L,
	      0L); /* the limit alone does not stop a core_pattern that is a pipe */
	signal(sig, SIG_DFL);
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(sig);
	exit(128 + sig);
}
