#include "tools/read/gen.h"

#include "tools/read/gen_priv.h"
#include "tools/read/grow.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK_MIN 4096
#define CHUNK_MAX (1 << 20)

struct gt_gen *gt_gen_new(void)
{
	struct gt_gen *g = calloc(1, sizeof(*g));
	struct gt_gen_private *p = calloc(1, sizeof(*p));
	if (!g || !p) {
		free(g);
		free(p);
		return NULL;
	}
	g->priv = p;
	g->index = UINT64_MAX; /* the first one read becomes 0 */
	return g;
}

static void free_chunks(struct gt_gen_private *p)
{
	while (p->chunks) {
		struct gt_chunk *next = p->chunks->next;
		free(p->chunks);
		p->chunks = next;
	}
	p->chunk_bytes = 0;
}

void gt_gen_free(struct gt_gen *g)
{
	if (!g)
		return;
	struct gt_gen_private *p = g->priv;
	free_chunks(p);
	gt_idmap_free(&p->string_ids);
	gt_idmap_free(&p->stack_ids);
	gt_idmap_free(&p->pcs);
	gt_idmap_free(&p->ms);
	free(p);
	free(g->strings);
	free(g->frames);
	free(g->frame_of);
	free(g->stacks);
	free(g->samples);
	free(g->batches);
	free(g->streams);
	free(g->records);
	free(g->opaque);
	free(g);
}

/* Forgets the generation, keeps the arrays and the newest chunk. */
static int reset(struct gt_gen *g, struct gt_err *err)
{
	struct gt_gen_private *p = g->priv;
	struct gt_chunk *keep = p->chunks;
	if (keep) {
		p->chunks = keep->next;
		free_chunks(p);
		keep->next = NULL;
		keep->len = 0;
		p->chunks = keep;
		p->chunk_bytes = keep->cap;
	}
	gt_idmap_clear(&p->string_ids);
	gt_idmap_clear(&p->stack_ids);
	gt_idmap_clear(&p->pcs);
	gt_idmap_clear(&p->ms);
	p->has_freq = false;
	g->number = g->min_time = g->min_stamp = g->freq_hz = g->max_string = 0;
	g->zero_offset = GT_NO_OFFSET;
	g->has_clock = false;
	g->back.n = 0;
	g->n_skipped = 0;
	g->n_frames = g->n_frame_of = g->n_samples = g->n_batches = g->n_streams = g->n_records =
		g->n_opaque = 0;
	if (!gt_grow(&g->strings, &p->cap_strings, 1, sizeof(*g->strings)) ||
	    !gt_grow(&g->stacks, &p->cap_stacks, 1, sizeof(*g->stacks)))
		return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	g->strings[0] = (struct gt_text){ "", 0 };
	g->stacks[0] = (struct gt_gen_stack){ 0, 0, 0 };
	g->n_strings = g->n_stacks = 1;
	return 0;
}

/* A copy of bytes[0..n) that stays where it is; NULL without memory. */
static const uint8_t *keep_bytes(struct gt_gen_private *p, const uint8_t *bytes, size_t n)
{
	struct gt_chunk *c = p->chunks;
	if (!c || c->cap - c->len < n) {
		/* Chunks grow with what is there, so that a small file takes little. */
		size_t cap = p->chunk_bytes < CHUNK_MIN ? CHUNK_MIN : p->chunk_bytes;
		cap = cap > CHUNK_MAX ? CHUNK_MAX : cap;
		cap = cap < n ? n : cap;
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct gt_chunk){ .next = p->chunks, .cap = cap };
		p->chunks = c;
		p->chunk_bytes += cap;
	}
	uint8_t *at = c->bytes + c->len;
	if (n)
		memcpy(at, bytes, n);
	c->len += n;
	return at;
}

/* Appends the batch to one of the arrays of batches. */
static bool append(struct gt_gen_batch **list, uint32_t *n, uint32_t *cap,
		   const struct gt_wire_batch *b, const uint8_t *data)
{
	if (!gt_grow(list, cap, (uint64_t)*n + 1, sizeof(**list)))
		return false;
	(*list)[(*n)++] = (struct gt_gen_batch){ .data = data,
						 .size = b->size,
						 .next = GT_NO_BATCH,
						 .m = b->m,
						 .time = b->time,
						 .offset = b->offset,
						 .data_offset = b->data_offset,
						 .experiment = b->experiment };
	return true;
}

