#include "tools/lib/spool.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define SEQS 7

/* Byte i of a sequence. */
static uint8_t byte_of(uint32_t seq, uint64_t i)
{
	return (uint8_t)(i * 31 + i / 251 + seq * 17);
}

/* Pieces of 1 to 1300 bytes, in turn to all sequences. */
static void fill(struct gt_spool *s, uint64_t len[SEQS], unsigned rounds)
{
	uint8_t piece[1300];
	for (unsigned i = 0; i < rounds; i++) {
		const uint32_t seq = i % SEQS;
		const size_t n = 1 + i * 37 % sizeof(piece);
		for (size_t k = 0; k < n; k++)
			piece[k] = byte_of(seq, len[seq] + k);
		gt_spool_put(s, seq, piece, n);
		len[seq] += n;
	}
}

Test(spool, every_sequence_comes_back_as_it_was_put)
{
	struct gt_spool *s = gt_spool_new();
	uint64_t len[SEQS] = { 0 };
	fill(s, len, 1000);
	for (uint32_t seq = 0; seq < SEQS; seq++) {
		cr_assert(eq(u64, gt_spool_len(s, seq), len[seq]));
		struct gt_spool_reader r = gt_spool_read(s, seq);
		uint8_t b;
		for (uint64_t i = 0; i < len[seq]; i++) {
			cr_assert(gt_spool_get(&r, &b, 1));
			cr_assert(eq(u8, b, byte_of(seq, i)));
		}
		cr_assert(not(gt_spool_get(&r, &b, 1)));
	}
	cr_assert(eq(int, gt_spool_failed(s), 0));
	gt_spool_free(s);
}

Test(spool, a_sequence_can_be_read_twice_and_in_any_steps)
{
	struct gt_spool *s = gt_spool_new();
	uint64_t len[SEQS] = { 0 };
	fill(s, len, 300);
	for (size_t step = 1; step < 2000; step += 333) {
		struct gt_spool_reader r = gt_spool_read(s, 3);
		uint8_t got[2000];
		uint64_t at = 0;
		while (gt_spool_get(&r, got, step)) {
			for (size_t i = 0; i < step; i++)
				cr_assert(eq(u8, got[i], byte_of(3, at + i)));
			at += step;
		}
		cr_assert(lt(u64, len[3] - at, step));
	}
	gt_spool_free(s);
}

Test(spool, a_sequence_that_ends_at_the_end_of_a_chunk_is_whole)
{
	const size_t data = GT_SPOOL_CHUNK - sizeof(uint64_t);
	for (size_t n = data - 1; n <= 2 * data + 1; n++) {
		struct gt_spool *s = gt_spool_new();
		uint8_t in[2 * GT_SPOOL_CHUNK], out[2 * GT_SPOOL_CHUNK];
		memset(in, (int)n, sizeof(in));
		gt_spool_put(s, 0, in, n);
		struct gt_spool_reader r = gt_spool_read(s, 0);
		cr_assert(gt_spool_get(&r, out, n));
		cr_assert(eq(int, memcmp(in, out, n), 0));
		cr_assert(not(gt_spool_get(&r, out, 1)));
		gt_spool_free(s);
	}
}

Test(spool, a_sequence_that_nobody_named_is_empty)
{
	struct gt_spool *s = gt_spool_new();
	struct gt_spool_reader r = gt_spool_read(s, 5);
	uint8_t b;
	cr_assert(eq(u64, gt_spool_len(s, 5), 0));
	cr_assert(not(gt_spool_get(&r, &b, 1)));
	gt_spool_free(s);
}
