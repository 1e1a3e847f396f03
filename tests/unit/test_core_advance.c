/* Generations and waits (preload/advance.c, emit.c): every order of events is forced, none is hoped
 * for. */
#include "tests/unit/core.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <semaphore.h>

#define BUFFER (4u << 20)
#define CALL   GT_CALL_pthread_mutex_lock

static void boot(void)
{
	core_boot(BUFFER, GT_MAX_THREADS);
}

/* N.B. a file that Criterion's child leaves behind when it fails is wanted. */
static void finish(void)
{
	core_advance();
	const char *wrong = core_read();
	cr_assert(wrong == NULL, "%s: %s", core.path, wrong);
}

static void begin(struct gt_wait *w, enum gt_why why)
{
	gt_wait_begin(w, gt_self, CALL, why, 0, true);
}

static void wait_once(enum gt_why why)
{
	struct gt_wait w;
	begin(&w, why);
	gt_wait_end(&w);
}

static uint64_t word(const struct gt_thread *t)
{
	return atomic_load(&t->pending.word);
}

/* Another thread, running, that the test plays. */
static struct gt_thread *spawn(uint32_t tid)
{
	struct gt_thread *me = gt_self;
	const uint32_t my_tid = core_tid;
	struct gt_thread *t = gt_thread_announce(me, (uint64_t)&spawn);
	cr_assert(t != NULL);
	core_as(t, tid);
	gt_thread_start(t, 0, 0);
	core_as(me, my_tid);
	return t;
}

/* Every wait that began has ended, for all threads together. */
static void waits_are_whole(size_t n)
{
	cr_assert(eq(sz, core_count(GT_EV_GoBlock, 0, 0), n));
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, 0, 0), n));
}

/* ---- a wait and the ends of generations ---- */

static void span(enum gt_why why, enum gt_event first, enum gt_event last, enum gt_gstatus status,
		 unsigned n)
{
	struct gt_wait w;
	boot();
	begin(&w, why);
	const uint64_t t0 = w.begin.v;
	for (unsigned i = 0; i < n; i++)
		core_advance();
	gt_wait_end(&w);
	wait_once(why);
	finish();
	cr_assert(eq(sz, core_count(first, 1, 0), 2));
	cr_assert(eq(sz, core_count(last, 1, 0), 2));
	cr_assert(eq(sz, core_count(first, 1, 1), n ? 1 : 2),
		  "the begin is in the generation in which it was");
	cr_assert(eq(sz, core_count(last, 1, n + 1), 2));
	cr_assert(eq(u64, core_time(first, 1, 0), t0));
	cr_assert(eq(u64, core_status(1, 1), GT_G_RUNNING));
	for (unsigned gen = 2; gen <= n + 1; gen++)
		cr_assert(eq(u64, core_status(1, gen), status), "generation %u", gen);
	cr_assert(eq(u64, gt_counters[GT_COUNTER_begins_by_advance], n ? 1 : 0));
}

#define SPAN(n, text)                                                                              \
	Test(core_advance, a_block_that_spans_##text)                                              \
	{                                                                                          \
		span(GT_WHY_MUTEX, GT_EV_GoBlock, GT_EV_GoUnblock, GT_G_WAITING, n);               \
	}                                                                                          \
	Test(core_advance, a_call_that_spans_##text)                                               \
	{                                                                                          \
		span(GT_WHY_FSYNC, GT_EV_GoSyscallBegin, GT_EV_GoSyscallEnd, GT_G_SYSCALL, n);     \
	}
SPAN(0, no_end_of_a_generation)
SPAN(1, one_end_of_a_generation)
SPAN(2, two_ends_of_generations)
SPAN(5, five_ends_of_generations)

/* ---- an end in the middle of an advance ---- */

static struct gt_wait *to_end;
static const char *point;
static unsigned hits;

static void end_at_point(const char *name)
{
	if (strcmp(name, point) != 0 || !to_end)
		return;
	struct gt_wait *w = to_end;
	to_end = NULL;
	gt_wait_end(w);
	hits++;
}

static void end_while_advance_is_at(const char *name)
{
	static struct gt_wait w;
	boot();
	begin(&w, GT_WHY_MUTEX);
	to_end = &w;
	point = name;
	gt_testpoint = end_at_point;
	core_advance();
	gt_testpoint = NULL;
	cr_assert(eq(u32, hits, 1));
}

Test(core_advance, a_wait_that_ends_just_before_the_next_generation_is_whole_in_the_old_one)
{
	end_while_advance_is_at("before_publish");
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(2);
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, 1, 1), 1));
}

