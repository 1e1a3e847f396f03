/* One batch of timed events, decoded event by event with gt_specs. */
#ifndef GT_READ_BATCH_H
#define GT_READ_BATCH_H

#include "encoder/event.h"
#include "tools/lib/err.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

/* What the hot paths need to know of an event: gt_specs[] in one cache line for eight of them. */
struct gt_event_shape {
	uint8_t numbers; /* time and arguments; 0: no timed event */
	uint8_t stack;   /* place of the argument that is its own stack, from 1; 0 = none */
	uint8_t str;     /* place of the first argument that is a string, from 1; 0 = none */
	bool has_more;   /* it names more strings or stacks than these */
};
extern const struct gt_event_shape gt_event_shapes[256];

/* Says in *err why gt_event_decode() failed. */
void gt_event_complain(const uint8_t *p, const uint8_t *end, uint64_t offset, struct gt_err *err);

#define GT_EVENT_WINDOW 48 /* bytes that gt_event_numbers_fast() may look at */

/* The number in the `len` low bytes of x, 1 to 8. */
static inline uint64_t gt_event_compact(uint64_t x, unsigned len)
{
	x &= ~0ULL >> ((64 - 8 * len) & 63);
	x = (x & 0x007f007f007f007fULL) | (x & 0x7f007f007f007f00ULL) >> 1;
	x = (x & 0x00003fff00003fffULL) | (x & 0x3fff00003fff0000ULL) >> 2;
	return (x & 0x000000000fffffffULL) | (x & 0x0fffffff00000000ULL) >> 4;
}

/*
 * Time and arguments of the event at p, where at least GT_EVENT_WINDOW bytes are. Returns the first
 * byte behind it; NULL when the event is none of the common ones: more than 16 bytes, or a number
 * of more than 8. What is in args[] behind the event's own means nothing.
 *
 * N.B. No branch depends on how long the numbers are: those are not predictable, and a wrong guess
 * costs as much as all of this. The bytes that end a number are bits of `ends`; four numbers are
 * taken whether they are there or not.
 */
static inline const uint8_t *gt_event_numbers_fast(const uint8_t *p, unsigned n, uint64_t *dt,
						   uint64_t args[GT_MAX_ARGS])
{
	uint64_t x;
	const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)++p);
	uint32_t ends = ~(uint32_t)_mm_movemask_epi8(bytes) & 0xffff;
	uint32_t run = ~ends & 0xffff;
	run &= run >> 1;
	run &= run >> 2;
	run &= run >> 4;
	ends |= 0x1f0000; /* there is always a next one */
	uint32_t at[GT_MAX_ARGS + 2];
	at[0] = 0;
	for (unsigned i = 1; i <= GT_MAX_ARGS + 1; i++, ends &= ends - 1)
		at[i] = (uint32_t)__builtin_ctz(ends) + 1;
	if (run || at[n] > 16)
		return NULL;
	memcpy(&x, p, 8);
	*dt = gt_event_compact(x, at[1]);
	for (unsigned i = 1; i < GT_MAX_ARGS; i++) {
		memcpy(&x, p + at[i], 8);
		args[i - 1] = gt_event_compact(x, at[i + 1] - at[i]);
	}
	if (n > GT_MAX_ARGS) {
		memcpy(&x, p + at[GT_MAX_ARGS], 8);
		args[GT_MAX_ARGS - 1] = gt_event_compact(x, at[GT_MAX_ARGS + 1] - at[GT_MAX_ARGS]);
	}
	return p + at[n];
}

/*
 * Decodes the event at p, p < end, whose place in the file is `offset`, into *ev (all but `time`).
 * Returns the first byte behind it, or NULL with *err when it is no timed event or is cut [C8].
 */
static inline const uint8_t *gt_event_decode(const uint8_t *p, const uint8_t *end, uint64_t offset,
					     struct gt_event_rec *ev, struct gt_err *err)
{
	const unsigned n = gt_event_shapes[*p].numbers;
	const uint8_t *q = NULL;
	if (n && end - p >= GT_EVENT_WINDOW)
		q = gt_event_numbers_fast(p, n, &ev->dt, ev->args);
	if (n && !q) {
		q = gt_varint_get(p + 1, end, &ev->dt);
		for (unsigned i = 0; q && i + 1 < n; i++)
			q = gt_varint_get(q, end, &ev->args[i]);
	}
	if (!q) {
		gt_event_complain(p, end, offset, err);
		return NULL;
	}
	ev->id = *p;
	ev->nargs = (uint8_t)(n - 1);
	ev->size = (uint32_t)(q - p);
	ev->offset = offset;
	return q;
}

/* Name of event `id`, "event 77" style for ids that have none: never NULL. Not thread-safe for
 * those. */
const char *gt_event_name(uint8_t id);

#endif
