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
	memset(m->none, 0, sizeof(m->none)); /* N.B. free memos are a list, linked there */
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

static uint64_t offset_of(const struct gt_memo_entry *e, const struct gt_word *word)
{
	return (word->at - e->sp) / 8;
}

/* (w->words has room for a whole last quad) */
static void fill_words(struct gt_memo_entry *e, struct gt_walk *w)
{
	struct gt_memo_quad *q = gt_memo_quads(e);
	const struct gt_word *word = w->words;
	for (uint32_t i = w->n_words; i % 4; i++)
		w->words[i] = *word;
	for (const struct gt_memo_quad *end = q + e->n_quads; q < end; q++, word += 4) {
		q->offsets = offset_of(e, word) | offset_of(e, word + 1) << 16 |
			     offset_of(e, word + 2) << 32 | offset_of(e, word + 3) << 48;
		for (unsigned k = 0; k < 4; k++)
			q->value[k] = word[k].value;
	}
}

/* Word `i` of an entry. */
static struct gt_word word_of(const struct gt_memo_entry *e, uint32_t i)
{
	const struct gt_memo_quad *q = &gt_memo_quads(e)[i / 4];
	return (struct gt_word){ e->sp + (q->offsets >> i % 4 * 16 & 0xffff) * 8, q->value[i % 4] };
}

static void fill_frames(struct gt_memo_entry *e, const struct gt_regs *regs,
			const struct gt_walk *w)
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

struct gt_memo_entry *gt_memo_make(struct gt_memo *m, const struct gt_regs *regs, struct gt_walk *w)
{
	if (is_too_much(regs, w))
		return NULL;
	const uint32_t n_quads = (w->n_words + 3) / 4;
	const uint32_t rest = 2 * w->n_frames + 1 + GT_N_SAVED;
	struct gt_memo_entry *e = get_room(
		m, (uint32_t)(sizeof(*e) + n_quads * sizeof(struct gt_memo_quad) + rest * 8));
	*e = (struct gt_memo_entry){ .sp = regs->sp,
				     .pc = regs->pc,
				     .epoch = w->epoch,
				     .n_quads = (uint16_t)n_quads,
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
	uint32_t i = e->n_proofs;
	for (; i; i--) {
		const struct gt_word word = word_of(e, i - 1);
		if (word.at < start || *(const uint64_t *)word.at != word.value)
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
	const uint64_t *pcs = gt_memo_pcs(e) + k;
	const uint32_t moved = w->n_words - first; /* N.B. may be "negative" */
	for (uint32_t i = 0; i < n; i++) {
		struct gt_walked *f = &w->frames[w->n_frames + i];
		f->pc = pcs[i];
		f->cfa = i + 1 < n ? e->sp + mark[k + i + 1].sp * 8ull : 0;
		f->first_word = (uint16_t)(mark[k + i].first_word + moved);
		f->needs = mark[k + i].needs;
	}
	w->n_frames += n;
	for (uint32_t i = first; i < e->n_proofs; i++)
		w->words[w->n_words++] = word_of(e, i);
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
	if (j->next_sp != sp || gt_memo_pcs(e)[j->k] != pc || mark[j->k].needs)
		return false;
	if (j->same_from == UINT32_MAX)
		j->same_from = find_same(e, start);
	return mark[j->k].first_word >= j->same_from && join(e, j->k, w);
}
