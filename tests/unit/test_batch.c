#include "encoder/event.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define ROOM 256 /* bytes of data in the batches of these tests */

static const gt_ns start = { 100 };

Test(batch, a_new_batch_is_empty)
{
	uint8_t mem[GT_BATCH_HEADER + ROOM];
	const struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	cr_assert(eq(sz, gt_batch_len(&b), 0));
	cr_assert(gt_batch_has_room(&b, ROOM));
	cr_assert(not(gt_batch_has_room(&b, ROOM + 1)));
}

Test(batch, a_batch_holds_no_more_than_readers_accept)
{
	static uint8_t mem[2 * GT_BATCH_MAX_DATA];
	const struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	cr_assert(gt_batch_has_room(&b, GT_BATCH_MAX_DATA));
	cr_assert(not(gt_batch_has_room(&b, GT_BATCH_MAX_DATA + 1)));
}

Test(batch, time_is_counted_from_the_event_before)
{
	uint8_t mem[GT_BATCH_HEADER + ROOM];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	gt_w_ProcStop(&b, (gt_ns){ 105 });
	gt_w_ProcStop(&b, (gt_ns){ 305 });

	const uint8_t want[] = { GT_EV_ProcStop, 5, GT_EV_ProcStop, 200 | 0x80, 200 >> 7 };
	cr_assert(eq(sz, gt_batch_len(&b), sizeof(want)));
	cr_assert_arr_eq(mem + GT_BATCH_HEADER, want, sizeof(want));
}

Test(batch, a_clock_that_steps_back_stands_still_until_time_has_caught_up)
{
	uint8_t mem[GT_BATCH_HEADER + ROOM];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	gt_w_ProcStop(&b, (gt_ns){ 90 }); /* older than the batch */
	gt_w_ProcStop(&b, (gt_ns){ 110 });
	gt_w_ProcStop(&b, (gt_ns){ 105 });
	gt_w_ProcStop(&b, (gt_ns){ 112 });

	const uint8_t want[] = { GT_EV_ProcStop, 0, GT_EV_ProcStop, 10,
				 GT_EV_ProcStop, 0, GT_EV_ProcStop, 2 };
	cr_assert(eq(sz, gt_batch_len(&b), sizeof(want)));
	cr_assert_arr_eq(mem + GT_BATCH_HEADER, want, sizeof(want));
}

Test(batch, sealing_puts_the_header_right_before_the_data)
{
	uint8_t mem[GT_BATCH_HEADER + ROOM];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), (gt_ns){ 1000000 });
	gt_w_ProcStop(&b, (gt_ns){ 1000001 });

	const uint8_t *wire;
	const size_t len = gt_batch_seal(mem, b.len, 0, 1, (gt_m){ 1000 }, b.start, &wire);

	const uint8_t want[] = { GT_EV_EventBatch, 1, 0xe8, 0x07, 0xc0, 0x84, 0x3d, 2,
				 GT_EV_ProcStop,   1 };
	cr_assert(eq(sz, len, sizeof(want)));
	cr_assert_arr_eq(wire, want, sizeof(want));
	cr_assert(eq(ptr, (void *)(wire + len), mem + b.len));
}

Test(batch, the_longest_header_fits_into_its_room)
{
	uint8_t mem[1 + GT_BATCH_HEADER];
	mem[0] = 0xee;

	const uint8_t *wire;
	const size_t len = gt_batch_seal(mem + 1, GT_BATCH_HEADER + GT_BATCH_MAX_DATA, 255,
					 UINT64_MAX, GT_NO_M, (gt_ns){ UINT64_MAX }, &wire);

	cr_assert(eq(sz, len - GT_BATCH_MAX_DATA, 2 + 3 * GT_VARINT_MAX + 3));
	cr_assert(ge(ptr, (void *)wire, mem + 1));
	cr_assert(eq(u8, mem[0], 0xee));
}

Test(batch, the_experiment_is_one_raw_byte_behind_the_type)
{
	uint8_t mem[GT_BATCH_HEADER];
	const uint8_t *wire;
	const size_t len =
		gt_batch_seal(mem, sizeof(mem), GT_EXPERIMENT, 3, (gt_m){ 7 }, (gt_ns){ 9 }, &wire);

	const uint8_t want[] = { GT_EV_ExperimentalBatch, GT_EXPERIMENT, 3, 7, 9, 0 };
	cr_assert(eq(sz, len, sizeof(want)));
	cr_assert_arr_eq(wire, want, sizeof(want));
}

Test(batch, a_record_is_kind_then_length_then_body_and_tail)
{
	uint8_t mem[GT_BATCH_HEADER + ROOM];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);
	const uint8_t body[] = { 1, 2 }, tail[] = { 3 };

	cr_assert(gt_batch_record(&b, 9, body, 2, tail, 1));
	cr_assert(gt_batch_record(&b, 8, body, 1, NULL, 0));

	const uint8_t want[] = { 9, 3, 1, 2, 3, 8, 1, 1 };
	cr_assert(eq(sz, gt_batch_len(&b), sizeof(want)));
	cr_assert_arr_eq(mem + GT_BATCH_HEADER, want, sizeof(want));
}

Test(batch, a_record_may_fill_the_batch_to_the_last_byte)
{
	static uint8_t mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA], body[GT_BATCH_MAX_DATA - 4];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	cr_assert(not(gt_batch_record(&b, 1, body, sizeof(body), body, 1)));
	cr_assert(eq(sz, gt_batch_len(&b), 0), "what does not fit leaves no trace");
	cr_assert(gt_batch_record(&b, 1, body, sizeof(body), NULL, 0));
	cr_assert(eq(sz, gt_batch_len(&b), GT_BATCH_MAX_DATA));

	const uint8_t *wire;
	gt_batch_seal(mem, b.len, GT_EXPERIMENT, 1, (gt_m){ 0 }, start, &wire);
	const uint8_t want[] = { GT_EV_ExperimentalBatch, GT_EXPERIMENT, 1, 0, 100, 0x80, 0x80, 4 };
	cr_assert_arr_eq(wire, want, sizeof(want), "size 65536 takes three bytes");
}
