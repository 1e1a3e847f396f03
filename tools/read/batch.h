/* One batch of timed events, decoded event by event with gt_specs. */
#ifndef GT_READ_BATCH_H
#define GT_READ_BATCH_H

#include "encoder/event.h"
#include "tools/lib/err.h"

#include <stdint.h>

/* An event as it stands in the file. */
struct gt_event_rec {
	uint8_t id;                 /* enum gt_event */
	uint8_t nargs;              /* arguments in args[] */
	uint32_t size;              /* bytes on the wire */
	int64_t time;               /* ns; set by the cursor that knows the frequency */
	uint64_t dt;                /* units since the event before it in the same batch */
	uint64_t args[GT_MAX_ARGS]; /* in the order of events.def */
	uint64_t offset;            /* of the event in the file */
};

/* Says in *err why gt_event_decode() failed. */
void gt_event_complain(const uint8_t *p, const uint8_t *end, uint64_t offset, struct gt_err *err);

/* gt_varint_get() for numbers of which most are one or two bytes long. */
static inline const uint8_t *gt_event_number(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	if (end - p >= 2) {
		if (p[0] < 0x80) {
			*v = p[0];
			return p + 1;
		}
		if (p[1] < 0x80) {
			*v = (p[0] & 0x7fU) | (uint64_t)p[1] << 7;
			return p + 2;
		}
	}
	return gt_varint_get(p, end, v);
}

/*
 * Decodes the event at p, p < end, whose place in the file is `offset`, into *ev (all but `time`).
 * Returns the first byte behind it, or NULL with *err when it is no timed event or is cut [C8].
 */
static inline const uint8_t *gt_event_decode(const uint8_t *p, const uint8_t *end, uint64_t offset,
					     struct gt_event_rec *ev, struct gt_err *err)
{
	const struct gt_spec *s = &gt_specs[*p];
	const uint8_t *q = NULL;
	if (s->kind == GT_KIND_TIMED)
		q = gt_event_number(p + 1, end, &ev->dt);
	for (unsigned i = 0; q && i < s->nargs; i++)
		q = gt_event_number(q, end, &ev->args[i]);
	if (!q) {
		gt_event_complain(p, end, offset, err);
		return NULL;
	}
	ev->id = *p;
	ev->nargs = s->nargs;
	ev->size = (uint32_t)(q - p);
	ev->offset = offset;
	return q;
}

/* Name of event `id`, "event 77" style for ids that have none: never NULL. Not thread-safe for
 * those. */
const char *gt_event_name(uint8_t id);

#endif
