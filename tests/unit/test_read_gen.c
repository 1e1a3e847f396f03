#include "tests/unit/test_read_make.h"
#include "tools/read/gen.h"
#include "tools/read/rec.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct make k;
static struct gt_err err;
static struct gt_file *f;
static struct gt_gen *g;

static int read_made(void)
{
	f = gt_file_open_mem(k.bytes, k.len, &err);
	g = gt_gen_new();
	cr_assert(f && g);
	return gt_gen_read(g, f, &err);
}

static void done(void)
{
	gt_gen_free(g);
	gt_file_close(f);
}

static bool is(struct gt_text t, const char *want)
{
	return t.len == strlen(want) && memcmp(t.p, want, t.len) == 0;
}

Test(read_gen, strings_and_stacks_are_found_by_their_ids)
{
	make_begin(&k);
	make_wait(&k, 3, 1000);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	struct gt_text t;
	cr_assert(gt_gen_string(g, 1, &t) && is(t, "sync"));
	cr_assert(gt_gen_string(g, 0, &t) && is(t, ""));
	cr_assert(not(gt_gen_string(g, 4, &t)));
	const struct gt_gen_stack *s = gt_gen_stack(g, 1);
	cr_assert(ne(ptr, (void *)s, NULL));
	cr_assert(eq(u32, s->n, 1));
	const struct gt_gen_frame *frame = gt_gen_frame(g, s, 0);
	cr_assert(is(gt_gen_text(g, frame->func), "worker"));
	cr_assert(eq(u64, frame->line, 10));
	cr_assert(eq(u32, gt_gen_stack(g, 0)->n, 0));
	cr_assert(eq(ptr, (void *)gt_gen_stack(g, 2), NULL));
	done();
}

Test(read_gen, the_clock_and_the_place_are_told)
{
	make_begin(&k);
	make_wait(&k, 3, 1000);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(u64, g->number, 3));
	cr_assert(eq(u64, g->index, 0));
	cr_assert(eq(u64, g->offset, 16));
	cr_assert(eq(u64, g->end, k.len));
	cr_assert(eq(u64, g->freq_hz, 1000000000));
	cr_assert(eq(u64, g->snap_mono_ns, 1000));
	cr_assert(eq(u64, g->min_time, 1000));
	cr_assert(eq(int, gt_gen_read(g, f, &err), 0));
	done();
}

Test(read_gen, batches_of_one_thread_are_a_chain)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	for (unsigned i = 0; i < 6; i++) {
		gt_w_HeapAlloc(make_batch(&k, 1000 + i), (gt_ns){ 1000 }, i);
		make_seal(&k, 0, 1, i % 2);
	}
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(u32, g->n_streams, 2));
	unsigned n = 0;
	for (uint32_t i = g->streams[1].first; i != GT_NO_BATCH; i = g->batches[i].next, n++)
		cr_assert(eq(u64, g->batches[i].time, 1001 + 2 * n));
	cr_assert(eq(uint, n, 3));
	done();
}

Test(read_gen, a_second_generation_replaces_the_first)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	make_sync(&k, 2, 2000);
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(int, gt_gen_read(g, f, &err), 1), "%s", err.text);
	struct gt_text t;
	cr_assert(eq(u64, g->index, 1));
	cr_assert(not(gt_gen_string(g, 1, &t)));
	cr_assert(eq(ptr, (void *)gt_gen_stack(g, 1), NULL));
	cr_assert(eq(u32, g->n_streams, 0));
	done();
}

Test(read_gen, a_damaged_generation_is_not_delivered_but_the_one_before_it_is)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	make_wait(&k, 2, 2000);
	k.len -= 10;
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(int, gt_gen_read(g, f, &err), -GT_ERR_TRUNCATED));
	done();
}

Test(read_gen, the_first_definition_of_a_pc_wins)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	make_tables(&k, 1, 1000);
	const struct gt_frame other = { .pc = 0x1010, .func = { 99 }, .file = { 98 }, .line = 5 };
	gt_section_begin(make_batch(&k, 1000), GT_EV_Stacks, (gt_ns){ 1000 });
	gt_section_stack(&k.b, (gt_stack){ 2 }, &other, 1);
	make_seal(&k, 0, 1, 0);
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(u64, gt_gen_frame(g, gt_gen_stack(g, 2), 0)->line, 10));
	done();
}

