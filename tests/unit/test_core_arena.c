/* Memory of the tracer (preload/arena.c). */
#include "tests/unit/core.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

#define THREADS 4
#define ROUNDS  20000

static unsigned protects;

static long count_protects(long nr)
{
	protects += nr == SYS_mprotect;
	return 0;
}

static long no_protect(long nr)
{
	return nr == SYS_mprotect ? -ENOMEM : 0;
}

static void init(size_t buffer)
{
	cr_assert(eq(int, gt_arena_init(buffer, 64, sizeof(struct gt_thread)), 0));
}

Test(core_arena, a_region_grows_in_steps_and_not_for_each_piece)
{
	init(64u << 20);
	gt_sys_fault = count_protects;
	for (int i = 0; i < 16 * 3; i++) /* 3 MiB */
		cr_assert(gt_chunk_get(true) != NULL);
	cr_assert(ge(u32, protects, 2));
	cr_assert(le(u32, protects, 4));
	gt_arena_grow_ahead();
	protects = 0;
	for (int i = 0; i < 16; i++)
		cr_assert(gt_chunk_get(true) != NULL);
	cr_assert(eq(u32, protects, 0), "what the writer made usable ahead costs nobody a call");
}

Test(core_arena, the_bound_of_the_buffer_is_kept_and_memory_comes_back)
{
	init(256u << 10);
	struct gt_chunk *c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = gt_chunk_get(true);
		cr_assert(c[i] != NULL);
		cr_assert(eq(u32, c[i]->size, GT_CHUNK_BIG));
		memset(c[i]->mem, 0xff, GT_CHUNK_BIG - sizeof(*c[i]));
	}
	cr_assert(gt_chunk_get(true) == NULL);
	cr_assert(gt_chunk_get(false) == NULL);
	cr_assert(eq(u64, gt_chunk_bytes_in_use(), 256u << 10));
	gt_chunk_put(c[2]);
	cr_assert(gt_chunk_get(false) == c[2], "any size is better than a loss");
	cr_assert(gt_chunk_get(false) == NULL);
}

Test(core_arena, a_buffer_smaller_than_a_step_works)
{
	init(4096);
	for (int i = 0; i < 16; i++)
		cr_assert(gt_chunk_get(false) != NULL);
	cr_assert(gt_chunk_get(false) == NULL);
}

Test(core_arena, a_failed_call_costs_one_piece_and_not_the_region)
{
	init(64u << 20);
	for (int i = 0; i < 15; i++)
		cr_assert(gt_chunk_get(true) != NULL);
	gt_sys_fault = no_protect;
	cr_assert(gt_chunk_get(true) == NULL);
	cr_assert(gt_chunk_get(false) != NULL, "what is usable already is still given out");
	gt_sys_fault = NULL;
	struct gt_chunk *c = gt_chunk_get(true);
	cr_assert(c != NULL);
	memset(c->mem, 1, GT_CHUNK_BIG - sizeof(*c));
}

Test(core_arena, without_memory_there_is_an_error_and_no_crash)
{
	gt_sys_fault = no_protect;
	cr_assert(lt(int, gt_arena_init(1 << 20, 64, sizeof(struct gt_thread)), 0));
}

Test(core_arena, what_was_put_last_is_given_out_first)
{
	init(1 << 20);
	struct gt_chunk *c[3];
	for (int i = 0; i < 3; i++)
		c[i] = gt_chunk_get(false);
	for (int i = 0; i < 3; i++)
		gt_chunk_put(c[i]);
	for (int i = 2; i >= 0; i--)
		cr_assert(gt_chunk_get(false) == c[i]);
	uint32_t b[3];
	for (int i = 0; i < 3; i++)
		b[i] = gt_block_get();
	for (int i = 0; i < 3; i++)
		gt_block_put(b[i]);
	for (int i = 2; i >= 0; i--)
		cr_assert(eq(u32, gt_block_get(), b[i]));
}

Test(core_arena, chunks_have_names_that_lead_back_to_them)
{
	init(1 << 20);
	cr_assert(gt_chunk_at(0) == NULL);
	cr_assert(eq(u32, gt_chunk_index(NULL), 0));
	for (int i = 0; i < 20; i++) {
		struct gt_chunk *c = gt_chunk_get(i % 3 == 0);
		cr_assert(gt_chunk_at(gt_chunk_index(c)) == c);
		cr_assert(ne(u32, gt_chunk_index(c), 0));
	}
}

