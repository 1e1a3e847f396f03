/*
 * A convoy: eight threads want counter_lock at the same time; each works with it for 10 ms.
 *
 * Prints who got the lock, in order, and how long it was kept: between LEAST and MOST ns.
 */
#include "example.h"

#define THREADS 8

static pthread_mutex_t counter_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int tids[THREADS], n_there;
static int order[THREADS], n_order;
static int64_t got[THREADS], let_go[THREADS], gone[THREADS];

/* The first one waits, at work, until the others queue. */
__attribute__((noinline)) static void count(int me)
{
	int asleep = 0;
	while (n_order == 1 && asleep < THREADS - 1) {
		work_ms(10);
		asleep = 0;
		for (int i = 0; i < THREADS; i++)
			asleep += i != me && is_asleep(tids[i]);
	}
	work_ms(10);
}

__attribute__((noinline)) static void add(int me)
{
	pthread_mutex_lock(&counter_lock);
	got[me] = now_ns();
	order[n_order++] = me;
	count(me);
	let_go[me] = now_ns();
	pthread_mutex_unlock(&counter_lock);
	gone[me] = now_ns();
}

static void *worker(void *arg)
{
	const int me = (int)(intptr_t)arg;
	char name[16];
	snprintf(name, sizeof(name), "worker-%d", me);
	pthread_setname_np(pthread_self(), name);
	tids[me] = gettid();
	n_there++;
	while (n_there < THREADS)
		work_ms(1);
	add(me);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		const int me = order[i];
		const int64_t most = gone[me] - (i > 0 ? let_go[order[i - 1]] : got[me]);
		printf("worker-%d %lld %lld\n", me, (long long)(let_go[me] - got[me]),
		       (long long)most);
	}
	return 0;
}
