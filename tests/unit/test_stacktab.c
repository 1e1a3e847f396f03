#include "encoder/section.h"
#include "encoder/stacktab.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

#define SLOTS  1024
#define MAX_ID 2000
#define WORDS  16384

/* Criterion runs every test in a process of its own. */
static _Atomic uint64_t slots[SLOTS];
static _Atomic uint32_t ids[MAX_ID + 1];
static uint64_t words[WORDS];

static void init(struct gt_stacktab *t, uint32_t n_slots, uint32_t max_id, uint32_t n_words)
{
	gt_stacktab_init(t, slots, n_slots, ids, max_id, words, n_words);
}

/* A stack of its own for each `i`. */
static uint64_t put(struct gt_stacktab *t, uint64_t i, size_t n)
{
	uint64_t pcs[GT_STACK_MAX + 1];
	for (size_t k = 0; k < n; k++)
		pcs[k] = 0x400000 + 16 * i + k;
	return gt_stacktab_put(t, pcs, n).v;
}

static uint32_t lost(struct gt_stacktab *t)
{
	return atomic_load(&t->lost);
}

Test(stacktab, the_same_stack_has_the_same_id)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);

	cr_assert(eq(u64, put(&t, 1, 3), 1));
	cr_assert(eq(u64, put(&t, 2, 3), 2));
	cr_assert(eq(u64, put(&t, 1, 3), 1));
	cr_assert(eq(u64, put(&t, 2, 3), 2));
	cr_assert(eq(u32, gt_stacktab_end(&t), 3));
}

Test(stacktab, length_order_and_every_frame_make_a_difference)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	uint64_t id = 0;

	for (size_t n = 1; n <= 5; n++) {
		uint64_t pcs[5] = { 10, 11, 12, 13, 14 };
		cr_assert(eq(u64, gt_stacktab_put(&t, pcs, n).v, ++id));
		for (size_t k = 0; k < n; k++) {
			pcs[k] += 100 + k;
			cr_assert(eq(u64, gt_stacktab_put(&t, pcs, n).v, ++id));
			pcs[k] -= 100 + k;
		}
	}
	cr_assert(eq(u64, gt_stacktab_put(&t, (const uint64_t[]){ 11, 10 }, 2).v, ++id));
}

Test(stacktab, frames_come_back_as_they_were_put)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	const uint64_t want[] = { 0x7fff12345678, 0x401000, UINT64_MAX };
	const uint64_t *got = NULL;

	put(&t, 1, 7);
	const gt_stack id = gt_stacktab_put(&t, want, 3);
	cr_assert(eq(sz, gt_stacktab_get(&t, id.v, &got), 3));
	cr_assert_arr_eq(got, want, sizeof(want));
}

Test(stacktab, the_empty_stack_is_id_zero_and_not_lost)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);

	cr_assert(eq(u64, gt_stacktab_put(&t, NULL, 0).v, 0));
	cr_assert(eq(u32, lost(&t), 0));
	cr_assert(eq(u32, gt_stacktab_end(&t), 1));
}

Test(stacktab, a_deep_stack_keeps_its_innermost_frames)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	const uint64_t *got = NULL;

	cr_assert(eq(u64, put(&t, 1, GT_STACK_MAX + 1), 1));
	cr_assert(eq(u64, put(&t, 1, GT_STACK_MAX), 1));
	cr_assert(eq(sz, gt_stacktab_get(&t, 1, &got), GT_STACK_MAX));
	cr_assert(eq(u64, got[0], 0x400010));
}

Test(stacktab, an_id_that_was_not_given_or_not_completed_has_no_frames)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	const uint64_t *got = NULL;

	put(&t, 1, 3);
	/* a put that stopped after it took its number, or that lost its race */
	cr_assert(eq(u32, atomic_fetch_add(&t.next_id, 1), 2));
	cr_assert(eq(u64, put(&t, 2, 4), 3));

	const uint64_t none[] = { 0, 2, 4, MAX_ID, MAX_ID + 1, UINT64_MAX };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_assert(eq(sz, gt_stacktab_get(&t, none[i], &got), 0));
	cr_assert(eq(sz, gt_stacktab_get(&t, 1, &got), 3));
	cr_assert(eq(sz, gt_stacktab_get(&t, 3, &got), 4));
}

/* Fills the table, goes on, and looks whether what was put is still there. */
static void check_full_at(struct gt_stacktab *t, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++)
		cr_assert(eq(u64, put(t, i, 3), i));
	for (uint64_t i = n + 1; i <= n + 5; i++)
		cr_assert(eq(u64, put(t, i, 3), 0));
	for (uint64_t i = 1; i <= n; i++)
		cr_assert(eq(u64, put(t, i, 3), i));
	cr_assert(eq(u32, lost(t), 5));
	cr_assert(eq(u32, gt_stacktab_end(t), (uint32_t)n + 1));
}

Test(stacktab, without_slots_new_stacks_are_lost_and_counted)
{
	struct gt_stacktab t;
	init(&t, 64, MAX_ID, WORDS);
	check_full_at(&t, 48); /* three quarters */
}

Test(stacktab, without_ids_new_stacks_are_lost_and_counted)
{
	struct gt_stacktab t;
	init(&t, 64, 10, WORDS);
	check_full_at(&t, 10);
	cr_assert(eq(u32, atomic_load(&ids[11]), 0));
}

Test(stacktab, without_words_new_stacks_are_lost_and_counted)
{
	struct gt_stacktab t;
	init(&t, 64, MAX_ID, 4 * 5);
	check_full_at(&t, 5);
	cr_assert(eq(u64, words[4 * 5], 0));
}

