/*
 * Every hooked function once (calls.def): its results, errno after success and failure, and whether
 * a pending cancellation is acted on. Also counts what it calls, for tests/run/calls.sh:
 *
 *   calls                    all cases, and again where a cancellation is pending
 *   calls count FILE N GROUP the cases of one group (all: "-"), N times; "NAME CALLS" into FILE
 *   calls one NAME           one case, in this very process
 *
 * What surrounds the calls is done by system calls of its own (raw), past all hooks.
 */
#include "preload/hook_types.h"
#include "tests/run/prog.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/futex.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

/* The functions under their own symbols, with the prototypes of the table. */
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) extern ret call_##name params __asm__(#name);
#define GT_CUSTOM GT_BLOCKING
#define GT_ASM    GT_BLOCKING
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
extern pid_t call_vfork(void) __attribute__((returns_twice));
extern pid_t call___vfork(void) __attribute__((returns_twice));
/* There for old programs only. */
__asm__(".symver pthread_yield, pthread_yield@GLIBC_2.2.5");
__asm__(".symver cfree, cfree@GLIBC_2.2.5");
/* clang-format on */

static long raw(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

/* ---- what was seen ---- */

static atomic_long n_calls[GT_N_HOOKS];
static struct {
	const char *what;
	long result;
	int err;
} log_[32];
static int n_log;

static void note(const char *what, long result, int err)
{
	CHECK(n_log < 32);
	log_[n_log].what = what;
	log_[n_log].result = result;
	log_[n_log++].err = err;
}

static void seen(const char *what, long value)
{
	note(what, value, 777);
}

static void say(void)
{
	for (int i = 0; i < n_log; i++) {
		printf(" %s=%ld", log_[i].what, log_[i].result);
		if (log_[i].err != 777)
			printf("/%d", log_[i].err);
	}
	printf("\n");
	fflush(stdout);
	n_log = 0;
}

static void *file; /* the pointer returned last */

#define DO_(name)                                                                                  \
	n_calls[GT_CALL_##name]++;                                                                 \
	errno = 777
#define T(name, args)                                                                              \
	do {                                                                                       \
		DO_(name);                                                                         \
		const long r_ = (long)call_##name args;                                            \
		note(#name, r_, errno);                                                            \
	} while (0)
#define B(name, args, cond)                                                                        \
	do {                                                                                       \
		DO_(name);                                                                         \
		const long r = (long)call_##name args;                                             \
		const int err_ = errno;                                                            \
		note(#name, cond, err_);                                                           \
	} while (0)
#define P(name, args)                                                                              \
	do {                                                                                       \
		DO_(name);                                                                         \
		file = (void *)call_##name args;                                                   \
		note(#name, file != NULL, errno);                                                  \
	} while (0)
#define V(name, args)                                                                              \
	do {                                                                                       \
		DO_(name);                                                                         \
		call_##name args;                                                                  \
		note(#name, 0, errno);                                                             \
	} while (0)
#define K(name, args)                                                                              \
	do {                                                                                       \
		DO_(name);                                                                         \
		(void)call_##name args;                                                            \
	} while (0)
#define KP(name, args)                                                                             \
	do {                                                                                       \
		DO_(name);                                                                         \
		file = (void *)call_##name args;                                                   \
	} while (0)

/* ---- what the cases work on: made anew for each ---- */

static int p[2], p2[2], sv[2], f, g, ev, ep, ls, cs, tty, mq1, set;
static mqd_t mq;
static char buf[64], buf2[64], big[16384] __attribute__((aligned(64)));
static uint8_t *page;
static struct iovec iov = { buf, 4 }, iov2 = { buf2, 4 };
static struct mmsghdr mh = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
static struct pollfd pf;
static struct epoll_event ee;
static struct sockaddr_un addr;
static socklen_t addr_len;
static struct sockaddr_in in;
static struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
static struct gaicb gai;
static struct aiocb cb;
static struct aiocb64 cb64;
static struct flock lock;
static struct {
	long type;
	char text[16];
} msg;
static struct sembuf up = { 0, 1, 0 }, down = { 0, -1, 0 }, try = { 0, -5, IPC_NOWAIT };
static sigset_t usr1, none;
static const struct timespec past = { 1, 0 }, future = { 1L << 40, 0 }, soon = { 0, 1000 },
			     bad = { 0, -1 };
static pthread_t held;
static pthread_mutex_t m, checking;
static pthread_cond_t cond;
static pthread_rwlock_t rw;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static pthread_once_t once;
static once_flag once11;
static mtx_t mtx;
static cnd_t cnd;
static sem_t sem;
static ucontext_t back;
static char *const args[] = { (char *)"echo", (char *)"an", (char *)"argument", NULL };
static char *const empty[] = { NULL };
static volatile int handled, n_init, may_go;

static void handle(int sig)
{
	(void)sig;
	handled++;
}

static long must(long rc)
{
	if (rc < 0)
		errno = (int)-rc;
	CHECK(rc >= 0);
	return rc;
}

static int raw_open(const char *path)
{
	return (int)must(raw(SYS_open, (long)path, O_RDWR | O_CREAT, 0600, 0, 0));
}

static void make_sockets(void)
{
	must(raw(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)sv, 0));
	must(raw(SYS_write, sv[1], (long)"abcdefgh", 8, 0, 0));
	addr.sun_family = AF_UNIX;
	addr_len = offsetof(struct sockaddr_un, sun_path) + 1 +
		   (socklen_t)snprintf(addr.sun_path + 1, 60, "gtrace-calls-%d", (int)getpid());
	ls = (int)must(raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0));
	must(raw(SYS_bind, ls, (long)&addr, addr_len, 0, 0));
	must(raw(SYS_listen, ls, 5, 0, 0, 0));
	const long first = must(raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0));
	must(raw(SYS_connect, first, (long)&addr, addr_len, 0, 0));
	cs = (int)must(raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0));
}

static void make_files(void)
{
	must(raw(SYS_pipe2, (long)p, 0, 0, 0, 0));
	must(raw(SYS_pipe2, (long)p2, 0, 0, 0, 0));
	must(raw(SYS_write, p[1], (long)"abcdefgh", 8, 0, 0));
	f = raw_open("calls.tmp");
	g = raw_open("calls.tm2");
	must(raw(SYS_pwrite64, f, (long)"0123456789", 10, 0, 0));
	ev = (int)must(raw(SYS_eventfd2, 3, 0, 0, 0, 0));
	ep = (int)must(raw(SYS_epoll_create1, 0, 0, 0, 0, 0));
	ee = (struct epoll_event){ .events = EPOLLIN };
	must(raw(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], (long)&ee, 0));
	tty = (int)must(raw(SYS_open, (long)"/dev/ptmx", O_RDWR | O_NOCTTY, 0, 0, 0));
	page = (uint8_t *)raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f);
	pf = (struct pollfd){ p[0], POLLIN, 0 };
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 4 };
	cb = (struct aiocb){ .aio_fildes = f, .aio_buf = buf, .aio_nbytes = 4 };
	cb.aio_lio_opcode = LIO_READ;
	cb.aio_sigevent.sigev_notify = SIGEV_NONE;
	memcpy(&cb64, &cb, sizeof(cb));
	in.sin_family = AF_INET;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	gai = (struct gaicb){ .ar_name = "127.0.0.1", .ar_request = &hints };
}

