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

static struct gt_memo_entry *place(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint)
{
	const uint64_t h = (regs->sp ^ hint * 31) * 0x9e3779b97f4a7c15ull;
	return &m->entries[h >> 59]; /* 5 bits: GT_MEMO_ENTRIES */
}

_Static_assert(GT_MEMO_ENTRIES == 32, "place() takes 5 bits");

void gt_memo_clear(struct gt_memo *m)
{
	for (unsigned i = 0; i < GT_MEMO_ENTRIES; i++)
		m->entries[i].sp = 0;
}

static bool are_regs_same(const struct gt_memo_entry *e, const struct gt_regs *regs)
{
	for (unsigned asked = e->asked; asked; asked &= asked - 1) {
		const unsigned r = (unsigned)__builtin_ctz(asked);
		if (e->saved[r] != regs->saved[r])
			return false;
	}
	return true;
}

struct gt_memo_entry *gt_memo_find(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint)
{
	struct gt_memo_entry *e = place(m, regs, hint);
	if (e->sp != regs->sp || e->pc != regs->pc || !are_regs_same(e, regs) ||
	    e->epoch != atomic_load_explicit(&gt_rules_epoch, memory_order_relaxed))
		return NULL;
	const uint8_t *base = (const uint8_t *)e->sp;
	uint64_t diff = 0; /* no branch a word: the common case is that all are the same */
	for (unsigned i = 0; i < e->n_words; i++)
		diff |= *(const uint64_t *)(base + e->offset[i]) ^ e->value[i];
	return diff ? NULL : e;
}

struct gt_memo_entry *gt_memo_keep(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint,
				   const struct gt_walk *w, const uint64_t *pcs, size_t n)
{
	if (w->n_words > GT_MEMO_WORDS || n > GT_MEMO_WORDS)
		return NULL;
	struct gt_memo_entry *e = place(m, regs, hint);
	e->sp = 0; /* not valid while it is being filled */
	atomic_signal_fence(memory_order_seq_cst);
	e->pc = regs->pc;
	memcpy(e->saved, regs->saved, sizeof(e->saved));
	e->gen = 0;
	e->epoch = w->epoch;
	e->asked = w->asked;
	e->n_words = (uint8_t)w->n_words;
	e->n_pcs = (uint8_t)n;
	for (unsigned i = 0; i < w->n_words; i++) {
		e->offset[i] = (uint32_t)(w->words[i].at - regs->sp);
		e->value[i] = w->words[i].value;
	}
	memcpy(e->pcs, pcs, n * sizeof(*pcs));
	atomic_signal_fence(memory_order_seq_cst);
	e->sp = regs->sp;
	return e;
}
