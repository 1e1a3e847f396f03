/*
 * Invariants
 *
 * 1. A hit has the same start (pc, sp, every register whose value at the start mattered) and finds
 * every word that the remembered walk read unchanged. Otherwise it is no proof: equal return
 * addresses alone gave wrong stacks.
 * 2. An entry is of one epoch of rules. Otherwise the words are the same and their meaning is not.
 * 3. The words lie between sp and the top of the stack that they were read from, and the same sp
 * means the same stack: an entry is one thread's. (A coroutine's stack is not known, and never gets
 * here.)
 */
#include "preload/stack_memo.h"

void gt_memo_clear(struct gt_memo *m)
{
	for (unsigned i = 0; i < GT_MEMO_ENTRIES; i++)
		m->entries[i].sp = 0;
}

struct gt_memo_entry *gt_memo_keep(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint,
				   const struct gt_walk *w, const uint64_t *pcs, size_t n)
{
	if (w->n_words > GT_MEMO_WORDS || n > GT_MEMO_PCS || !w->n_words)
		return NULL;
	struct gt_memo_entry *e = gt_memo_place(m, regs, hint);
	e->sp = 0; /* not valid while it is being filled: a handler may look */
	atomic_signal_fence(memory_order_seq_cst);
	e->pc = regs->pc;
	memcpy(e->saved, regs->saved, sizeof(e->saved));
	e->asked = w->asked;
	e->gen = 0;
	e->epoch = w->epoch;
	e->n_words = (uint16_t)((w->n_words + 3) & ~3u);
	e->n_pcs = (uint16_t)n;
	for (unsigned i = 0; i < e->n_words; i++) {
		const struct gt_word *word = &w->words[i < w->n_words ? i : 0];
		e->offset[i] = (uint32_t)(word->at - regs->sp);
		e->value[i] = word->value;
	}
	memcpy(e->pcs, pcs, n * sizeof(*pcs));
	atomic_signal_fence(memory_order_seq_cst);
	e->sp = regs->sp;
	return e;
}
