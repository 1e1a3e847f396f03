/* The parts of a batch that are not on the way of an event: gtrace's own records, and the seal. */
#include "encoder/batch.h"

#include "encoder/event.h"

bool gt_batch_record(struct gt_batch *b, uint8_t kind, const uint8_t *body, size_t body_len,
		     const uint8_t *tail, size_t tail_len)
{
	const size_t len = body_len + tail_len;
	if (!gt_batch_has_room(b, 1 + gt_varint_len(len) + len))
		return false;

	uint8_t *p = b->mem + b->len;
	*p++ = kind;
	p = gt_varint_put(p, len);
	memcpy(p, body, body_len);
	p += body_len;
	if (tail_len) { /* memcpy() must not see NULL, not even for 0 bytes */
		memcpy(p, tail, tail_len);
		p += tail_len;
	}
	gt_batch_end(b, p);
	return true;
}

size_t gt_batch_seal(uint8_t *mem, size_t len, uint8_t experiment, uint64_t gen, gt_m m, gt_ns time,
		     const uint8_t **start)
{
	uint8_t head[GT_BATCH_HEADER];
	uint8_t *p = head;

	*p++ = experiment ? GT_EV_ExperimentalBatch : GT_EV_EventBatch;
	if (experiment)
		*p++ = experiment; /* one raw byte, not a varint */
	p = gt_varint_put(p, gen);
	p = gt_varint_put(p, m.v);
	p = gt_varint_put(p, time.v);
	p = gt_varint_put(p, len - GT_BATCH_HEADER);

	/* Right-aligned: header and data leave in one piece, without a byte too many. */
	const size_t head_len = (size_t)(p - head);
	uint8_t *first = mem + GT_BATCH_HEADER - head_len;
	memcpy(first, head, head_len);
	*start = first;
	return head_len + len - GT_BATCH_HEADER;
}