Test(core_advance, a_writer_that_stops_after_publishing_costs_the_wait_and_not_the_program)
{
	end_while_advance_is_at("after_publish");
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_waits_late], 1));
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(1);
}

Test(core_advance,
     a_wait_that_ends_while_its_begin_is_being_written_is_paid_later_with_its_own_time)
{
	end_while_advance_is_at("before_commit");
	cr_assert(ne(u64, core.main->owed_ns, 0));
	const uint64_t owed = core.main->owed_ns;
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_ends_late], 1));
	core_advance();
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, core.main->owed_ns, 0));
	finish();
	waits_are_whole(2);
	cr_assert(eq(u64, core_status(1, 2), GT_G_WAITING));
	cr_assert(ge(u64, core_time(GT_EV_GoUnblock, 1, 0), owed));
	cr_assert(lt(u64, core_time(GT_EV_GoUnblock, 1, 0), core_time(GT_EV_GoBlock, 1, 1)));
}

static void end_and_wait_at_commit(const char *name)
{
	if (strcmp(name, "before_commit") != 0 || !to_end)
		return;
	struct gt_wait *w = to_end;
	to_end = NULL;
	gt_wait_end(w);
	wait_once(GT_WHY_MUTEX);
	wait_once(GT_WHY_COND);
}

Test(core_advance, waits_while_the_end_of_the_one_before_is_owed_are_counted_as_lost)
{
	static struct gt_wait w;
	boot();
	begin(&w, GT_WHY_MUTEX);
	to_end = &w;
	gt_testpoint = end_and_wait_at_commit;
	core_advance();
	gt_testpoint = NULL;
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_waits_late], 2));
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(2);
}

static struct gt_thread *to_die;

static void die_at_commit(const char *name)
{
	if (strcmp(name, "before_commit") != 0 || !to_die)
		return;
	struct gt_thread *t = to_die;
	to_die = NULL;
	core_as(t, 77);
	gt_thread_end(t);
	core_as(core.main, 0);
	hits++;
}

Test(core_advance, a_thread_that_ends_while_its_begin_is_being_written_still_ends_in_the_file)
{
	struct gt_wait w;
	boot();
	struct gt_thread *t = spawn(77);
	const uint64_t g = t->g.v;
	core_as(t, 77);
	begin(&w, GT_WHY_MUTEX);
	core_as(core.main, 0);
	to_die = t;
	gt_testpoint = die_at_commit;
	core_advance();
	gt_testpoint = NULL;
	cr_assert(eq(u32, hits, 1));
	core_advance();
	finish();
	waits_are_whole(1);
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, g, 0), 1));
}

/* ---- a thread inside a section ---- */

static sem_t is_inside, may_leave;
static struct gt_thread *holder, *other;

static void stop_inside(const char *name)
{
	if (gt_self != holder || strcmp(name, "before_commit") != 0)
		return;
	sem_post(&is_inside);
	sem_wait(&may_leave);
}

static _Atomic bool may_stop;

static void stop_at_point(const char *name)
{
	if (gt_self != holder || !atomic_load(&may_stop) || strcmp(name, point) != 0)
		return;
	sem_post(&is_inside);
	sem_wait(&may_leave);
}

static void *wait_in_a_section(void *arg)
{
	holder = (struct gt_thread *)arg;
	gt_thread_start(holder, 0, 0);
	wait_once(GT_WHY_MUTEX); /* stops in it */
	sem_post(&is_inside);
	sem_wait(&may_leave);
	gt_thread_end(holder);
	return NULL;
}

