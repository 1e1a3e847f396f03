/* Births, deaths and ids of threads (preload/thread.c), over the ends of generations and without
 * room. */
#include "tests/unit/core.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <semaphore.h>

#define BUFFER (4u << 20)
#define SMALL  GT_CHUNK_BIG /* 16 small chunks */
#define PC     ((uint64_t)&boot)

static void boot(size_t buffer)
{
	core_boot(buffer, GT_MAX_THREADS);
}

static void finish(void)
{
	core_as(core.main, 0);
	core_advance();
	const char *wrong = core_read();
	cr_assert(wrong == NULL, "%s: %s", core.path, wrong);
}

static void wait_once(void)
{
	struct gt_wait w;
	gt_wait_begin(&w, gt_self, GT_CALL_read, GT_WHY_MUTEX, 0, true);
	gt_wait_end(&w);
}

static struct gt_thread *announce(void)
{
	struct gt_thread *t = gt_thread_announce(core.main, PC);
	cr_assert(t != NULL);
	return t;
}

static void start(struct gt_thread *t, uint32_t tid)
{
	core_as(t, tid);
	gt_thread_start(t, 0, 0);
	core_as(core.main, 0);
}

static struct gt_thread *spawn(uint32_t tid)
{
	struct gt_thread *t = announce();
	start(t, tid);
	return t;
}

static void wait_as(struct gt_thread *t, uint32_t tid)
{
	core_as(t, tid);
	wait_once();
	core_as(core.main, 0);
}

static void end(struct gt_thread *t, uint32_t tid)
{
	core_as(t, tid);
	gt_thread_end(t);
	core_as(core.main, 0);
}

static uint32_t use_of(struct gt_thread *t)
{
	return atomic_load(&t->in_use);
}

/* A whole life in the file: created once, ended once. */
static void lived_once(uint64_t g)
{
	cr_assert(eq(sz, core_count(GT_EV_GoCreate, g, 0), 1), "G %" PRIu64, g);
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, g, 0), 1), "G %" PRIu64, g);
}

/* ---- birth ---- */

static void born_after(unsigned generations)
{
	boot(BUFFER);
	struct gt_thread *t = announce();
	const uint64_t g = t->g.v;
	for (unsigned i = 0; i < generations; i++)
		core_advance();
	start(t, 71);
	wait_as(t, 71);
	end(t, 71);
	finish();
	lived_once(g);
	cr_assert(eq(sz, core_count(GT_EV_GoStart, g, generations + 1), 2));
	for (unsigned gen = 2; gen <= generations + 1; gen++)
		cr_assert(eq(u64, core_status(g, gen), GT_G_RUNNABLE), "generation %u", gen);
}

Test(core_thread, a_thread_may_start_in_the_generation_of_its_announcement)
{
	born_after(0);
}

Test(core_thread, a_thread_may_start_in_the_generation_after_its_announcement)
{
	born_after(1);
}

Test(core_thread, a_thread_may_start_two_generations_after_its_announcement)
{
	born_after(2);
}

Test(core_thread, a_creation_that_failed_is_taken_back)
{
	boot(BUFFER);
	struct gt_thread *t = announce();
	const uint64_t g = t->g.v;
	gt_thread_retract(core.main, t);
	wait_once();
	finish();
	lived_once(g);
	cr_assert(eq(u32, use_of(t), GT_FREE));
	cr_assert(eq(u32, gt_threads_ended(), 0));
}

Test(core_thread, a_creation_that_failed_late_is_taken_back_in_the_present_generation)
{
	boot(BUFFER);
	struct gt_thread *t = announce();
	const uint64_t g = t->g.v;
	core_advance();
	core_advance();
	gt_thread_retract(core.main, t);
	core_advance();
	wait_once();
	finish();
	lived_once(g);
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, g, 3), 1));
}

Test(core_thread, a_thread_that_nobody_announced_creates_itself)
{
	boot(BUFFER);
	core_as(&gt_nobody, 71);
	struct gt_thread *t = gt_thread_register_self();
	cr_assert(t != NULL && gt_self == t);
	const uint64_t g = t->g.v;
	wait_once();
	core_advance();
	wait_once();
	end(t, 71);
	finish();
	lived_once(g);
	cr_assert(eq(u64, core_status(g, 2), GT_G_RUNNING));
}

