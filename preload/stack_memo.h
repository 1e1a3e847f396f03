/*
 * The memo of one thread: stacks that it had before, with the proof that each needs. An unwind is a
 * pure function of a few registers and of the words of the stack that it reads; when all of these
 * are what they were, so is the stack. The same is true from each frame on: a walk that meets a
 * frame of a remembered stack has its outer part as soon as the words that it needs are the same.
 */
#ifndef GT_STACK_MEMO_H
#define GT_STACK_MEMO_H

#include "preload/stack_walk.h"

#define GT_MEMO_SETS       32
#define GT_MEMO_WAYS       2 /* newest first */
#define GT_MEMO_HALF_BYTES 20480

/* One frame of a remembered stack. */
struct gt_memo_mark {
	uint32_t sp;         /* words above the start's */
	uint16_t first_word; /* the words from this one on prove the stack from here on, */
	uint8_t needs;       /* if these registers are the same */
};

/* Four words that prove it: where they are, in words above the start's sp, 16 bits each; what they
 * were. */
struct gt_memo_quad {
	uint64_t offsets;
	uint64_t value[4];
};

/* As small as it can be, words first: a capture after a wait finds it in no cache. */
struct gt_memo_entry {
	uint64_t sp;  /* at the start; 0 = none */
	uint64_t pc;  /* likewise */
	uint64_t gen; /* in which `id` stands for this stack */
	uint32_t id;
	uint32_t epoch;
	uint16_t n_quads; /* of words; the last one is filled up with the first word */
	uint16_t n_frames;
	uint16_t pcs_at;   /* index in data[] of the stack, as it is told */
	uint16_t n_pcs;    /* and its length */
	uint16_t n_proofs; /* words that are no filling */
	uint8_t is_whole;  /* nothing is missing at its outer end */
	uint8_t asked;     /* bit r: the value of register r at the start mattered */
	/* n_quads of struct gt_memo_quad, pcs[n_frames + 1], mark[n_frames], saved[GT_N_SAVED] */
	uint64_t data[];
};

/*
 * Entries lie in two halves, one behind the other; when one half is full, the other is forgotten
 * and filled anew.
 */
struct gt_memo {
	uint64_t none[sizeof(struct gt_memo_entry) / 8]; /* an entry: what way 0 means */
	uint32_t way[GT_MEMO_SETS][GT_MEMO_WAYS];        /* bytes from the start of the memo */
	uint32_t used;
	uint8_t half[2][GT_MEMO_HALF_BYTES] __attribute__((aligned(8)));
	struct gt_walk walk; /* scratch: too big for a stack */
};

/* Makes every entry invalid. */
void gt_memo_clear(struct gt_memo *m);

static inline uint32_t *gt_memo_ways(struct gt_memo *m, uint64_t sp, uint64_t hint)
{
	return m->way[((sp ^ hint * 31) * 0x9e3779b97f4a7c15ull) >> 59]; /* 5 bits: GT_MEMO_SETS */
}
_Static_assert(GT_MEMO_SETS == 32, "gt_memo_ways() takes 5 bits");

static inline struct gt_memo_entry *gt_memo_at_way(struct gt_memo *m, uint32_t way)
{
	return (struct gt_memo_entry *)((uint8_t *)m + way);
}

static inline struct gt_memo_quad *gt_memo_quads(const struct gt_memo_entry *e)
{
	return (struct gt_memo_quad *)e->data;
}

static inline uint64_t *gt_memo_pcs(const struct gt_memo_entry *e)
{
	return (uint64_t *)(gt_memo_quads(e) + e->n_quads);
}

static inline struct gt_memo_mark *gt_memo_marks(const struct gt_memo_entry *e)
{
	return (struct gt_memo_mark *)(gt_memo_pcs(e) + e->n_frames + 1);
}
_Static_assert(sizeof(struct gt_memo_mark) == 8, "one of data[]");

static inline uint64_t *gt_memo_saved(const struct gt_memo_entry *e)
{
	return (uint64_t *)(gt_memo_marks(e) + e->n_frames);
}

/*
 * Is `e` proven to be the stack at `sp` and `pc`, but for the registers that it asked for? Here, to
 * be inlined: it is the way of nearly every stack. No branch for a word, as the common case is that
 * all are the same; pairs in vectors, as every processor that we know has them.
 */
static inline bool gt_memo_is_same(const struct gt_memo_entry *e, uint64_t sp, uint64_t pc)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	typedef uint64_t loose_pair __attribute__((vector_size(16), aligned(8), may_alias));
	if ((e->sp ^ sp) | (e->pc ^ pc) |
	    (e->epoch ^ atomic_load_explicit(&gt_rules_epoch, memory_order_relaxed)))
		return false;
	const uint64_t *const base = (const uint64_t *)sp;
	const struct gt_memo_quad *q = gt_memo_quads(e), *const end = q + e->n_quads;
	pair diff = { 0, 0 };
	do { /* (the stack of an entry has words) */
		const uint64_t o = q->offsets;
		const pair a = { base[o & 0xffff], base[o >> 16 & 0xffff] };
		const pair b = { base[o >> 32 & 0xffff], base[o >> 48] };
		const loose_pair *was = (const loose_pair *)q->value;
		diff |= (a ^ was[0]) | (b ^ was[1]);
	} while (++q < end);
	return !(diff[0] | diff[1]);
}

/* The entry that is proven to be the stack of `regs`, or NULL. `hint`: where the hook was called
 * from. */
struct gt_memo_entry *gt_memo_find(struct gt_memo *m, const struct gt_regs *regs, uint64_t hint);

/*
 * A new entry for the walk, its pcs all there, to be finished (pcs_at, n_pcs, is_whole) and then
 * put to use by gt_memo_put_in(); NULL when it read too much.
 */
struct gt_memo_entry *gt_memo_make(struct gt_memo *m, const struct gt_regs *regs,
				   struct gt_walk *w);
void gt_memo_put_in(struct gt_memo *m, struct gt_memo_entry *e, uint64_t hint);

/* ---- meeting a remembered stack ---- */

struct gt_joint {
	const struct gt_memo_entry *e;
	uint64_t next_sp; /* of its frame `k` */
	uint32_t k;
	uint32_t same_from; /* its words from this one on are what they were; UINT32_MAX: not looked
			       at yet */
};

/* `e`: the entry, or NULL; only whole stacks of the present rules are met. */
struct gt_joint gt_joint_at(const struct gt_memo_entry *e, uint32_t epoch);

/*
 * The walk from `start` has come to a frame, w->n_frames, with this pc and sp, and sp is not below
 * j->next_sp. true: the rest is known, and in `w`.
 */
bool gt_joint_meets(struct gt_joint *j, uint64_t start, uint64_t pc, uint64_t sp,
		    struct gt_walk *w);

#endif
