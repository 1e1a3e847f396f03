/*
 * What a stack costs: the memo's hit, the rule walk (every pc known), beside other ways, in one
 * run, pinned, medians of rounds that take turns. The chains are of functions with frames of
 * different sizes; without frame pointers, as Debian compiles, but for the frame-pointer walk,
 * which gets the same chain with them.
 *
 *   stack [ROUNDS]      exit 1 when a goal of docs (hit at 20: 15 ns, 1.2 x the frame-pointer walk;
 * miss at 20: 400 ns) is missed
 */
#define UNW_LOCAL_ONLY
#include "preload/stack.h"
#include "bench/harness.h"
#include "bench/stats.h"
#include "preload/arena.h"
#include "preload/config.h"
#include "preload/stack_memo.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <stdio.h>
#include <string.h>

#define NOINLINE   __attribute__((noinline, noclone))
#define MAX_ROUNDS 2001

static struct gt_thread thread;
static void *frames[256];
static volatile uint64_t sink;

/* ---- the ways ---- */

static NOINLINE void take_hit(unsigned n)
{
	for (; n; n--) {
		sink += gt_stack_capture(&thread, 1);
		gt_stack_done(&thread);
	}
}

/* Two inner frames are other than in the stack before, the outer part is the same. The entry is
 * spoilt, but for its outer part. */
static NOINLINE void take_a(void)
{
	sink += gt_stack_capture(&thread, 1);
	gt_stack_done(&thread);
	thread.hit->pc = 0;
}

static NOINLINE void take_b(void)
{
	volatile uint64_t room[8];
	room[0] = 1;
	take_a();
	sink += room[0];
}

static NOINLINE void take_part(unsigned n)
{
	for (; n; n--) {
		if (n & 1)
			take_a();
		else
			take_b();
	}
}

/* The entry is spoilt each time. */
static NOINLINE void take_miss(unsigned n)
{
	for (; n; n--) {
		if (thread.hit)
			thread.hit->sp = 0;
		sink += gt_stack_capture(&thread, 1);
		gt_stack_done(&thread);
	}
}

static NOINLINE void take_fp(unsigned n)
{
	for (; n; n--) {
		const uint64_t *fp = __builtin_frame_address(0), lo = (uint64_t)fp,
			       hi = thread.stack_hi;
		unsigned i = 0;
		while (i < 128 && (uint64_t)fp >= lo && (uint64_t)fp < hi - 16 &&
		       !((uint64_t)fp & 7)) {
			frames[i++] = (void *)(fp[1] - 1);
			if (fp[0] <= (uint64_t)fp)
				break;
			fp = (const uint64_t *)fp[0];
		}
		sink += i;
	}
}

static int (*libc_backtrace)(void **, int); /* libunwind has one of the same name */

static NOINLINE void take_backtrace(unsigned n)
{
	for (; n; n--)
		sink += (uint64_t)libc_backtrace(frames, 128);
}

static NOINLINE void take_unw_warm(unsigned n)
{
	for (; n; n--)
		sink += (uint64_t)unw_backtrace(frames, 128);
}

static NOINLINE void take_unw_cold(unsigned n)
{
	for (; n; n--) {
		unw_context_t ctx;
		unw_cursor_t c;
		unw_getcontext(&ctx);
		unw_init_local(&c, &ctx);
		unsigned i = 0;
		unw_word_t ip;
		do {
			unw_get_reg(&c, UNW_REG_IP, &ip);
			frames[i++] = (void *)ip;
		} while (i < 128 && unw_step(&c) > 0);
		sink += i;
	}
}

