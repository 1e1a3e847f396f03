/*
 * A producer that is too slow: two consumers wait for work on queue.ready; "producer" needs 20 ms
 * for each of 20 items.
 *
 * Prints how long the consumers waited in all, at most, in ns, and how long the producer fetched.
 */
#include "example.h"

#define ITEMS 20

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	int items, is_over;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER };
static _Atomic int64_t waited;
static int64_t fetched;

__attribute__((noinline)) static void fetch(void)
{
	const int64_t start = now_ns();
	sleep_ms(20);
	fetched += now_ns() - start;
}

__attribute__((noinline)) static void put(int items, int is_over)
{
	pthread_mutex_lock(&queue.lock);
	queue.items += items;
	queue.is_over = is_over;
	if (is_over)
		pthread_cond_broadcast(&queue.ready);
	else
		pthread_cond_signal(&queue.ready);
	pthread_mutex_unlock(&queue.lock);
}

static void *producer(void *arg)
{
	pthread_setname_np(pthread_self(), "producer");
	for (int i = 0; i < ITEMS; i++) {
		fetch();
		put(1, 0);
	}
	put(0, 1);
	return arg;
}

/* 0: there will be no more. */
__attribute__((noinline)) static int take(void)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.items == 0 && !queue.is_over) {
		const int64_t start = now_ns();
		pthread_cond_wait(&queue.ready, &queue.lock);
		waited += now_ns() - start;
	}
	const int is_there = queue.items > 0;
	queue.items -= is_there;
	pthread_mutex_unlock(&queue.lock);
	return is_there;
}

static void *consumer(void *arg)
{
	pthread_setname_np(pthread_self(), "consumer");
	while (take())
		work_ms(1);
	return arg;
}

int main(void)
{
	pthread_t t[3];
	pthread_create(&t[0], NULL, consumer, NULL);
	pthread_create(&t[1], NULL, consumer, NULL);
	pthread_create(&t[2], NULL, producer, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("waited %lld fetched %lld\n", (long long)waited, (long long)fetched);
	return 0;
}