Test(core_arena, a_block_is_zero_whoever_had_it_before)
{
	init(1 << 20);
	const uint32_t i = gt_block_get();
	memset(gt_block_at(i), 0xff, sizeof(struct gt_call_block));
	gt_block_put(i);
	cr_assert(eq(u32, gt_block_get(), i));
	const struct gt_call_block zero = { 0 };
	cr_assert(memcmp(gt_block_at(i), &zero, sizeof(zero)) == 0);
}

Test(core_arena, the_full_list_keeps_the_order_and_is_taken_whole)
{
	init(1 << 20);
	cr_assert(gt_chunk_take_all() == NULL);
	for (uint64_t i = 0; i < 10; i++) {
		struct gt_chunk *c = gt_chunk_get(false);
		c->gen = i;
		gt_chunk_hand_over(c);
	}
	uint64_t n = 0;
	for (struct gt_chunk *c = gt_chunk_take_all(); c; c = gt_chunk_at(c->next))
		cr_assert(eq(u64, c->gen, n++));
	cr_assert(eq(u64, n, 10));
	cr_assert(gt_chunk_take_all() == NULL);
}

/* ---- racing threads ---- */

static pthread_barrier_t gate;
static _Atomic uint32_t twice, short_of;

/* Each holder signs its piece; nobody else's signature may appear in it. */
static void *get_and_put(void *arg)
{
	const uint64_t me = (uint64_t)arg;
	struct gt_chunk *held[5];
	uint32_t blocks[5];
	pthread_barrier_wait(&gate);
	for (unsigned r = 0; r < ROUNDS; r++) {
		const unsigned n = 1 + (r + (unsigned)me) % 5;
		for (unsigned i = 0; i < n; i++) {
			held[i] = gt_chunk_get(i == 4);
			blocks[i] = gt_block_get();
			if (!held[i] || !blocks[i]) {
				atomic_fetch_add(&short_of, 1);
				return NULL;
			}
			held[i]->gen = me;
			memcpy(held[i]->mem, &me, sizeof(me));
			gt_block_at(blocks[i])->now.waits = me;
		}
		for (unsigned i = n; i-- > 0;) {
			const bool is_mine = held[i]->gen == me &&
					     memcmp(held[i]->mem, &me, sizeof(me)) == 0 &&
					     gt_block_at(blocks[i])->now.waits == me;
			if (!is_mine)
				atomic_fetch_add(&twice, 1);
			gt_chunk_put(held[i]);
			gt_block_put(blocks[i]);
		}
	}
	return NULL;
}

static void race(void *(*fn)(void *))
{
	pthread_t th[THREADS];
	pthread_barrier_init(&gate, NULL, THREADS);
	for (uint64_t i = 0; i < THREADS; i++)
		cr_assert(pthread_create(&th[i], NULL, fn, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
}

Test(core_arena, four_racing_threads_never_get_the_same_piece, .timeout = 600)
{
	init(8u << 20);
	race(get_and_put);
	cr_assert(eq(u32, short_of, 0));
	cr_assert(eq(u32, twice, 0));
	cr_assert(eq(u64, gt_chunk_bytes_in_use(), 0));
}

static void *hand_over(void *arg)
{
	pthread_barrier_wait(&gate);
	for (uint64_t r = 1; r <= 200; r++) {
		struct gt_chunk *c = gt_chunk_get(false);
		c->tid = (uint64_t)arg;
		c->start = r;
		gt_chunk_hand_over(c);
	}
	return NULL;
}

Test(core_arena, chunks_of_four_racing_threads_arrive_all_and_in_order, .timeout = 600)
{
	uint64_t last[THREADS + 1] = { 0 };
	init(8u << 20);
	race(hand_over);
	for (struct gt_chunk *c = gt_chunk_take_all(); c; c = gt_chunk_at(c->next))
		cr_assert(eq(u64, c->start, ++last[c->tid]));
	for (int i = 1; i <= THREADS; i++)
		cr_assert(eq(u64, last[i], 200));
}