static void make_queues(void)
{
	char name[40];
	struct mq_attr at = { .mq_maxmsg = 4, .mq_msgsize = 64 };
	snprintf(name, sizeof(name), "gtrace-calls-%d", (int)getpid());
	mq = (mqd_t)must(raw(SYS_mq_open, (long)name, O_RDWR | O_CREAT, 0600, (long)&at, 0));
	must(raw(SYS_mq_unlink, (long)name, 0, 0, 0, 0));
	must(raw(SYS_mq_timedsend, mq, (long)"first", 5, 7, 0));
	msg.type = 1;
	mq1 = (int)must(raw(SYS_msgget, IPC_PRIVATE, 0600, 0, 0, 0));
	must(raw(SYS_msgsnd, mq1, (long)&msg, 4, 0, 0));
	set = (int)must(raw(SYS_semget, IPC_PRIVATE, 1, 0600, 0, 0));
}

static void make_locks(void)
{
	pthread_mutexattr_t at;
	pthread_mutexattr_init(&at);
	pthread_mutexattr_settype(&at, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, NULL);
	pthread_mutex_init(&checking, &at);
	pthread_cond_init(&cond, NULL);
	pthread_rwlock_init(&rw, NULL);
	pthread_barrier_init(&barrier, NULL, 1);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	mtx_init(&mtx, mtx_timed);
	cnd_init(&cnd);
	sem_init(&sem, 0, 1);
	once = PTHREAD_ONCE_INIT;
	once11 = (once_flag)ONCE_FLAG_INIT;
}

static void make(void)
{
	handled = n_init = may_go = 0;
	n_log = 0;
	file = NULL;
	memset(buf, 'x', sizeof(buf));
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	make_files();
	make_sockets();
	make_queues();
	make_locks();
}

