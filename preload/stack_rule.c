/*
 * The rule walk: one small rule per pc, from a table that all threads share; a pc seen for the
 * first time is learnt on the spot (stack_cfi.c).
 *
 * Registers are followed lazily: only when a frame is found by rbp, the frames inside of it are
 * searched for the one that saved rbp. So a walk reads one word a frame, and few more.
 *
 * Invariants
 *
 * 1. A rule is complete before its key is stored, and a reader looks at the key again after it has
 * read the rule (a sequence lock whose sequence is the key). Otherwise it mixes two rules.
 * 2. A rule is used only in the epoch it was learnt in; dlclose begins a new one, and rules of
 * older ones make room. Otherwise code that is mapped at the address of other code is unwound by
 * the other's rule.
 * 3. Every word read lies in the known stack, at or above the start's sp, and each frame above the
 * one before it. Otherwise a corrupted frame faults or loops.
 *
 * Corner cases
 *
 * - The table is full of rules in use: rules are worked out each time.
 * - A return address that is none (garbage, JIT code without data): nothing is known of it, the
 * stack is cut there.
 */
#include "preload/arena.h"
#include "preload/hot.h"
#include "preload/stack_memo.h"
#include "preload/sys.h"

#include <stddef.h>
#include <string.h>

/*
 * Two tables: a short program's rules lie in the first, four pages, as the first use of each page
 * costs more than a walk; what has no room there goes into the second. A pc has one bucket in each.
 */
#define LEVELS 2

enum { KEY_EMPTY, KEY_BUSY, KEY_OLD }; /* of no epoch; no pc is that small */

struct rule_slot {
	_Atomic uint64_t key; /* pc and epoch, or one of the above */
	_Atomic uint64_t word[sizeof(struct gt_rule) / 8];
};

static const struct {
	uint32_t bits;   /* log2 of its slots */
	uint32_t bucket; /* slots */
} levels[LEVELS] = { { 9, 2 }, { 13, 8 } };
static struct rule_slot *slots[LEVELS];
GT_HOT_DATA _Atomic uint32_t gt_rules_epoch;

int gt_rules_init(void)
{
	for (unsigned i = 0; i < LEVELS; i++) {
		/* aligned, so that a small bucket is one line of the cache */
		const uint64_t mem =
			(uint64_t)gt_arena_alloc((sizeof(**slots) << levels[i].bits) + 64);
		if (!mem)
			return -12;
		slots[i] = (struct rule_slot *)((mem + 63) & ~63ull);
	}
	return 0;
}

void gt_rules_warm(void)
{
	gt_sys_populate((uint64_t)slots[0], sizeof(**slots) << levels[0].bits, true);
}

static inline struct rule_slot *bucket_of(unsigned level, uint64_t key)
{
	const uint64_t h = (key * 0x9e3779b97f4a7c15ull) >> (64 - levels[level].bits);
	return &slots[level][h & ~(uint64_t)(levels[level].bucket - 1)];
}

/* The key holds the epoch, too: 48 bits of an address of the program, 16 of the epoch. */
static uint64_t key_of(uint64_t pc, uint32_t epoch)
{
	return pc | (uint64_t)(epoch & 0xffff) << 48;
}

/* The epoch's 16 bits begin anew: rules of the same number of long ago must not come back. */
static void forget_all(void)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		struct rule_slot *s = slots[level], *const end = s + (1u << levels[level].bits);
		for (; s < end; s++) {
			uint64_t k = atomic_load_explicit(&s->key, memory_order_relaxed);
			if (k > KEY_OLD)
				atomic_compare_exchange_strong_explicit(&s->key, &k, KEY_OLD,
									memory_order_acq_rel,
									memory_order_relaxed);
		}
	}
}

void gt_rules_forget(void)
{
	const uint32_t old = atomic_fetch_add_explicit(&gt_rules_epoch, 1, memory_order_acq_rel);
	if ((old & 0xffff) == 0xffff && slots[0])
		forget_all();
}

