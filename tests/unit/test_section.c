#include "encoder/file.h"
#include "encoder/section.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const gt_ns start = { 1000 };

/* Memory for the largest batch; Criterion runs every test in a process of its own. */
static uint8_t mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
static const uint8_t *const data = mem + GT_BATCH_HEADER;

static struct gt_batch section(enum gt_event kind)
{
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);
	gt_section_begin(&b, kind, start);
	return b;
}

static uint64_t get(const uint8_t **p)
{
	uint64_t v = 0;
	*p = gt_varint_get(*p, mem + sizeof(mem), &v);
	cr_assert(ne(ptr, (void *)*p, NULL));
	return v;
}

#define CHECK_DATA(b, want)                                                                        \
	do {                                                                                       \
		cr_assert(eq(sz, gt_batch_len(b), sizeof(want)));                                  \
		cr_assert_arr_eq(data, want, sizeof(want));                                        \
	} while (0)

Test(section, beginning_empties_the_batch_and_sets_its_time)
{
	struct gt_batch b = section(GT_EV_Strings);
	cr_assert(gt_section_string(&b, (gt_str){ 1 }, "old", 3));

	gt_section_begin(&b, GT_EV_Stacks, (gt_ns){ 2000 });
	CHECK_DATA(&b, ((const uint8_t[]){ GT_EV_Stacks }));
	cr_assert(eq(u64, b.start.v, 2000));

	gt_section_begin_records(&b, start);
	CHECK_DATA(&b, ((const uint8_t[]){ 'g', GT_REC_VERSION }));
	cr_assert(eq(u64, b.start.v, start.v));
}

Test(section, a_string_is_id_length_and_bytes)
{
	struct gt_batch b = section(GT_EV_Strings);
	cr_assert(gt_section_string(&b, (gt_str){ 300 }, "sync", 4));
	cr_assert(gt_section_string(&b, (gt_str){ 2 }, NULL, 0));

	const uint8_t want[] = { GT_EV_Strings, GT_EV_String, 0xac,         2, 4, 's', 'y',
				 'n',           'c',          GT_EV_String, 2, 0 };
	CHECK_DATA(&b, want);
}

Test(section, a_long_string_keeps_its_tail)
{
	char text[GT_STRING_MAX + 1];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);

	for (size_t len = GT_STRING_MAX - 1; len <= sizeof(text); len++) {
		struct gt_batch b = section(GT_EV_Strings);
		cr_assert(gt_section_string(&b, (gt_str){ 1 }, text, len));

		const uint8_t *p = data + 2;
		const size_t kept = len < GT_STRING_MAX ? len : GT_STRING_MAX;
		cr_assert(eq(u64, get(&p), 1));
		cr_assert(eq(u64, get(&p), kept));
		cr_assert(eq(ptr, (void *)(p + kept), mem + b.len));
		cr_assert(eq(int, memcmp(p, text + len - kept, kept), 0));
	}
}

Test(section, a_stack_is_its_frames_innermost_first)
{
	struct gt_batch b = section(GT_EV_Stacks);
	const struct gt_frame frames[] = { { 0x2020, { 4 }, { 5 }, 1 },
					   { 0x1010, { 2 }, { 3 }, 10 } };
	cr_assert(gt_section_stack(&b, (gt_stack){ 2 }, frames, 2));

	const uint8_t want[] = { GT_EV_Stacks, GT_EV_Stack, 2, 2, 0xa0, 0x40, 4, 5, 1,
				 0x90,         0x20,        2, 3, 10 };
	CHECK_DATA(&b, want);
}

Test(section, a_deep_stack_keeps_its_innermost_frames)
{
	struct gt_frame frames[GT_STACK_MAX + 1];
	for (size_t i = 0; i <= GT_STACK_MAX; i++)
		frames[i] = (struct gt_frame){ 1 + i, { 1 }, { 1 }, 1 };
	struct gt_batch b = section(GT_EV_Stacks);
	cr_assert(gt_section_stack(&b, (gt_stack){ 1 }, frames, GT_STACK_MAX + 1));

	const uint8_t *p = data + 2;
	cr_assert(eq(u64, get(&p), 1));
	cr_assert(eq(u64, get(&p), GT_STACK_MAX));
	for (size_t i = 0; i < GT_STACK_MAX; i++) {
		cr_assert(eq(u64, get(&p), 1 + i));
		p += 3;
	}
	cr_assert(eq(ptr, (void *)p, mem + b.len));
}

