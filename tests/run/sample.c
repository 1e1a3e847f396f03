/*
 * Burns CPU in three functions, 70/20/10, or at the end of a recursion; then tells what the program
 * can see of a tracer. "split" says on stderr, too, what each function took by the thread's own
 * clock: "NAME ns".
 *   sample split|deep|threads SECONDS   in one thread; at the end of a recursion; in four threads
 *   sample images N                     N programs one after the other, by exec
 *   sample lives N                      N threads one after the other, and a child process
 *   sample sandbox SECONDS              under a filter in which no handler can return
 * A third argument, HZ: with a timer of our own ("control"); of lives, in the child.
 */
#include "tests/run/prog.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile uint64_t sink;
static _Thread_local long times =
	1; /* changes: a loop of fixed length may keep step with samples */
static double seconds;

/* A chain of multiplications: equally fast wherever the compiler puts it. */
static inline __attribute__((always_inline)) void burn(long n)
{
	uint64_t x = sink;
	for (long i = 0; i < n * 1000 * times; i++) {
		x = x * 6364136223846793005u + 1;
		__asm__ volatile("" : "+r"(x));
	}
	sink = x;
}

__attribute__((noinline)) static void heavy(void)
{
	burn(70);
}

__attribute__((noinline)) static void middle(void)
{
	burn(20);
}

__attribute__((noinline)) static void light(void)
{
	burn(10);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*
 * The kernel looks at timers on CPU time at its own clock tick only, and on a crowded machine that
 * may miss a thread for a second. What a tracer's timer can have seen is what one of our own sees:
 * each thread works until that has fired often enough, and then tells.
 */
static long control_hz;
static _Thread_local volatile long fired, merged;
static _Thread_local timer_t control;

static void on_control(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fired++;
	merged += info->si_overrun;
}

static void control_begin(void)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_RESTART };
	sa.sa_sigaction = on_control;
	sigfillset(&sa.sa_mask); /* a tracer's comes after it, and finds what we interrupted */
	struct sigevent how = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	how._sigev_un._tid = gettid();
	const struct timespec period = { 0, control_hz ? 1000000000 / control_hz : 0 };
	const struct itimerspec spec = { period, period };
	if (control_hz)
		CHECK(sigaction(SIGRTMIN, &sa, NULL) == 0 &&
		      timer_create(CLOCK_THREAD_CPUTIME_ID, &how, &control) == 0 &&
		      timer_settime(control, 0, &spec, NULL) == 0);
}

static bool is_enough(double now)
{
	CHECK(now < 60);
	return now >= seconds && (!control_hz || fired >= 6);
}

static void control_end(void)
{
	if (!control_hz)
		return;
	CHECK(timer_delete(control) == 0);
	fprintf(stderr, "control %ld\n", fired + merged);
}

__attribute__((noinline)) static void split(double took[3])
{
	uint64_t random = 1;
	for (double at[4] = { 0 }; !is_enough(at[3]);) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		times = 1 + (long)(random >> 62);
		at[0] = cpu();
		heavy();
		at[1] = cpu();
		middle();
		at[2] = cpu();
		light();
		at[3] = cpu();
		for (int i = 0; i < 3; i++)
			took[i] += at[i + 1] - at[i];
	}
}

__attribute__((noinline)) static int deep(int n)
{
	if (n == 0) {
		while (!is_enough(cpu()))
			heavy();
		return 0;
	}
	const int rc = deep(n - 1);
	__asm__ volatile("" : : "r"(rc)); /* no tail call */
	return rc + 1;
}

static void *worker(void *arg)
{
	(void)arg;
	double took[3] = { 0 };
	control_begin();
	split(took);
	control_end();
	return NULL;
}

static int count_timers(void)
{
	char line[256];
	int n = 0;
	FILE *f = fopen("/proc/self/timers", "r");
	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "ID:", 3) == 0;
	if (f)
		fclose(f);
	return n;
}

static void tell_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	CHECK(d);
	char path[300], target[256];
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		const ssize_t n = readlink(path, target, sizeof(target));
		if (n > 0 && strncmp(target, "/proc/", 6) != 0)
			printf("fd %s %.*s\n", e->d_name, (int)n, target);
	}
	closedir(d);
}