typedef void (*way)(unsigned n);
static const struct {
	const char *name;
	way fn;
	unsigned slice;
	bool wants_fp;
} ways[] = {
	{ "memo hit", take_hit, 400, false },
	{ "rule walk (miss)", take_miss, 100, false },
	{ "memo, outer part", take_part, 100, false },
	{ "frame pointers", take_fp, 400, true },
	{ "glibc backtrace", take_backtrace, 5, false },
	{ "libunwind, warm", take_unw_warm, 50, false },
	{ "libunwind, step", take_unw_cold, 5, false },
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- the chains ---- */

#define CHAIN(kind, attribute)                                                                     \
	static void kind##_go(int depth, way fn, unsigned n, double *ns);                          \
	static NOINLINE attribute void kind##_0(int depth, way fn, unsigned n, double *ns)         \
	{                                                                                          \
		kind##_go(depth - 1, fn, n, ns);                                                   \
		sink++;                                                                            \
	}                                                                                          \
	static NOINLINE attribute void kind##_1(int depth, way fn, unsigned n, double *ns)         \
	{                                                                                          \
		volatile char room[40];                                                            \
		room[0] = 1;                                                                       \
		kind##_go(depth - 1, fn, n, ns);                                                   \
		sink += (uint64_t)room[0];                                                         \
	}                                                                                          \
	static NOINLINE attribute void kind##_2(int depth, way fn, unsigned n, double *ns)         \
	{                                                                                          \
		const uint64_t a = sink, b = sink, c = sink, d = sink, e = sink;                   \
		kind##_go(depth - 1, fn, n, ns);                                                   \
		sink = a + 3 * b + 5 * c + 7 * d + 9 * e;                                          \
	}                                                                                          \
	static NOINLINE attribute void kind##_last(way fn, unsigned n, double *ns)                 \
	{                                                                                          \
		fn(n); /* warm */                                                                  \
		const uint64_t begin = bench_now_ns();                                             \
		fn(n);                                                                             \
		*ns = (double)(bench_now_ns() - begin) / n;                                        \
	}                                                                                          \
	static inline __attribute__((always_inline)) void kind##_go(int depth, way fn, unsigned n, \
								    double *ns)                    \
	{                                                                                          \
		if (depth <= 0)                                                                    \
			kind##_last(fn, n, ns);                                                    \
		else if (depth % 3 == 0)                                                           \
			kind##_0(depth, fn, n, ns);                                                \
		else if (depth % 3 == 1)                                                           \
			kind##_1(depth, fn, n, ns);                                                \
		else                                                                               \
			kind##_2(depth, fn, n, ns);                                                \
	}

CHAIN(plain, )
CHAIN(fp, __attribute__((optimize("no-omit-frame-pointer"))))

static double results[N_WAYS][3][MAX_ROUNDS];

int main(int argc, char **argv)
{
	static const int depths[3] = { 5, 20, 50 };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 201;
	rounds = rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	if (gt_arena_init(16u << 20, 16, sizeof(thread)) || gt_rules_init())
		return 2;
	gt_cfg.stacks = true;
	gt_stack_init();
	gt_stack_find(&thread);
	libc_backtrace = (int (*)(void **, int))dlsym(dlopen("libc.so.6", RTLD_NOW), "backtrace");
	bench_pin(bench_cpu_main());
	for (unsigned i = 0; i < rounds; i++)
		for (unsigned w = 0; w < N_WAYS; w++)
			for (unsigned d = 0; d < 3; d++)
				(ways[w].wants_fp ? fp_go : plain_go)(
					depths[d], ways[w].fn, ways[w].slice, &results[w][d][i]);
	double median[N_WAYS][3];
	printf("%-20s %8s %8s %8s  ns, median of %u\n", "", "5", "20", "50", rounds);
	for (unsigned w = 0; w < N_WAYS; w++) {
		for (unsigned d = 0; d < 3; d++)
			median[w][d] = stats_median(results[w][d], rounds);
		printf("%-20s %8.1f %8.1f %8.1f\n", ways[w].name, median[w][0], median[w][1],
		       median[w][2]);
	}
	/* the goals by the best tenth: other people's work only ever adds */
	const double hit = stats_quantile(results[0][1], rounds, 0.1),
		     miss = stats_quantile(results[1][1], rounds, 0.1),
		     fp = stats_quantile(results[3][1], rounds, 0.1);
	const bool is_good = hit <= 15 && hit <= 1.2 * fp && miss <= 400;
	printf("best tenth: hit at 20: %.1f ns, %.2f x frame pointers (goals: 15, 1.2); miss at "
	       "20: %.0f ns "
	       "(goal: 400): %s\n",
	       hit, hit / fp, miss, is_good ? "met" : "MISSED");
	printf("captures: %lu hits, %lu walks, %lu cut\n", thread.own[GT_OWN_stack_hits],
	       thread.own[GT_OWN_stack_walks], thread.own[GT_OWN_stack_cut]);
	return is_good ? 0 : 1;
}
