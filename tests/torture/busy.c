/*
 * busy FILE: works until it is killed. Each worker counts its finished waits in FILE, which is
 * mapped and shared, so that the numbers outlive everything; no call of ours is involved in that.
 * Run with GTRACE_MIN_WAIT=0: then each counted wait must be in the trace. Meanwhile main creates
 * and joins short threads.
 *
 * FILE: uint64 count[worker]; in count[4] the longest ns that a sleep of 2 ms took, which tells how
 * the machine treats a task that wants little; and for worker 0 the time (CLOCK_MONOTONIC, ns) at
 * which each count was reached.
 */
#include "tests/run/prog.h"

#include <fcntl.h>
#include <sys/mman.h>

#define WORKERS 4
#define TIMES   100000

struct told {
	volatile uint64_t count[8];
	volatile uint64_t at[TIMES];
};
static struct told *told;
static int a[2], b[2];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void tell(int worker)
{
	uint64_t n = told->count[worker] + 1;
	if (worker == 0 && n < TIMES)
		told->at[n] = (uint64_t)prog_now_ns();
	told->count[worker] = n;
}

static void *sleeper(void *arg)
{
	const int me = (int)(intptr_t)arg;
	const struct timespec t = { 0, 1000 };
	for (;;) {
		CHECK(nanosleep(&t, NULL) == 0);
		tell(me);
	}
}

static void *talker(void *arg)
{
	const int me = (int)(intptr_t)arg;
	const int in = me == 2 ? b[0] : a[0], out = me == 2 ? a[1] : b[1];
	char c = 'x';
	for (;;) {
		if (me == 2) {
			CHECK(write(out, &c, 1) == 1);
			tell(me);
		}
		CHECK(read(in, &c, 1) == 1);
		tell(me);
		if (me != 2) {
			CHECK(write(out, &c, 1) == 1);
			tell(me);
		}
	}
}

static void *shortlived(void *arg)
{
	pthread_mutex_lock(&m);
	free(malloc(1000));
	pthread_mutex_unlock(&m);
	return arg;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "w0", "w1", "w2", "w3" };
	static struct prog_thread t[WORKERS];
	CHECK(argc == 2);
	int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, sizeof(struct told)));
	told = mmap(NULL, sizeof(struct told), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(told != MAP_FAILED && !pipe(a) && !pipe(b));
	for (int i = 0; i < WORKERS; i++)
		prog_spawn(&t[i], names[i], i < 2 ? sleeper : talker, (void *)(intptr_t)i);
	for (;;) {
		pthread_t s[4];
		for (int i = 0; i < 4; i++)
			CHECK(!pthread_create(&s[i], NULL, shortlived, NULL));
		for (int i = 0; i < 4; i++)
			CHECK(!pthread_join(s[i], NULL));
		const uint64_t before = (uint64_t)prog_now_ns();
		prog_sleep_ms(2);
		const uint64_t slept = (uint64_t)prog_now_ns() - before;
		if (slept > told->count[WORKERS])
			told->count[WORKERS] = slept;
	}
}
