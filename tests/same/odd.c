/* Objects that were never initialised by a call, lie at odd addresses or in memory that cannot be
 * written. same: not with a thread (nobody completes the file of a child that a signal ends) */
#include "tests/same/see.h"

#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct __attribute__((packed)) odd {
	char before;
	pthread_mutex_t m;
	char between[2];
	pthread_cond_t c;
	pthread_rwlock_t rw;
};
static struct odd odd;
static pthread_mutex_t zero;
static int turns;

#pragma GCC diagnostic ignored "-Waddress-of-packed-member"

static void *work(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&zero);
		turns++;
		pthread_mutex_unlock(&zero);
	}
	return arg;
}

static void in_child(const char *what, void (*fn)(void *), void *arg)
{
	int st = 0;
	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("%s: %s %d\n", what, WIFSIGNALED(st) ? "signal" : "status",
	       WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
}
static void lock(void *m)
{
	SEE(pthread_mutex_lock(m));
}
static void trylock(void *m)
{
	SEE(pthread_mutex_trylock(m));
}
static void unlock(void *m)
{
	SEE(pthread_mutex_unlock(m));
}
static void rdlock(void *m)
{
	SEE(pthread_rwlock_rdlock(m));
}
static void post(void *m)
{
	SEE(sem_post(m));
}
static void signals(void *m)
{
	SEE(pthread_cond_signal(m));
}

int main(void)
{
	const struct timespec past = { 1, 0 };
	pthread_t t[2];
	SEE(pthread_mutex_lock(&odd.m));
	SEE(pthread_mutex_trylock(&odd.m));
	SEE(pthread_mutex_timedlock(&odd.m, &past));
	SEE(pthread_cond_signal(&odd.c));
	SEE(pthread_mutex_unlock(&odd.m));
	SEE(pthread_rwlock_rdlock(&odd.rw));
	SEE(pthread_rwlock_unlock(&odd.rw));
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, work, NULL));
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
	printf("turns %d\n", turns);

	char *const page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct {
		const char *name;
		void (*fn)(void *);
	} calls[] = { { "lock", lock },     { "trylock", trylock }, { "unlock", unlock },
		      { "rdlock", rdlock }, { "post", post },       { "signal", signals } };
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		in_child("read-only", calls[i].fn, page);
		in_child("nowhere", calls[i].fn, (void *)64);
	}
	memset(&odd.m, 0xff, sizeof(odd.m));
	in_child("nonsense trylock", trylock, &odd.m);
	return 0;
}