static void let_go_when_others_are_written(unsigned round)
{
	if (round < 3)
		return;
	if (round == 3) {
		cr_assert(eq(u64, word(other) & 3, GT_CLAIM_WRITTEN), "others do not wait for it");
		cr_assert(eq(u64, atomic_load(&gt_gen), 2), "the next generation is open to all");
		sem_post(&may_leave);
	}
	gt_sys_yield();
}

Test(core_advance,
     an_advance_waits_for_a_thread_inside_a_section_and_writes_the_begins_of_others_first)
{
	pthread_t th;
	struct gt_wait w;
	boot();
	sem_init(&is_inside, 0, 0);
	sem_init(&may_leave, 0, 0);
	struct gt_thread *child = gt_thread_announce(core.main, (uint64_t)&wait_in_a_section);
	other = spawn(88);
	gt_testpoint = stop_inside;
	pthread_create(&th, NULL, wait_in_a_section, child);
	sem_wait(&is_inside);
	core_as(other, 88);
	begin(&w, GT_WHY_COND);
	core.on_idle = let_go_when_others_are_written;
	core_as(core.main, 0);
	core_advance();
	cr_assert(gt(u32, core.idles, 3));
	core.on_idle = NULL;
	sem_wait(&is_inside);
	gt_testpoint = NULL;
	core_as(other, 88);
	gt_wait_end(&w);
	core_as(core.main, 0);
	sem_post(&may_leave);
	pthread_join(th, NULL);
	finish();
	waits_are_whole(2);
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, child->g.v, 1), 1),
		  "what was begun in it is whole in it");
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, other->g.v, 2), 1));
}

static void let_go(unsigned round)
{
	if (round == 3)
		sem_post(&may_leave);
	gt_sys_yield();
}

static void *take_back(void *arg)
{
	struct gt_thread *child = (struct gt_thread *)arg;
	gt_thread_start(holder, 0, 0);
	atomic_store(&may_stop, true);
	gt_thread_retract(holder, child);
	atomic_store(&may_stop, false);
	gt_thread_end(holder);
	return NULL;
}

/* A creation fails, and its end is being written while the generation ends. */
static void retract_while_advance_is_on(const char *where)
{
	pthread_t th;
	boot();
	sem_init(&is_inside, 0, 0);
	sem_init(&may_leave, 0, 0);
	holder = gt_thread_announce(core.main, (uint64_t)&take_back);
	struct gt_thread *child = gt_thread_announce(core.main, (uint64_t)&wait_in_a_section);
	const uint64_t g = child->g.v;
	core_advance();
	point = where;
	gt_testpoint = stop_at_point;
	pthread_create(&th, NULL, take_back, child);
	sem_wait(&is_inside);
	core.on_idle = let_go;
	core_advance();
	core.on_idle = NULL;
	pthread_join(th, NULL);
	gt_testpoint = NULL;
	core_advance();
	finish();
	cr_assert(eq(sz, core_count(GT_EV_GoDestroy, g, 2), 1));
	cr_assert(eq(u64, core_status(g, 2), GT_G_RUNNABLE));
	cr_assert(eq(sz, core_count(GT_EV_GoStatusStack, g, 2), 1),
		  "one status, by who takes it back");
	cr_assert(eq(sz, core_count(GT_EV_GoStatusStack, g, 3), 0), "it is gone");
}

Test(core_advance, a_thread_taken_back_while_a_generation_ends_is_gone_in_the_next)
{
	retract_while_advance_is_on("before_commit");
}

Test(core_advance, a_thread_just_taken_back_when_a_generation_ends_is_gone_in_the_next)
{
	retract_while_advance_is_on("after_commit");
}

static void let_the_host_die(unsigned round)
{
	core.is_host_dead = round >= 2;
}

static void die_in_a_section(const char *name)
{
	if (gt_self != holder || strcmp(name, point) != 0)
		return;
	sem_post(&is_inside);
	for (;;)
		pause();
}

