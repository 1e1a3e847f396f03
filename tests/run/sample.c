/*
 * Burns CPU in three functions, about 70/20/10, or at the end of a recursion; then tells what the
 * program can see of a tracer. "split" says on stderr, too, what each function took by the thread's
 * own clock: "NAME ns". sample split SECONDS | deep SECONDS | threads SECONDS
 */
#include "tests/run/prog.h"

#include <dirent.h>
#include <signal.h>

static volatile uint64_t sink;
static _Thread_local long times =
	1; /* changes: a loop of fixed length may keep step with samples */
static double seconds;

/* A chain of multiplications: equally fast wherever the compiler puts it. */
static inline __attribute__((always_inline)) void burn(long n)
{
	uint64_t x = sink;
	for (long i = 0; i < n * 1000 * times; i++) {
		x = x * 6364136223846793005u + 1;
		__asm__ volatile("" : "+r"(x));
	}
	sink = x;
}

__attribute__((noinline)) static void heavy(void)
{
	burn(70);
}

__attribute__((noinline)) static void middle(void)
{
	burn(20);
}

__attribute__((noinline)) static void light(void)
{
	burn(10);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

__attribute__((noinline)) static void split(double took[3])
{
	uint64_t random = 1;
	for (double at[4] = { 0 }; at[3] < seconds;) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		times = 1 + (long)(random >> 62);
		at[0] = cpu();
		heavy();
		at[1] = cpu();
		middle();
		at[2] = cpu();
		light();
		at[3] = cpu();
		for (int i = 0; i < 3; i++)
			took[i] += at[i + 1] - at[i];
	}
}

__attribute__((noinline)) static int deep(int n)
{
	if (n == 0) {
		while (cpu() < seconds)
			heavy();
		return 0;
	}
	const int rc = deep(n - 1);
	__asm__ volatile("" : : "r"(rc)); /* no tail call */
	return rc + 1;
}

static void *worker(void *arg)
{
	(void)arg;
	double took[3] = { 0 };
	split(took);
	return NULL;
}

/* Descriptors, signals, interrupted calls: the same with and without a tracer. */
static void tell(void)
{
	DIR *d = opendir("/proc/self/fd");
	CHECK(d);
	char line[256];
	int n = 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	printf("fds %d\n", n);
	FILE *f = fopen("/proc/self/status", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0)
			fputs(line, stdout);
		if (strncmp(line, "Threads", 7) == 0)
			fputs(line, stdout);
	}
	fclose(f);
	const struct timespec ts = { 0, 20000000 };
	int interrupted = 0;
	for (int i = 0; i < 20; i++)
		interrupted += nanosleep(&ts, NULL) != 0;
	printf("interrupted %d\n", interrupted);
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	seconds = atof(argv[2]);
	if (strcmp(argv[1], "split") == 0) {
		double took[3] = { 0 };
		split(took);
		fprintf(stderr, "heavy %.0f\nmiddle %.0f\nlight %.0f\n", took[0] * 1e9,
			took[1] * 1e9, took[2] * 1e9);
	} else if (strcmp(argv[1], "deep") == 0) {
		CHECK(deep(30) == 30);
	} else {
		struct prog_thread t[4];
		const char *names[] = { "one", "two", "three", "four" };
		for (int i = 0; i < 4; i++)
			prog_spawn(&t[i], names[i], worker, NULL);
		for (int i = 0; i < 4; i++)
			CHECK(pthread_join(t[i].id, NULL) == 0);
	}
	tell();
	return 0;
}
