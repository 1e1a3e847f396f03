/*
 * Stack -> id within one generation, for many threads at once. Lock-free: a put is a probe, and for
 * a new stack one fetch-add and one compare-and-swap. The memory is the caller's and must be zero.
 *
 * Invariants
 *
 * 1. An entry's words are complete before its slot points at them (release; lookups acquire).
 *    Otherwise two threads could agree on half a stack.
 * 2. Ids are given in order from 1 and never taken back; a put that loses a race leaves an id
 *    without frames, which gt_stacktab_get() reports as 0 frames. Otherwise an event could name a
 *    stack that changed.
 */
#ifndef GT_STACKTAB_H
#define GT_STACKTAB_H

#include "encoder/batch.h"

#include <stdatomic.h>

struct gt_stacktab {
	_Atomic uint64_t *slots; /* hash in the upper half, id in the lower; 0 = empty */
	uint32_t n_slots;        /* power of two */
	_Atomic uint32_t *index; /* index[id] = offset of the entry + 1; 0 = not (yet) there */
	uint32_t max_id;         /* index has max_id + 1 entries */
	uint64_t *words;         /* entries: hash and frame count, then pcs, innermost first */
	uint32_t n_words;
	_Atomic uint32_t next_id;   /* next id to give, from 1 */
	_Atomic uint32_t next_word; /* next free word */
	_Atomic uint32_t lost; /* puts refused since the last reset, because the table was full */
};

/* Over zeroed memory as described above; n_slots is a power of two, n_words at most 2^31. */
void gt_stacktab_init(struct gt_stacktab *t, _Atomic uint64_t *slots, uint32_t n_slots,
		      _Atomic uint32_t *index, uint32_t max_id, uint64_t *words, uint32_t n_words);

/* Forgets everything. No other thread may use the table meanwhile. */
void gt_stacktab_reset(struct gt_stacktab *t);

/*
 * Id of the first 128 of pcs[0..n), innermost first; id 0 when n is 0 or the table is full (counted
 * in `lost`): 3/4 of the slots, all ids or all words used. Context: any.
 */
gt_stack gt_stacktab_put(struct gt_stacktab *t, const uint64_t *pcs, size_t n);

/* Frames of `id` and their number; 0 when there is no such stack or it is not complete yet. */
size_t gt_stacktab_get(const struct gt_stacktab *t, uint64_t id, const uint64_t **pcs);

/* One above the largest id given so far. */
uint32_t gt_stacktab_end(const struct gt_stacktab *t);

#endif
