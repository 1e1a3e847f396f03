/*
 * The memo of one thread: stacks that it had before, with the proof that each needs. An unwind is a
 * pure function of a few registers and of the words of the stack that it reads; when all of these
 * are what they were, so is the stack.
 */
#ifndef GT_STACK_MEMO_H
#define GT_STACK_MEMO_H

#include "preload/stack_walk.h"

#define GT_MEMO_ENTRIES 32
#define GT_MEMO_WORDS   96 /* stacks that read more are walked each time; a multiple of 4 */
#define GT_MEMO_PCS     72 /* and those with more frames */

struct gt_memo_entry {
	uint64_t sp, pc;
	uint64_t saved[GT_N_SAVED];
	uint64_t gen; /* in which `id` stands for this stack */
	uint32_t id;
	uint32_t epoch;
	uint16_t asked;   /* bit r: the value of register r at the start mattered */
	uint16_t n_words; /* filled up to a multiple of 4 with the first one */
	uint16_t n_pcs;
	uint32_t offset[GT_MEMO_WORDS]; /* from sp */
	uint64_t value[GT_MEMO_WORDS];
	uint64_t pcs[GT_MEMO_PCS];
};

struct gt_memo {
	struct gt_walk walk; /* scratch: too big for a stack */
	struct gt_memo_entry entries[GT_MEMO_ENTRIES];
};

/* Makes every entry invalid. */
void gt_memo_clear(struct gt_memo *m);

static inline struct gt_memo_entry *gt_memo_place(struct gt_memo *m, const struct gt_regs *regs,
						  uint64_t hint)
{
	const uint64_t h = (regs->sp ^ hint * 31) * 0x9e3779b97f4a7c15ull;
	return &m->entries[h >> 59]; /* 5 bits: GT_MEMO_ENTRIES */
}
_Static_assert(GT_MEMO_ENTRIES == 32, "gt_memo_place() takes 5 bits");

/*
 * The entry that is proven to be the stack of `regs`, or NULL. `hint`: where the hook was called
 * from. Here, to be inlined: it is the way of nearly every stack. No branch for a word: the common
 * case is that all are the same. A register at the start matters rarely, as our own frames have
 * saved most.
 */
static inline struct gt_memo_entry *gt_memo_find(struct gt_memo *m, const struct gt_regs *regs,
						 uint64_t hint)
{
	struct gt_memo_entry *e = gt_memo_place(m, regs, hint);
	uint64_t diff = (e->sp ^ regs->sp) | (e->pc ^ regs->pc) |
			(e->epoch ^ atomic_load_explicit(&gt_rules_epoch, memory_order_relaxed));
	for (unsigned asked = e->asked; __builtin_expect(asked != 0, 0); asked &= asked - 1) {
		const unsigned r = (unsigned)__builtin_ctz(asked);
		diff |= e->saved[r] ^ regs->saved[r];
	}
	if (diff)
		return NULL;
	const uint8_t *base = (const uint8_t *)regs->sp;
	const uint32_t *offset = e->offset;
	for (const uint64_t *value = e->value, *end = value + e->n_words; value < end;
	     value += 4, offset += 4)
		diff |= (*(const uint64_t *)(base + offset[0]) ^ value[0]) |
			(*(const uint64_t *)(base + offset[1]) ^ value[1]) |
			(*(const uint64_t *)(base + offset[2]) ^ value[2]) |
			(*(const uint64_t *)(base + offset[3]) ^ value[3]);
	return diff ? NULL : e;
}

/* Remembers the walk and these pcs as its result; NULL when it read too much. */
struct gt_memo_entry *gt_memo_keep(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint,
				   const struct gt_walk *w, const uint64_t *pcs, size_t n);

#endif
