/* How long the writer sleeps (preload/pace.c). */
#include "tests/unit/core.h"

#include "preload/config.h"
#include "preload/pace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define LONG (1000 * GT_TICK_NS)

static struct gt_pace pace;

static void boot(void)
{
	core_boot(64u << 20, GT_MAX_THREADS);
}

static void sleep_in(void)
{
	for (int i = 0; i < 8; i++)
		gt_pace_ns(&pace, LONG, 0, false);
}

Test(pace, longer_and_longer_when_nothing_happens, .init = boot)
{
	gt_pace_ns(&pace, LONG, 0, false);
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), 2 * GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), 4 * GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), 8 * GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), 8 * GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, 3, 0, false), 3), "never longer than is left");
}

/* After something happened it sleeps for so many ticks at most. */
static void expect_awake(const char *what, unsigned ticks)
{
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), ticks * GT_TICK_NS), "%s", what);
	sleep_in();
}

Test(pace, shorter_when_anything_happens, .init = boot)
{
	sleep_in();
	struct gt_wait w;
	gt_wait_begin(&w, gt_self, GT_CALL_read, GT_WHY_READ, 0, false);
	expect_awake("a wait begins", 4);
	gt_wait_end(&w);
	expect_awake("it ends", 4);
	gt_self->heap += 8;
	expect_awake("memory is allocated", 2);
	cr_assert(gt_thread_announce(gt_self, 1) != NULL);
	expect_awake("a thread begins", 4);
}

Test(pace, a_tick_after_much_was_written, .init = boot)
{
	sleep_in();
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 100000, false), 8 * GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 1100000, false), GT_TICK_NS));
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 1200000, false), 2 * GT_TICK_NS));
}

Test(pace, a_tick_where_somebody_depends_on_it, .init = boot)
{
	gt_cfg.sample_hz = 99;
	sleep_in();
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), GT_TICK_NS), "samples");
	gt_cfg.sample_hz = 0;
	gt_cfg.full_policy = GT_FULL_BLOCK;
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), GT_TICK_NS),
		  "threads that wait for memory");
	gt_cfg.full_policy = GT_FULL_DROP;
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, true), GT_TICK_NS), "the program's end waits");
	sleep_in();
	gt_is_sandboxed = 1;
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), GT_TICK_NS), "a sandbox");
}

static void boot_small(void)
{
	core_boot(4u << 20, GT_MAX_THREADS);
}

Test(pace, a_tick_where_there_is_little_memory, .init = boot_small)
{
	sleep_in();
	cr_assert(eq(u64, gt_pace_ns(&pace, LONG, 0, false), GT_TICK_NS));
}
