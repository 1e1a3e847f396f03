#include "encoder/varint.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Every power of two and its neighbours: all lengths, and both sides of every border. */
#define FOR_EACH_NUMBER(v)                                                                         \
	for (unsigned bit_ = 0; bit_ < 64; bit_++)                                                 \
		for (uint64_t v = ((uint64_t)1 << bit_) - 1, last_ = v + 2; v <= last_ && v + 1;   \
		     v++)

Test(varint, what_was_put_is_what_one_gets)
{
	FOR_EACH_NUMBER(v)
	{
		uint8_t mem[GT_VARINT_MAX];
		const uint8_t *end = gt_varint_put(mem, v);

		uint64_t got = ~v;
		cr_assert(eq(ptr, (void *)gt_varint_get(mem, end, &got), (void *)end));
		cr_assert(eq(u64, got, v));
	}
}

Test(varint, the_length_is_known_before_writing)
{
	FOR_EACH_NUMBER(v)
	{
		uint8_t mem[GT_VARINT_MAX];
		cr_assert(eq(sz, gt_varint_len(v), (size_t)(gt_varint_put(mem, v) - mem)));
	}
}

Test(varint, the_longest_number_takes_ten_bytes)
{
	uint8_t mem[GT_VARINT_MAX];
	uint64_t got = 0;

	cr_assert(eq(ptr, gt_varint_put(mem, UINT64_MAX), mem + GT_VARINT_MAX));
	cr_assert(eq(u8, mem[9], 1));
	cr_assert(ne(ptr, (void *)gt_varint_get(mem, mem + sizeof(mem), &got), NULL));
	cr_assert(eq(u64, got, UINT64_MAX));
}

Test(varint, a_number_that_ends_too_early_is_refused)
{
	uint8_t mem[GT_VARINT_MAX];
	const uint8_t *end = gt_varint_put(mem, UINT64_MAX);
	uint64_t got = 7;

	for (const uint8_t *cut = mem; cut < end; cut++)
		cr_assert(eq(ptr, (void *)gt_varint_get(mem, cut, &got), NULL));
	cr_assert(eq(u64, got, 7), "a refused number leaves the result alone");
}

Test(varint, padding_is_accepted_up_to_ten_bytes)
{
	for (size_t pad = 0; pad <= 9; pad++) {
		uint8_t mem[GT_VARINT_MAX] = { 5 };
		for (size_t i = 0; i < pad; i++)
			mem[i] |= 0x80;

		uint64_t got = 0;
		cr_assert(eq(ptr, (void *)gt_varint_get(mem, mem + sizeof(mem), &got),
			     mem + pad + 1));
		cr_assert(eq(u64, got, 5));
	}
}

Test(varint, an_eleventh_byte_is_refused)
{
	const uint8_t mem[] = { 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0 };
	uint64_t got = 0;
	cr_assert(eq(ptr, (void *)gt_varint_get(mem, mem + sizeof(mem), &got), NULL));
}

Test(varint, a_number_beyond_64_bits_is_refused)
{
	const uint8_t mem[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
	uint64_t got = 0;
	cr_assert(eq(ptr, (void *)gt_varint_get(mem, mem + sizeof(mem), &got), NULL));
}

Test(varint, bytes_behind_the_number_are_left_alone)
{
	const uint8_t mem[] = { 0xac, 0x02, 0xff };
	uint64_t got = 0;
	cr_assert(eq(ptr, (void *)gt_varint_get(mem, mem + sizeof(mem), &got), (void *)(mem + 2)));
	cr_assert(eq(u64, got, 300));
}
