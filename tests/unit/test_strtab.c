#include "encoder/strtab.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#define SLOTS 64
#define TEXT  4096

/* Criterion runs every test in a process of its own. */
static uint64_t slots[SLOTS];
static _Alignas(8) uint8_t text[TEXT];
static _Atomic uint64_t next_id = 1;

static struct gt_strtab table(uint32_t n_slots, size_t text_cap)
{
	struct gt_strtab t;
	gt_strtab_init(&t, slots, n_slots, text, text_cap, &next_id);
	return t;
}

static uint64_t put(struct gt_strtab *t, const char *s, bool want_new)
{
	bool is_new = !want_new;
	const gt_str id = gt_strtab_put(t, s, strlen(s), &is_new);
	cr_assert(eq(int, is_new, want_new), "%s", s);
	return id.v;
}

Test(strtab, the_same_text_has_the_same_id)
{
	struct gt_strtab t = table(SLOTS, TEXT);
	char copy[] = "pthread_mutex_lock";

	cr_assert(eq(u64, put(&t, "pthread_mutex_lock", true), 1));
	cr_assert(eq(u64, put(&t, "sync", true), 2));
	cr_assert(eq(u64, put(&t, copy, false), 1));
	cr_assert(eq(u64, put(&t, "sync", false), 2));
}

Test(strtab, the_empty_string_is_id_zero_and_never_new)
{
	struct gt_strtab t = table(SLOTS, TEXT);
	bool is_new = true;

	cr_assert(eq(u64, gt_strtab_put(&t, NULL, 0, &is_new).v, 0));
	cr_assert(not(is_new));
	cr_assert(eq(u64, atomic_load(&next_id), 1));
}

Test(strtab, beginnings_endings_and_zero_bytes_make_a_difference)
{
	struct gt_strtab t = table(SLOTS, TEXT);
	static const char bytes[] = "abcdefgh\0\0";
	bool is_new = false;

	for (size_t len = 1; len <= 10; len++) {
		cr_assert(eq(u64, gt_strtab_put(&t, bytes, len, &is_new).v, len));
		cr_assert(is_new);
	}
	gt_strtab_put(&t, "\0", 1, &is_new);
	cr_assert(is_new);
}

Test(strtab, ids_come_from_the_shared_counter)
{
	struct gt_strtab t = table(SLOTS, TEXT);
	cr_assert(eq(u64, put(&t, "a", true), 1));
	atomic_fetch_add(&next_id, 10); /* somebody else's ids */
	cr_assert(eq(u64, put(&t, "b", true), 12));
	cr_assert(eq(u64, put(&t, "a", false), 1));
}

Test(strtab, without_slots_new_strings_are_refused_and_old_ones_found)
{
	struct gt_strtab t = table(8, TEXT);
	const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	for (size_t i = 0; i < 6; i++) /* three quarters of the slots */
		cr_assert(eq(u64, put(&t, names[i], true), i + 1));
	cr_assert(eq(u64, put(&t, names[6], false), 0));
	cr_assert(eq(u64, put(&t, names[7], false), 0));
	for (size_t i = 0; i < 6; i++)
		cr_assert(eq(u64, put(&t, names[i], false), i + 1));
	cr_assert(eq(u64, atomic_load(&next_id), 7), "a refused string takes no id");
}

Test(strtab, the_smallest_table_holds_one_string)
{
	struct gt_strtab t = table(1, TEXT);
	cr_assert(eq(u64, put(&t, "a", true), 1));
	cr_assert(eq(u64, put(&t, "b", false), 0));
	cr_assert(eq(u64, put(&t, "a", false), 1));
}

Test(strtab, without_text_room_new_strings_are_refused_and_shorter_ones_may_still_fit)
{
	struct gt_strtab t = table(SLOTS, 12 + 4 + 12 + 4); /* N.B. heads of 12 bytes */
	memset(text + 32, 0xee, 32);

	cr_assert(eq(u64, put(&t, "four", true), 1));
	cr_assert(eq(u64, put(&t, "fives", false), 0));
	cr_assert(eq(u64, put(&t, "4444", true), 2));
	cr_assert(eq(u64, put(&t, "x", false), 0));
	cr_assert(eq(u64, put(&t, "four", false), 1));
	for (size_t i = 32; i < 64; i++)
		cr_assert(eq(u8, text[i], 0xee));
}

Test(strtab, a_text_that_ends_close_to_the_end_leaves_no_room_behind_it)
{
	for (size_t spare = 0; spare < 8; spare++) { /* N.B. the next text would begin 8-aligned */
		struct gt_strtab t = table(SLOTS, 12 + 5 + spare);
		atomic_store(&next_id, 1);
		memset(slots, 0, sizeof(slots));
		memset(text, 0xee, sizeof(text));

		cr_assert(eq(u64, put(&t, "fives", true), 1));
		cr_assert(eq(u64, put(&t, "x", false), 0));
		for (size_t i = 12 + 5; i < 64; i++)
			cr_assert(eq(u8, text[i], 0xee));
	}
}

Test(strtab, a_reset_forgets_everything)
{
	struct gt_strtab t = table(8, TEXT);
	for (int round = 0; round < 3; round++) {
		atomic_store(&next_id, 1);
		cr_assert(eq(u64, put(&t, "a", true), 1));
		cr_assert(eq(u64, put(&t, "b", true), 2));
		cr_assert(eq(u64, put(&t, "c", true), 3));
		cr_assert(eq(u64, put(&t, "d", true), 4));
		gt_strtab_reset(&t);
		for (size_t i = 0; i < SLOTS; i++)
			cr_assert(eq(u64, slots[i], 0));
	}
}

Test(strtab, few_strings_touch_few_slots)
{
	static uint64_t wide[4096];
	struct gt_strtab t;
	char name[16];
	gt_strtab_init(&t, wide, 4096, text, TEXT, &next_id);
	for (unsigned i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "%u", i);
		cr_assert(eq(u64, put(&t, name, true), i + 1));
	}
	for (size_t i = 256; i < 4096; i++)
		cr_assert(eq(u64, wide[i], 0));
	for (unsigned i = 120; i < 150; i++) { /* more slots are taken into use, nothing is lost */
		snprintf(name, sizeof(name), "%u", i);
		cr_assert(eq(u64, put(&t, name, true), i + 1));
	}
	for (unsigned i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "%u", i);
		cr_assert(eq(u64, put(&t, name, false), i + 1));
	}
	gt_strtab_reset(&t);
	for (size_t i = 0; i < 4096; i++)
		cr_assert(eq(u64, wide[i], 0));
}

/* So many that some must have the same 32-bit hash: about 20 pairs. */
#define MANY 400000

Test(strtab, strings_with_the_same_hash_are_kept_apart)
{
	static uint64_t many_slots[1 << 20];
	static _Alignas(8) uint8_t many_text[MANY * 24];
	struct gt_strtab t;
	gt_strtab_init(&t, many_slots, 1 << 20, many_text, sizeof(many_text), &next_id);

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			char name[16];
			bool is_new;
			const int len = snprintf(name, sizeof(name), "%u", i);
			const gt_str id = gt_strtab_put(&t, name, (size_t)len, &is_new);
			if (id.v != i + 1 || is_new != (round == 0))
				cr_fail("\"%s\" got id %lu", name, (unsigned long)id.v);
		}
	}

	size_t pairs = 0; /* neighbours in a chain that only the text tells apart */
	for (size_t i = 1; i < 1 << 20; i++)
		pairs += many_slots[i] && many_slots[i] >> 32 == many_slots[i - 1] >> 32;
	cr_assert(gt(sz, pairs, 0), "the test has lost its point");
}