Test(core_thread, a_thread_that_waits_announces_nobody)
{
	struct gt_wait w;
	boot(BUFFER);
	gt_wait_begin(&w, core.main, GT_CALL_read, GT_WHY_MUTEX, 0, true);
	cr_assert(gt_thread_announce(core.main, PC) == NULL);
	core_advance();
	cr_assert(gt_thread_announce(core.main, PC) == NULL);
	gt_wait_end(&w);
	cr_assert(gt_thread_announce(core.main, PC) != NULL);
	finish();
}

Test(core_thread, a_full_registry_leaves_threads_untraced_and_counts_them)
{
	core_boot(BUFFER, 3);
	spawn(71);
	spawn(72);
	struct gt_thread *more = gt_thread_announce(core.main, PC);
	for (int i = 0; more && i < 100; i++) /* the region ends with its page */
		more = gt_thread_announce(core.main, PC);
	cr_assert(more == NULL);
	cr_assert(eq(u64, gt_counters[GT_COUNTER_lost_threads], 1));
	core_as(&gt_nobody, 99);
	cr_assert(gt_thread_register_self() == NULL);
	cr_assert(gt_self == &gt_dead);
	finish();
}

/* ---- ids ---- */

Test(core_thread, a_slot_is_passed_on_within_a_generation_and_to_the_next)
{
	boot(BUFFER);
	for (int i = 0; i < 6; i++) {
		struct gt_thread *t = spawn(71 + (uint32_t)i);
		cr_assert(eq(u32, atomic_load(&t->slot), 2), "the lowest free one");
		wait_as(t, 71 + (uint32_t)i);
		end(t, 71 + (uint32_t)i);
		if (i % 2)
			core_advance();
	}
	finish();
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, 0, 0), 6));
}

Test(core_thread, a_tid_comes_back)
{
	boot(BUFFER);
	for (int i = 0; i < 6; i++) {
		struct gt_thread *t = spawn(71);
		wait_as(t, 71);
		end(t, 71);
		if (i % 3 == 2)
			core_advance();
	}
	finish();
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, 0, 0), 6));
}

Test(core_thread, the_heir_of_a_tid_buries_a_predecessor_that_vanished)
{
	struct gt_wait w;
	boot(BUFFER);
	struct gt_thread *runs = spawn(71), *waits = spawn(72);
	const uint64_t g1 = runs->g.v, g2 = waits->g.v;
	core_as(waits, 72);
	gt_wait_begin(&w, waits, GT_CALL_read, GT_WHY_MUTEX, 0, true);
	core_as(core.main, 0);
	core_advance();
	struct gt_thread *heir1 = spawn(71), *heir2 = spawn(72);
	wait_as(heir1, 71);
	wait_as(heir2, 72);
	cr_assert(eq(u64, gt_counters[GT_COUNTER_reaped_threads], 2));
	finish();
	lived_once(g1);
	lived_once(g2);
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, g2, 2), 1));
}

Test(core_thread, ended_records_are_freed_and_used_again_and_numbers_of_threads_are_not)
{
	boot(BUFFER);
	struct gt_thread *first = spawn(71);
	uint64_t last_g = first->g.v;
	wait_as(first, 71);
	end(first, 71);
	cr_assert(eq(u32, use_of(first), GT_ENDED));
	cr_assert(eq(u32, gt_threads_ended(), 1));
	for (int i = 0; i < 5; i++) {
		core_advance();
		cr_assert(eq(u32, use_of(first), GT_FREE));
		struct gt_thread *t = spawn(72);
		cr_assert(t == first, "the record is used again");
		cr_assert(gt(u64, t->g.v, last_g), "the number is not");
		cr_assert(eq(u64, t->count[GT_CALL_read], 0));
		last_g = t->g.v;
		wait_as(t, 72);
		end(t, 72);
	}
	finish();
	cr_assert(eq(u32, gt_threads_end(), 2));
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, 0, 0), 6));
}

/* ---- death without a word ---- */

