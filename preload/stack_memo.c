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
 * 4. A walk takes over the outer part of a remembered stack only at a frame with the same pc and
 * sp, whose rest needs no register of it, and all of whose words are unchanged. Otherwise 1 is
 * broken for that part.
 * 5. An entry is complete when a way leads to it, and no way leads to a half that is filled anew.
 * Otherwise a jump out of a handler leaves half of one.
 */
#include "preload/stack_memo.h"

#include <stddef.h>

void gt_memo_clear(struct gt_memo *m)
{
	memset(&m->none, 0, sizeof(m->none)); /* N.B. free memos are a list, linked there */
	memset(m->way, 0, sizeof(m->way));
	m->used = 0;
}

static bool has_same_registers(const struct gt_memo_entry *e, const struct gt_regs *regs)
{
	uint64_t diff = 0;
	for (unsigned asked = e->asked; asked; asked &= asked - 1) {
		const unsigned r = (unsigned)__builtin_ctz(asked);
		diff |= gt_memo_saved(e)[r] ^ regs->saved[r];
	}
	return !diff;
}

struct gt_memo_entry *gt_memo_find(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint)
{
	uint32_t *way = gt_memo_ways(m, regs->sp, hint);
	for (unsigned i = 0; i < GT_MEMO_WAYS; i++) {
		struct gt_memo_entry *e = gt_memo_at_way(m, way[i]);
		if (!gt_memo_is_same(e, regs->sp, regs->pc) || !has_same_registers(e, regs))
			continue;
		const uint32_t found = way[i];
		way[i] = way[0];
		way[0] = found;
		return e;
	}
	return NULL;
}

/* Room for an entry; forgets half of the others when there is none. */
static struct gt_memo_entry *get_room(struct gt_memo *m, uint32_t bytes)
{
	const uint32_t begin[2] = { offsetof(struct gt_memo, half[0]),
				    offsetof(struct gt_memo, half[1]) };
	if (!m->used)
		m->used = begin[0];
	uint32_t h = m->used > begin[1]; /* (exactly there: the first half is full) */
	if (m->used + bytes > begin[h] + GT_MEMO_HALF_BYTES) {
		h ^= 1;
		for (unsigned i = 0; i < GT_MEMO_SETS * GT_MEMO_WAYS; i++) {
			uint32_t *way = &m->way[i / GT_MEMO_WAYS][i % GT_MEMO_WAYS];
			if (*way - begin[h] < GT_MEMO_HALF_BYTES)
				*way = 0;
		}
		atomic_signal_fence(memory_order_seq_cst);
		m->used = begin[h];
	}
	struct gt_memo_entry *e = gt_memo_at_way(m, m->used);
	m->used += bytes;
	return e;
}

static void fill_words(struct gt_memo_entry *e, const struct gt_walk *w)
{
	uint16_t *offset = (uint16_t *)(e->data + e->n_words);
	const uint32_t n = w->n_words;
	for (uint32_t i = 0; i < n; i++) {
		offset[i] = (uint16_t)((w->words[i].at - e->sp) / 8);
		e->data[i] = w->words[i].value;
	}
	for (uint32_t i = n; i < e->n_words; i++) {
		offset[i] = offset[0];
		e->data[i] = e->data[0];
	}
}

static void fill_frames(struct gt_memo_entry *e, const struct gt_regs *regs, const struct gt_walk *w)
{
	uint64_t *pcs = gt_memo_pcs(e);
	struct gt_memo_mark *mark = gt_memo_marks(e);
	uint64_t sp = e->sp;
	for (uint32_t i = 0, n = w->n_frames; i < n; i++) {
		const struct gt_walked *f = &w->frames[i];
		pcs[i] = f->pc;
		mark[i] = (struct gt_memo_mark){ (uint32_t)((sp - e->sp) / 8), f->first_word,
						 f->needs };
		sp = f->cfa;
	}
	memcpy(gt_memo_saved(e), regs->saved, sizeof(regs->saved));
}

/* Offsets are words in 16 bits; a stack that is larger from here on is walked each time. */
static bool is_too_much(const struct gt_regs *regs, const struct gt_walk *w)
{
	if (w->n_words > GT_WALK_WORDS || !w->n_words)
		return true;
	uint64_t all = regs->sp % 8;
	for (uint32_t i = 0, n = w->n_words; i < n; i++)
		all |= w->words[i].at - regs->sp;
	return all % 8 || all / 8 > UINT16_MAX;
}