static void store_rule(struct rule_slot *s, uint64_t old_key, uint64_t key,
		       const struct gt_rule *rule)
{
	if (!atomic_compare_exchange_strong_explicit(&s->key, &old_key, KEY_BUSY,
						     memory_order_acquire, memory_order_relaxed))
		return; /* somebody else was quicker; maybe with the same rule */
	atomic_thread_fence(
		memory_order_release); /* the key is seen to be busy before the words change */
	uint64_t word[sizeof(*rule) / 8];
	memcpy(word, rule, sizeof(word));
	for (size_t i = 0; i < sizeof(*rule) / 8; i++)
		atomic_store_explicit(&s->word[i], word[i], memory_order_relaxed);
	atomic_store_explicit(&s->key, key, memory_order_release); /* acquire: rule_of() */
}

/* Works the rule out, and keeps it where there is room. */
static __attribute__((noinline)) void learn(uint64_t pc, uint64_t key, struct gt_rule *rule)
{
	gt_cfi_find(pc, rule);
	if (rule->kind == GT_RULE_NONE) /* code without data may get some: a JIT's */
		return;
	for (unsigned level = 0; level < LEVELS; level++) {
		struct rule_slot *s = bucket_of(level, key), *const end = s + levels[level].bucket;
		for (; s < end; s++) {
			const uint64_t k = atomic_load_explicit(&s->key, memory_order_relaxed);
			if (k == KEY_EMPTY || k == KEY_OLD || (k != KEY_BUSY && (k ^ key) >> 48)) {
				store_rule(s, k, key, rule);
				return;
			}
		}
	}
}

/*
 * Copies the rule of `key`, and its first word, what an ordinary frame is found by, to a register
 * while the rest is still on its way; false: another took its place meanwhile. N.B. word by word: a
 * copy through an array is read back in other pieces than it was written, which costs more than
 * all the rest.
 */
