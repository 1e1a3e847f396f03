/*
 * A lock held over a sleep: "owner" refreshes a cache and sleeps with cache_lock in its hands;
 * "reader" needs the lock.
 *
 * Prints how long the reader waited: between LEAST and MOST ns.
 */
#include "example.h"

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int reader_tid, is_held;
static int64_t asked, got, seen_waiting, let_go;

/* Stands for a slow back end. */
__attribute__((noinline)) static void fetch(void)
{
	do
		sleep_ms(20);
	while (!is_asleep(reader_tid));
	seen_waiting = now_ns();
	sleep_ms(100);
}

__attribute__((noinline)) static void refresh(void)
{
	pthread_mutex_lock(&cache_lock);
	is_held = 1;
	fetch();
	let_go = now_ns();
	pthread_mutex_unlock(&cache_lock);
}

static void *owner(void *arg)
{
	pthread_setname_np(pthread_self(), "owner");
	refresh();
	return arg;
}

__attribute__((noinline)) static void look_up(void)
{
	asked = now_ns();
	pthread_mutex_lock(&cache_lock);
	got = now_ns();
	pthread_mutex_unlock(&cache_lock);
}

static void *reader(void *arg)
{
	pthread_setname_np(pthread_self(), "reader");
	while (!is_held)
		work_ms(1);
	reader_tid = gettid();
	look_up();
	return arg;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, NULL, owner, NULL);
	pthread_create(&b, NULL, reader, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("waited %lld %lld\n", (long long)(let_go - seen_waiting), (long long)(got - asked));
	return 0;
}