Test(section, a_sample_carries_its_own_time)
{
	struct gt_batch b = section(GT_EV_CPUSamples);
	cr_assert(gt_section_sample(&b, (gt_ns){ 1300 }, (gt_m){ 7 }, (gt_p){ UINT64_MAX },
				    (gt_g){ 0 }, (gt_stack){ 9 }));

	const uint8_t want[] = { GT_EV_CPUSamples,
				 GT_EV_CPUSample,
				 0x94,
				 0x0a,
				 7,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 0xff,
				 1,
				 0,
				 9 };
	CHECK_DATA(&b, want);
}

Test(section, sync_counts_the_snapshot_from_the_batch_time)
{
	struct gt_batch b = section(GT_EV_Sync);
	cr_assert(gt_section_sync(&b, 100, (gt_ns){ 1005 }, (gt_ns){ 1 }, 2, 3));

	const uint8_t want[] = {
		GT_EV_Sync, GT_EV_Frequency, 100, GT_EV_ClockSnapshot, 5, 1, 2, 3
	};
	CHECK_DATA(&b, want);
}

Test(section, a_call_record_ends_in_the_buckets_that_are_not_empty)
{
	struct gt_batch b = section(GT_EV_Sync);
	gt_section_begin_records(&b, start);
	uint64_t buckets[70] = { [0] = 1, [9] = 300, [63] = 2, [64] = 4 };
	cr_assert(gt_section_call(&b, (gt_ns){ 1004 }, (gt_m){ 11 }, (gt_g){ 12 }, (gt_str){ 13 },
				  14, 15, 16, 17, buckets, 70));

	/* N.B. a time of 64 bits has no bucket 64 */
	const uint8_t want[] = {
		'g', GT_REC_VERSION, GT_REC_CALL, 15, 4, 11, 12, 13, 14, 15, 16, 17, 0, 1,
		9,   0xac,           2,           63, 2
	};
	CHECK_DATA(&b, want);
}

Test(section, a_call_record_begins_like_the_table_says)
{
	uint8_t other[GT_BATCH_HEADER + 100];
	struct gt_batch by_hand = gt_batch_init(mem, sizeof(mem), start);
	struct gt_batch by_table = gt_batch_init(other, sizeof(other), start);
	const gt_ns now = { 5000 };

	cr_assert(gt_section_call(&by_hand, now, (gt_m){ 1 }, (gt_g){ 2 }, (gt_str){ 3 }, 4, 5, 6,
				  700, NULL, 0));
	cr_assert(gt_r_CALL(&by_table, now, (gt_m){ 1 }, (gt_g){ 2 }, (gt_str){ 3 }, 4, 5, 6, 700));

	cr_assert(eq(sz, gt_batch_len(&by_hand), gt_batch_len(&by_table)));
	cr_assert_arr_eq(data, other + GT_BATCH_HEADER, gt_batch_len(&by_hand));
}

Test(section, what_does_not_fit_leaves_the_batch_as_it_was)
{
	struct gt_frame frames[GT_STACK_MAX];
	for (size_t i = 0; i < GT_STACK_MAX; i++)
		frames[i] = (struct gt_frame){ UINT64_MAX, { 1 }, { 1 }, 1 };
	const uint64_t bucket = 1;
	const char text[GT_STRING_MAX] = { 0 };

	struct gt_batch b = gt_batch_init(mem, GT_BATCH_HEADER + 10, start);
	cr_assert(not(gt_section_string(&b, (gt_str){ 1 }, text, sizeof(text))));
	cr_assert(not(gt_section_stack(&b, (gt_stack){ 1 }, frames, 1)));
	cr_assert(not(gt_section_sample(&b, start, (gt_m){ 1 }, (gt_p){ 1 }, (gt_g){ 1 },
					(gt_stack){ 1 })));
	cr_assert(not(gt_section_sync(&b, 1, start, start, 1, 1)));
	cr_assert(not(gt_section_call(&b, start, (gt_m){ 1 }, (gt_g){ 1 }, (gt_str){ 1 }, 1, 1, 1,
				      1, &bucket, 1)));
	cr_assert(eq(sz, gt_batch_len(&b), 0));

	/* a stack that stops fitting in its middle */
	b = gt_batch_init(mem, GT_BATCH_HEADER + 500, start);
	cr_assert(not(gt_section_stack(&b, (gt_stack){ 1 }, frames, GT_STACK_MAX)));
	cr_assert(eq(sz, gt_batch_len(&b), 0));
}

