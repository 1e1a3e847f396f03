/*
 * Who held what a thread waited for, and who woke it: brings waits together with the WAIT, WAKE and
 * EXPIRED records of the same object (records.def). Rules of the matching: blame.c.
 *
 *     r = gt_blame_new(stack_number, arg);
 *     gt_blame_generation(r, gen, &err);         when a generation begins
 *     gt_blame_begin(r, g, time, &w);            for each wait, in the order of time
 *     gt_blame_end(r, g, time, &w);
 *
 * Memory is bounded by the records of the largest generation and the objects with open waits.
 */
#ifndef GT_BLAME_H
#define GT_BLAME_H

#include "encoder/event.h"
#include "tools/read/gen.h"

/* Reasons to wait, as in OBJECT records (whys.def). */
enum gt_why_id {
/* clang-format off */
#define GT_WHY(id, name, form, object, reason, meaning) GT_WHY_##name = id,
#include "gtrace/whys.def"
#undef GT_WHY
	/* clang-format on */
	GT_WHY_NONE = 0,
};

/* What is known of a wait; 0 and "" = not known. */
struct gt_blamed {
	enum gt_why_id why;
	uint64_t address;    /* of the lock, or the descriptor */
	const char *name;    /* what the descriptor stands for; lives as long as the resolver */
	uint64_t holder_tid; /* when the wait began; perhaps of another process: then holder_g is 0
			      */
	uint64_t holder_g;
	uint64_t readers; /* they held it instead */
	bool is_for_reading;
	bool is_expired; /* its time was over */
	/* At its end: */
	uint64_t waker_g, waker_tid;
	int64_t waker_time;
	uint32_t waker_stack; /* as stack_number() gave it */
};

/* In a merged trace an address or descriptor has its process - 1 in the upper 16 bits
 * (records.def). */
#define GT_ADDRESS_BITS 48
static inline uint64_t gt_address_local(uint64_t address)
{
	return address & ((UINT64_C(1) << GT_ADDRESS_BITS) - 1);
}

struct gt_blame;

/* Turns a stack id of the generation just begun into a number of the caller's that lasts; NULL: all
 * are 0. */
typedef uint32_t gt_stack_number(void *arg, uint64_t id);

struct gt_blame *gt_blame_new(gt_stack_number *stack, void *arg);
void gt_blame_free(struct gt_blame *r);

/* Reads the records of a generation. 0, or -gt_err_code: those that could be read are in. */
int gt_blame_generation(struct gt_blame *r, const struct gt_gen *g, struct gt_err *err);

void gt_blame_begin(struct gt_blame *r, uint64_t g, int64_t time, struct gt_blamed *w);
void gt_blame_end(struct gt_blame *r, uint64_t g, int64_t time, struct gt_blamed *w);

#endif
