/* Waits of one thread (preload/emit.c): threshold, handlers, jumps, no room, times. */
#include "tests/unit/core.h"

#include "preload/fd.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>

#define BUFFER (4u << 20)
#define SMALL  GT_CHUNK_BIG /* 16 small chunks */
#define CALL   GT_CALL_pthread_mutex_lock

static const char *point;
static unsigned hits;

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

static void begin_as(struct gt_wait *w, enum gt_why why, uint64_t object, bool sure)
{
	gt_wait_begin(w, gt_self, CALL, why, object, sure);
}

static void begin(struct gt_wait *w, enum gt_why why)
{
	begin_as(w, why, 0, true);
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

/* Every wait that began has ended, for all threads together. */
static void waits_are_whole(size_t n)
{
	cr_assert(eq(sz, core_count(GT_EV_GoBlock, 0, 0), n));
	cr_assert(eq(sz, core_count(GT_EV_GoUnblock, 0, 0), n));
}

/* Small waits until the thread's batch has no room for another section. */
static void fill_batch(struct gt_thread *t)
{
	const struct gt_batch *b = &t->batch[core.gen % 2];
	while (b->mem && gt_batch_has_room(b, GT_SECTION_BYTES))
		wait_once(GT_WHY_MUTEX);
}

/* ---- which waits are written, and how ---- */

Test(core_emit, a_short_wait_is_counted_and_not_written)
{
	boot();
	gt_cfg.min_wait_ns = 1000000000;
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, word(core.main), 0));
	cr_assert(eq(u64, core.main->count[CALL], 1));
	finish();
	waits_are_whole(0);
}

Test(core_emit, a_short_wait_whose_begin_is_in_the_file_gets_its_end)
{
	struct gt_wait w;
	boot();
	gt_cfg.min_wait_ns = 1000000000;
	begin(&w, GT_WHY_MUTEX);
	core_advance();
	gt_wait_end(&w);
	finish();
	waits_are_whole(1);
}

/* A wait for `fd`, in which a generation ends. */
static void wait_for_fd(int fd)
{
	struct gt_wait w;
	begin_as(&w, GT_WHY_READ, (uint64_t)fd, false);
	core_advance();
	gt_wait_end(&w);
	begin_as(&w, GT_WHY_READ, (uint64_t)fd, false);
	gt_wait_end(&w);
}

Test(core_emit, a_descriptor_that_is_a_pipe_blocks_and_a_file_is_a_call)
{
	int p[2];
	boot();
	const int file = open("/proc/self/exe", O_RDONLY);
	cr_assert(pipe(p) == 0 && file >= 0);
	gt_fd_form(file, 0); /* somebody used them: the writer will look */
	gt_fd_form(p[0], 0);
	gt_fd_refresh(getpid());
	wait_for_fd(p[0]);
	wait_for_fd(file);
	finish();
	waits_are_whole(2);
	cr_assert(eq(sz, core_count(GT_EV_GoSyscallBegin, 1, 0), 2));
	cr_assert(eq(sz, core_count(GT_EV_GoSyscallEnd, 1, 0), 2));
}

/* ---- handlers ---- */

static void handler(const char *name)
{
	static bool is_in;
	if (is_in || strcmp(name, point) != 0)
		return;
	is_in = true;
	cr_assert(core.main->writing & 1);
	wait_once(GT_WHY_SLEEP);
	cr_assert(core.main->writing & 1, "the section of the interrupted event is still open");
	hits++;
	is_in = false;
}

static void interrupt_at(const char *name)
{
	boot();
	point = name;
	gt_testpoint = handler;
	wait_once(GT_WHY_MUTEX);
	gt_testpoint = NULL;
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u32, hits, 1));
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_nested], 1));
	cr_assert(eq(u64, core.main->count[CALL], 3), "it is counted all the same");
	finish();
	waits_are_whole(2);
}

Test(core_emit, a_handler_inside_a_section_passes_through_and_is_counted)
{
	interrupt_at("before_commit");
}

Test(core_emit, a_handler_after_the_commit_passes_through_and_is_counted)
{
	interrupt_at("after_commit");
}