static void clean(void)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &never, NULL);
	raw(SYS_munmap, (long)page, 4096, 0, 0, 0);
	raw(SYS_msgctl, mq1, IPC_RMID, 0, 0, 0);
	raw(SYS_semctl, set, 0, IPC_RMID, 0, 0);
	raw(SYS_close_range, 3, ~0u, 0, 0, 0);
	unlink("calls.tmp");
	unlink("calls.tm2");
	while (raw(SYS_wait4, -1, 0, 0, 0, 0) > 0)
		;
}

/* ---- helpers of the cases ---- */

static void wait_to_go(void)
{
	while (!may_go)
		raw(SYS_sched_yield, 0, 0, 0, 0, 0);
}
static void go_on(void)
{
	may_go = 1;
}
static void *returns(void *arg)
{
	return arg;
}
static void *waits(void *arg)
{
	wait_to_go();
	return arg;
}
static void *tests(void *arg)
{
	for (;;)
		pthread_testcancel();
	return arg;
}
static void *exits(void *arg)
{
	(void)arg;
	K(pthread_exit, ((void *)99));
	return NULL;
}
static int five(void *arg)
{
	(void)arg;
	return 5;
}
static int five_late(void *arg)
{
	(void)arg;
	wait_to_go();
	return 5;
}
static int six(void *arg)
{
	(void)arg;
	K(thrd_exit, (6));
	return 0;
}
static void *signals(void *arg)
{
	K(pthread_mutex_lock, (&m));
	K(pthread_cond_signal, (&cond));
	K(pthread_mutex_unlock, (&m));
	return arg;
}
static void *signals11(void *arg)
{
	K(mtx_lock, (&mtx));
	K(cnd_signal, (&cnd));
	K(mtx_unlock, (&mtx));
	return arg;
}
static void initialise(void)
{
	n_init++;
}
/* Comes at once when it is let in. */
static void pend(void)
{
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	raw(SYS_tgkill, getpid(), raw(SYS_gettid, 0, 0, 0, 0, 0), SIGUSR1, 0, 0);
}
/* Again and again, as the first may come too early. */
static void tick(void)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	setitimer(ITIMER_REAL, &often, NULL);
}
static int child(void)
{
	const long pid = must(raw(SYS_fork, 0, 0, 0, 0, 0));
	if (!pid)
		raw(SYS_exit_group, 3, 0, 0, 0, 0);
	return (int)pid;
}
/* N.B. not raw: a writer that is a thread would not see it */
static int leave(void)
{
	call__exit(3);
	return 0;
}
static int cloned(void *arg)
{
	(void)arg;
	raw(SYS_exit_group, 3, 0, 0, 0, 0);
	return 0;
}
static int echo_fd(void)
{
	return (int)must(raw(SYS_open, (long)"/bin/echo", O_RDONLY, 0, 0, 0));
}
static void mode_of(const char *path)
{
	struct stat st;
	seen("mode", stat(path, &st) ? -1 : (long)st.st_mode);
	unlink(path);
}
static void makes(ucontext_t *u)
{
	getcontext(u);
	u->uc_stack.ss_sp = big;
	u->uc_stack.ss_size = sizeof(big);
	u->uc_link = &back;
	makecontext(u, initialise, 0);
}
static void by_number(void)
{
	uint32_t word = 1, pi = 0;
#define N(nr, a, b, c, d) T(syscall, (nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0))
	N(SYS_sched_yield, 0, 0, 0, 0);
	N(SYS_close, -1, 0, 0, 0);
	N(SYS_read, p[0], buf, 4, 0);
	N(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, 0);
	N(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0);
	N(SYS_futex, &pi, FUTEX_LOCK_PI, 0, 0);
	N(449 /* futex_waitv */, NULL, 0, 0, 0);
	N(426 /* io_uring_enter */, -1, 0, 1, 1);
	N(SYS_io_getevents, 0, 1, 1, NULL);
	N(441 /* epoll_pwait2 */, ep, &ee, 1, NULL);
	N(SYS_msgrcv, -1, &msg, 4, 0);
	N(SYS_mq_timedreceive, -1, big, 64, NULL);
	N(SYS_rt_sigtimedwait, &none, NULL, &soon, 8);
	N(SYS_fcntl, f, F_SETLKW, &lock, 0);
	N(SYS_flock, f, LOCK_EX, 0, 0);
	N(SYS_splice, p[0], NULL, p2[1], NULL);
	N(SYS_getrandom, buf, 8, 0, 0);
	N(SYS_openat, AT_FDCWD, "no/such/file", 0, 0);
	N(SYS_ioctl, p[0], FIONREAD, buf2, 0);
	N(99999, 0, 0, 0, 0);
#undef N
}

