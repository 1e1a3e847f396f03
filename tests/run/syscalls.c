/*
 * Waits that pass by every function of libc, each on a thread of its own that measures it: fgets
 * and getline on a pipe, a read and a futex by the bare instruction; beside them a hooked read and
 * sleep. Main waits until a thread sleeps in the kernel, 30 ms more, and lets it go. Prints "NAME
 * NS" of each.
 */
#include "tests/run/prog.h"

#include <linux/futex.h>
#include <sys/syscall.h>

static int p[2];
static uint32_t word;

static long bare(long nr, long a, long b, long c)
{
	register long r10 __asm__("r10") = 0;
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return rc;
}

static void by_fgets(void)
{
	char line[20];
	FILE *f = fdopen(dup(p[0]), "r");
	CHECK(fgets(line, sizeof(line), f));
	fclose(f);
}

static void by_getline(void)
{
	char *line = NULL;
	size_t n = 0;
	FILE *f = fdopen(dup(p[0]), "r");
	CHECK(getline(&line, &n, f) == 5);
	fclose(f);
	free(line);
}

static void by_bare_read(void)
{
	char line[20];
	CHECK(bare(SYS_read, p[0], (long)line, sizeof(line)) == 5);
}

static void by_bare_futex(void)
{
	while (!__atomic_load_n(&word, __ATOMIC_ACQUIRE))
		bare(SYS_futex, (long)&word, FUTEX_WAIT, 0);
}

static void by_hook(void)
{
	char line[20];
	CHECK(read(p[0], line, sizeof(line)) == 5);
}

/* Its system call has another name. */
static void by_sleep(void)
{
	usleep(60000);
}

static struct {
	const char *name;
	void (*fn)(void);
	int tid;
	int64_t ns;
} cases[] = { { "fgets", by_fgets, 0, 0 },         { "getline", by_getline, 0, 0 },
	      { "bare-read", by_bare_read, 0, 0 }, { "bare-futex", by_bare_futex, 0, 0 },
	      { "hooked-read", by_hook, 0, 0 },    { "hooked-sleep", by_sleep, 0, 0 } };
#define N_CASES (int)(sizeof(cases) / sizeof(cases[0]))

static void *waits(void *arg)
{
	const int i = (int)(intptr_t)arg;
	__atomic_store_n(&cases[i].tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	const int64_t t0 = prog_now_ns();
	cases[i].fn();
	cases[i].ns = prog_now_ns() - t0;
	return NULL;
}

static char state_of(int tid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = fopen(path, "r");
	const size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	const char *at = strrchr(text, ')');
	return at ? at[2] : '?';
}

__attribute__((noinline)) static void lets_go(int i)
{
	if (cases[i].fn == by_bare_futex) {
		__atomic_store_n(&word, 1, __ATOMIC_RELEASE);
		CHECK(bare(SYS_futex, (long)&word, FUTEX_WAKE, 1) == 1);
	} else if (cases[i].fn != by_sleep) {
		CHECK(write(p[1], "line\n", 5) == 5);
	}
}

int main(void)
{
	struct prog_thread t;
	CHECK(!pipe(p));
	for (int i = 0; i < N_CASES; i++) {
		prog_spawn(&t, cases[i].name, waits, (void *)(intptr_t)i);
		while (!__atomic_load_n(&cases[i].tid, __ATOMIC_ACQUIRE) ||
		       state_of(cases[i].tid) != 'S')
			prog_sleep_ms(1);
		prog_sleep_ms(30);
		lets_go(i);
		CHECK(!pthread_join(t.id, NULL));
		printf("%s %lld\n", cases[i].name, (long long)cases[i].ns);
	}
	return 0;
}