static void tell_signals(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0)
			fputs(line, stdout);
		if (strncmp(line, "Threads", 7) == 0)
			fputs(line, stdout);
	}
	fclose(f);
}

/* Enough to be seen by a clock, and too short for the shares of the others. */
__attribute__((noinline)) static void pass_some_time(void)
{
	burn(2);
}

/* Every call that a signal ends even if its handler says SA_RESTART, with work in between. */
static int count_interrupted(void)
{
	const struct timespec ts = { 0, 2000000 };
	sem_t sem;
	CHECK(sem_init(&sem, 0, 0) == 0);
	const int e = epoll_create1(EPOLL_CLOEXEC);
	int n = 0;
	for (int i = 0; i < 40; i++) {
		struct epoll_event ev;
		struct timespec when;
		struct timeval tv = { 0, 2000 };
		errno = 0;
		n += nanosleep(&ts, NULL) && errno == EINTR;
		pass_some_time();
		n += poll(NULL, 0, 2) < 0 && errno == EINTR;
		pass_some_time();
		n += epoll_wait(e, &ev, 1, 2) < 0 && errno == EINTR;
		pass_some_time();
		n += select(0, NULL, NULL, NULL, &tv) < 0 && errno == EINTR;
		pass_some_time();
		clock_gettime(CLOCK_REALTIME, &when);
		when.tv_nsec += 2000000;
		when.tv_sec += when.tv_nsec / 1000000000;
		when.tv_nsec %= 1000000000;
		n += sem_timedwait(&sem, &when) && errno == EINTR;
	}
	close(e);
	return n;
}

/* Descriptors, signals, timers, interrupted calls: the same with and without a tracer. */
static void tell(void)
{
	tell_descriptors();
	tell_signals();
	printf("timers %d\n", count_timers());
	printf("interrupted %d\n", count_interrupted());
}

static void run_threads(void)
{
	struct prog_thread t[4];
	const char *names[] = { "one", "two", "three", "four" };
	for (int i = 0; i < 4; i++)
		prog_spawn(&t[i], names[i], worker, NULL);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i].id, NULL) == 0);
}

static void run_images(char **argv)
{
	char n[16];
	seconds = 0.02;
	worker(NULL);
	if (atoi(argv[2]) == 0)
		exit(0);
	snprintf(n, sizeof(n), "%d", atoi(argv[2]) - 1);
	execl(argv[0], argv[0], argv[1], n, (char *)NULL);
	CHECK(0);
}

static void run_lives(int n)
{
	const long child_hz = control_hz;
	control_hz = 0;
	seconds = 0.005;
	for (int i = 0; i < n; i++) {
		struct prog_thread t;
		prog_spawn(&t, "life", worker, NULL);
		CHECK(pthread_join(t.id, NULL) == 0);
	}
	printf("timers %d\n", count_timers());
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		seconds = 0.3;
		control_hz = child_hz;
		worker(NULL);
		_exit(7);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
}

static void run_sandbox(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
	run_threads();
	worker(NULL);
}

int main(int argc, char **argv)
{
	CHECK(argc >= 3);
	seconds = atof(argv[2]);
	control_hz = argc > 3 ? atol(argv[3]) : 0;
	if (strcmp(argv[1], "split") == 0) {
		double took[3] = { 0 };
		control_begin();
		split(took);
		control_end();
		CHECK(signal(SIGRTMIN, SIG_IGN) != SIG_ERR); /* what is pending goes with it */
		CHECK(signal(SIGRTMIN, SIG_DFL) != SIG_ERR);
		fprintf(stderr, "heavy %.0f\nmiddle %.0f\nlight %.0f\n", took[0] * 1e9,
			took[1] * 1e9, took[2] * 1e9);
		tell();
	} else if (strcmp(argv[1], "deep") == 0) {
		control_begin();
		CHECK(deep(30) == 30);
		control_end();
	} else if (strcmp(argv[1], "images") == 0) {
		run_images(argv);
	} else if (strcmp(argv[1], "lives") == 0) {
		run_lives(atoi(argv[2]));
	} else if (strcmp(argv[1], "sandbox") == 0) {
		run_sandbox();
	} else {
		run_threads();
	}
	return 0;
}