Test(stacktab, a_stack_too_deep_for_the_rest_leaves_it_to_shorter_ones)
{
	struct gt_stacktab t;
	init(&t, 64, MAX_ID, 10);
	cr_assert(eq(u64, put(&t, 1, 5), 1));
	for (uint64_t i = 2; i < 10; i++)
		cr_assert(eq(u64, put(&t, i, 6), 0));
	cr_assert(eq(u64, put(&t, 2, 3), 2));
	cr_assert(eq(u32, lost(&t), 8));
}

Test(stacktab, the_smallest_table_holds_one_stack)
{
	struct gt_stacktab t;
	init(&t, 1, MAX_ID, WORDS);
	check_full_at(&t, 1);
}

/* Few stacks are cleared one by one, many at once. */
static void check_reset_after(uint64_t n)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= n; i++)
			cr_assert(eq(u64, put(&t, i * 7 + (uint64_t)round, 3), i));
		atomic_store(&t.lost, 3);
		gt_stacktab_reset(&t);

		for (size_t i = 0; i < SLOTS; i++)
			cr_assert(eq(u64, atomic_load(&slots[i]), 0));
		for (size_t i = 0; i <= MAX_ID; i++)
			cr_assert(eq(u32, atomic_load(&ids[i]), 0));
		cr_assert(eq(u32, lost(&t), 0));
		cr_assert(eq(u32, gt_stacktab_end(&t), 1));
	}
}

Test(stacktab, a_reset_forgets_everything)
{
	const uint64_t used[] = { 0, 1, 30, 62, 63, 64, 65, 500, 768 };
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		check_reset_after(used[i]);
}

Test(stacktab, a_reset_forgets_ids_without_a_stack_too)
{
	struct gt_stacktab t;
	init(&t, SLOTS, MAX_ID, WORDS);
	atomic_fetch_add(&t.next_id, 3);
	cr_assert(eq(u64, put(&t, 1, 3), 4));
	atomic_fetch_add(&t.next_id, MAX_ID); /* more racing puts than there are ids */
	cr_assert(eq(u32, gt_stacktab_end(&t), 769));
	gt_stacktab_reset(&t);
	cr_assert(eq(u64, put(&t, 1, 3), 1));
}

/* So many that some must have the same 32-bit hash: about 20 pairs. */
#define MANY 400000

Test(stacktab, stacks_with_the_same_hash_are_kept_apart)
{
	static _Atomic uint64_t many_slots[1 << 20];
	static _Atomic uint32_t many_ids[MANY + 1];
	static uint64_t many_words[MANY * 4];
	struct gt_stacktab t;
	gt_stacktab_init(&t, many_slots, 1 << 20, many_ids, MANY, many_words, MANY * 4);

	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 1; i <= MANY; i++) {
			const uint64_t id = put(&t, i, 3);
			if (id != i)
				cr_fail("stack %lu got id %lu", (unsigned long)i,
					(unsigned long)id);
		}
	}

	size_t pairs = 0; /* neighbours in a chain that only the words tell apart */
	for (size_t i = 1; i < 1 << 20; i++)
		pairs += many_slots[i] && many_slots[i] >> 32 == many_slots[i - 1] >> 32;
	cr_assert(gt(sz, pairs, 0), "the test has lost its point");
}

/* Racing threads put the same stacks in the same order, so that they meet again and again. */
#define THREADS 4
#define STACKS  700
#define ROUNDS  20

struct racer {
	struct gt_stacktab *t;
	pthread_barrier_t *gate;
	uint64_t id[STACKS];
};

static void *race(void *arg)
{
	struct racer *r = arg;
	pthread_barrier_wait(r->gate);
	for (uint64_t i = 0; i < STACKS; i++)
		r->id[i] = put(r->t, i, 5);
	return NULL;
}

static void check_ids(struct gt_stacktab *t, const struct racer *racers)
{
	for (uint64_t i = 0; i < STACKS; i++) {
		const uint64_t *pcs = NULL;
		const uint64_t id = racers[0].id[i];
		for (int k = 1; k < THREADS; k++)
			cr_assert(eq(u64, racers[k].id[i], id));
		cr_assert(eq(sz, gt_stacktab_get(t, id, &pcs), 5));
		cr_assert(eq(u64, pcs[0], 0x400000 + 16 * i));
	}
}

static void run_race(struct gt_stacktab *t, struct racer *racers)
{
	pthread_t threads[THREADS];
	pthread_barrier_t gate;
	pthread_barrier_init(&gate, NULL, THREADS);
	for (int k = 0; k < THREADS; k++) {
		racers[k].t = t;
		racers[k].gate = &gate;
		cr_assert(eq(int, pthread_create(&threads[k], NULL, race, &racers[k]), 0));
	}
	for (int k = 0; k < THREADS; k++)
		pthread_join(threads[k], NULL);
	pthread_barrier_destroy(&gate);
}

Test(stacktab, racing_threads_agree_on_one_id_for_each_stack)
{
	static struct racer racers[THREADS];
	static _Atomic uint64_t race_slots[8192];
	static _Atomic uint32_t race_ids[6000];
	static uint64_t race_words[6000 * 6];
	struct gt_stacktab t;
	gt_stacktab_init(&t, race_slots, 8192, race_ids, 5999, race_words, 6000 * 6);

	for (int round = 0; round < ROUNDS; round++) {
		run_race(&t, racers);
		check_ids(&t, racers);
		cr_assert(eq(u32, lost(&t), 0));

		uint32_t with_frames = 0;
		const uint64_t *pcs;
		for (uint32_t id = 1; id < gt_stacktab_end(&t); id++)
			with_frames += gt_stacktab_get(&t, id, &pcs) != 0;
		cr_assert(eq(u32, with_frames, STACKS), "an id that lost its race shows no stack");
		gt_stacktab_reset(&t);
	}
}