static bool append_events(struct gt_gen *g, const struct gt_wire_batch *b, const uint8_t *data)
{
	struct gt_gen_private *p = g->priv;
	const uint32_t at = g->n_batches;
	if (!append(&g->batches, &g->n_batches, &p->cap_batches, b, data))
		return false;
	const uint32_t i = gt_idmap_get(&p->ms, b->m);
	if (i != GT_NO_INDEX) {
		g->batches[g->streams[i].last].next = at;
		g->streams[i].last = at;
		return true;
	}
	if (!gt_grow(&g->streams, &p->cap_streams, (uint64_t)g->n_streams + 1,
		     sizeof(*g->streams)) ||
	    !gt_idmap_put(&p->ms, b->m, g->n_streams))
		return false;
	g->streams[g->n_streams++] = (struct gt_gen_stream){ b->m, at, at };
	return true;
}

static int add_batch(struct gt_gen *g, const struct gt_wire_batch *b, struct gt_err *err)
{
	struct gt_gen_private *p = g->priv;
	g->n_skipped += !b->data && b->kind == GT_BATCH_EVENTS;
	if (!b->data && b->kind == GT_BATCH_EVENTS)
		return 0;
	const uint8_t *data = keep_bytes(p, b->data, b->size);
	const struct gt_bytes bytes = { data, data + b->size, b->data_offset + b->size };
	bool ok = data;
	switch (data ? b->kind : GT_BATCH_END) {
	case GT_BATCH_STRINGS:
		return gt_gen_add_strings(g, bytes, err);
	case GT_BATCH_STACKS:
		return gt_gen_add_stacks(g, bytes, err);
	case GT_BATCH_SAMPLES:
		return gt_gen_add_samples(g, bytes, err);
	case GT_BATCH_SYNC:
		return gt_gen_add_sync(g, bytes, b->time, err);
	case GT_BATCH_EVENTS:
		ok = append_events(g, b, data);
		break;
	case GT_BATCH_RECORDS:
		ok = append(&g->records, &g->n_records, &p->cap_records, b, data);
		break;
	case GT_BATCH_OPAQUE:
		ok = append(&g->opaque, &g->n_opaque, &p->cap_opaque, b, data);
		break;
	case GT_BATCH_END:
		break;
	}
	return ok ? 0 : gt_err_set(err, GT_ERR_MEMORY, b->offset, "no memory");
}

int gt_gen_read(struct gt_gen *g, struct gt_file *f, struct gt_err *err)
{
	int rc = reset(g, err);
	g->offset = gt_file_offset(f);
	g->version = gt_file_version(f);
	struct gt_wire_batch b;
	while (rc == 0 && (rc = gt_file_next(f, &b, err)) > 0 && b.kind != GT_BATCH_END) {
		g->number = b.gen;
		/* N.B. A time of 0 counts as none, as in Go's reader. */
		if (g->min_time == 0 || b.time < g->min_time)
			g->min_time = b.time;
		if (b.time == 0 && g->zero_offset == GT_NO_OFFSET)
			g->zero_offset = b.offset;
		if (b.time && (g->min_stamp == 0 || b.time < g->min_stamp))
			g->min_stamp = b.time;
		rc = add_batch(g, &b, err);
	}
	if (rc < 0 && g->number && gt_file_failed_behind(f))
		rc = 1; /* the next call says what is wrong */
	if (rc <= 0)
		return rc;
	if (err)
		err->code = GT_ERR_NONE;
	g->end = gt_file_offset(f);
	g->index++;
	rc = gt_gen_finish_tables(g, err);
	return rc < 0 ? rc : 1;
}

bool gt_gen_string(const struct gt_gen *g, uint64_t id, struct gt_text *t)
{
	const uint32_t i = id ? gt_idmap_get(&g->priv->string_ids, id) : 0;
	*t = g->strings[i == GT_NO_INDEX ? 0 : i];
	return i != GT_NO_INDEX;
}

const struct gt_gen_stack *gt_gen_stack(const struct gt_gen *g, uint64_t id)
{
	const uint32_t i = id ? gt_idmap_get(&g->priv->stack_ids, id) : 0;
	return i == GT_NO_INDEX ? NULL : &g->stacks[i];
}

int64_t gt_gen_ns_odd(const struct gt_gen *g, uint64_t units)
{
	const double ns = (double)units * g->ns_per_unit;
	/* N.B. What a 64-bit Intel processor makes of a number that does not fit; C leaves it open.
	 */
	return ns < 9223372036854775808.0 ? (int64_t)ns : INT64_MIN;
}
