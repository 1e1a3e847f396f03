/*
 * Hostile files for the reader: container, tables, order checker, strict checks, dumps.
 *
 *   fuzz_read [-n INPUTS] [-s SEED] [-i INPUT] [-l] [-w DIR] [CORPUS_DIR]
 *     -n   how many (1000000)        -s   seed (from the clock; it is printed)
 *     -l   light: one change of a file of the corpus, so that many inputs stay valid
 *     -i   only this input           -w   also write the inputs to DIR as NNNNNN.bin
 *
 * With -DGT_LIBFUZZER and clang -fsanitize=fuzzer it is a libFuzzer target and has no main.
 *
 * Inputs that make the reader say something new join the corpus in memory: that replaces coverage.
 * Input I of a seed depends on those before it, so -i repeats the way to it.
 */
#ifndef GT_LIBFUZZER
#include "tests/fuzz/mutate.h"
#endif
#include "encoder/event.h"
#include "tools/read/old.h"
#include "tools/read/strict.h"
#include "tools/read/text.h"
#include "tools/read/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(GT_LIBFUZZER) /* it has limits of its own */
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
/* gcc has these functions, but not always the headers. */
size_t __sanitizer_get_allocated_size(const volatile void *p);
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *));
void __sanitizer_set_death_callback(void (*f)(void));
#endif

/* ---------------------------------------------------------------- memory */

static size_t mem_live, mem_limit;
static bool mem_is_on;

#ifdef HAS_ASAN
static void on_malloc(const volatile void *p, size_t n)
{
	(void)p;
	if (!mem_is_on)
		return;
	mem_live += n;
	if (mem_live > mem_limit) {
		fprintf(stderr, "%zu bytes in use, %zu allowed\n", mem_live, mem_limit);
		abort();
	}
}

static void on_free(const volatile void *p)
{
	if (mem_is_on && p)
		mem_live -= __sanitizer_get_allocated_size(p);
}
#endif

/* ---------------------------------------------------------------- one input */

/* What the reader said, without its numbers: a new value is a new way through it. */
static uint64_t signature;

static void sign(const char *text)
{
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			signature = (signature ^ (uint8_t)*text) * 0x100000001b3ULL;
	}
}

static void on_finding(void *user, enum gt_severity severity, const struct gt_err *err)
{
	(void)user;
	(void)severity;
	sign(err->text);
}

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void read_events(const uint8_t *data, size_t len, FILE *out, bool is_json)
{
	struct gt_err err = { .code = GT_ERR_NONE };
	struct gt_trace *t = gt_trace_open_mem(data, len, &err);
	if (!t) {
		sign(err.text);
		return;
	}
	struct gt_strict *s = gt_strict_new(on_finding, NULL);
	struct gt_dump *d = gt_dump_new(out, is_json);
	struct gt_ordered ev;
	size_t events = 0;
	int rc;
	const bool is_old = gt_file_old(gt_trace_file(t)) != NULL;
	while ((rc = gt_trace_next(t, &ev, &err)) > 0) {
		check(is_old || ev.offset <= len, "an event lies behind the end of the file");
		check(events++ <= 3 * len, "more events than bytes");
		check(gt_strict_event(s, gt_trace_gen(t), &ev) == 0, "no memory");
		check(gt_dump_event(d, gt_trace_gen(t), &ev) == 0, "no memory");
	}
	signature += 64U - (unsigned)__builtin_clzll(events + 1);
	if (rc == 0) {
		gt_strict_end(s, gt_trace_gen(t));
	} else {
		check(rc == -(int)err.code && err.text[0], "an error without a text");
		sign(err.text);
	}
	check(gt_trace_next(t, &ev, &err) == 0, "an end that is none");
	gt_dump_free(d);
	gt_strict_free(s);
	gt_trace_close(t);
}

static void read_wire(const uint8_t *data, size_t len, FILE *out)
{
	struct gt_err err;
	struct gt_file *f = gt_file_open_mem(data, len, &err);
	if (f)
		gt_dump_wire(out, f, &err);
	gt_file_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *null;
	static char buffer[4096]; /* else stdio's is taken for a leak of the first input */
	if (!null && (null = fopen("/dev/null", "w")))
		setvbuf(null, buffer, _IOFBF, sizeof(buffer));
	check(null, "/dev/null");
	signature = 0xcbf29ce484222325ULL;
	const unsigned way = len ? data[len / 2] : 0;
	mem_live = 0;
	const bool is_old = len >= 16 && gt_old_version(data);
	mem_limit = is_old ? 640 * len + (1 << 20) : 64 * len + 65536;
	mem_is_on = true;
	read_events(data, len, null, way % 8 == 0);
	check(mem_live == 0 || !mem_is_on, "memory was not given back");
	mem_is_on = false;
	if (way % 4 == 0)
		read_wire(data, len, null);
	return 0;
}

