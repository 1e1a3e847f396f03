/*
 * An allocator of the program's own that, like tcmalloc, calls a hooked function under its lock the
 * first time: nothing of ours may allocate meanwhile, or it waits for itself for ever. Here it says
 * so instead. Later it counts: hooks never allocate.
 */
#include "tests/same/see.h"

#include <stdint.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char pool[1 << 20] __attribute__((aligned(16)));
static _Atomic size_t used;
static _Atomic unsigned allocations;
static int is_armed, is_inside, reentered;

static void init(void)
{
}

void *malloc(size_t n)
{
	if (is_inside)
		reentered++;
	else if (is_armed) {
		is_armed = 0;
		is_inside = 1;
		pthread_once(&once, init);
		is_inside = 0;
	}
	allocations++;
	const size_t size = ((n + 15) & ~(size_t)15) + 16;
	const size_t at = __atomic_fetch_add((size_t *)&used, size, __ATOMIC_RELAXED);
	if (at + size > sizeof(pool))
		return NULL;
	*(size_t *)(void *)(pool + at) = n;
	return pool + at + 16;
}
void free(void *p)
{
	(void)p;
}
void *calloc(size_t n, size_t size)
{
	return malloc(n * size); /* the pool is zero */
}
void *realloc(void *p, size_t n)
{
	void *const q = malloc(n);
	if (p && q) {
		const size_t old = *(size_t *)(void *)((char *)p - 16);
		memcpy(q, p, old < n ? old : n);
	}
	return q;
}

/* Before the constructor of any library. */
static void first(void)
{
	is_armed = 1;
	CHECK(malloc(10));
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = first;

static void *work(void *arg)
{
	pthread_mutex_t *const m = arg;
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(m);
		usleep(10);
		pthread_mutex_unlock(m);
	}
	return NULL;
}

int main(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t[3];
	char c;
	int p[2];
	CHECK(!pipe(p));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&t[i], NULL, work, &m));
	const unsigned before = allocations;
	for (int i = 0; i < 1000; i++)
		CHECK(write(p[1], "x", 1) == 1 && read(p[0], &c, 1) == 1);
	const unsigned by_hooks = allocations - before;
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_join(t[i], NULL));
	printf("allocated again inside %d, by 2000 calls %u\n", reentered, by_hooks);
	return 0;
}
