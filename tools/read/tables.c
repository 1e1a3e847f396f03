/* The table batches of a generation: strings, stacks, CPU samples, clock. */
#include "encoder/event.h"
#include "encoder/section.h"
#include "tools/read/gen_priv.h"
#include "tools/read/grow.h"

#include <inttypes.h>

static int no_memory(struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
}

/* The kind byte of the next record, which has to be `want`. */
static int record_kind(struct gt_bytes *b, uint8_t want, struct gt_err *err)
{
	if (*b->p != want)
		return gt_err_set(err, GT_ERR_FORMAT, gt_bytes_offset(b),
				  "byte %u in a table where a %s has to begin [C6]", *b->p,
				  gt_specs[want].name);
	b->p++;
	return 0;
}

/* The next n numbers of the record that begins at `offset`. */
static int numbers(struct gt_bytes *b, const char *what, uint64_t offset, uint64_t *v, unsigned n,
		   struct gt_err *err)
{
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *q = gt_varint_get(b->p, b->end, &v[i]);
		if (!q && b->end - b->p < GT_VARINT_MAX)
			return gt_err_set(err, GT_ERR_FORMAT, offset,
					  "the batch ends inside a %s [C6]", what);
		if (!q)
			return gt_err_set(err, GT_ERR_FORMAT, offset,
					  "%s: a number does not fit into 64 bits [C6]", what);
		b->p = q;
	}
	return 0;
}

static int add_string(struct gt_gen *g, struct gt_bytes *b, struct gt_err *err)
{
	struct gt_gen_private *p = g->priv;
	const uint64_t offset = gt_bytes_offset(b);
	uint64_t v[2]; /* id, length */
	int rc = record_kind(b, GT_EV_String, err);
	if (rc < 0 || (rc = numbers(b, "string", offset, v, 2, err)) < 0)
		return rc;
	if (v[1] > GT_STRING_MAX)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "string %" PRIu64 " of %" PRIu64
				  " bytes, at most %d are allowed [C6]",
				  v[0], v[1], GT_STRING_MAX);
	if (v[1] > (uint64_t)(b->end - b->p))
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "string %" PRIu64 " needs %" PRIu64
				  " bytes, %td left in its batch [C6]",
				  v[0], v[1], b->end - b->p);
	if (v[0] == 0)
		return gt_err_set(err, GT_ERR_FORMAT, offset, "string with id 0 [C6]");
	if (gt_idmap_get(&p->string_ids, v[0]) != GT_NO_INDEX)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "string %" PRIu64 " for the second time in a generation [C6]",
				  v[0]);
	if (!gt_grow(&g->strings, &p->cap_strings, (uint64_t)g->n_strings + 1,
		     sizeof(*g->strings)) ||
	    !gt_idmap_put(&p->string_ids, v[0], g->n_strings))
		return no_memory(err);
	g->strings[g->n_strings++] = (struct gt_text){ (const char *)b->p, (uint32_t)v[1] };
	g->max_string = v[0] > g->max_string ? v[0] : g->max_string;
	b->p += v[1];
	return 0;
}

int gt_gen_add_strings(struct gt_gen *g, struct gt_bytes b, struct gt_err *err)
{
	int rc = 0;
	for (b.p++; rc == 0 && b.p < b.end;)
		rc = add_string(g, &b, err);
	return rc;
}

/* Index of the frame of v[0] = pc; the first definition of a PC in a generation wins, as in Go's
 * reader. */
static uint32_t frame_index(struct gt_gen *g, const uint64_t v[4])
{
	struct gt_gen_private *p = g->priv;
	const uint32_t i = gt_idmap_get(&p->pcs, v[0]);
	if (i != GT_NO_INDEX)
		return i;
	if (!gt_grow(&g->frames, &p->cap_frames, (uint64_t)g->n_frames + 1, sizeof(*g->frames)) ||
	    !gt_idmap_put(&p->pcs, v[0], g->n_frames))
		return GT_NO_INDEX;
	g->frames[g->n_frames] = (struct gt_gen_frame){ v[0], v[1], v[2], v[3] };
	return g->n_frames++;
}

static int add_frames(struct gt_gen *g, struct gt_bytes *b, uint64_t n, uint64_t offset,
		      struct gt_err *err)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t v[4]; /* pc, func, file, line */
		const int rc = numbers(b, "stack", offset, v, 4, err);
		if (rc < 0)
			return rc;
		if (!gt_grow(&g->frame_of, &g->priv->cap_frame_of, (uint64_t)g->n_frame_of + 1,
			     sizeof(*g->frame_of)))
			return no_memory(err);
		const uint32_t f = frame_index(g, v);
		if (f == GT_NO_INDEX)
			return no_memory(err);
		g->frame_of[g->n_frame_of++] = f;
	}
	return 0;
}

static int add_stack(struct gt_gen *g, struct gt_bytes *b, struct gt_err *err)
{
	struct gt_gen_private *p = g->priv;
	const uint64_t offset = gt_bytes_offset(b);
	uint64_t v[2]; /* id, frames */
	int rc = record_kind(b, GT_EV_Stack, err);
	if (rc < 0 || (rc = numbers(b, "stack", offset, v, 2, err)) < 0)
		return rc;
	if (v[1] > GT_STACK_MAX)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "stack %" PRIu64 " of %" PRIu64
				  " frames, at most %d are allowed [C6]",
				  v[0], v[1], GT_STACK_MAX);
	const uint32_t first = g->n_frame_of;
	if ((rc = add_frames(g, b, v[1], offset, err)) < 0)
		return rc;
	if (v[0] == 0)
		return gt_err_set(err, GT_ERR_FORMAT, offset, "stack with id 0 [C6]");
	if (gt_idmap_get(&p->stack_ids, v[0]) != GT_NO_INDEX)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "stack %" PRIu64 " for the second time in a generation [C6]",
				  v[0]);
	if (!gt_grow(&g->stacks, &p->cap_stacks, (uint64_t)g->n_stacks + 1, sizeof(*g->stacks)) ||
	    !gt_idmap_put(&p->stack_ids, v[0], g->n_stacks))
		return no_memory(err);
	g->stacks[g->n_stacks++] = (struct gt_gen_stack){ v[0], first, (uint32_t)v[1] };
	return 0;
}

