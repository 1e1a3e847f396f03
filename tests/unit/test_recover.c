/* A trace of the model (sim.h) is cut at every byte; what is recovered must pass the reader's own
 * rules. */
#include "tests/unit/sim.h"
#include "tools/analysis/summary.h"
#include "tools/read/trace.h"
#include "tools/recover/recover.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/gtrace-test-recover.XXXXXX";

static void make_file(void)
{
	const int fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
}

static void remove_file(void)
{
	unlink(path);
}

TestSuite(recover, .init = make_file, .fini = remove_file);

static void write_bytes(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* What `gtrace recover` writes. The caller's to free. */
static uint8_t *result(const struct gt_recovery *r, const uint8_t *bytes, size_t *len)
{
	const size_t more = r->is_closed ? r->image.len - GT_FILE_HEADER_LEN : 0;
	uint8_t *out = malloc(r->whole_bytes + more);
	memcpy(out, bytes, r->whole_bytes);
	if (more)
		memcpy(out + r->whole_bytes, r->image.bytes + GT_FILE_HEADER_LEN, more);
	*len = r->whole_bytes + more;
	return out;
}

/* All events of a trace, which must be valid. */
static uint64_t count_events(const uint8_t *bytes, size_t len, size_t cut)
{
	struct gt_err err = { .text = "" };
	struct gt_ordered ev;
	uint64_t n = 0;
	struct gt_trace *t = gt_trace_open_mem(bytes, len, &err);
	cr_assert(t != NULL, "cut at %zu: %s", cut, err.text);
	int rc;
	while ((rc = gt_trace_next(t, &ev, &err)) > 0)
		n++;
	cr_assert(rc == 0, "cut at %zu: %s", cut, err.text);
	gt_trace_close(t);
	return n;
}

/* The closed generation alone must be a trace too: that proves that every live thread has its
 * status. */
static void check_alone(const struct gt_recovery *r, size_t cut)
{
	if (r->is_closed)
		count_events(r->image.bytes, r->image.len, cut);
}

static void cut_everywhere(uint64_t seed, unsigned steps, size_t batch_bytes)
{
	struct sim *s = sim_run(seed, 3, steps, batch_bytes);
	unsigned closed = 0;
	for (size_t cut = 0; cut <= s->len; cut++) {
		struct gt_recovery r;
		struct gt_err err;
		write_bytes(s->bytes, cut);
		if (gt_recover(&r, path, &err) && (r.n_whole > 0 || r.is_closed)) {
			size_t len;
			uint8_t *out = result(&r, s->bytes, &len);
			count_events(out, len, cut);
			check_alone(&r, cut);
			free(out);
		}
		cr_assert(eq(int, r.is_complete,
			     cut == s->len || (cut > 0 && cut < s->len && r.whole_bytes == cut &&
					       r.n_whole > 0)));
		closed += r.is_closed;
		gt_recovery_free(&r);
	}
	cr_assert(closed > s->len / 8, "only %u of %zu cuts could be closed", closed, s->len);
	sim_free(s);
}

Test(recover, cut_at_every_byte_small_batches)
{
	cut_everywhere(1, 250, 60);
}

Test(recover, cut_at_every_byte_large_batches)
{
	cut_everywhere(2, 500, 300);
}

Test(recover, cut_at_every_byte_many_seeds, .timeout = 600)
{
	for (uint64_t seed = 10; seed < 20; seed++)
		cut_everywhere(seed, 150, 80);
}

Test(recover, the_last_generation_is_kept_up_to_its_end_mark)
{
	struct sim *s = sim_run(5, 3, 300, 100);
	struct gt_recovery r;
	struct gt_err err;
	write_bytes(s->bytes, s->len - 1); /* only the end mark is missing */
	cr_assert(gt_recover(&r, path, &err));
	cr_assert(eq(sz, r.n_whole, 2));
	cr_assert(r.is_closed);
	cr_assert(eq(u64, r.kept_events, r.read_events));

	size_t len;
	uint8_t *out = result(&r, s->bytes, &len);
	cr_assert(eq(u64, count_events(out, len, 0), count_events(s->bytes, s->len, 0)));
	free(out);
	gt_recovery_free(&r);
	sim_free(s);
}

Test(recover, a_silent_thread_gets_its_state_and_name)
{
	struct sim *s = sim_run(5, 3, 300, 40);
	/* The statuses of silent threads come last: cut the last generation in front of them. */
	struct gt_recovery r;
	struct gt_err err;
	write_bytes(s->bytes, s->gen_start + (s->len - s->gen_start) * 2 / 3);
	cr_assert(gt_recover(&r, path, &err));
	cr_assert(r.is_closed);
	struct gt_trace *t = gt_trace_open_mem(r.image.bytes, r.image.len, &err);
	struct gt_ordered ev;
	unsigned named = 0;
	while (gt_trace_next(t, &ev, &err) > 0) {
		const struct gt_gen_stack *stack =
			gt_gen_stack(gt_trace_gen(t), gt_ordered_subject_stack(&ev));
		if (ev.id != GT_EV_GoStatusStack || stack == NULL || stack->n != 1)
			continue;
		const struct gt_text name =
			gt_gen_text(gt_trace_gen(t), gt_gen_frame(gt_trace_gen(t), stack, 0)->func);
		cr_assert(eq(u32, name.len, 6));
		cr_assert(memcmp(name.p, "func_0", 6) == 0);
		named++;
	}
	cr_assert(named >= 3);
	gt_trace_close(t);
	gt_recovery_free(&r);
	sim_free(s);
}

Test(recover, a_damaged_byte_never_makes_an_invalid_file, .timeout = 600)
{
	struct sim *s = sim_run(7, 3, 200, 80);
	for (size_t at = GT_FILE_HEADER_LEN; at < s->len; at += 3) {
		struct gt_recovery r;
		struct gt_err err;
		s->bytes[at] ^= 0x15;
		write_bytes(s->bytes, s->len);
		if (gt_recover(&r, path, &err) && (r.n_whole > 0 || r.is_closed)) {
			size_t len;
			uint8_t *out = result(&r, s->bytes, &len);
			count_events(out, len, at);
			free(out);
		}
		gt_recovery_free(&r);
		s->bytes[at] ^= 0x15;
	}
	sim_free(s);
}

Test(recover, what_is_no_trace_is_an_error)
{
	struct gt_recovery r;
	struct gt_err err = { .code = GT_ERR_NONE };
	write_bytes("go 1.25 trace\0\0", 16);
	cr_assert(not(gt_recover(&r, path, &err)));
	cr_assert(eq(int, err.code, GT_ERR_HEADER));
	gt_recovery_free(&r);
	write_bytes("hello", 5);
	cr_assert(not(gt_recover(&r, path, &err)));
	gt_recovery_free(&r);
}

Test(recover, sums_of_the_model_are_the_sums_of_the_summary)
{
	struct sim *s = sim_run(9, 4, 300, 100);
	write_bytes(s->bytes, s->len);
	struct gt_summary sum;
	cr_assert(gt_summary_read(&sum, path, NULL));
	cr_assert(eq(int, sum.err.code, GT_ERR_NONE));
	cr_assert(eq(sz, sum.n_gens, 4));
	cr_assert(eq(u64, sum.process.pid, 4711));

	size_t n;
	struct gt_sum_call *calls = gt_summary_by_call(&sum, &n);
	cr_assert(eq(sz, n, 1));
	cr_assert_str_eq(calls[0].name, "pthread_mutex_lock");
	cr_assert(eq(u64, calls[0].count, sum.event_count[GT_EV_GoUnblock]));
	cr_assert(eq(u64, gt_sum_call_timed(&calls[0]), calls[0].count));
	cr_assert(gt_sum_call_quantile(&calls[0], 0.5) <= gt_sum_call_quantile(&calls[0], 0.99));
	cr_assert(gt_sum_call_quantile(&calls[0], 1) == calls[0].max_ns);
	free(calls);
	gt_summary_free(&sum);
	sim_free(s);
}