/* ---- the table ---- */

/* clang-format off */
#define C(name, ...) static void do_##name(void) { __VA_ARGS__; }
#define W(name, ...) static void wait_##name(void) { __VA_ARGS__; }
#define N C
#define X C
#include "tests/same/calls.def"
#undef C
#undef W
#undef N
#undef X

enum kind { CANCELLED, WAITS, NORMAL, ENDS };
static const struct kase {
	const char *name;
	enum kind kind;
	void (*fn)(void);
} cases[] = {
#define C(name, ...) { #name, CANCELLED, do_##name },
#define W(name, ...) { #name, WAITS, wait_##name },
#define N(name, ...) { #name, NORMAL, do_##name },
#define X(name, ...) { #name, ENDS, do_##name },
#include "tests/same/calls.def"
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static const struct {
	const char *name, *group;
} rows[] = {
#define GT_BLOCKING(group, why, ret, name, params, args) { #name, #group },
#define GT_CUSTOM GT_BLOCKING
#define GT_ASM    GT_BLOCKING
#include "preload/hooks.def"
};
/* clang-format on */

static const char *group_of(const char *name)
{
	for (size_t i = 0; i < GT_N_HOOKS; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].group;
	return "";
}

/* In a child of its own, which says what it saw before it ends. */
static void ends(const struct kase *k)
{
	int status;
	const long pid = must(raw(SYS_fork, 0, 0, 0, 0, 0));
	if (!pid) {
		environ = (char **)(uintptr_t)empty;
		k->fn();
		call__exit(77);
	}
	must(raw(SYS_wait4, pid, (long)&status, 0, 0, 0));
	printf(" status %x", (unsigned)status & 0xff7f); /* without "core dumped" */
}

static void normal(const struct kase *k)
{
	make();
	printf("%s:", k->name);
	fflush(stdout);
	if (k->kind == ENDS)
		ends(k);
	else
		k->fn();
	clean();
	say();
}

static volatile int is_ready, is_sent;

static void *pending(void *arg)
{
	const struct kase *const k = arg;
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	is_ready = 1;
	while (!is_sent)
		raw(SYS_sched_yield, 0, 0, 0, 0, 0);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	k->fn();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return NULL;
}

static void with_cancel(const struct kase *k)
{
	pthread_t t;
	void *v;
	make();
	is_ready = is_sent = 0;
	CHECK(!pthread_create(&t, NULL, pending, (void *)(uintptr_t)k));
	while (!is_ready)
		raw(SYS_sched_yield, 0, 0, 0, 0, 0);
	CHECK(!pthread_cancel(t));
	is_sent = 1;
	CHECK(!pthread_join(t, &v));
	go_on();
	if (held)
		CHECK(!pthread_join(held, NULL));
	held = 0;
	clean();
	printf("%s: %s,", k->name, v == PTHREAD_CANCELED ? "cancelled" : "passed");
	say();
}

static int count(char **argv)
{
	for (int i = 0; i < atoi(argv[3]); i++)
		for (size_t j = 0; j < N_CASES; j++)
			if (cases[j].kind != ENDS && cases[j].kind != WAITS &&
			    (argv[4][0] == '-' || !strcmp(argv[4], group_of(cases[j].name))))
				normal(&cases[j]);
	FILE *out = fopen(argv[2], "w");
	CHECK(out);
	for (size_t i = 0; i < GT_N_HOOKS; i++)
		fprintf(out, "%s %s %ld\n", rows[i].group, rows[i].name, (long)n_calls[i]);
	fclose(out);
	return 0;
}

static int one(const char *name)
{
	for (size_t i = 0; i < N_CASES; i++)
		if (!strcmp(cases[i].name, name) && cases[i].kind != WAITS) {
			environ = (char **)(uintptr_t)empty;
			cases[i].fn();
			return 0;
		}
	return 98;
}

int main(int argc, char **argv)
{
	const int signals_[] = { SIGUSR1, SIGUSR2, SIGALRM };
	for (int i = 0; i < 3; i++)
		sigaction(signals_[i], &(struct sigaction){ .sa_handler = handle }, NULL);
	const struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	if (argc == 5 && !strcmp(argv[1], "count"))
		return count(argv);
	if (argc == 3 && !strcmp(argv[1], "one"))
		return one(argv[2]);
	for (size_t i = 0; i < N_CASES; i++)
		if (cases[i].kind != WAITS)
			normal(&cases[i]);
	for (size_t i = 0; i < N_CASES; i++)
		if (cases[i].kind == CANCELLED || cases[i].kind == WAITS)
			with_cancel(&cases[i]);
	return 0;
}
