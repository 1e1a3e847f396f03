/*
 * Waits whose holder and waker are known: "lord" holds, or wakes, "serf-0" to "serf-2" wait, ROUNDS
 * times for each kind of object. The lord goes on only when the kernel says that all serfs sleep.
 * Each thread keeps the truth of its waits in order; at the end it is printed: thread, function
 * waited in, holder, waker; "-" where there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SERFS  3
#define ROUNDS 50

enum kind {
	MUTEX,
	BROADCAST,
	SIGNAL,
	SEM,
	READ_LOCK,
	WRITE_LOCK,
	BARRIER,
	FUTEX,
	PIPE,
	EVENTFD,
	EXPIRED,
	N_KINDS
};

#define LORD SERFS
#define PAGE (SERFS + 1)
static const char *const names[] = { "serf-0", "serf-1", "serf-2", "lord", "page", "-" };
#define NOBODY (SERFS + 2)

struct truth {
	const char *call;
	int holder, waker;
};
static struct truth truths[SERFS + 1][(N_KINDS + 1) * ROUNDS];
static int n_truths[SERFS + 1];

static _Atomic int tids[SERFS + 1], stage, ready;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one[SERFS];
static pthread_mutex_t own[SERFS];
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static int word, pipes[SERFS][2], events[SERFS], signalled[SERFS];
static int last_owner;

static void tell(int who, const char *call, int holder, int waker)
{
	truths[who][n_truths[who]++] = (struct truth){ call, holder, waker };
}

static void pause_a_little(void)
{
	const struct timespec ts = { 0, 20000 };
	syscall(SYS_nanosleep, &ts, NULL);
}

static char state_of(int tid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	const int fd = open(path, O_RDONLY);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *p = strrchr(text, ')');
	return p ? p[2] : '?';
}

/* The thread sleeps in the call that it announced, not somewhere on the way. */
static void until_asleep(int tid)
{
	for (int seen = 0; seen < 3;) {
		seen = state_of(tid) == 'S' ? seen + 1 : 0;
		pause_a_little();
	}
}

static void until_serfs_sleep(void)
{
	while (atomic_load(&ready) < SERFS)
		pause_a_little();
	for (int i = 0; i < SERFS; i++)
		until_asleep(atomic_load(&tids[i]));
}

static void wait_as(int me, enum kind kind, int round)
{
	char c;
	uint64_t v;
	struct timespec ts;
	switch (kind) {
	case MUTEX:
		pthread_mutex_lock(&mutex);
		tell(me, "pthread_mutex_lock", LORD, last_owner);
		last_owner = me;
		pthread_mutex_unlock(&mutex);
		break;
	case BROADCAST:
		pthread_mutex_lock(&own[me]); /* one each, so that nobody waits to have it back */
		pthread_cond_wait(&one[me], &own[me]);
		pthread_mutex_unlock(&own[me]);
		tell(me, "pthread_cond_wait", NOBODY, LORD);
		break;
	case SIGNAL:
		pthread_mutex_lock(&own[me]);
		while (signalled[me] <= round)
			pthread_cond_wait(&one[me], &own[me]);
		pthread_mutex_unlock(&own[me]);
		tell(me, "pthread_cond_wait", NOBODY, LORD);
		break;
	case SEM:
		sem_wait(&sem);
		tell(me, "sem_wait", NOBODY, LORD);
		break;
	case READ_LOCK:
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
		tell(me, "pthread_rwlock_rdlock", LORD, LORD);
		break;
	case WRITE_LOCK:
		pthread_rwlock_wrlock(&rwlock);
		tell(me, "pthread_rwlock_wrlock", NOBODY, last_owner);
		last_owner = me;
		pthread_rwlock_unlock(&rwlock);
		break;
	case BARRIER:
		pthread_barrier_wait(&barrier);
		tell(me, "pthread_barrier_wait", NOBODY, LORD);
		break;
	case FUTEX:
		while (__atomic_load_n(&word, __ATOMIC_RELAXED) <= round)
			syscall(SYS_futex, &word, FUTEX_WAIT, round, NULL, NULL, 0);
		tell(me, "syscall", NOBODY, LORD);
		break;
	case PIPE:
		if (read(pipes[me][0], &c, 1) != 1)
			abort();
		tell(me, "read", NOBODY, LORD);
		break;
	case EVENTFD:
		if (read(events[me], &v, sizeof(v)) != sizeof(v))
			abort();
		tell(me, "read", NOBODY, LORD);
		break;
	case EXPIRED:
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += 2000000;
		ts.tv_sec += ts.tv_nsec / 1000000000;
		ts.tv_nsec %= 1000000000;
		pthread_mutex_lock(&own[me]);
		if (pthread_cond_timedwait(&one[me], &own[me], &ts) != ETIMEDOUT)
			abort();
		pthread_mutex_unlock(&own[me]);
		tell(me, "pthread_cond_timedwait", NOBODY, NOBODY);
		break;
	default:
		break;
	}
}