Test(section, tables_never_outgrow_what_readers_accept)
{
	/* 0xee behind the batch shows whether anybody wrote too far */
	static uint8_t big[GT_BATCH_HEADER + GT_BATCH_MAX_DATA + 64];
	memset(big, 0xee, sizeof(big));
	struct gt_batch b = gt_batch_init(big, sizeof(big), start);
	const struct gt_frame frame = { UINT64_MAX, { UINT64_MAX }, { UINT64_MAX }, UINT64_MAX };

	gt_section_begin(&b, GT_EV_Stacks, start);
	uint64_t id = 1;
	while (gt_section_stack(&b, (gt_stack){ id }, &frame, 1))
		id++;
	cr_assert(le(sz, gt_batch_len(&b), GT_BATCH_MAX_DATA));
	cr_assert(gt(sz, gt_batch_len(&b), GT_BATCH_MAX_DATA - 100));
	for (size_t i = GT_BATCH_HEADER + GT_BATCH_MAX_DATA; i < sizeof(big); i++)
		cr_assert(eq(u8, big[i], 0xee));
}

/* The file of wire-format.md section 11, built piece by piece. */
struct file {
	uint8_t bytes[512];
	size_t len;
};

static void put(struct file *f, const void *bytes, size_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void put_batch(struct file *f, struct gt_batch *b, gt_m m)
{
	const uint8_t *wire;
	const size_t len = gt_batch_seal(b->mem, b->len, 0, 1, m, b->start, &wire);
	put(f, wire, len);
}

static void put_events(struct file *f, gt_ns t, gt_m m)
{
	const gt_g g = { 1 };
	const gt_p p = { 1 };
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), t);
	gt_w_ProcStatus(&b, t, p, GT_P_RUNNING);
	gt_w_GoStatusStack(&b, t, g, m, GT_G_RUNNING, (gt_stack){ 1 });
	gt_w_ProcsChange(&b, t, 2, (gt_stack){ 0 });
	gt_w_GoBlock(&b, (gt_ns){ t.v += 5000 }, (gt_str){ 1 }, (gt_stack){ 2 });
	gt_w_GoUnblock(&b, (gt_ns){ t.v += 40000 }, g, 1, (gt_stack){ 0 });
	gt_w_GoStart(&b, (gt_ns){ t.v += 100 }, g, 2);
	gt_w_GoSyscallBegin(&b, (gt_ns){ t.v += 900 }, 1, (gt_stack){ 3 });
	gt_w_GoSyscallEnd(&b, (gt_ns){ t.v += 1200 });
	put_batch(f, &b, m);
}

static void put_strings(struct file *f, gt_ns t)
{
	static const char *const texts[] = { "sync",         "worker",
					     "app.c",        "pthread_mutex_lock",
					     "libgtrace.so", "read" };
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), t);
	gt_section_begin(&b, GT_EV_Strings, t);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert(gt_section_string(&b, (gt_str){ i + 1 }, texts[i], strlen(texts[i])));
	put_batch(f, &b, GT_NO_M);
}

