/*
 * The memo of one thread: stacks that it had before, with the proof that each needs. An unwind is a
 * pure function of a few registers and of the words of the stack that it reads; when all of these
 * are what they were, so is the stack.
 */
#ifndef GT_STACK_MEMO_H
#define GT_STACK_MEMO_H

#include "preload/stack_walk.h"

#define GT_MEMO_ENTRIES 32
#define GT_MEMO_WORDS   48 /* stacks that read more are walked each time */

struct gt_memo_entry {
	uint64_t sp, pc;
	uint64_t saved[GT_N_SAVED];
	uint64_t gen; /* in which `id` stands for this stack */
	uint32_t id;
	uint32_t epoch;
	uint8_t asked, n_words, n_pcs;
	uint32_t offset[GT_MEMO_WORDS]; /* from sp */
	uint64_t value[GT_MEMO_WORDS];
	uint64_t pcs[GT_MEMO_WORDS];
};

struct gt_memo {
	struct gt_walk walk; /* scratch: too big for a stack */
	struct gt_memo_entry entries[GT_MEMO_ENTRIES];
};

/* Makes every entry invalid. */
void gt_memo_clear(struct gt_memo *m);

/* The entry that is proven to be the stack of `regs`, or NULL. `hint`: where the hook was called
 * from. */
struct gt_memo_entry *gt_memo_find(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint);

/* Remembers the walk and these pcs as its result; NULL when it read too much. */
struct gt_memo_entry *gt_memo_keep(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint,
				   const struct gt_walk *w, const uint64_t *pcs, size_t n);

#endif