static void *serf(void *arg)
{
	const int me = (int)(intptr_t)arg;
	pthread_setname_np(pthread_self(), names[me]);
	atomic_store(&tids[me], (int)syscall(SYS_gettid));
	for (int i = 0; i < N_KINDS * ROUNDS; i++) {
		while (atomic_load(&stage) <= i)
			pause_a_little();
		atomic_fetch_add(&ready, 1);
		wait_as(me, (enum kind)(i / ROUNDS), i % ROUNDS);
		atomic_fetch_add(&ready, SERFS + 1); /* done */
	}
	return NULL;
}

/* Before the serfs come. */
static void prepare(enum kind kind)
{
	if (kind == MUTEX)
		pthread_mutex_lock(&mutex);
	else if (kind == READ_LOCK)
		pthread_rwlock_wrlock(&rwlock);
	else if (kind == WRITE_LOCK)
		pthread_rwlock_rdlock(&rwlock);
	last_owner = LORD;
}

static void wake(enum kind kind, int round)
{
	const uint64_t v = 1;
	switch (kind) {
	case MUTEX:
		pthread_mutex_unlock(&mutex);
		break;
	case BROADCAST:
		for (int i = 0; i < SERFS; i++)
			pthread_cond_broadcast(&one[i]);
		break;
	case SIGNAL:
		for (int i = 0; i < SERFS; i++) {
			pthread_mutex_lock(&own[i]);
			signalled[i] = round + 1;
			pthread_mutex_unlock(&own[i]);
			pthread_cond_signal(&one[i]);
		}
		break;
	case SEM:
		for (int i = 0; i < SERFS; i++)
			sem_post(&sem);
		break;
	case READ_LOCK:
	case WRITE_LOCK:
		pthread_rwlock_unlock(&rwlock);
		break;
	case BARRIER:
		pthread_barrier_wait(&barrier);
		break;
	case FUTEX:
		__atomic_store_n(&word, round + 1, __ATOMIC_RELAXED);
		syscall(SYS_futex, &word, FUTEX_WAKE, SERFS, NULL, NULL, 0);
		break;
	case PIPE:
		for (int i = 0; i < SERFS; i++)
			if (write(pipes[i][1], "x", 1) != 1)
				abort();
		break;
	case EVENTFD:
		for (int i = 0; i < SERFS; i++)
			if (write(events[i], &v, sizeof(v)) != sizeof(v))
				abort();
		break;
	default:
		break;
	}
}

static void *page(void *arg)
{
	(void)arg;
	pthread_setname_np(pthread_self(), names[PAGE]);
	while (!atomic_load(&ready))
		pause_a_little();
	until_asleep(getpid());
	return NULL;
}

int main(void)
{
	pthread_t th[SERFS], p;
	pthread_setname_np(pthread_self(), names[LORD]);
	sem_init(&sem, 0, 0);
	pthread_barrier_init(&barrier, NULL, SERFS + 1);
	for (int i = 0; i < SERFS; i++) {
		pthread_cond_init(&one[i], NULL);
		pthread_mutex_init(&own[i], NULL);
		events[i] = eventfd(0, 0);
		if (pipe(pipes[i]))
			abort();
		pthread_create(&th[i], NULL, serf, (void *)(intptr_t)i);
	}
	for (int i = 0; i < N_KINDS * ROUNDS; i++) {
		const enum kind kind = (enum kind)(i / ROUNDS);
		prepare(kind);
		atomic_store(&ready, 0);
		atomic_store(&stage, i + 1);
		if (kind != EXPIRED)
			until_serfs_sleep();
		wake(kind, i % ROUNDS);
		while (atomic_load(&ready) < SERFS * (SERFS + 2))
			pause_a_little();
	}
	for (int i = 0; i < SERFS; i++)
		pthread_join(th[i], NULL);
	for (int i = 0; i < ROUNDS; i++) {
		atomic_store(&ready, 0);
		pthread_create(&p, NULL, page, NULL);
		atomic_store(&ready, 1);
		pthread_join(p, NULL);
		tell(LORD, "pthread_join", PAGE, PAGE);
	}
	for (int who = 0; who <= LORD; who++)
		for (int i = 0; i < n_truths[who]; i++) {
			const struct truth *t = &truths[who][i];
			printf("%s %s %s %s\n", names[who], t->call, names[t->holder],
			       names[t->waker]);
		}
}
