/*
 * stress8 SECONDS: 8 threads at full speed on a few mutexes, conditions, semaphores and pipes;
 * threads are created and end meanwhile. All waits end before the process does. Prints the rounds,
 * and the longest single lock+unlock of a mutex that nobody else uses (us): what the tracer itself
 * can make a thread wait, with the scheduler's share in it.
 */
#include "tests/run/prog.h"

#include <semaphore.h>

static pthread_mutex_t m[3] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
				PTHREAD_MUTEX_INITIALIZER };
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static int p[2];
static volatile int stop;
static long rounds[8];
static int64_t longest[8];

static void *nothing(void *arg)
{
	return arg;
}

static void *work(void *arg)
{
	const int me = (int)(intptr_t)arg;
	unsigned x = (unsigned)me * 2654435761u + 1;
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	long n = 0;
	for (; !stop; n++) {
		x = x * 1664525u + 1013904223u;
		pthread_mutex_t *k = &m[(x >> 20) % 3];
		pthread_mutex_lock(k);
		for (unsigned i = (x >> 10) % 200; i; i--)
			__asm__ volatile("" ::: "memory");
		if (k == &m[0] && (x >> 8) % 32 == 0) {
			struct timespec t;
			clock_gettime(CLOCK_REALTIME, &t);
			t.tv_nsec += 20000;
			if (t.tv_nsec >= 1000000000) {
				t.tv_nsec -= 1000000000;
				t.tv_sec++;
			}
			pthread_cond_timedwait(&c, k, &t);
		}
		pthread_mutex_unlock(k);
		pthread_cond_signal(&c);
		if (n % 16 == 0) {
			int64_t t0 = prog_now_ns();
			pthread_mutex_lock(&own);
			pthread_mutex_unlock(&own);
			t0 = prog_now_ns() - t0;
			if (t0 > longest[me])
				longest[me] = t0;
			sem_wait(&sem);
			sem_post(&sem);
		}
		if (n % 128 == 0) {
			char ch = 'x';
			CHECK(write(p[1], &ch, 1) == 1 && read(p[0], &ch, 1) == 1);
		}
		if (n % 4096 == 0) {
			pthread_t t;
			CHECK(!pthread_create(&t, NULL, nothing, NULL) && !pthread_join(t, NULL));
		}
	}
	rounds[me] = n;
	return NULL;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7" };
	static struct prog_thread t[8];
	CHECK(argc == 2 && !pipe(p));
	sem_init(&sem, 0, 3);
	for (int i = 0; i < 8; i++)
		prog_spawn(&t[i], names[i], work, (void *)(intptr_t)i);
	prog_sleep_ms(atol(argv[1]) * 1000);
	stop = 1;
	long n = 0;
	int64_t max = 0;
	for (int i = 0; i < 8; i++) {
		prog_join(&t[i]);
		n += rounds[i];
		max = longest[i] > max ? longest[i] : max;
	}
	printf("rounds %ld longest_us %lld\n", n, (long long)max / 1000);
	return 0;
}