Test(core_thread, a_thread_that_vanished_is_reaped_when_it_was_silent_for_a_generation)
{
	boot(BUFFER);
	core.closer.may_reap = true;
	struct gt_thread *t = spawn(4000001); /* no such tid */
	const uint64_t g = t->g.v;
	core_advance();
	cr_assert(eq(u32, use_of(t), GT_LIVE), "it wrote in this generation");
	core_advance();
	cr_assert(eq(u64, gt_counters[GT_COUNTER_reaped_threads], 1));
	core_advance();
	finish();
	lived_once(g);
}

Test(core_thread, a_silent_thread_that_is_there_is_not_reaped)
{
	boot(BUFFER);
	core.closer.may_reap = true;
	core_is_all_alive = true;
	struct gt_thread *t = spawn(4000001);
	for (int i = 0; i < 4; i++)
		core_advance();
	cr_assert(eq(u32, use_of(t), GT_LIVE));
	finish();
}

Test(core_thread, a_thread_that_vanished_in_a_wait_is_reaped_with_the_wait)
{
	struct gt_wait w;
	boot(BUFFER);
	core.closer.may_reap = true;
	struct gt_thread *t = spawn(4000001);
	const uint64_t g = t->g.v;
	core_as(t, 4000001);
	gt_wait_begin(&w, t, GT_CALL_read, GT_WHY_MUTEX, 0, true);
	core_as(core.main, 0);
	for (int i = 0; i < 4; i++)
		core_advance();
	finish();
	lived_once(g);
	cr_assert(eq(sz, core_count(GT_EV_GoBlock, g, 1), 1));
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, g, 3), 1));
}

