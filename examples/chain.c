/*
 * A chain of three locks and a slow read: "asker" waits for lock_a, held by "first", which waits
 * for lock_b, held by "second", which waits for lock_c, held by "third", which reads from a pipe to
 * which "server" writes late.
 *
 * Prints how long the asker waited: between LEAST and MOST ns.
 */
#include "example.h"

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock_b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock_c = PTHREAD_MUTEX_INITIALIZER;
static int reply[2];
static atomic_int asker_tid, n_held;
static int64_t asked, got, seen_waiting, answered;

/* Goes on when `n` locks are held. */
static void after(int n)
{
	while (n_held < n)
		work_ms(1);
}

__attribute__((noinline)) static void load(void)
{
	char c;
	if (read(reply[0], &c, 1) != 1)
		abort();
}

static void *third(void *arg)
{
	pthread_setname_np(pthread_self(), "third");
	pthread_mutex_lock(&lock_c);
	n_held++;
	load();
	pthread_mutex_unlock(&lock_c);
	return arg;
}

static void *second(void *arg)
{
	pthread_setname_np(pthread_self(), "second");
	after(1);
	pthread_mutex_lock(&lock_b);
	n_held++;
	pthread_mutex_lock(&lock_c);
	pthread_mutex_unlock(&lock_c);
	pthread_mutex_unlock(&lock_b);
	return arg;
}

static void *first(void *arg)
{
	pthread_setname_np(pthread_self(), "first");
	after(2);
	pthread_mutex_lock(&lock_a);
	n_held++;
	pthread_mutex_lock(&lock_b);
	pthread_mutex_unlock(&lock_b);
	pthread_mutex_unlock(&lock_a);
	return arg;
}

static void *asker(void *arg)
{
	pthread_setname_np(pthread_self(), "asker");
	after(3);
	asker_tid = gettid();
	asked = now_ns();
	pthread_mutex_lock(&lock_a);
	got = now_ns();
	pthread_mutex_unlock(&lock_a);
	return arg;
}

__attribute__((noinline)) static void think(void)
{
	do
		sleep_ms(20);
	while (!is_asleep(asker_tid));
	seen_waiting = now_ns();
	sleep_ms(100);
}

static void *server(void *arg)
{
	pthread_setname_np(pthread_self(), "server");
	think();
	answered = now_ns();
	if (write(reply[1], "x", 1) != 1)
		abort();
	return arg;
}

int main(void)
{
	void *(*const starts[])(void *) = { third, second, first, asker, server };
	pthread_t t[5];
	if (pipe(reply) != 0)
		return 1;
	for (int i = 0; i < 5; i++)
		pthread_create(&t[i], NULL, starts[i], NULL);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	printf("waited %lld %lld\n", (long long)(answered - seen_waiting),
	       (long long)(got - asked));
	return 0;
}
