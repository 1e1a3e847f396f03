/*
 * One wait of each kind that other programs here do not have: the thread named like the call waits
 * in it until main, 20 ms after the kernel says that it is there, lets it go.
 */
#include "tests/run/prog.h"

#include <aio.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <threads.h>

static mtx_t mtx;
static mtx_t cnd_lock;
static cnd_t cnd;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static once_flag once11 = ONCE_FLAG_INIT;
static int p[2], q, set;
static mqd_t mq;
static thrd_t other;
static atomic_int tid, entered, may_go;
static sigset_t usr1;

static void init_slowly(void)
{
	entered = 1;
	while (!may_go)
		prog_sleep_ms(1);
}
static void *runs_once(void *arg)
{
	pthread_once(&once, init_slowly);
	return arg;
}
static void *runs_once11(void *arg)
{
	call_once(&once11, init_slowly);
	return arg;
}
static int ends_late(void *arg)
{
	(void)arg;
	entered = 1;
	while (!may_go)
		prog_sleep_ms(1);
	return 7;
}

/* ---- the waits, and what ends them ---- */

static void w_mtx_lock(void)
{
	CHECK(mtx_lock(&mtx) == thrd_success && mtx_unlock(&mtx) == thrd_success);
}
static void e_mtx_lock(void)
{
	mtx_unlock(&mtx);
}
static void w_cnd_wait(void)
{
	mtx_lock(&cnd_lock);
	CHECK(cnd_wait(&cnd, &cnd_lock) == thrd_success);
	mtx_unlock(&cnd_lock);
}
static void e_cnd_wait(void)
{
	mtx_lock(&cnd_lock);
	cnd_signal(&cnd);
	mtx_unlock(&cnd_lock);
}
static void w_thrd_join(void)
{
	int v = 0;
	CHECK(thrd_join(other, &v) == thrd_success && v == 7);
}
static void e_go(void)
{
	may_go = 1;
}
static void w_pthread_once(void)
{
	pthread_once(&once, init_slowly);
}
static void w_call_once(void)
{
	call_once(&once11, init_slowly);
}
static void w_pthread_spin_lock(void)
{
	CHECK(!pthread_spin_lock(&spin) && !pthread_spin_unlock(&spin));
}
static void e_spin(void)
{
	pthread_spin_unlock(&spin);
}
static void w_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} m;
	CHECK(msgrcv(q, &m, 8, 0, 0) == 4);
}
static void e_msgrcv(void)
{
	const struct {
		long type;
		char text[8];
	} m = { 1, "abc" };
	CHECK(!msgsnd(q, &m, 4, 0));
}
static void w_semop(void)
{
	struct sembuf down = { 0, -1, 0 };
	CHECK(!semop(set, &down, 1));
}
static void e_semop(void)
{
	struct sembuf up = { 0, 1, 0 };
	CHECK(!semop(set, &up, 1));
}
static void w_mq_receive(void)
{
	char buf[8];
	CHECK(mq_receive(mq, buf, 8, NULL) == 2);
}
static void e_mq_receive(void)
{
	CHECK(!mq_send(mq, "hi", 2, 0));
}
static void w_sigwait(void)
{
	int sig;
	CHECK(!sigwait(&usr1, &sig) && sig == SIGUSR1);
}
static void e_sigwait(void)
{
	CHECK(!syscall(SYS_tgkill, getpid(), (int)tid, SIGUSR1));
}
static void w_aio_suspend(void)
{
	static char c;
	static struct aiocb cb;
	cb = (struct aiocb){ .aio_fildes = p[0], .aio_buf = &c, .aio_nbytes = 1 };
	const struct aiocb *const list[] = { &cb };
	CHECK(!aio_read(&cb) && !aio_suspend(list, 1, NULL) && aio_return(&cb) == 1);
}
static void e_write(void)
{
	CHECK(write(p[1], "x", 1) == 1);
}
static void w_splice(void)
{
	static int to[2];
	CHECK(!pipe(to) && splice(p[0], NULL, to[1], NULL, 1, 0) == 1);
}

static const struct kind {
	const char *name;
	void (*wait)(void), (*end)(void);
} kinds[] = {
	/* clang-format off */
	{ "mtx_lock", w_mtx_lock, e_mtx_lock },
	{ "cnd_wait", w_cnd_wait, e_cnd_wait },
	{ "thrd_join", w_thrd_join, e_go },
	{ "pthread_once", w_pthread_once, e_go },
	{ "call_once", w_call_once, e_go },
	{ "spin", w_pthread_spin_lock, e_spin },
	{ "msgrcv", w_msgrcv, e_msgrcv },
	{ "semop", w_semop, e_semop },
	{ "mq_receive", w_mq_receive, e_mq_receive },
	{ "sigwait", w_sigwait, e_sigwait },
	{ "aio_suspend", w_aio_suspend, e_write },
	{ "splice", w_splice, e_write },
	/* clang-format on */
};

static void *work(void *arg)
{
	tid = (int)syscall(SYS_gettid);
	((const struct kind *)arg)->wait();
	return NULL;
}

/* What the thread waits for is there before it starts. */
static void prepare(const struct kind *k)
{
	pthread_t t;
	may_go = entered = 0;
	if (k->wait == w_thrd_join)
		CHECK(thrd_create(&other, ends_late, NULL) == thrd_success);
	else if (k->wait == w_pthread_once)
		CHECK(!pthread_create(&t, NULL, runs_once, NULL) && !pthread_detach(t));
	else if (k->wait == w_call_once)
		CHECK(!pthread_create(&t, NULL, runs_once11, NULL) && !pthread_detach(t));
	else
		return;
	while (!entered)
		prog_sleep_ms(1);
}

/* The state letter in /proc: S once it sleeps; one that spins is R. */
static char state(void)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	FILE *f = fopen(path, "r");
	CHECK(f && fgets(text, sizeof(text), f));
	fclose(f);
	return *(strrchr(text, ')') + 2);
}

int main(void)
{
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK(!pthread_sigmask(SIG_BLOCK, &usr1, NULL) && !pipe(p));
	mtx_init(&mtx, mtx_plain);
	mtx_init(&cnd_lock, mtx_plain);
	cnd_init(&cnd);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	mtx_lock(&mtx);
	pthread_spin_lock(&spin);
	char name[40];
	struct mq_attr at = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	snprintf(name, sizeof(name), "/gtrace-kinds-%d", (int)getpid());
	mq = mq_open(name, O_RDWR | O_CREAT, 0600, &at);
	CHECK(mq >= 0 && !mq_unlink(name));
	q = msgget(IPC_PRIVATE, 0600);
	set = semget(IPC_PRIVATE, 1, 0600);
	CHECK(q >= 0 && set >= 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct prog_thread t;
		tid = 0;
		prepare(&kinds[i]);
		prog_spawn(&t, kinds[i].name, work, (void *)&kinds[i]);
		while (!tid || (kinds[i].wait != w_pthread_spin_lock && state() != 'S'))
			prog_sleep_ms(1);
		prog_sleep_ms(20);
		kinds[i].end();
		prog_join(&t);
	}
	CHECK(!msgctl(q, IPC_RMID, NULL) && !semctl(set, 0, IPC_RMID));
	return 0;
}