Test(read_gen, samples_come_by_time)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	gt_section_begin(make_batch(&k, 1000), GT_EV_CPUSamples, (gt_ns){ 1000 });
	for (unsigned i = 0; i < 50; i++)
		gt_section_sample(&k.b, (gt_ns){ 1000 + i * 7 % 50 }, (gt_m){ i },
				  (gt_p){ UINT64_MAX }, (gt_g){ 0 }, (gt_stack){ 0 });
	make_seal(&k, 0, 1, 0);
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
	cr_assert(eq(u32, g->n_samples, 50));
	for (unsigned i = 0; i < 50; i++)
		cr_assert(eq(i64, g->samples[i].time, 1000 + i));
	cr_assert(eq(u64, g->samples[0].g, GT_NO_ID));
	cr_assert(eq(u64, g->samples[0].p, GT_NO_ID));
	done();
}

Test(read_gen, time_units_become_ns_as_go_computes_them)
{
	struct gt_gen odd = { .freq_hz = 2594000000, .ns_per_unit = 1.0 / (2594000000.0 / 1e9) };
	cr_assert(eq(i64, gt_gen_ns(&odd, 2594), 1000));
	cr_assert(eq(i64, gt_gen_ns(&odd, 1), 0));
	struct gt_gen ns = { .freq_hz = 1000000000, .ns_per_unit = 1.0 };
	cr_assert(eq(i64, gt_gen_ns(&ns, 123456789), 123456789));
	cr_assert(eq(i64, gt_gen_ns(&ns, UINT64_MAX), INT64_MIN)); /* does not fit */
}

/* ---------------------------------------------------------------- gtrace's own records */

static struct gt_rec_value next_record(struct gt_rec_iter *it)
{
	struct gt_rec_value r;
	cr_assert(eq(int, gt_rec_next(it, &r, &err), 1), "%s", err.text);
	return r;
}

Test(read_rec, fields_and_buckets_come_back_as_written)
{
	uint64_t buckets[20] = { [3] = 5, [19] = 1 };
	make_begin(&k);
	make_sync(&k, 1, 1000);
	gt_section_begin_records(make_batch(&k, 1000), (gt_ns){ 1000 });
	gt_r_PROCESS(&k.b, (gt_ns){ 1001 }, 7, 1, (gt_str){ 2 }, (gt_str){ 0 }, (gt_str){ 0 },
		     (gt_str){ 0 }, 4);
	gt_section_call(&k.b, (gt_ns){ 1002 }, (gt_m){ 1000 }, (gt_g){ 1 }, (gt_str){ 2 }, 6, 2,
			100, 60, buckets, 20);
	make_seal(&k, GT_EXPERIMENT, 1, 1000);
	make_tables(&k, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);

	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r = next_record(&it);
	cr_assert(eq(u8, r.kind, GT_REC_PROCESS));
	cr_assert(eq(i64, r.time, 1001));
	cr_assert(eq(u64, r.field[0], 7));
	cr_assert(eq(u64, r.field[6], 4));
	r = next_record(&it);
	uint64_t bucket, n;
	cr_assert(eq(u8, r.kind, GT_REC_CALL));
	cr_assert(eq(u64, r.field[3], 6));
	cr_assert(gt_rec_bucket(&r, &bucket, &n) && bucket == 3 && n == 5);
	cr_assert(gt_rec_bucket(&r, &bucket, &n) && bucket == 19 && n == 1);
	cr_assert(not(gt_rec_bucket(&r, &bucket, &n)));
	cr_assert(eq(int, gt_rec_next(&it, &r, &err), 0));
	done();
}

/* A batch of records with these bytes behind 'g' and the version. */
static void make_raw_records(const char *bytes, size_t n)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	gt_section_begin_records(make_batch(&k, 1000), (gt_ns){ 1000 });
	memcpy(k.b.mem + k.b.len, bytes, n);
	k.b.len += (uint32_t)n;
	make_seal(&k, GT_EXPERIMENT, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_made(), 1), "%s", err.text);
}

Test(read_rec, an_unknown_kind_is_skipped_by_its_length)
{
	make_raw_records("\x7f\x02\xff\xff\x06\x03\x00\x01\x02", 9);
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r = next_record(&it);
	cr_assert(eq(u8, r.kind, GT_REC_CONFIG));
	cr_assert(eq(u64, r.field[1], 2));
	done();
}

Test(read_rec, fields_that_an_older_writer_did_not_know_are_zero)
{
	make_raw_records("\x01\x02\x00\x07", 4);
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r = next_record(&it);
	cr_assert(eq(u64, r.field[0], 7));
	cr_assert(eq(u64, r.field[6], 0));
	done();
}

Test(read_rec, a_record_longer_than_its_batch_is_an_error_with_its_place)
{
	make_raw_records("\x01\x50\x00\x07", 4);
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	cr_assert(eq(int, gt_rec_next(&it, &r, &err), -GT_ERR_FORMAT));
	cr_assert(eq(u64, err.offset, k.len - 5));
	cr_assert(eq(int, gt_rec_next(&it, &r, &err), 0));
	done();
}
