/* Samples by timer (preload/timer.c): the ring between the handlers and the writer. */
#include "preload/samples.h"
#include "preload/timer.h"
#include "tests/unit/core.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

#define PLACES 1024u /* N_PLACES in timer.c */

static unsigned begun;

static void begin(void)
{
	begun++;
}

static void start(void)
{
	core_boot(1 << 20, 8);
	gt_cfg.sample_hz = 100;
	gt_cfg.sample_by = GT_SAMPLE_TIMER;
	cr_assert(eq(int, gt_samples_init(), 0));
	gt_tables_begin(1, 1);
	gt_timer_open();
	cr_assert(eq(u64, gt_counters[GT_COUNTER_timer_refused], 0));
}

/* As the kernel sends it when the thread's timer expires `1 + overrun` times. */
static void tick(int overrun)
{
	siginfo_t info = { .si_signo = GT_TIMER_SIGNAL, .si_code = SI_TIMER };
	info.si_overrun = overrun;
	cr_assert(eq(int,
		     (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), (int)syscall(SYS_gettid),
				  GT_TIMER_SIGNAL, &info),
		     0));
}

static void read_all(uint64_t until)
{
	begun = 0;
	gt_timer_read((gt_ns){ 0 }, (gt_ns){ until }, begin);
}

Test(core_timer, each_tick_is_one_sample)
{
	start();
	tick(0);
	tick(3);
	read_all(UINT64_MAX);
	cr_assert(eq(uint, begun, 2));
	cr_assert(eq(u64, gt_counters[GT_COUNTER_lost_ticks], 3));
	read_all(UINT64_MAX);
	cr_assert(eq(uint, begun, 0));
}

Test(core_timer, a_full_ring_drops_and_counts_and_can_be_filled_again)
{
	start();
	for (unsigned turn = 1; turn <= 3; turn++) {
		for (unsigned i = 0; i < PLACES + 5; i++)
			tick(0);
		cr_assert(eq(u64, gt_counters[GT_COUNTER_lost_samples], turn * 5));
		read_all(UINT64_MAX);
		cr_assert(eq(uint, begun, PLACES));
	}
}

Test(core_timer, a_sample_of_the_next_generation_stays_for_it)
{
	start();
	tick(0);
	const uint64_t boundary = gt_now().v;
	while (gt_now().v == boundary)
		;
	tick(0);
	read_all(boundary + 1);
	cr_assert(eq(uint, begun, 1));
	read_all(UINT64_MAX);
	cr_assert(eq(uint, begun, 1));
}

Test(core_timer, inside_the_tracer_and_in_a_sandbox_there_is_no_sample)
{
	start();
	gt_self = &gt_inside;
	tick(0);
	gt_self = core.main;
	gt_timer_stop();
	tick(0);
	read_all(UINT64_MAX);
	cr_assert(eq(uint, begun, 0));
}

Test(core_timer, a_signal_that_is_in_use_is_left_alone)
{
	signal(GT_TIMER_SIGNAL, SIG_IGN);
	core_boot(1 << 20, 8);
	gt_cfg.sample_hz = 100;
	gt_cfg.sample_by = GT_SAMPLE_TIMER;
	gt_timer_open();
	cr_assert(eq(u64, gt_counters[GT_COUNTER_timer_refused], EBUSY));
	struct sigaction now;
	cr_assert(eq(int, sigaction(GT_TIMER_SIGNAL, NULL, &now), 0));
	cr_assert(now.sa_handler == SIG_IGN);
	gt_timer_arm(core.main);
	cr_assert(eq(uint, core.main->timer, 0));
}

Test(core_timer, a_thread_has_one_timer_and_deletes_it)
{
	start();
	gt_timer_arm(core.main);
	cr_assert(core.main->timer != 0);
	const uint32_t timer = core.main->timer - 1;
	gt_timer_disarm(core.main);
	cr_assert(eq(uint, core.main->timer, 0));
	cr_assert(syscall(SYS_timer_delete, timer) < 0);
}