Test(core_emit, a_handler_during_a_wait_writes_nothing)
{
	struct gt_wait w;
	boot();
	begin(&w, GT_WHY_MUTEX);
	wait_once(GT_WHY_SLEEP);
	gt_wait_end(&w);
	finish();
	waits_are_whole(1);
	cr_assert(eq(u64, core.main->count[CALL], 2));
}

/* ---- no room ---- */

Test(core_emit, a_full_buffer_drops_whole_waits_counts_them_and_recovers)
{
	core_boot(SMALL, 64);
	struct gt_chunk *all = core_take_all_chunks();
	fill_batch(core.main);
	const uint64_t written = core.main->count[CALL];
	for (int i = 0; i < 5; i++)
		wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_waits_full], 5));
	core_advance();
	for (int i = 0; i < 5; i++)
		wait_once(GT_WHY_MUTEX); /* the chunk just written is free again: the first one
					    takes it */
	core_give_back(all);
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_waits_full], 5));
	finish();
	waits_are_whole(written + 6);
}

Test(core_emit, a_begin_for_which_advance_has_no_room_is_dropped_with_its_end_and_counted_once)
{
	struct gt_wait w;
	core_boot(SMALL, 64);
	fill_batch(core.main);
	struct gt_chunk *all = core_take_all_chunks();
	begin(&w, GT_WHY_MUTEX);
	gt_advance(&core.closer);
	cr_assert(eq(u64, gt_counters[GT_COUNTER_lost_waits_full], 1));
	gt_wait_end(&w);
	cr_assert(
		eq(u64,
		   core.main->own[GT_OWN_lost_waits_full] + core.main->own[GT_OWN_lost_waits_late],
		   0));
	core_give_back(all);
}

static struct gt_chunk *freed;

static void drop_while_it_ends(const char *name)
{
	if (strcmp(name, "after_publish") == 0)
		freed = core_take_all_chunks();
}

Test(core_emit, an_end_without_room_is_owed_and_paid_later_with_its_own_time)
{
	struct gt_wait w;
	core_boot(SMALL, 64);
	begin(&w, GT_WHY_MUTEX);
	gt_testpoint = drop_while_it_ends;
	core_advance(); /* the begin finds room in the open batch */
	gt_testpoint = NULL;
	struct gt_chunk *more = core_take_all_chunks(); /* what the writer has given back */
	gt_wait_end(&w);
	const uint64_t owed = core.main->owed_ns;
	cr_assert(ne(u64, owed, 0));
	cr_assert(eq(u64, core.main->own[GT_OWN_lost_ends_late], 1));
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, core.main->owed_ns, owed), "nothing new begins as long as it is owed");
	core_give_back(more);
	core_give_back(freed);
	wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u64, core.main->owed_ns, 0));
	finish();
	waits_are_whole(2);
	cr_assert(lt(u64, core_time(GT_EV_GoUnblock, 1, 0) - owed,
		     100)); /* the reader keeps equal times apart */
}

Test(core_emit, a_thread_that_fills_its_batch_goes_on_in_a_bigger_one)
{
	boot();
	for (int i = 0; i < 2000; i++)
		wait_once(GT_WHY_MUTEX);
	cr_assert(eq(u32, core.main->chunk[core.gen % 2]->size, GT_CHUNK_BIG));
	core_drain(false);
	for (int i = 0; i < 10000; i++)
		wait_once(i % 2 ? GT_WHY_MUTEX : GT_WHY_COND);
	finish();
	waits_are_whole(12000);
}

/* ---- jumps ---- */

static jmp_buf out;

/* A stack pointer that a jump out of what this test called would restore. */
static __attribute__((noinline)) uint64_t outside(void)
{
	return (uint64_t)__builtin_frame_address(0) + 4096;
}

static void jump(const char *name)
{
	if (strcmp(name, point) == 0)
		longjmp(out, 1);
}

/* A handler leaves the section of a wait by longjmp; the hooks of that family call
 * gt_thread_heal(). */
