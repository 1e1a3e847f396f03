/*
 * limits WHAT [N]: something that runs into a limit, and says what it saw.
 *
 * - work: threads that lock and wait; allocations; prints "worked"
 * - closed: closes all descriptors it can, in every way, while threads write events; prints
 * "worked" by a kept one
 * - daemon: daemon(3), then works; its end is told through a file named N
 * - mlock: mlockall(MCL_CURRENT | MCL_FUTURE), then works; prints how much is resident, in MiB
 * - mlock_only: mlockall with all flags: results, and KiB locked then and with one MiB more
 * - idle: N idle threads; prints KiB resident for each
 * - waves: N threads in waves of 50, every other one ends by a raw exit; prints KiB more from the
 * first half to the end
 * - crash: works, then SIGSEGV
 */
#include "tests/run/prog.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static sem_t go;
static _Atomic int ready, stop;

static void *waits(void *arg)
{
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&m);
		free(malloc(3000));
		if (i % 4 == 0)
			usleep(20);
		pthread_mutex_unlock(&m);
	}
	return arg;
}
static void *waits_on(void *arg)
{
	while (!stop)
		waits(NULL);
	return arg;
}

static void work(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, waits, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
}

static void closed(void)
{
	pthread_t t[2];
	int p[2];
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, waits_on, NULL));
	for (int i = 0; i < 20; i++) {
		for (int fd = 3; fd < 1100; fd++)
			close(fd);
		CHECK(!close_range(3, ~0u, 0));
		closefrom(3);
		/* Whatever is opened next gets the numbers that others may have had */
		for (int k = 0; k < 30; k++)
			CHECK(dup(1) == 3 + k);
		CHECK(!close_range(3, 40, 0) && !pipe(p) && p[0] == 3);
		char c = 0;
		CHECK(write(p[1], "x", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'x');
		usleep(1000);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
}

static long resident_kib(void)
{
	long size, rss = 0;
	FILE *const f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%ld %ld", &size, &rss) == 2);
	fclose(f);
	return rss * 4;
}

static void *idles(void *arg)
{
	ready++;
	sem_wait(&go);
	return arg;
}
static void idle(int n)
{
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	prog_sleep_ms(50); /* what is there once, and not for each thread */
	const long before = resident_kib();
	for (int i = 0; i < n; i++) {
		pthread_t t;
		CHECK(!pthread_create(&t, &a, idles, NULL));
	}
	while (ready < n)
		prog_sleep_ms(1);
	prog_sleep_ms(50);
	printf("%ld\n", (resident_kib() - before) / n);
	fflush(stdout);
	_exit(0);
}

static void *short_life(void *arg)
{
	pthread_mutex_lock(&m);
	prog_sleep_ms(0);
	pthread_mutex_unlock(&m);
	ready++;
	if (arg) {
		pthread_detach(pthread_self());
		syscall(SYS_exit, 0); /* its stack is lost: so for native */
	}
	return NULL;
}
static void waves(int n)
{
	long half = 0;
	pthread_attr_t a;
	pthread_attr_init(&a);
	static char stacks[25][65536] __attribute__((aligned(4096)));
	for (int wave = 0; wave < n / 50; wave++) {
		pthread_t t[50];
		ready = 0;
		for (int i = 0; i < 50; i++)
			if (i % 2) {
				pthread_attr_setstack(&a, stacks[i / 2], sizeof(stacks[0]));
				CHECK(!pthread_create(&t[i], &a, short_life, stacks));
			} else {
				CHECK(!pthread_create(&t[i], NULL, short_life, NULL));
			}
		for (int i = 0; i < 50; i += 2)
			CHECK(!pthread_join(t[i], NULL));
		while (ready < 50)
			prog_sleep_ms(1);
		prog_sleep_ms(5); /* the raw ones are out of their stacks */
		if (wave == n / 100)
			half = resident_kib();
	}
	printf("%ld\n", resident_kib() - half);
}

static long locked_kib(void)
{
	char line[200];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &kib);
	fclose(f);
	return kib;
}

static void lock_all(int flags)
{
	errno = 0;
	const int rc = mlockall(flags);
	const int why = errno;
	const long now = locked_kib();
	void *more =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mlockall(%d): %d, errno %d, %ld KiB locked, %ld with one MiB more\n", flags, rc,
	       why, now, locked_kib());
	if (more != MAP_FAILED)
		munmap(more, 1 << 20);
	munlockall();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	const char *const what = argv[1];
	const int n = argc > 2 ? atoi(argv[2]) : 0;
	sem_init(&go, 0, 0);
	if (!strcmp(what, "idle"))
		idle(n);
	if (!strcmp(what, "waves")) {
		waves(n);
		return 0;
	}
	if (!strcmp(what, "mlock_only")) {
		for (int flags = 1; flags < 8; flags++)
			lock_all(flags);
		return 0;
	}
	if (!strcmp(what, "mlock")) {
		if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
			printf("no mlockall\n");
			return 77;
		}
		work();
		printf("%ld\n", resident_kib() / 1024);
		return 0;
	}
	if (!strcmp(what, "daemon")) {
		CHECK(!daemon(1, 0));
		work();
		const int fd = open(argv[2], O_WRONLY | O_CREAT, 0600);
		CHECK(write(fd, "worked\n", 7) == 7);
		return 0;
	}
	if (!strcmp(what, "closed"))
		closed();
	work();
	if (!strcmp(what, "crash")) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	CHECK(write(1, "worked\n", 7) == 7);
	return 0;
}
