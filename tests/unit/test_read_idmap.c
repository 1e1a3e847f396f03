#include "tools/read/idmap.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct gt_idmap m;

Test(read_idmap, an_empty_map_has_nothing)
{
	cr_assert(eq(u32, gt_idmap_get(&m, 0), GT_NO_INDEX));
	cr_assert(eq(u32, gt_idmap_get(&m, UINT64_MAX), GT_NO_INDEX));
	gt_idmap_remove(&m, 5);
	gt_idmap_clear(&m);
	gt_idmap_free(&m);
}

Test(read_idmap, small_and_large_ids_live_together)
{
	const uint64_t step = 0x123456789abcULL;
	for (uint32_t i = 0; i < 1000; i++) {
		cr_assert(gt_idmap_put(&m, i, i));
		cr_assert(gt_idmap_put(&m, UINT64_MAX - i * step, 5000 + i));
	}
	for (uint32_t i = 0; i < 1000; i++) {
		cr_assert(eq(u32, gt_idmap_get(&m, i), i));
		cr_assert(eq(u32, gt_idmap_get(&m, UINT64_MAX - i * step), 5000 + i));
	}
	cr_assert(eq(u32, gt_idmap_get(&m, 1000), GT_NO_INDEX));
	cr_assert(eq(u32, m.n, 2000));
	gt_idmap_free(&m);
}

Test(read_idmap, an_id_that_was_too_large_for_the_array_is_found_after_the_array_grew)
{
	cr_assert(gt_idmap_put(&m, 500, 7)); /* goes into the hash table */
	cr_assert(eq(u32, m.n_hashed, 1));
	for (uint32_t i = 0; i < 400; i++)
		cr_assert(gt_idmap_put(&m, i, i));
	cr_assert(gt(u64, m.n_dense, 500));
	cr_assert(eq(u32, gt_idmap_get(&m, 500), 7));
	gt_idmap_remove(&m, 500);
	cr_assert(eq(u32, gt_idmap_get(&m, 500), GT_NO_INDEX));
	gt_idmap_free(&m);
}

Test(read_idmap, the_array_stays_within_a_multiple_of_the_entries)
{
	for (uint64_t i = 0; i < 64; i++)
		cr_assert(gt_idmap_put(&m, i << 50, 0));
	cr_assert(le(u64, m.n_dense, 4 * (64 + 16)));
	gt_idmap_free(&m);
}

Test(read_idmap, removing_keeps_the_others_reachable)
{
	const uint64_t base = 1ULL << 40;
	for (uint32_t i = 0; i < 3000; i++)
		cr_assert(gt_idmap_put(&m, base + i, i));
	for (uint32_t i = 0; i < 3000; i += 3)
		gt_idmap_remove(&m, base + i);
	for (uint32_t i = 0; i < 3000; i++)
		cr_assert(eq(u32, gt_idmap_get(&m, base + i), i % 3 ? i : GT_NO_INDEX));
	cr_assert(eq(u32, m.n, 2000));
	gt_idmap_free(&m);
}

Test(read_idmap, clearing_forgets_all_and_keeps_the_memory)
{
	cr_assert(gt_idmap_put(&m, 3, 1));
	cr_assert(gt_idmap_put(&m, 1ULL << 60, 2));
	const uint32_t slots = m.n_slots;
	gt_idmap_clear(&m);
	cr_assert(eq(u32, gt_idmap_get(&m, 3), GT_NO_INDEX));
	cr_assert(eq(u32, gt_idmap_get(&m, 1ULL << 60), GT_NO_INDEX));
	cr_assert(eq(u32, m.n_slots, slots));
	gt_idmap_free(&m);
}