/* ---------------------------------------------------------------- driver */

#ifndef GT_LIBFUZZER

#define POOL_MAX 4096

static struct input *pool[POOL_MAX];
static size_t n_pool, n_corpus;
static uint64_t seen[1 << 16]; /* signatures, by their low bits */
static uint64_t seed, number;
static bool is_light;
static struct input now;

static bool is_new(uint64_t sig)
{
	uint64_t *slot = &seen[sig % (sizeof(seen) / sizeof(seen[0]))];
	if (*slot)
		return false;
	*slot = sig;
	return true;
}

static void pool_add(const struct input *in)
{
	if (n_pool == POOL_MAX) { /* not the files of the corpus */
		*pool[POOL_MAX / 2 + number % (POOL_MAX / 2)] = *in;
		return;
	}
	struct input *copy = malloc(sizeof(*copy));
	check(copy, "no memory");
	*copy = *in;
	pool[n_pool++] = copy;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(const char *dir)
{
	struct dirent **names;
	const int n = scandir(dir, &names, NULL, by_name);
	for (int i = 0; i < n; i++) {
		char path[512];
		static struct input in;
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		FILE *f = names[i]->d_name[0] == '.' ? NULL : fopen(path, "rb");
		if (f) {
			in.len = fread(in.bytes, 1, sizeof(in.bytes), f);
			fclose(f);
			pool_add(&in);
		}
		free(names[i]);
	}
	if (n > 0)
		free(names);
}

static void save(const char *path)
{
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(now.bytes, 1, now.len, f) != now.len || fclose(f)) {
		perror(path);
		exit(2);
	}
}

#ifdef HAS_ASAN
static void on_death(void)
{
	fprintf(stderr,
		"fuzz_read: input %" PRIu64 " of seed %" PRIu64 "; written to fuzz_read.crash\n",
		number, seed);
	save("fuzz_read.crash");
}
#endif

static void one(const char *write_dir, bool is_wanted)
{
	struct rng r = { seed ^ number * 0x9e3779b97f4a7c15ULL };
	if (number < n_corpus)
		now = *pool[number];
	else {
		const struct input *other = pool[rng_below(&r, n_corpus)];
		now = *pool[rng_below(&r, is_light ? n_corpus : n_pool)];
		if (is_light)
			mutate_structure(&r, &now, other);
		else
			mutate(&r, &now, pool[rng_below(&r, n_pool)]);
	}
	if (write_dir && is_wanted) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%06" PRIu64 ".bin", write_dir, number);
		save(path);
	}
	/* An allocation of exactly the input's size: one byte too far is seen. */
	uint8_t *exact = malloc(now.len ? now.len : 1);
	check(exact, "no memory");
	memcpy(exact, now.bytes, now.len);
	LLVMFuzzerTestOneInput(exact, now.len);
	free(exact);
	if (!is_light && is_new(signature))
		pool_add(&now);
}

int main(int argc, char **argv)
{
	uint64_t n = 1000000, only = UINT64_MAX;
	const char *write_dir = NULL;
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	for (int opt; (opt = getopt(argc, argv, "ln:s:i:w:")) != -1;) {
		if (opt == 'n')
			n = strtoull(optarg, NULL, 10);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (opt == 'i')
			only = strtoull(optarg, NULL, 10);
		else if (opt == 'l')
			is_light = true;
		else if (opt == 'w')
			write_dir = optarg;
		else
			return 2;
	}
	load(optind < argc ? argv[optind] : "tests/fuzz/corpus");
	n_corpus = n_pool;
	if (n_pool == 0) {
		fprintf(stderr, "fuzz_read: no corpus\n");
		return 2;
	}
	printf("fuzz_read: seed %" PRIu64 ", %zu files\n", seed, n_pool);
	fflush(stdout);
#ifdef HAS_ASAN
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	__sanitizer_set_death_callback(on_death);
#endif
	if (only != UINT64_MAX)
		n = only + 1;
	for (number = 0; number < n; number++)
		one(write_dir, only == UINT64_MAX || number == only);
	clock_gettime(CLOCK_MONOTONIC, &end);
	const double s =
		(double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	printf("fuzz_read: %" PRIu64 " inputs in %.1f s (%.0f/s), corpus in memory %zu\n", n, s,
	       (double)n / s, n_pool);
	while (n_pool)
		free(pool[--n_pool]);
	return 0;
}

#endif