struct gt_memo_entry *gt_memo_make(struct gt_memo *m, const struct gt_regs *regs,
				   const struct gt_walk *w)
{
	if (is_too_much(regs, w))
		return NULL;
	const uint32_t n_words = (w->n_words + 3) & ~3u;
	const uint32_t data = n_words + n_words / 4 + 2 * w->n_frames + 1 + GT_N_SAVED;
	struct gt_memo_entry *e = get_room(m, (uint32_t)(sizeof(*e) + data * 8));
	*e = (struct gt_memo_entry){ .sp = regs->sp,
				     .pc = regs->pc,
				     .epoch = w->epoch,
				     .n_words = (uint16_t)n_words,
				     .n_proofs = (uint16_t)w->n_words,
				     .n_frames = (uint16_t)w->n_frames,
				     .asked = w->frames[0].needs };
	fill_words(e, w);
	fill_frames(e, regs, w);
	return e;
}

void gt_memo_put_in(struct gt_memo *m, struct gt_memo_entry *e, uint64_t hint)
{
	uint32_t *way = gt_memo_ways(m, e->sp, hint);
	atomic_signal_fence(memory_order_seq_cst);
	for (unsigned i = GT_MEMO_WAYS - 1; i; i--)
		way[i] = way[i - 1];
	way[0] = (uint32_t)((uint8_t *)e - (uint8_t *)m);
}

/* ---- meeting a remembered stack ---- */

struct gt_joint gt_joint_at(const struct gt_memo_entry *e, uint32_t epoch)
{
	if (!e || !e->sp || !e->is_whole || e->epoch != epoch)
		return (struct gt_joint){ .next_sp = UINT64_MAX };
	return (struct gt_joint){ .e = e, .next_sp = e->sp, .same_from = UINT32_MAX };
}

/* The first word from which on all are unchanged; none below `start` is looked at. */
static uint32_t find_same(const struct gt_memo_entry *e, uint64_t start)
{
	const uint16_t *offset = gt_memo_offsets(e);
	uint32_t i = e->n_proofs;
	for (; i; i--) {
		const uint64_t at = e->sp + offset[i - 1] * 8ull;
		if (at < start || *(const uint64_t *)at != e->data[i - 1])
			break;
	}
	return i;
}

/* Copies the frames from `k` on, and the words that prove them. false: there are too many. */
static bool join(const struct gt_memo_entry *e, uint32_t k, struct gt_walk *w)
{
	const uint32_t n = e->n_frames - k;
	const struct gt_memo_mark *mark = gt_memo_marks(e);
	const uint32_t first = mark[k].first_word;
	if (w->n_frames + n > GT_STACK_MAX || w->n_words + (e->n_proofs - first) > GT_WALK_WORDS)
		return false;
	const uint64_t *pcs = e->data + e->n_words + e->n_words / 4 + k;
	const uint32_t moved = w->n_words - first; /* N.B. may be "negative" */
	for (uint32_t i = 0; i < n; i++) {
		struct gt_walked *f = &w->frames[w->n_frames + i];
		f->pc = pcs[i];
		f->cfa = i + 1 < n ? e->sp + mark[k + i + 1].sp * 8ull : 0;
		f->first_word = (uint16_t)(mark[k + i].first_word + moved);
		f->needs = mark[k + i].needs;
	}
	w->n_frames += n;
	const uint16_t *offset = gt_memo_offsets(e);
	for (uint32_t i = first; i < e->n_proofs; i++)
		w->words[w->n_words++] =
			(struct gt_word){ e->sp + offset[i] * 8ull, e->data[i] };
	return true;
}

bool gt_joint_meets(struct gt_joint *j, uint64_t start, uint64_t pc, uint64_t sp, struct gt_walk *w)
{
	const struct gt_memo_entry *e = j->e;
	const struct gt_memo_mark *mark = gt_memo_marks(e);
	while (j->k < e->n_frames && e->sp + mark[j->k].sp * 8ull < sp)
		j->k++;
	if (j->k == e->n_frames) {
		j->next_sp = UINT64_MAX;
		return false;
	}
	j->next_sp = e->sp + mark[j->k].sp * 8ull;
	const uint64_t *pcs = e->data + e->n_words + e->n_words / 4;
	if (j->next_sp != sp || pcs[j->k] != pc || mark[j->k].needs)
		return false;
	if (j->same_from == UINT32_MAX)
		j->same_from = find_same(e, start);
	return mark[j->k].first_word >= j->same_from && join(e, j->k, w);
}
