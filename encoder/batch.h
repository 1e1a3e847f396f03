/*
 * One batch: header room, then data. The caller owns the memory, the time and the thread; nothing
 * here allocates, locks or looks at a clock. A batch is written by one thread at a time.
 */
#ifndef GT_BATCH_H
#define GT_BATCH_H

#include "encoder/varint.h"

#include <string.h>

/* Units and ids that must not be mixed up; each is one number. */
typedef struct {
	uint64_t v;
} gt_ns; /* nanoseconds of CLOCK_MONOTONIC */
typedef struct {
	uint64_t v;
} gt_str; /* string id within a generation; 0 = the empty string */
typedef struct {
	uint64_t v;
} gt_stack; /* stack id within a generation; 0 = no stack */
typedef struct {
	uint64_t v;
} gt_g; /* goroutine id: one per thread life, from 1 */
typedef struct {
	uint64_t v;
} gt_m; /* thread id (tid); GT_NO_M = none */
typedef struct {
	uint64_t v;
} gt_p; /* processor slot, from 1 */
typedef struct {
	uint64_t v;
} gt_task; /* user task id; 0 = none */

#define GT_NO_M ((gt_m){ UINT64_MAX })

enum gt_gstatus { GT_G_RUNNABLE = 1, GT_G_RUNNING, GT_G_SYSCALL, GT_G_WAITING };
enum gt_pstatus { GT_P_RUNNING = 1, GT_P_IDLE, GT_P_SYSCALL };

#define GT_BATCH_HEADER   48 /* bytes before the data; the sealed header ends where data begins */
#define GT_BATCH_MAX_DATA 65536                   /* the wire's limit: readers refuse more */
#define GT_EVENT_MAX      (1 + 5 * GT_VARINT_MAX) /* bytes of the longest timed event */

struct gt_batch {
	uint8_t *mem; /* start of the header room; owned by the caller */
	uint32_t len; /* bytes used, header room included */
	uint32_t cap; /* bytes of mem, at most GT_BATCH_HEADER + GT_BATCH_MAX_DATA are used */
	gt_ns start;  /* time in the header */
	gt_ns last;   /* time of the newest event; never goes back */
};

/* An empty batch over mem[0..cap), cap >= GT_BATCH_HEADER; no event is older than `start`. */
static inline struct gt_batch gt_batch_init(void *mem, size_t cap, gt_ns start)
{
	if (cap > GT_BATCH_HEADER + GT_BATCH_MAX_DATA)
		cap = GT_BATCH_HEADER + GT_BATCH_MAX_DATA;
	return (struct gt_batch){ (uint8_t *)mem, GT_BATCH_HEADER, (uint32_t)cap, start, start };
}

/* Bytes of data so far. */
static inline size_t gt_batch_len(const struct gt_batch *b)
{
	return b->len - GT_BATCH_HEADER;
}

static inline bool gt_batch_has_room(const struct gt_batch *b, size_t bytes)
{
	return b->len + bytes <= b->cap;
}

/*
 * Begins an event: writes its number and dt, returns where the arguments go. A clock that steps
 * back is clamped: dt is never negative on the wire. gt_batch_end() with the end of the arguments
 * completes it.
 */
static inline uint8_t *gt_batch_event(struct gt_batch *b, uint8_t id, gt_ns now)
{
	uint64_t dt = 0;
	if (now.v > b->last.v) {
		dt = now.v - b->last.v;
		b->last = now;
	}
	uint8_t *p = b->mem + b->len;
	*p++ = id;
	return gt_varint_put(p, dt);
}

static inline void gt_batch_end(struct gt_batch *b, const uint8_t *end)
{
	b->len = (uint32_t)(end - b->mem);
}

/*
 * Appends one of gtrace's own records: kind, length, body, then `tail` (may be NULL with tail_len
 * 0). Returns false, and writes nothing, when there is no room.
 */
bool gt_batch_record(struct gt_batch *b, uint8_t kind, const uint8_t *body, size_t body_len,
		     const uint8_t *tail, size_t tail_len);

/*
 * Puts the header in front of `len - GT_BATCH_HEADER` bytes of data in `mem` and returns the length
 * of the whole wire batch, whose first byte is *start (inside mem). `experiment` 0 writes an
 * ordinary batch. Needs nothing but these arguments, so that a batch can be sealed by someone else
 * after its owner died.
 */
size_t gt_batch_seal(uint8_t *mem, size_t len, uint8_t experiment, uint64_t gen, gt_m m, gt_ns time,
		     const uint8_t **start);

#endif