static void put_stacks(struct file *f, gt_ns t)
{
	const struct gt_frame worker = { 0x1010, { 2 }, { 3 }, 10 };
	const struct gt_frame lock = { 0x2020, { 4 }, { 5 }, 1 };
	const struct gt_frame read = { 0x3030, { 6 }, { 5 }, 1 };
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), t);
	gt_section_begin(&b, GT_EV_Stacks, t);
	cr_assert(gt_section_stack(&b, (gt_stack){ 1 }, &worker, 1));
	cr_assert(gt_section_stack(&b, (gt_stack){ 2 }, (const struct gt_frame[]){ lock, worker },
				   2));
	cr_assert(gt_section_stack(&b, (gt_stack){ 3 }, (const struct gt_frame[]){ read, worker },
				   2));
	put_batch(f, &b, GT_NO_M);
}

/* clang-format off */
static const uint8_t worked_example[] = {
	0x67, 0x6f, 0x20, 0x31, 0x2e, 0x32, 0x36, 0x20, 0x74, 0x72, 0x61, 0x63, 0x65, 0x00, 0x00, 0x00,
	0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0xc0, 0x84, 0x3d, 0x12,
	0x32,
	0x08, 0x80, 0x94, 0xeb, 0xdc, 0x03,
	0x33, 0x00, 0xc0, 0x84, 0x3d, 0x80, 0xa4, 0xa7, 0xda, 0x06, 0x01,
	0x01, 0x01, 0xe8, 0x07, 0xc0, 0x84, 0x3d, 0x27,
	0x0d, 0x00, 0x01, 0x01,
	0x30, 0x00, 0x01, 0xe8, 0x07, 0x02, 0x01,
	0x09, 0x00, 0x02, 0x00,
	0x14, 0x88, 0x27, 0x01, 0x02,
	0x15, 0xc0, 0xb8, 0x02, 0x01, 0x01, 0x00,
	0x10, 0x64, 0x01, 0x02,
	0x16, 0x84, 0x07, 0x01, 0x03,
	0x17, 0xb0, 0x09,
	0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0xc0, 0x84, 0x3d, 0x44,
	0x04,
	0x05, 0x01, 0x04, 0x73, 0x79, 0x6e, 0x63,
	0x05, 0x02, 0x06, 0x77, 0x6f, 0x72, 0x6b, 0x65, 0x72,
	0x05, 0x03, 0x05, 0x61, 0x70, 0x70, 0x2e, 0x63,
	0x05, 0x04, 0x12, 0x70, 0x74, 0x68, 0x72, 0x65, 0x61, 0x64, 0x5f, 0x6d, 0x75, 0x74, 0x65, 0x78, 0x5f,
	0x6c, 0x6f, 0x63, 0x6b,
	0x05, 0x05, 0x0c, 0x6c, 0x69, 0x62, 0x67, 0x74, 0x72, 0x61, 0x63, 0x65, 0x2e, 0x73, 0x6f,
	0x05, 0x06, 0x04, 0x72, 0x65, 0x61, 0x64,
	0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0xc0, 0x84, 0x3d, 0x23,
	0x02,
	0x03, 0x01, 0x01, 0x90, 0x20, 0x02, 0x03, 0x0a,
	0x03, 0x02, 0x02, 0xa0, 0x40, 0x04, 0x05, 0x01, 0x90, 0x20, 0x02, 0x03, 0x0a,
	0x03, 0x03, 0x02, 0xb0, 0x60, 0x06, 0x05, 0x01, 0x90, 0x20, 0x02, 0x03, 0x0a,
	0x34,
};
/* clang-format on */

Test(section, the_worked_example_comes_out_byte_by_byte)
{
	const gt_ns t = { 1000000 };
	const uint8_t end = GT_END_OF_GENERATION;
	struct file f = { .len = 0 };

	put(&f, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), t);
	gt_section_begin(&b, GT_EV_Sync, t);
	cr_assert(gt_section_sync(&b, 1000000000, t, t, 1800000000, 1));
	put_batch(&f, &b, GT_NO_M);
	put_events(&f, t, (gt_m){ 1000 });
	put_strings(&f, t);
	put_stacks(&f, t);
	put(&f, &end, 1);

	cr_assert(eq(sz, f.len, sizeof(worked_example)));
	cr_assert_arr_eq(f.bytes, worked_example, sizeof(worked_example));
}