static void *wait_and_die(void *arg)
{
	holder = (struct gt_thread *)arg;
	gt_thread_start(holder, 0, 0);
	sem_post(&is_inside);
	sem_wait(&may_leave);
	wait_once(GT_WHY_MUTEX);
	return NULL;
}

/* The process is killed while a thread is at `where` in the section of its first wait in a new
 * generation. */
static uint64_t killed_at(const char *where)
{
	pthread_t th;
	boot();
	sem_init(&is_inside, 0, 0);
	sem_init(&may_leave, 0, 0);
	struct gt_thread *child = gt_thread_announce(core.main, (uint64_t)&wait_and_die);
	pthread_create(&th, NULL, wait_and_die, child);
	sem_wait(&is_inside);
	core_advance();
	point = where;
	gt_testpoint = die_in_a_section;
	sem_post(&may_leave);
	sem_wait(&is_inside);
	core.on_idle = let_the_host_die;
	finish();
	return child->g.v;
}

Test(core_advance, a_killed_process_leaves_no_half_wait_and_a_status_for_each_thread)
{
	const uint64_t g = killed_at("before_commit");
	waits_are_whole(0);
	cr_assert(eq(u64, core_status(g, 2), GT_G_RUNNING));
}

Test(core_advance, a_process_killed_after_the_commit_leaves_the_whole_wait)
{
	const uint64_t g = killed_at("after_commit");
	waits_are_whole(1);
	cr_assert(eq(u64, core_status(g, 2), GT_G_RUNNING));
}

/* ---- what each generation holds ---- */

Test(core_advance, long_silent_threads_have_a_status_in_each_generation)
{
	struct gt_wait w1, w2;
	boot();
	struct gt_thread *runs = spawn(71), *blocks = spawn(72), *calls = spawn(73);
	core_as(blocks, 72);
	begin(&w1, GT_WHY_COND);
	core_as(calls, 73);
	begin(&w2, GT_WHY_FSYNC);
	core_as(core.main, 0);
	for (int i = 0; i < 4; i++)
		core_advance();
	finish();
	for (unsigned gen = 2; gen <= 5; gen++) {
		cr_assert(eq(u64, core_status(1, gen), GT_G_RUNNING));
		cr_assert(eq(u64, core_status(runs->g.v, gen), GT_G_RUNNING));
		cr_assert(eq(u64, core_status(blocks->g.v, gen), GT_G_WAITING));
		cr_assert(eq(u64, core_status(calls->g.v, gen), GT_G_SYSCALL));
		cr_assert(eq(sz, core_count(GT_EV_ProcsChange, 0, gen), 1));
	}
}

Test(core_advance, a_status_is_written_once_in_a_generation_and_a_label_once_for_each_name)
{
	boot();
	for (int gen = 1; gen <= 3; gen++) {
		for (int i = 0; i < 10; i++)
			wait_once(GT_WHY_MUTEX);
		gt_thread_set_name(core.main, gen == 2 ? "second" : "other");
		for (int i = 0; i < 10; i++)
			wait_once(GT_WHY_MUTEX);
		core_advance();
	}
	finish();
	for (unsigned gen = 1; gen <= 3; gen++) {
		cr_assert(eq(sz, core_count(GT_EV_GoStatusStack, 1, gen), 1));
		cr_assert(eq(sz, core_count(GT_EV_GoLabel, 1, gen), 2));
	}
}

Test(core_advance, without_membarrier_threads_pay_for_the_order_themselves)
{
	boot();
	gt_needs_fence = true;
	struct gt_wait w;
	wait_once(GT_WHY_MUTEX);
	begin(&w, GT_WHY_MUTEX);
	core_advance();
	gt_wait_end(&w);
	finish();
	waits_are_whole(2);
}

static long no_membarrier(long nr)
{
	return nr == SYS_membarrier ? -EPERM : 0;
}

Test(core_advance, a_kernel_without_membarrier_is_noticed)
{
	core_fault = no_membarrier;
	boot();
	cr_assert(gt_needs_fence);
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(1);
}
