/*
 * Mutations of traces: of bytes, and of what they mean (batches, events, arguments) with lengths
 * made right again, so that most inputs reach the order checker. Small files only.
 */
#ifndef GT_FUZZ_MUTATE_H
#define GT_FUZZ_MUTATE_H

#include "encoder/event.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_MAX    8192 /* bytes of an input */
#define FUZZ_BATCH  64   /* batches that the model holds */
#define FUZZ_HEADER 16

struct rng {
	uint64_t s;
};

static uint64_t rng_next(struct rng *r)
{
	/* splitmix64 */
	uint64_t z = r->s += 0x9e3779b97f4a7c15ULL;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static uint64_t rng_below(struct rng *r, uint64_t n)
{
	return n ? rng_next(r) % n : 0;
}

struct input {
	size_t len;
	uint8_t bytes[FUZZ_MAX];
};

/* ---------------------------------------------------------------- bytes */

static void in_remove(struct input *in, size_t at, size_t n)
{
	memmove(in->bytes + at, in->bytes + at + n, in->len - at - n);
	in->len -= n;
}

static bool in_insert(struct input *in, size_t at, const uint8_t *p, size_t n)
{
	if (in->len + n > FUZZ_MAX)
		return false;
	memmove(in->bytes + at + n, in->bytes + at, in->len - at);
	memcpy(in->bytes + at, p, n);
	in->len += n;
	return true;
}

/* A number that is likely to hurt. */
static uint64_t odd_number(struct rng *r, uint64_t old)
{
	switch (rng_below(r, 9)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return 0;
	case 3:
		return UINT64_MAX;
	case 4:
		return 1ULL << rng_below(r, 64);
	case 5:
		return (1ULL << rng_below(r, 64)) - 1;
	case 6:
		return rng_next(r);
	default:
		return rng_below(r, 10);
	}
}

static void mutate_bytes(struct rng *r, struct input *in, const struct input *other)
{
	const size_t at = rng_below(r, in->len);
	uint8_t num[GT_VARINT_MAX];
	uint64_t v;
	if (in->len == 0)
		return;
	switch (rng_below(r, 8)) {
	case 0:
		in->bytes[at] ^= (uint8_t)(1 << rng_below(r, 8));
		break;
	case 1:
		in->bytes[at] = (uint8_t)rng_next(r);
		break;
	case 2: /* cut the end */
		in->len = at;
		break;
	case 3: /* cut something out */
		in_remove(in, at, rng_below(r, in->len - at < 16 ? in->len - at + 1 : 16));
		break;
	case 4: /* the end of another one */
		if (other->len) {
			const size_t from = rng_below(r, other->len);
			in->len = at;
			in_insert(in, at, other->bytes + from, other->len - from);
		}
		break;
	case 5: { /* repeat something */
		uint8_t copy[32];
		const size_t n = rng_below(r, in->len - at < 32 ? in->len - at + 1 : 32);
		memcpy(copy, in->bytes + at, n);
		in_insert(in, at, copy, n);
		break;
	}
	default: { /* another number */
		const uint8_t *end = gt_varint_get(in->bytes + at, in->bytes + in->len, &v);
		if (!end)
			break;
		in_remove(in, at, (size_t)(end - in->bytes) - at);
		in_insert(in, at, num, (size_t)(gt_varint_put(num, odd_number(r, v)) - num));
	}
	}
}

/* ---------------------------------------------------------------- structure */

struct mbatch {
	bool is_end;
	bool has_exp;
	uint8_t exp;
	uint64_t v[3]; /* gen, m, time */
	const uint8_t *data;
	size_t len;
};

struct model {
	uint8_t header[FUZZ_HEADER];
	struct mbatch b[FUZZ_BATCH];
	size_t n;
	struct input scratch; /* a batch that was changed lives here */
};

/* False when the bytes are no sequence of batches any more. */
static bool model_read(struct model *m, const struct input *in)
{
	m->n = 0;
	if (in->len < FUZZ_HEADER)
		return false;
	memcpy(m->header, in->bytes, FUZZ_HEADER);
	const uint8_t *p = in->bytes + FUZZ_HEADER, *end = in->bytes + in->len;
	while (p < end && m->n < FUZZ_BATCH) {
		struct mbatch *b = &m->b[m->n];
		*b = (struct mbatch){ .is_end = *p == GT_EV_EndOfGeneration };
		const uint8_t type = *p++;
		m->n++;
		if (b->is_end)
			continue;
		b->has_exp = type == GT_EV_ExperimentalBatch;
		if ((!b->has_exp && type != GT_EV_EventBatch) || (b->has_exp && p == end))
			return false;
		if (b->has_exp)
			b->exp = *p++;
		uint64_t size = 0;
		for (unsigned i = 0; p && i < 3; i++)
			p = gt_varint_get(p, end, &b->v[i]);
		p = p ? gt_varint_get(p, end, &size) : NULL;
		if (!p || size > (uint64_t)(end - p))
			return false;
		b->data = p;
		b->len = size;
		p += size;
	}
	return p == end;
}

static void model_write(const struct model *m, struct input *in)
{
	struct input out;
	memcpy(out.bytes, m->header, FUZZ_HEADER);
	uint8_t *p = out.bytes + FUZZ_HEADER;
	for (size_t i = 0; i < m->n; i++) {
		const struct mbatch *b = &m->b[i];
		if ((size_t)(p - out.bytes) + b->len + 50 > FUZZ_MAX)
			break;
		if (b->is_end) {
			*p++ = GT_EV_EndOfGeneration;
			continue;
		}
		*p++ = b->has_exp ? GT_EV_ExperimentalBatch : GT_EV_EventBatch;
		if (b->has_exp)
			*p++ = b->exp;
		for (unsigned k = 0; k < 3; k++)
			p = gt_varint_put(p, b->v[k]);
		p = gt_varint_put(p, b->len);
		if (b->len)
			memcpy(p, b->data, b->len);
		p += b->len;
	}
	in->len = (size_t)(p - out.bytes);
	memcpy(in->bytes, out.bytes, in->len);
}

static bool is_events(const struct mbatch *b)
{
	return !b->is_end && !b->has_exp && b->len && gt_specs[b->data[0]].kind == GT_KIND_TIMED;
}

/* End of the event at p, or NULL. */
static const uint8_t *event_end(const uint8_t *p, const uint8_t *end)
{
	const struct gt_spec *s = &gt_specs[*p++];
	uint64_t v;
	if (s->kind != GT_KIND_TIMED)
		return NULL;
	for (unsigned i = 0; p && i <= s->nargs; i++)
		p = gt_varint_get(p, end, &v);
	return p;
}

/* An event of any kind, with small numbers: ids of the corpus are small. */
static size_t random_event(struct rng *r, uint8_t *buf)
{
	uint8_t id;
	do {
		id = (uint8_t)rng_below(r, rng_below(r, 4) ? 49 : 137);
	} while (gt_specs[id].kind != GT_KIND_TIMED);
	uint8_t *p = buf;
	*p++ = id;
	p = gt_varint_put(p, rng_below(r, 2000));
	for (unsigned i = 0; i < gt_specs[id].nargs; i++) {
		const bool is_m = gt_specs[id].arg[i] == GT_ARG_m;
		p = gt_varint_put(p, is_m ? 1000 + rng_below(r, 3) : rng_below(r, 5));
	}
	return (size_t)(p - buf);
}

/* Changes argument number `arg` (0 is dt) of the event at [at, at + len) of the scratch input. */
static void change_arg(struct rng *r, struct input *s, size_t at, size_t len)
{
	const unsigned nargs = gt_specs[s->bytes[at]].nargs;
	unsigned arg = (unsigned)rng_below(r, nargs + 1);
	if (arg == 0 && nargs && rng_below(r, 3))
		arg = 1;
	const uint8_t *p = s->bytes + at + 1, *end = s->bytes + at + len;
	uint64_t v = 0;
	const uint8_t *q = gt_varint_get(p, end, &v);
	for (; q && arg > 0; arg--) {
		p = q;
		q = gt_varint_get(p, end, &v);
	}
	if (!q)
		return;
	uint8_t num[GT_VARINT_MAX];
	const size_t from = (size_t)(p - s->bytes);
	v = rng_below(r, 3) ? v + rng_below(r, 5) - 2 : odd_number(r, v);
	in_remove(s, from, (size_t)(q - p));
	in_insert(s, from, num, (size_t)(gt_varint_put(num, v) - num));
}

/* Changes one event of batch b, whose data moves into m->scratch. */
static void mutate_events(struct rng *r, struct model *m, struct mbatch *b)
{
	struct input *s = &m->scratch;
	const uint8_t *end = b->data + b->len, *p = b->data, *q;
	size_t n = 0;
	for (q = p; q && q < end; n++)
		q = event_end(q, end);
	for (size_t k = rng_below(r, n); k > 0; k--) {
		q = event_end(p, end);
		if (!q || q == end)
			break;
		p = q;
	}
	q = event_end(p, end);
	if (!q || b->len + 128 > FUZZ_MAX)
		return;
	const size_t at = (size_t)(p - b->data), len = (size_t)(q - p);
	uint8_t event[64];
	s->len = b->len;
	memcpy(s->bytes, b->data, b->len);
	switch (rng_below(r, 8)) {
	case 0:
		in_remove(s, at, len);
		break;
	case 1:
		if (len < sizeof(event)) {
			memcpy(event, p, len);
			in_insert(s, at, event, len);
		}
		break;
	case 2: /* to the end: out of order */
		if (len < sizeof(event)) {
			memcpy(event, p, len);
			in_remove(s, at, len);
			in_insert(s, s->len, event, len);
		}
		break;
	case 3:
	case 4:
		in_insert(s, rng_below(r, 2) ? at : at + len, event, random_event(r, event));
		break;
	default:
		change_arg(r, s, at, len);
	}
	b->data = s->bytes;
	b->len = s->len;
}

static void mutate_structure(struct rng *r, struct input *in, const struct input *other)
{
	static struct model m, o; /* large */
	if (!model_read(&m, in) || m.n == 0) {
		mutate_bytes(r, in, other);
		return;
	}
	const size_t i = rng_below(r, m.n), j = rng_below(r, m.n);
	struct mbatch *b = &m.b[i];
	const struct mbatch keep = *b;
	switch (rng_below(r, 12)) {
	case 0:
		b->v[rng_below(r, 3)] = odd_number(r, b->v[0]);
		break;
	case 1: /* events change thread or time a little */
		b->v[1] = rng_below(r, 2) ? 1000 + rng_below(r, 3) : b->v[1];
		b->v[2] += rng_below(r, 2000) - 1000;
		break;
	case 2:
		*b = m.b[j];
		m.b[j] = keep;
		break;
	case 3:
		memmove(b, b + 1, (m.n - i - 1) * sizeof(*b));
		m.n--;
		break;
	case 4: /* twice */
		if (m.n < FUZZ_BATCH)
			m.b[m.n++] = keep;
		break;
	case 5: /* one of another input */
		if (model_read(&o, other) && o.n)
			*b = o.b[rng_below(r, o.n)];
		break;
	case 6: { /* another input's generations follow */
		const uint64_t last = m.b[m.n - 1].is_end && m.n > 1 ? m.b[m.n - 2].v[0] : 0;
		if (!model_read(&o, other))
			break;
		for (size_t k = 0; k < o.n && m.n < FUZZ_BATCH; k++) {
			m.b[m.n] = o.b[k];
			m.b[m.n].v[0] += last;
			m.b[m.n++].v[2] += 1000000 * last;
		}
		break;
	}
	default:
		for (size_t k = 0; k < m.n; k++) {
			struct mbatch *e = &m.b[(i + k) % m.n];
			if (!is_events(e))
				continue;
			mutate_events(r, &m, e);
			break;
		}
	}
	model_write(&m, in);
}

/* One to four changes, most of them of the structure. */
static void mutate(struct rng *r, struct input *in, const struct input *other)
{
	for (uint64_t n = 1 + rng_below(r, 4); n > 0; n--) {
		if (rng_below(r, 4))
			mutate_structure(r, in, other);
		else
			mutate_bytes(r, in, other);
	}
}

#endif