static inline bool read_rule(const struct rule_slot *s, uint64_t key, struct gt_rule *rule,
			     uint64_t *first)
{
	_Static_assert(sizeof(*rule) == 24, "three words");
	const uint64_t a = atomic_load_explicit(&s->word[0], memory_order_relaxed);
	const uint64_t b = atomic_load_explicit(&s->word[1], memory_order_relaxed);
	const uint64_t c = atomic_load_explicit(&s->word[2], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	memcpy(rule, &a, 8);
	memcpy((uint8_t *)rule + 8, &b, 8);
	memcpy((uint8_t *)rule + 16, &c, 8);
	*first = a;
	return atomic_load_explicit(&s->key, memory_order_relaxed) == key;
}

/* The rule of `key` in its bucket of `level`; `*is_new`: it is in no further one either. */
static inline bool look_up(unsigned level, uint64_t key, struct gt_rule *rule, uint64_t *first,
			   bool *is_new)
{
	const struct rule_slot *s = bucket_of(level, key);
	for (uint32_t i = 0; i < levels[level].bucket; i++) {
		const uint64_t k = atomic_load_explicit(
			&s[i].key, memory_order_acquire); /* release: store_rule() */
		if (__builtin_expect(k == key, 1) && read_rule(&s[i], key, rule, first))
			return true;
		if (k == KEY_EMPTY) { /* the bucket was never full */
			*is_new = true;
			break;
		}
	}
	return false;
}

static __attribute__((noinline)) uint64_t find_further(uint64_t pc, uint64_t key, bool is_new,
						       struct gt_rule *rule)
{
	uint64_t first;
	for (unsigned level = 1; level < LEVELS && !is_new; level++)
		if (look_up(level, key, rule, &first, &is_new))
			return first;
	learn(pc, key, rule);
	memcpy(&first, rule, 8);
	return first;
}

/* Takes the rule of `pc` and returns its first word. */
static inline uint64_t rule_of(uint64_t pc, uint32_t epoch, struct gt_rule *rule)
{
	const uint64_t key = key_of(pc, epoch);
	bool is_new = false;
	uint64_t first;
	if (__builtin_expect(look_up(0, key, rule, &first, &is_new), 1))
		return first;
	return find_further(pc, key, is_new, rule);
}

/* The first word of a rule as most are (found by rsp, nothing odd), without `saved` and
 * `cfa_offset`. */
static inline uint32_t ordinary(void)
{
	const struct gt_rule r = { .kind = GT_RULE_FRAME, .cfa_reg = GT_RSP };
	uint32_t word;
	memcpy(&word, &r, 4);
	return word;
}

_Static_assert(offsetof(struct gt_rule, saved) == 2 && offsetof(struct gt_rule, cfa_offset) == 4,
	       "see ordinary()");

/*
 * A walk that is under way. All that takes one is inlined into both ways to walk: on the way of a
 * capture nothing is left of `is_copy` and `bias`.
 */
struct state {
	const struct gt_regs *regs;
	struct gt_walk *w;
	bool is_copy;
	uint64_t bias; /* the word at address `at` is read from `at` + bias */
	uint64_t sp;   /* of the frame that it has come to: w->frames[w->n_frames] */
	uint64_t last; /* the last word of the stack lies here */
};

/* Reads a word of the stack and remembers that; false: it is not in the stack. */
static inline __attribute__((always_inline)) bool read_word(struct state *s, uint64_t at,
							    uint64_t *value)
{
	if (__builtin_expect(at - s->regs->sp > s->last - s->regs->sp || (at & 7), 0))
		return false;
	*value = *(const uint64_t *)(at + s->bias);
	const uint32_t n = s->w->n_words++;
	if (__builtin_expect(n < GT_WALK_WORDS, 1))
		s->w->words[n] = (struct gt_word){ at, *value };
	return true;
}

/* The value that register `reg` had in the frame that the walk has come to. */
static inline __attribute__((always_inline)) bool value_of(struct state *s, unsigned reg,
							   uint64_t *value)
{
	if (reg == GT_RSP) {
		*value = s->sp;
		return true;
	}
	for (uint32_t i = s->w->n_frames;; i--) {
		s->w->frames[i].needs |= (uint8_t)(1u << reg);
		if (!i)
			break;
		const struct gt_walked *f = &s->w->frames[i - 1];
		if (!(f->rule.saved >> reg & 1))
			continue;
		const uint64_t from = f->rule.based >> reg & 1 ? f->base : f->cfa;
		const uint64_t at = from + (uint64_t)((int64_t)f->rule.offset[reg] * 8);
		if (s->is_copy && at < s->regs->sp) /* just popped: the register has it */
			continue;
		return read_word(s, at, value);
	}
	*value = s->regs->saved[reg];
	return true;
}

/* Finds the frame's CFA and return address; false: it leads nowhere. */
static inline __attribute__((always_inline)) bool step(struct state *s, struct gt_walked *f,
						       uint64_t *ra)
{
	const struct gt_rule *r = &f->rule;
	uint64_t cfa;
	if (!value_of(s, r->cfa_reg, &cfa))
		return false;
	cfa += (uint64_t)(int64_t)r->cfa_offset;
	if (r->kind == GT_RULE_DEREF) {
		if (!read_word(s, cfa, &cfa))
			return false;
		cfa += (uint64_t)(int64_t)r->cfa_add;
	}
	if (cfa <= s->sp || cfa > s->last + 8)
		return false;
	if (r->based && !value_of(s, r->base_is_sp ? GT_RSP : GT_RBP, &f->base))
		return false;
	f->cfa = cfa;
	const uint64_t ra_from = r->based >> GT_BASED_RA & 1 ? f->base : cfa;
	return read_word(s, ra_from + (uint64_t)((int64_t)r->ra_offset * 8), ra);
}

/* Leaves frame `f` by its rule, whose first word is `word`: its caller's `*ra`, and how far back
 * its call is from there. GT_WALK_DONE: on we go. */
static inline bool leave(struct state *s, struct gt_walked *f, uint64_t word, uint64_t *ra,
			 uint64_t *back, enum gt_walk_end *end)
{
	*back = 1; /* from a return address into its call */
	*end = GT_WALK_CUT;
	if (__builtin_expect((word & 0xff00ffff) == ordinary() && f->rule.ra_offset == -1, 1)) {
		f->cfa = s->sp + (uint64_t)((int64_t)word >> 32);
		return f->cfa > s->sp && read_word(s, f->cfa - 8, ra);
	}
	*end = f->rule.kind == GT_RULE_END    ? GT_WALK_DONE
	       : f->rule.kind == GT_RULE_NONE ? GT_WALK_NO_DATA
					      : GT_WALK_FOREIGN;
	if (f->rule.kind == GT_RULE_END || f->rule.kind == GT_RULE_NONE ||
	    f->rule.kind == GT_RULE_FOREIGN || f->rule.cfa_reg > GT_RSP) /* spoilt by now */
		return false;
	*end = GT_WALK_CUT;
	*back = !f->rule.is_signal;
	return step(s, f, ra);
}

static inline __attribute__((always_inline)) enum gt_walk_end walk(struct state s,
								   struct gt_joint *j)
{
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	struct gt_walk *const w = s.w;
	uint64_t pc = s.regs->pc;
	w->n_frames = w->n_words = 0;
	w->epoch = epoch;
	for (;;) {
		struct gt_walked *f = &w->frames[w->n_frames];
		if (s.sp >= j->next_sp && gt_joint_meets(j, s.regs->sp, pc, s.sp, w))
			return GT_WALK_DONE;
		f->first_word = (uint16_t)w->n_words;
		f->needs = 0;
		f->pc = pc;
		f->cfa = 0;
		const uint64_t word = rule_of(pc, epoch, &f->rule);
		uint64_t ra, back;
		enum gt_walk_end end;
		const bool is_left = leave(&s, f, word, &ra, &back, &end);
		w->n_frames++;
		if (__builtin_expect(!is_left, 0))
			return end;
		if (__builtin_expect((ra - 1) >> 47, 0)) /* 0, or no address of the program */
			return ra ? GT_WALK_CUT : GT_WALK_DONE;
		if (__builtin_expect(w->n_frames == GT_STACK_MAX, 0))
			return GT_WALK_CUT;
		pc = ra - back;
		s.sp = f->cfa;
	}
}

enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_joint *joint,
			      struct gt_walk *w)
{
	struct gt_joint none = gt_joint_at(NULL, 0);
	return walk((struct state){ .regs = regs, .w = w, .sp = regs->sp, .last = stack_hi - 8 },
		    joint ? joint : &none);
}

