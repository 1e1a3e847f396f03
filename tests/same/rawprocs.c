/*
 * Processes, threads and sandboxes made by bare system calls; SIGSYS in the program's own hands;
 * masks that a new program inherits; cancellation inside stdio.
 * same: not with a thread (children that a signal ends lose their last period)
 */
#include "tests/same/see.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

extern char **environ;

static inline long bare(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return rc;
}

static void say_status(const char *what, pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: status %d\n", what, WEXITSTATUS(status));
	fflush(stdout);
}

static void line_from_a_pipe(void)
{
	int p[2];
	char line[20];
	CHECK(!pipe(p));
	FILE *f = fdopen(p[0], "r");
	CHECK(write(p[1], "a line\n", 7) == 7 && !close(p[1]));
	printf("got %s", fgets(line, sizeof(line), f));
	fclose(f);
	fflush(stdout);
}

/* ---- children ---- */

static void children(void)
{
	pid_t pid = (pid_t)bare(SYS_fork, 0, 0, 0, 0, 0);
	if (!pid) {
		line_from_a_pipe();
		_exit(3);
	}
	say_status("bare fork", pid);
	pid = (pid_t)bare(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		line_from_a_pipe();
		_exit(4);
	}
	say_status("bare clone", pid);
	pid = fork();
	if (!pid) {
		line_from_a_pipe();
		exit(5);
	}
	say_status("fork", pid);
	line_from_a_pipe();
}

/* N.B. the child of a bare vfork must not return from here before it is over. */
__attribute__((noinline)) static pid_t bare_vfork(void)
{
	long rc;
	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movl %2, %%eax\n\tmovl $6, %%edi\n\tsyscall\n"
			 "1:"
			 : "=a"(rc)
			 : "a"((long)SYS_vfork), "i"(SYS_exit_group)
			 : "rcx", "r11", "rdi", "memory");
	return (pid_t)rc;
}

static void vforks(void)
{
	say_status("bare vfork", bare_vfork());
	line_from_a_pipe();
	const pid_t pid = vfork();
	if (!pid)
		_exit(7);
	say_status("vfork", pid);
	line_from_a_pipe();
}

/* What a new program finds blocked. */
static void inherited(void)
{
	char *argv[] = { (char *)"grep", (char *)"-E", (char *)"^SigBlk",
			 (char *)"/proc/self/status", NULL };
	sigset_t all, old;
	pid_t pid;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	CHECK(!posix_spawnp(&pid, "grep", NULL, NULL, argv, environ));
	say_status("spawn", pid);
	pid = fork();
	if (!pid) {
		execvp("grep", argv);
		_exit(9);
	}
	say_status("fork and exec", pid);
	pid = vfork();
	if (!pid) {
		execvp("grep", argv);
		_exit(9);
	}
	say_status("vfork and exec", pid);
	sigset_t now;
	SEE(pthread_sigmask(SIG_SETMASK, &old, &now));
	printf("SIGSYS was blocked %d\n", sigismember(&now, SIGSYS));
	SEE(system("grep -E '^SigBlk' /proc/self/status"));
	line_from_a_pipe();
}

/* ---- a thread without libc ---- */

static char stack[64 << 10] __attribute__((aligned(16)));
static uint32_t gone = 1;

/* It writes, and ends; the kernel clears `gone`. */
static void bare_thread(void)
{
	static const char text[] = "a bare thread\n";
	void **top = (void **)(stack + sizeof(stack));
	const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			   CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
	register long r10 __asm__("r10") = (long)&gone;
	long rc;
	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movl $1, %%eax\n\tmovl $1, %%edi\n\tmovq %5, %%rsi\n\tmovl $14, %%edx\n\t"
			 "syscall\n\t"
			 "movl $60, %%eax\n\txorl %%edi, %%edi\n\tsyscall\n"
			 "1:"
			 : "=a"(rc)
			 : "a"((long)SYS_clone), "D"(flags), "S"(top), "r"(r10), "r"(text)
			 : "rcx", "r11", "rdx", "memory");
	CHECK(rc > 0);
	while (__atomic_load_n(&gone, __ATOMIC_ACQUIRE))
		bare(SYS_futex, (long)&gone, FUTEX_WAIT, 1, 0, 0);
	printf("it is gone\n");
	fflush(stdout);
}