static void die(const char *name)
{
	if (gt_self != core.main && strcmp(name, "before_commit") == 0)
		gt_sys(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static sem_t is_born, may_die;

static void *die_inside(void *arg)
{
	struct gt_thread *t = (struct gt_thread *)arg;
	gt_thread_start(t, 0, 0);
	sem_post(&is_born);
	sem_wait(&may_die);
	gt_testpoint = die;
	wait_once();
	return NULL;
}

static bool is_gone(uint32_t tid)
{
	return gt_sys(SYS_tgkill, gt_host_pid, tid, 0, 0, 0, 0) == -ESRCH;
}

/* `is_first`: is its last section the first one of a generation? */
static void dies_inside(bool is_first)
{
	pthread_t th;
	boot(BUFFER);
	sem_init(&is_born, 0, 0);
	sem_init(&may_die, 0, 0);
	struct gt_thread *t = announce();
	const uint64_t g = t->g.v;
	pthread_create(&th, NULL, die_inside, t);
	sem_wait(&is_born);
	if (is_first)
		core_advance();
	sem_post(&may_die);
	while (!is_gone(atomic_load(&t->tid)))
		gt_sys_yield();
	gt_testpoint = NULL;
	core.closer.may_reap = true;
	for (int i = 0; i < 4; i++)
		core_advance();
	finish();
	lived_once(g);
	cr_assert(eq(sz, core_count(GT_EV_GoBlock, g, 0), 0));
}

Test(core_thread, a_thread_that_dies_inside_a_section_does_not_hold_up_the_generation,
     .timeout = 600)
{
	dies_inside(false);
}

Test(core_thread, a_thread_that_dies_inside_the_first_section_of_a_generation_has_a_status,
     .timeout = 600)
{
	dies_inside(true);
}

/* ---- no room ---- */

Test(core_thread, an_announcement_without_room_gives_the_record_back)
{
	boot(SMALL);
	struct gt_thread *t = announce();
	core_advance(); /* and the main thread has no batch */
	struct gt_chunk *all = core_take_all_chunks();
	const uint32_t n = gt_threads_end();
	for (int i = 0; i < 10; i++)
		cr_assert(gt_thread_announce(core.main, PC) == NULL);
	cr_assert(le(u32, gt_threads_end(), n + 1));
	core_give_back(all);
	cr_assert(announce() == gt_thread_at(n));
	gt_thread_retract(core.main, t);
	finish();
}

Test(core_thread, a_start_without_room_is_made_up_for_at_the_next_wait)
{
	boot(SMALL);
	struct gt_thread *t = announce();
	const uint64_t g = t->g.v;
	struct gt_chunk *all = core_take_all_chunks();
	start(t, 71);
	wait_as(t, 71);
	cr_assert(eq(u32, atomic_load(&t->state), GT_STATE_NEW));
	core_advance();
	core_give_back(all);
	wait_as(t, 71);
	end(t, 71);
	finish();
	lived_once(g);
	cr_assert(eq(sz, core_count(GT_EV_GoBlock, g, 0), 1));
}

/* How it becomes known to the trace. */
enum birth { ANNOUNCED, BY_ITSELF };

static void never_had_room(enum birth birth)
{
	boot(SMALL);
	struct gt_thread *t = birth == ANNOUNCED ? announce() : NULL;
	core_advance();
	struct gt_chunk *all = core_take_all_chunks();
	if (t) {
		start(t, 71);
	} else {
		core_as(&gt_nobody, 71);
		t = gt_thread_register_self();
		core_as(core.main, 0);
	}
	const uint64_t g = t->g.v;
	wait_as(t, 71);
	end(t, 71);
	cr_assert(eq(u32, use_of(t), GT_OWING));
	gt_advance(&core.closer); /* the writer, too, finds no room at first */
	gt_advance_statuses(&core.closer, core.gen);
	core_give_back(all);
	core_drain(true);
	const uint8_t mark = GT_END_OF_GENERATION;
	core.out.sink.put(&core.out.sink, &mark, 1);
	core.gen++;
	core.is_begun = false;
	gt_clock_stamp(&core.stamp, gt_shared[core.gen % 2].start);
	core_advance();
	core_advance();
	cr_assert(eq(u32, use_of(t), GT_FREE));
	finish();
	lived_once(g);
}

Test(core_thread, an_announced_thread_that_never_had_room_has_one_whole_life)
{
	never_had_room(ANNOUNCED);
}

Test(core_thread, an_unannounced_thread_that_never_had_room_has_one_whole_life)
{
	never_had_room(BY_ITSELF);
}

Test(core_thread, an_end_without_room_is_written_later_with_its_own_time)
{
	boot(SMALL);
	struct gt_thread *t = spawn(71);
	const uint64_t g = t->g.v;
	core_advance();
	struct gt_chunk *all = core_take_all_chunks();
	end(t, 71);
	const uint64_t died = t->died.v;
	cr_assert(eq(u32, use_of(t), GT_OWING));
	core_advance();
	core_advance();
	core_give_back(all);
	core_advance();
	core_advance();
	finish();
	lived_once(g);
	for (unsigned gen = 2; gen <= 4; gen++)
		cr_assert(eq(u64, core_status(g, gen), GT_G_RUNNING), "generation %u", gen);
	cr_assert(ge(u64, core_time(GT_EV_GoDestroy, g, 0), died));
}

Test(core_thread, the_heir_of_a_tid_does_not_start_before_its_predecessor_has_ended_in_the_file)
{
	boot(SMALL);
	struct gt_thread *t = spawn(71);
	const uint64_t g = t->g.v;
	struct gt_thread *heir = announce();
	const uint64_t g2 = heir->g.v;
	core_advance();
	struct gt_chunk *all = core_take_all_chunks();
	end(t, 71);
	cr_assert(eq(u32, use_of(t), GT_OWING));
	start(heir, 71);
	cr_assert(eq(u32, atomic_load(&heir->state), GT_STATE_NEW));
	core_advance();
	wait_as(heir, 71);
	core_give_back(all);
	wait_as(heir, 71);
	core_advance();
	wait_as(heir, 71);
	end(heir, 71);
	core_advance();
	finish();
	lived_once(g);
	lived_once(g2);
	cr_assert(ge(sz, core_count(GT_EV_GoBlock, g2, 0), 2));
}

Test(core_thread, a_tid_whose_end_is_just_being_written_by_another_is_not_used_yet)
{
	boot(BUFFER);
	struct gt_thread *t = spawn(71), *heir = announce();
	const uint64_t g = t->g.v, g2 = heir->g.v;
	atomic_store(&t->in_use, GT_REAPING); /* the writer has claimed it, and was preempted */
	start(heir, 71);
	cr_assert(eq(u32, atomic_load(&heir->state), GT_STATE_NEW));
	gt_thread_reap(t);
	wait_as(heir, 71);
	end(heir, 71);
	finish();
	lived_once(g);
	lived_once(g2);
}
