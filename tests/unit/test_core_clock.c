/* Time (preload/clock.c). */
#include "preload/clock.h"
#include "preload/sys.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#define MS 1000000ull

extern long (*gt_sys_fault)(long nr);

/* The kernel's clock and ours; how far apart, ns. Its own reads may be preempted: the closest of a
 * few. */
static uint64_t distance(void)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 20; i++) {
		const uint64_t before = gt_clock_kernel_ns(), ours = gt_now().v,
			       after = gt_clock_kernel_ns();
		const uint64_t d = ours < before ? before - ours : ours > after ? ours - after : 0;
		best = d < best ? d : best;
	}
	return best;
}

static bool is_tsc_in_use(void)
{
	return gt_clock_now->mult != 0;
}

/* Ticks as the writer does, for so long. */
static void run(uint64_t ns)
{
	const uint64_t end = gt_clock_kernel_ns() + ns;
	while (gt_clock_kernel_ns() < end) {
		gt_clock_tick();
		gt_sys_sleep_ns(2 * MS);
	}
}

Test(core_clock, before_anything_is_measured_it_is_the_kernels_clock)
{
	gt_clock_init(1);
	cr_assert(not(is_tsc_in_use()));
	cr_assert(eq(u64, distance(), 0));
}

Test(core_clock, where_the_tsc_is_not_allowed_it_stays_the_kernels_clock)
{
	gt_clock_init(0);
	run(60 * MS);
	cr_assert(not(is_tsc_in_use()));
}

static long no_files(long nr)
{
	return nr == SYS_openat ? -ENOENT : 0;
}

Test(core_clock, where_the_kernel_does_not_trust_the_tsc_neither_do_we)
{
	gt_clock_init(1);
	gt_sys_fault = no_files;
	run(60 * MS);
	cr_assert(not(is_tsc_in_use()));
}

/* All that follows is about the TSC: where there is none to trust, there is nothing to test. */
static bool has_tsc(void)
{
	gt_clock_init(1);
	run(60 * MS);
	if (!is_tsc_in_use())
		cr_skip_test("no reliable TSC");
	return true;
}

Test(core_clock, it_is_within_a_millisecond_of_the_kernels_clock_over_re_anchoring, .timeout = 600)
{
	if (!has_tsc())
		return;
	for (int i = 0; i < 120; i++) { /* 1.2 s: four anchors and more */
		run(10 * MS);
		cr_assert(lt(u64, distance(), MS));
	}
}

static _Atomic bool is_over;
static _Atomic uint64_t back;

static void *look(void *arg)
{
	uint64_t last = 0;
	while (!is_over) {
		const uint64_t now = gt_now().v;
		if (now < last)
			back = last - now;
		last = now;
	}
	return arg;
}

Test(core_clock, it_never_goes_back_for_one_thread_while_another_re_anchors, .timeout = 600)
{
	pthread_t th;
	gt_clock_init(1);
	pthread_create(&th, NULL, look, NULL);
	run(1100 * MS);
	is_over = true;
	pthread_join(th, NULL);
	cr_assert(lt(u64, back, 1000),
		  "but for the disorder of two reads, and the first step from the kernel's clock");
}

/* The next anchor finds an error, as if the rate had been measured badly. */
static void drift(int64_t by)
{
	static struct gt_clock_params off;
	off = *gt_clock_now;
	off.base_ns += (uint64_t)by;
	gt_clock_now = &off;
}

static void heals_from(int64_t error)
{
	if (!has_tsc())
		return;
	run(300 * MS);
	drift(error);
	cr_assert(ge(u64, distance(), MS / 10));
	uint64_t last = gt_now().v;
	const uint64_t end = gt_clock_kernel_ns() + 800 * MS;
	while (gt_clock_kernel_ns() < end) {
		gt_clock_tick();
		const uint64_t now = gt_now().v;
		cr_assert(ge(u64, now + 100, last), "no step back");
		last = now;
	}
	cr_assert(lt(u64, distance(), MS / 10));
}

Test(core_clock, an_error_ahead_of_the_kernel_is_worked_off_without_a_step, .timeout = 600)
{
	heals_from(200000);
}

Test(core_clock, an_error_behind_the_kernel_is_worked_off_without_a_step, .timeout = 600)
{
	heals_from(-200000);
}

Test(core_clock, a_snapshot_holds_three_clocks_of_one_instant)
{
	struct gt_stamp s;
	struct timespec wall;
	gt_clock_init(0);
	gt_clock_snapshot(&s);
	clock_gettime(CLOCK_REALTIME, &wall);
	cr_assert(lt(u64, s.mono - s.now, MS), "%" PRIu64 " %" PRIu64, s.now, s.mono);
	cr_assert(lt(u64, (uint64_t)wall.tv_sec * 1000000000 + (uint64_t)wall.tv_nsec - s.wall,
		     2000000000));
}