/* ---- SIGSYS ---- */

static int n_sigsys;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	n_sigsys++;
	printf("SIGSYS %d: code %d, from us %d\n", sig, info->si_code, info->si_pid == getpid());
	fflush(stdout);
	if (info->si_code == 1) /* SYS_SECCOMP */
		((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void own_sigsys(void)
{
	struct sigaction a = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO }, old;
	sigset_t sys;
	SEE(sigaction(SIGSYS, &a, &old));
	printf("default before %d\n", old.sa_handler == SIG_DFL);
	SEE(sigaction(SIGSYS, NULL, &old));
	printf("mine now %d, flags %x\n", old.sa_sigaction == on_sigsys,
	       (unsigned)old.sa_flags & 0xffff);
	raise(SIGSYS);
	kill(getpid(), SIGSYS);
	printf("%d came\n", n_sigsys);
	sigemptyset(&sys);
	sigaddset(&sys, SIGSYS);
	SEE(sigprocmask(SIG_BLOCK, &sys, NULL));
	kill(getpid(), SIGSYS);
	printf("%d came\n", n_sigsys);
	line_from_a_pipe();
	SEE(sigprocmask(SIG_UNBLOCK, &sys, NULL));
	printf("%d came\n", n_sigsys);
	SEE(signal(SIGSYS, SIG_IGN) != SIG_ERR);
	kill(getpid(), SIGSYS);
	line_from_a_pipe();
	SEE(signal(SIGSYS, SIG_DFL) != SIG_ERR);
	const pid_t pid = fork();
	if (!pid) {
		const struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		line_from_a_pipe();
		raise(SIGSYS);
		_exit(1);
	}
	say_status("by SIGSYS", pid);
}

/* A filter that traps one call. */
static void sandbox(bool is_handled)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	const struct rlimit none = { 0, 0 };
	const struct sigaction a = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	setrlimit(RLIMIT_CORE, &none);
	if (is_handled)
		sigaction(SIGSYS, &a, NULL);
	CHECK(!bare(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!bare(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&prog, 0, 0));
	line_from_a_pipe();
	printf("getppid: %ld\n", bare(SYS_getppid, 0, 0, 0, 0, 0));
	fflush(stdout);
	_exit(11);
}

static void sandboxes(void)
{
	for (int is_handled = 0; is_handled < 2; is_handled++) {
		const pid_t pid = fork();
		if (!pid)
			sandbox(is_handled);
		say_status("sandbox", pid);
	}
}

/* The program dispatches calls itself. */
static char selector;

static void on_own_dispatch(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	selector = 0;
	printf("own dispatch: code %d, call %d\n", info->si_code, info->si_syscall);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 4712;
}

static void own_dispatch(void)
{
	const pid_t pid = fork();
	if (!pid) {
		const struct sigaction a = { .sa_sigaction = on_own_dispatch,
					     .sa_flags = SA_SIGINFO };
		sigaction(SIGSYS, &a, NULL);
		const long rc = bare(SYS_prctl, 59, 1, 0, 0, (long)&selector);
		if (!rc) {
			selector = 1;
			const long got = bare(SYS_getppid, 0, 0, 0, 0, 0);
			printf("gives %ld\n", got);
		}
		fflush(stdout);
		_exit(12);
	}
	say_status("own dispatch", pid);
}

/* ---- cancellation ---- */

static int p[2];
static int reader;

static char state_of(int tid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	const int fd = open(path, O_RDONLY);
	const ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *at = strrchr(text, ')');
	return at ? at[2] : '?';
}

/* Waits until the thread has taken what was in the pipe, and waits for more. */
static void until_it_waits(int tid)
{
	int left = 1;
	while (ioctl(p[0], FIONREAD, &left) || left || state_of(tid) != 'S')
		usleep(1000);
}

static void it_is_me(void)
{
	__atomic_store_n(&reader, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void cleanup(void *what)
{
	printf("cleanup of %s\n", (const char *)what);
	line_from_a_pipe();
}

static void *in_getline(void *arg)
{
	char *line = NULL;
	size_t n = 0;
	FILE *f = fdopen(dup(p[0]), "r");
	it_is_me();
	pthread_cleanup_push(cleanup, arg);
	CHECK(getline(&line, &n, f) == 5);
	printf("%s %s", (const char *)arg, line);
	getline(&line, &n, f);
	printf("never\n");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_bare_read(void *arg)
{
	char c;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	it_is_me();
	pthread_cleanup_push(cleanup, arg);
	CHECK(bare(SYS_read, p[0], (long)&c, 1, 0, 0) == 1);
	bare(SYS_read, p[0], (long)&c, 1, 0, 0);
	printf("never\n");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_deferred_read(void *arg)
{
	char c;
	it_is_me();
	pthread_cleanup_push(cleanup, arg);
	CHECK(bare(SYS_read, p[0], (long)&c, 1, 0, 0) == 1);
	const long rc = bare(SYS_read, p[0], (long)&c, 1, 0, 0);
	printf("no cancellation point: %ld\n", rc);
	pthread_testcancel();
	printf("never\n");
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel(const char *what, void *(*fn)(void *), const char *first, const char *later)
{
	pthread_t t;
	void *value = NULL;
	reader = 0;
	CHECK(!pthread_create(&t, NULL, fn, (void *)(uintptr_t)what));
	while (!__atomic_load_n(&reader, __ATOMIC_ACQUIRE))
		usleep(1000);
	until_it_waits(reader);
	CHECK(write(p[1], first, strlen(first)) == (ssize_t)strlen(first));
	until_it_waits(reader);
	CHECK(!pthread_cancel(t));
	if (later)
		CHECK(write(p[1], later, 1) == 1);
	CHECK(!pthread_join(t, &value));
	printf("cancelled %d\n", value == PTHREAD_CANCELED);
}

static void cancellations(void)
{
	CHECK(!pipe(p));
	for (int i = 0; i < 3; i++) {
		cancel("getline", in_getline, "line\n", NULL);
		cancel("an asynchronous read", in_bare_read, "x", NULL);
		cancel("a deferred read", in_deferred_read, "x", "y");
	}
}

/* ---- restarts ---- */

static void on_alarm(int sig)
{
	(void)sig;
	CHECK(write(p[1], "restarted\n", 10) == 10);
}

static void *sends(void *arg)
{
	until_it_waits(getpid());
	CHECK(!pthread_kill(*(pthread_t *)arg, SIGALRM));
	return NULL;
}

static void restarts(void)
{
	char line[20];
	const char *got = NULL;
	pthread_t t, me = pthread_self();
	struct sigaction a = { .sa_handler = on_alarm };
	FILE *f = fdopen(dup(p[0]), "r");
	for (int i = 0; i < 2; i++) {
		a.sa_flags = i ? 0 : SA_RESTART;
		sigaction(SIGALRM, &a, NULL);
		CHECK(!pthread_create(&t, NULL, sends, &me));
		errno = 0;
		got = fgets(line, sizeof(line), f);
		printf("fgets: %s, errno %d\n", got ? got : "nothing", errno);
		CHECK(!pthread_join(t, NULL));
	}
	CHECK(read(p[0], line, 10) == 10);
	CHECK(!pthread_create(&t, NULL, sends, &me));
	printf("bare read: %ld\n", bare(SYS_read, p[0], (long)line, 10, 0, 0));
	CHECK(!pthread_join(t, NULL));
	CHECK(read(p[0], line, 10) == 10);
	fclose(f);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	children();
	vforks();
	inherited();
	bare_thread();
	own_sigsys();
	sandboxes();
	own_dispatch();
	cancellations();
	restarts();
	line_from_a_pipe();
	return 0;
}