enum gt_walk_end gt_rule_walk_copy(const struct gt_regs *regs, const void *copy, size_t bytes,
				   struct gt_walk *w)
{
	struct gt_joint none = gt_joint_at(NULL, 0);
	w->n_frames = 0;
	w->epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	if (bytes < 8)
		return GT_WALK_CUT;
	return walk((struct state){ .regs = regs,
				    .w = w,
				    .is_copy = true,
				    .bias = (uint64_t)copy - regs->sp,
				    .sp = regs->sp,
				    .last = regs->sp + bytes - 8 },
		    &none);
}

bool gt_rule_leave(struct gt_regs *regs, uint64_t sp)
{
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	while (regs->sp < sp) {
		struct gt_rule r;
		rule_of(regs->pc, epoch, &r);
		if (r.kind != GT_RULE_FRAME || r.based || r.cfa_reg > GT_RSP || r.ra_offset != -1)
			return false;
		const uint64_t cfa = (r.cfa_reg == GT_RSP ? regs->sp : regs->saved[r.cfa_reg]) +
				     (uint64_t)(int64_t)r.cfa_offset;
		if (cfa <= regs->sp || cfa > sp)
			return false;
		for (unsigned i = 0; i < GT_N_SAVED; i++)
			if (r.saved >> i & 1)
				regs->saved[i] = ((const uint64_t *)cfa)[r.offset[i]];
		regs->pc = ((const uint64_t *)cfa)[-1] - 1;
		regs->sp = cfa;
	}
	return regs->sp == sp;
}
