#include "tools/read/rec.h"

#include "encoder/varint.h"

#include <string.h>

static int damaged(const struct gt_gen_batch *b, uint32_t pos, const char *what, struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_FORMAT, b->data_offset + pos, "batch of gtrace records: %s",
			  what);
}

/* Fields from the body of a known kind; missing ones (an older writer) are 0. */
static int read_fields(struct gt_rec_value *r, const struct gt_gen *g, const struct gt_gen_batch *b,
		       const uint8_t *p, const uint8_t *end)
{
	const struct gt_rec_spec *s = &gt_rec_specs[r->kind];
	uint64_t dt;
	p = gt_varint_get(p, end, &dt);
	if (!p)
		return -1;
	r->time = (int64_t)((uint64_t)gt_gen_ns(g, b->time) + dt);
	memset(r->field, 0, sizeof(r->field));
	for (unsigned i = 0; i < s->nfields && p < end; i++) {
		p = gt_varint_get(p, end, &r->field[i]);
		if (!p)
			return -1;
	}
	r->tail = p;
	r->tail_end = end;
	return 0;
}

/* One record at it->pos: 1 a known one, 0 skipped, -code. */
static int step(struct gt_rec_iter *it, const struct gt_gen_batch *b, struct gt_rec_value *r,
		struct gt_err *err)
{
	const uint8_t *p = b->data + it->pos, *end = b->data + b->size;
	const uint32_t at = it->pos;
	uint64_t len;
	r->kind = *p++;
	r->m = b->m;
	r->offset = b->data_offset + at;
	p = gt_varint_get(p, end, &len);
	if (!p || len > (uint64_t)(end - p)) {
		it->pos = b->size;
		return damaged(b, at, "a record is longer than its batch", err);
	}
	it->pos = (uint32_t)(p + len - b->data);
	if (r->kind >= GT_REC_KINDS || !gt_rec_specs[r->kind].name)
		return 0;
	if (read_fields(r, it->gen, b, p, p + len) < 0) {
		it->pos = b->size;
		return damaged(b, at, "a record ends inside a number", err);
	}
	return 1;
}

/* Where the records of a batch begin: behind 'g' and a version that is known, else at its end. */
static uint32_t begin(const struct gt_gen_batch *b)
{
	uint64_t version;
	const uint8_t *p = gt_varint_get(b->data + 1, b->data + b->size, &version);
	return p && version == GT_REC_VERSION ? (uint32_t)(p - b->data) : b->size;
}

int gt_rec_next(struct gt_rec_iter *it, struct gt_rec_value *r, struct gt_err *err)
{
	for (; it->batch < it->gen->n_records; it->batch++, it->pos = 0) {
		const struct gt_gen_batch *b = &it->gen->records[it->batch];
		if (it->pos == 0)
			it->pos = begin(b);
		while (it->pos < b->size) {
			const int rc = step(it, b, r, err);
			if (rc)
				return rc;
		}
	}
	return 0;
}

bool gt_rec_bucket(struct gt_rec_value *r, uint64_t *bucket, uint64_t *n)
{
	const uint8_t *p = gt_varint_get(r->tail, r->tail_end, bucket);
	if (p)
		p = gt_varint_get(p, r->tail_end, n);
	if (p)
		r->tail = p;
	return p;
}