int gt_gen_add_stacks(struct gt_gen *g, struct gt_bytes b, struct gt_err *err)
{
	int rc = 0;
	for (b.p++; rc == 0 && b.p < b.end;)
		rc = add_stack(g, &b, err);
	return rc;
}

int gt_gen_add_samples(struct gt_gen *g, struct gt_bytes b, struct gt_err *err)
{
	for (b.p++; b.p < b.end;) {
		const uint64_t offset = gt_bytes_offset(&b);
		uint64_t v[5]; /* time, m, p, g, stack */
		int rc = record_kind(&b, GT_EV_CPUSample, err);
		if (rc < 0 || (rc = numbers(&b, "CPU sample", offset, v, 5, err)) < 0)
			return rc;
		if (!gt_grow(&g->samples, &g->priv->cap_samples, (uint64_t)g->n_samples + 1,
			     sizeof(*g->samples)))
			return no_memory(err);
		g->samples[g->n_samples++] = (struct gt_gen_sample){
			.time = (int64_t)v[0], /* units until the clock is known */
			.m = v[1],
			.p = v[2],
			.g = v[3] ? v[3] : GT_NO_ID,
			.stack = v[4],
			.offset = offset
		};
	}
	return 0;
}

static int add_frequency(struct gt_gen *g, struct gt_bytes *b, uint64_t offset, struct gt_err *err)
{
	if (g->priv->has_freq)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "second Frequency in a generation [C5]");
	const int rc = numbers(b, "Frequency", offset, &g->freq_hz, 1, err);
	if (rc < 0)
		return rc;
	g->priv->has_freq = true;
	/* N.B. 0 is refused when the generation is complete: one that never ends may say anything.
	 */
	g->ns_per_unit = 1.0 / ((double)g->freq_hz / 1e9);
	return 0;
}

static int add_clock(struct gt_gen *g, struct gt_bytes *b, uint64_t offset, uint64_t batch_time,
		     struct gt_err *err)
{
	uint64_t v[4]; /* dt, mono, sec, nsec */
	if (g->has_clock)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "second ClockSnapshot in a generation [C5]");
	const int rc = numbers(b, "ClockSnapshot", offset, v, 4, err);
	if (rc < 0)
		return rc;
	g->has_clock = true;
	g->clock_offset = offset;
	g->snap_time = batch_time + v[0];
	g->snap_mono_ns = v[1];
	g->snap_sec = v[2];
	g->snap_nsec = v[3];
	return 0;
}

int gt_gen_add_sync(struct gt_gen *g, struct gt_bytes b, uint64_t batch_time, struct gt_err *err)
{
	if (g->version >= 25) /* before, the batch is nothing but the frequency's record */
		b.p++;
	int rc = 0;
	while (rc == 0 && b.p < b.end) {
		const uint64_t offset = gt_bytes_offset(&b);
		const uint8_t kind = *b.p++;
		if (kind == GT_EV_Frequency)
			rc = add_frequency(g, &b, offset, err);
		else if (kind == GT_EV_ClockSnapshot && g->version >= 25)
			rc = add_clock(g, &b, offset, batch_time, err);
		else
			rc = gt_err_set(err, GT_ERR_FORMAT, offset,
					"byte %u in a sync batch where a Frequency or "
					"ClockSnapshot has to begin [C5]",
					kind);
	}
	return rc;
}

static int check_frames(const struct gt_gen *g, struct gt_err *err)
{
	struct gt_text t;
	for (uint32_t i = 0; i < g->n_frames; i++) {
		const struct gt_gen_frame *f = &g->frames[i];
		const bool has_func = gt_gen_string(g, f->func, &t);
		if (!has_func || !gt_gen_string(g, f->file, &t))
			return gt_err_set(err, GT_ERR_FORMAT, g->offset,
					  "generation %" PRIu64 ": frame 0x%" PRIx64
					  " names %s by string %" PRIu64
					  ", which does not exist [C6]",
					  g->number, f->pc, has_func ? "its file" : "its function",
					  has_func ? f->file : f->func);
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct gt_gen_sample *x = a, *y = b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

int gt_gen_finish_tables(struct gt_gen *g, struct gt_err *err)
{
	if (!g->priv->has_freq)
		return gt_err_set(err, GT_ERR_FORMAT, g->offset,
				  "generation %" PRIu64 " has no Frequency [C5]", g->number);
	if (g->freq_hz == 0)
		return gt_err_set(err, GT_ERR_FORMAT, g->offset,
				  "generation %" PRIu64 ": Frequency of 0 units per second [C5]",
				  g->number);
	if (g->version >= 25 && !g->has_clock)
		return gt_err_set(err, GT_ERR_FORMAT, g->offset,
				  "generation %" PRIu64 " has no ClockSnapshot [C5]", g->number);
	const int rc = check_frames(g, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < g->n_samples; i++)
		g->samples[i].time = gt_gen_ns(g, (uint64_t)g->samples[i].time);
	if (g->n_samples)
		qsort(g->samples, g->n_samples, sizeof(*g->samples), by_time);
	return 0;
}