static void jump_from(const char *name, bool first_of_its_generation)
{
	boot();
	if (first_of_its_generation)
		core_advance();
	else
		wait_once(GT_WHY_MUTEX);
	point = name;
	gt_testpoint = jump;
	if (setjmp(out) == 0)
		wait_once(GT_WHY_COND);
	gt_testpoint = NULL;
	gt_thread_heal(outside());
	cr_assert(not(core.main->writing & 1));
	cr_assert(eq(u64, word(core.main), 0));
	struct gt_wait w;
	begin(&w, GT_WHY_MUTEX);
	gt_wait_end(&w);
	core_advance();
	wait_once(GT_WHY_MUTEX);
	finish();
	const size_t n = core_count(GT_EV_GoBlock, 0, 0);
	cr_assert(le(u64, core_time(GT_EV_GoBlock, 1, n - 2) - w.begin.v, 100),
		  "times after it are right");
	waits_are_whole(n);
	cr_assert(ge(sz, n, first_of_its_generation ? 2 : 3));
}

Test(core_emit, a_jump_out_of_a_section_forgets_the_half_event)
{
	jump_from("before_commit", false);
}

Test(core_emit, a_jump_out_of_the_first_section_of_a_generation_forgets_its_statuses_too)
{
	jump_from("before_commit", true);
}

Test(core_emit, a_jump_after_the_commit_keeps_the_event)
{
	jump_from("after_commit", false);
}

Test(core_emit, a_jump_after_the_first_commit_of_a_generation_keeps_the_event)
{
	jump_from("after_commit", true);
}

Test(core_emit, a_jump_out_of_the_end_of_a_wait_that_advance_began)
{
	struct gt_wait w;
	boot();
	begin(&w, GT_WHY_COND);
	core_advance();
	point = "before_commit";
	gt_testpoint = jump;
	if (setjmp(out) == 0)
		gt_wait_end(&w);
	gt_testpoint = NULL;
	gt_thread_heal(outside());
	wait_once(GT_WHY_MUTEX);
	core_advance();
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(3);
}

/* Deep in the stack: a wait further out must not be taken for the one that is left. */
static __attribute__((noinline)) void jump_deep_down(void)
{
	struct gt_wait w;
	char room[8192];
	__asm__ volatile("" : : "r"(room) : "memory");
	point = "before_note";
	gt_testpoint = jump;
	if (setjmp(out) == 0)
		begin(&w, GT_WHY_COND);
	gt_testpoint = NULL;
	gt_thread_heal((uint64_t)__builtin_frame_address(0));
}

Test(core_emit, a_jump_out_of_the_note_of_a_wait_forgets_it)
{
	boot();
	wait_once(GT_WHY_MUTEX);
	jump_deep_down();
	cr_assert(not(core.main->writing & 1));
	cr_assert(eq(u64, word(core.main), 0));
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(2);
}

Test(core_emit, a_jump_out_of_a_wait_ends_it)
{
	struct gt_wait w;
	boot();
	begin(&w, GT_WHY_COND);
	gt_thread_heal(outside());
	cr_assert(eq(u64, word(core.main), 0));
	begin(&w, GT_WHY_COND);
	core_advance();
	gt_thread_heal(outside());
	cr_assert(eq(u64, word(core.main), 0));
	wait_once(GT_WHY_MUTEX);
	finish();
	waits_are_whole(3);
}

/* ---- counters ---- */

static uint32_t bucket(unsigned i)
{
	return gt_block_at(atomic_load(&core.main->block[CALL]))->now.bucket[i];
}

Test(core_emit, times_fall_into_the_bucket_of_their_log2)
{
	boot();
	struct gt_clock_params late = { __builtin_ia32_rdtsc(), 1ull << 50,
					1ull << 32 }; /* days after the start */
	gt_clock_now = &late;
	for (unsigned k = 20; k < 39;
	     k++) { /* the time that the test itself takes is far below 2^19 ns ... */
		struct gt_wait w = { .t = core.main, .call = CALL };
		w.begin.v = gt_now().v -
			    (3ull << (k - 1)); /* ... so this is in the middle of the bucket */
		gt_wait_end(&w);
		cr_assert(eq(u32, bucket(k), 1), "bucket %u", k);
	}
	struct gt_wait w = { .t = core.main, .call = CALL, .begin = { gt_now().v + 1000000000 } };
	gt_wait_end(&w);
	cr_assert(eq(u32, bucket(0), 1), "a clock that steps back counts as no time");
	w.begin.v = 0;
	gt_wait_end(&w);
	cr_assert(eq(u32, bucket(GT_N_BUCKETS - 1), 1), "the last bucket takes all that is longer");
	cr_assert(eq(u64, core.main->count[CALL], 21));
}
