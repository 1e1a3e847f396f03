/* A mutex, a condition, a semaphore and a barrier in shared memory, between this process and one
 * that is not traced (GTRACE_DISABLE in its environment). It runs itself as "pshared other". */
#include "tests/same/see.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct shared {
	pthread_mutex_t m, robust;
	pthread_cond_t c;
	pthread_rwlock_t rw;
	pthread_barrier_t b;
	sem_t sem;
	int turn, sum;
};

static void play(struct shared *s, int me)
{
	pthread_barrier_wait(&s->b);
	for (int i = 0; i < 300; i++) {
		CHECK(!pthread_mutex_lock(&s->m));
		while (s->turn % 2 != me)
			CHECK(!pthread_cond_wait(&s->c, &s->m));
		s->turn++;
		CHECK(!pthread_cond_broadcast(&s->c) && !pthread_mutex_unlock(&s->m));
		if (me)
			CHECK(!sem_post(&s->sem));
		else
			CHECK(!sem_wait(&s->sem));
		CHECK(!pthread_rwlock_wrlock(&s->rw));
		s->sum += me + 1;
		CHECK(!pthread_rwlock_unlock(&s->rw));
	}
	pthread_barrier_wait(&s->b);
}

static struct shared *map(void)
{
	const int fd = open("shared", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, sizeof(struct shared)));
	struct shared *const s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	return s;
}

int main(int argc, char **argv)
{
	struct shared *const s = map();
	if (argc > 1) {
		play(s, 1);
		CHECK(!pthread_mutex_lock(&s->robust)); /* and ends with it */
		_exit(6);
	}
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_rwlockattr_t ra;
	pthread_barrierattr_t ba;
	pthread_mutexattr_init(&ma);
	pthread_condattr_init(&ca);
	pthread_rwlockattr_init(&ra);
	pthread_barrierattr_init(&ba);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
	pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
	CHECK(!pthread_mutex_init(&s->m, &ma) && !pthread_cond_init(&s->c, &ca) &&
	      !pthread_rwlock_init(&s->rw, &ra) && !pthread_barrier_init(&s->b, &ba, 2) &&
	      !sem_init(&s->sem, 1, 0));
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	CHECK(!pthread_mutex_init(&s->robust, &ma));
	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		setenv("GTRACE_DISABLE", "1", 1);
		execl("/proc/self/exe", argv[0], "other", (char *)NULL);
		_exit(98);
	}
	int st;
	play(s, 0);
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("turns %d, sum %d, status %d\n", s->turn, s->sum, WEXITSTATUS(st));
	SEE(pthread_mutex_lock(&s->robust));
	SEE(pthread_mutex_consistent(&s->robust));
	SEE(pthread_mutex_unlock(&s->robust));
	unlink("shared");
	return 0;
}
