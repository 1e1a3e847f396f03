/* Times on a CPU, ready and waiting, from the switches of a trace. */
#include "encoder/section.h"
#include "tools/analysis/sched.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct gt_sched s;

static void add(int64_t time, uint64_t tid, enum gt_switch what)
{
	gt_sched_add(&s, time, tid, 0, what);
}

Test(sched, time_goes_to_the_state_that_began_it)
{
	add(100, 7, GT_SWITCH_IN);
	add(130, 7, GT_SWITCH_PREEMPTED);
	add(135, 7, GT_SWITCH_IN);
	add(140, 7, GT_SWITCH_OUT);
	gt_sched_end_generation(&s);
	add(240, 7, GT_SWITCH_IN);
	add(250, 7, GT_SWITCH_GONE);
	gt_sched_end_generation(&s);
	gt_sched_finish(&s, 1000);
	cr_assert(eq(sz, s.n_threads, 1));
	const struct gt_sched_thread *t = &s.threads[0];
	cr_assert(eq(u64, t->on_ns, 45));
	cr_assert(eq(u64, t->ready_ns, 5));
	cr_assert(eq(u64, t->wait_ns, 100));
	cr_assert(eq(u64, t->switches, 3));
	cr_assert(eq(u64, t->preempted, 1));
	cr_assert(eq(u64, t->gaps, 0));
	gt_sched_free(&s);
}

Test(sched, records_of_several_cpus_are_put_in_order_of_time)
{
	add(200, 7, GT_SWITCH_IN); /* the CPU it came to is read first */
	add(230, 7, GT_SWITCH_OUT);
	gt_sched_add(&s, 100, 7, 1, GT_SWITCH_IN);
	gt_sched_add(&s, 150, 7, 1, GT_SWITCH_OUT);
	gt_sched_end_generation(&s);
	cr_assert(eq(u64, s.threads[0].on_ns, 80));
	cr_assert(eq(u64, s.threads[0].wait_ns, 50));
	cr_assert(eq(u64, s.threads[0].moves, 1));
	cr_assert(eq(u64, s.threads[0].gaps, 0));
	gt_sched_free(&s);
}

Test(sched, a_missing_record_is_a_gap_and_its_time_nobodys)
{
	add(100, 7, GT_SWITCH_IN);
	add(110, 7, GT_SWITCH_OUT);
	add(500, 7, GT_SWITCH_OUT); /* when it got the CPU is lost */
	gt_sched_end_generation(&s);
	gt_sched_finish(&s, 600);
	cr_assert(eq(u64, s.threads[0].on_ns, 10));
	cr_assert(eq(u64, s.threads[0].wait_ns, 100));
	cr_assert(eq(u64, s.threads[0].gaps, 1));
	gt_sched_free(&s);
}

Test(sched, a_tid_that_comes_back_is_another_thread)
{
	add(100, 7, GT_SWITCH_IN);
	add(110, 7, GT_SWITCH_GONE);
	add(300, 7, GT_SWITCH_IN);
	gt_sched_end_generation(&s);
	gt_sched_finish(&s, 320);
	cr_assert(eq(sz, s.n_threads, 2));
	cr_assert(eq(u64, s.threads[0].on_ns, 10));
	cr_assert(eq(u64, s.threads[1].on_ns, 20));
	gt_sched_free(&s);
}
