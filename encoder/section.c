/*
 * Table batches.
 *
 * A put writes behind `len` and moves it only at the end; a record that turns out not to fit is
 * simply not counted. Room is asked for by the longest form of the numbers, so that the last few
 * bytes of a batch can stay unused; exact sums would cost a second walk over every record.
 */
#include "encoder/section.h"

/* A log2 histogram of 64-bit numbers has no more buckets than bits. */
#define GT_BUCKETS_MAX 64

/* First free byte of `b`, or NULL when fewer than `bytes` are left. */
static uint8_t *room(const struct gt_batch *b, size_t bytes)
{
	return gt_batch_has_room(b, bytes) ? b->mem + b->len : NULL;
}

static void begin(struct gt_batch *b, uint8_t first, gt_ns start)
{
	*b = gt_batch_init(b->mem, b->cap, start);
	b->mem[b->len++] = first;
}

void gt_section_begin(struct gt_batch *b, enum gt_event kind, gt_ns start)
{
	begin(b, (uint8_t)kind, start);
}

void gt_section_begin_records(struct gt_batch *b, gt_ns start)
{
	begin(b, GT_REC_BATCH_BYTE, start);
	gt_batch_end(b, gt_varint_put(b->mem + b->len, GT_REC_VERSION));
}

bool gt_section_string(struct gt_batch *b, gt_str id, const char *text, size_t len)
{
	if (len > GT_STRING_MAX) { /* the end of a symbol or path tells more than its beginning */
		text += len - GT_STRING_MAX;
		len = GT_STRING_MAX;
	}

	uint8_t *p = room(b, 1 + 2 * GT_VARINT_MAX + len);
	if (!p)
		return false;
	*p++ = GT_EV_String;
	p = gt_varint_put(p, id.v);
	p = gt_varint_put(p, len);
	if (len) /* memcpy() must not see NULL, not even for 0 bytes */
		memcpy(p, text, len);
	gt_batch_end(b, p + len);
	return true;
}

static uint8_t *put_frame(uint8_t *p, const struct gt_frame *f)
{
	p = gt_varint_put(p, f->pc);
	p = gt_varint_put(p, f->func.v);
	p = gt_varint_put(p, f->file.v);
	return gt_varint_put(p, f->line);
}

bool gt_section_stack(struct gt_batch *b, gt_stack id, const struct gt_frame *frames, size_t n)
{
	if (n > GT_STACK_MAX)
		n = GT_STACK_MAX;

	uint8_t *p = room(b, 1 + 2 * GT_VARINT_MAX);
	if (!p)
		return false;
	const uint8_t *const end = b->mem + b->cap;
	*p++ = GT_EV_Stack;
	p = gt_varint_put(p, id.v);
	p = gt_varint_put(p, n);
	for (size_t i = 0; i < n; i++) {
		if (end - p < 4 * GT_VARINT_MAX)
			return false;
		p = put_frame(p, &frames[i]);
	}
	gt_batch_end(b, p);
	return true;
}

bool gt_section_sample(struct gt_batch *b, gt_ns time, gt_m m, gt_p p, gt_g g, gt_stack stack)
{
	uint8_t *w = room(b, 1 + 5 * GT_VARINT_MAX);
	if (!w)
		return false;
	*w++ = GT_EV_CPUSample;
	w = gt_varint_put(w, time.v);
	w = gt_varint_put(w, m.v);
	w = gt_varint_put(w, p.v);
	w = gt_varint_put(w, g.v);
	gt_batch_end(b, gt_varint_put(w, stack.v));
	return true;
}

bool gt_section_sync(struct gt_batch *b, uint64_t freq_hz, gt_ns now, gt_ns mono, uint64_t wall_s,
		     uint64_t wall_ns)
{
	uint8_t *p = room(b, 2 + 5 * GT_VARINT_MAX);
	if (!p)
		return false;
	*p++ = GT_EV_Frequency; /* without dt, unlike the snapshot */
	gt_batch_end(b, gt_varint_put(p, freq_hz));

	p = gt_batch_event(b, GT_EV_ClockSnapshot, now);
	p = gt_varint_put(p, mono.v);
	p = gt_varint_put(p, wall_s);
	gt_batch_end(b, gt_varint_put(p, wall_ns));
	return true;
}

bool gt_section_call(struct gt_batch *b, gt_ns now, gt_m tid, gt_g g, gt_str call, uint64_t count,
		     uint64_t waits, uint64_t total_ns, uint64_t max_ns, const uint64_t *buckets,
		     size_t n_buckets)
{
	uint8_t body[(1 + GT_REC_MAX_FIELDS) * GT_VARINT_MAX];
	uint8_t *p = gt_varint_put(body, now.v > b->start.v ? now.v - b->start.v : 0);
	p = gt_varint_put(p, tid.v);
	p = gt_varint_put(p, g.v);
	p = gt_varint_put(p, call.v);
	p = gt_varint_put(p, count);
	p = gt_varint_put(p, waits);
	p = gt_varint_put(p, total_ns);
	p = gt_varint_put(p, max_ns);

	uint8_t tail[GT_BUCKETS_MAX * (1 + GT_VARINT_MAX)]; /* a bucket's number takes one byte */
	uint8_t *t = tail;
	for (size_t i = 0; i < n_buckets && i < GT_BUCKETS_MAX; i++) {
		if (!buckets[i])
			continue;
		t = gt_varint_put(t, i);
		t = gt_varint_put(t, buckets[i]);
	}
	return gt_batch_record(b, GT_REC_CALL, body, (size_t)(p - body), tail, (size_t)(t - tail));
}
