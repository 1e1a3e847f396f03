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
#include "preload/stack_walk.h"

#include "preload/arena.h"

#include <stddef.h>
#include <string.h>

#define N_RULES                                                                                    \
	(1u << 13) /* power of two; 256 KiB: the first use of each page costs more than a walk */
#define RULE_SHIFT (64 - 13)
#define PROBES     8

enum { KEY_EMPTY, KEY_BUSY, KEY_OLD }; /* of no epoch; no pc is that small */

struct rule_slot {
	_Atomic uint64_t key; /* pc and epoch, or one of the above */
	_Atomic uint64_t word[sizeof(struct gt_rule) / 8];
};

static struct rule_slot *slots;
_Atomic uint32_t gt_rules_epoch;

int gt_rules_init(void)
{
	slots = (struct rule_slot *)gt_arena_alloc(N_RULES * sizeof(*slots));
	return slots ? 0 : -12;
}

/* The key holds the epoch, too: 48 bits of an address of the program, 16 of the epoch. */
static uint64_t key_of(uint64_t pc, uint32_t epoch)
{
	return pc | (uint64_t)(epoch & 0xffff) << 48;
}

/* The epoch's 16 bits begin anew: rules of the same number of long ago must not come back. */
static void forget_all(void)
{
	for (uint32_t i = 0; i < N_RULES; i++) {
		uint64_t k = atomic_load_explicit(&slots[i].key, memory_order_relaxed);
		if (k > KEY_OLD)
			atomic_compare_exchange_strong_explicit(&slots[i].key, &k, KEY_OLD,
								memory_order_acq_rel,
								memory_order_relaxed);
	}
}

void gt_rules_forget(void)
{
	const uint32_t old = atomic_fetch_add_explicit(&gt_rules_epoch, 1, memory_order_acq_rel);
	if ((old & 0xffff) == 0xffff && slots)
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

static __attribute__((noinline)) void learn(uint64_t pc, uint64_t key, uint32_t h,
					    struct gt_rule *rule)
{
	gt_cfi_find(pc, rule);
	if (rule->kind == GT_RULE_NONE) /* code without data may get some: a JIT's */
		return;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct rule_slot *s = &slots[(h + i) & (N_RULES - 1)];
		const uint64_t k = atomic_load_explicit(&s->key, memory_order_relaxed);
		if (k == KEY_EMPTY || k == KEY_OLD || (k != KEY_BUSY && (k ^ key) >> 48)) {
			store_rule(s, k, key, rule);
			return;
		}
	}
}

/*
 * Takes the rule of `pc` and returns its first word: what an ordinary frame is found by, in a
 * register, while the rest is still on its way.
 */
static inline uint64_t rule_of(uint64_t pc, uint32_t epoch, struct gt_rule *rule)
{
	const uint64_t key = key_of(pc, epoch);
	const uint32_t h = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> RULE_SHIFT);
	uint64_t word[sizeof(*rule) / 8];
	for (uint32_t i = 0; i < PROBES; i++) {
		const struct rule_slot *s = &slots[(h + i) & (N_RULES - 1)];
		const uint64_t k = atomic_load_explicit(
			&s->key, memory_order_acquire); /* release: store_rule() */
		if (__builtin_expect(k == key, 1)) {
			for (size_t j = 0; j < sizeof(*rule) / 8; j++)
				word[j] = atomic_load_explicit(&s->word[j], memory_order_relaxed);
			atomic_thread_fence(memory_order_acquire);
			if (__builtin_expect(atomic_load_explicit(&s->key, memory_order_relaxed) ==
						     key,
					     1)) {
				memcpy(rule, word, sizeof(word));
				return word[0];
			}
			break; /* given to another rule meanwhile */
		}
		if (k == KEY_EMPTY)
			break;
	}
	learn(pc, key, h, rule);
	memcpy(word, rule, 8);
	return word[0];
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
	uint64_t sp;   /* of the frame that it has come to */
	uint64_t last; /* the last word of the stack lies here */
};

/* Reads a word of the stack and remembers that; false: it is not in the stack. */
static inline __attribute__((always_inline)) bool read_word(struct state *s, uint64_t at,
							    uint64_t *value)
{
	if (__builtin_expect(at - s->regs->sp > s->last - s->regs->sp || (at & 7), 0))
		return false;
	*value = *(const uint64_t *)(at + s->bias);
	s->w->words[s->w->n_words++] = (struct gt_word){ at, *value };
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
	for (uint32_t i = s->w->n_pcs; i--;) {
		const struct gt_walked *f = &s->w->frames[i];
		if (!(f->rule.saved >> reg & 1))
			continue;
		const uint64_t from = f->rule.based >> reg & 1 ? f->base : f->cfa;
		const uint64_t at = from + (uint64_t)((int64_t)f->rule.offset[reg] * 8);
		if (s->is_copy && at < s->regs->sp) /* just popped: the register has it */
			continue;
		return read_word(s, at, value);
	}
	*value = s->regs->saved[reg];
	s->w->asked |= (uint8_t)(1u << reg);
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

static inline __attribute__((always_inline)) enum gt_walk_end walk(struct state s)
{
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	struct gt_walk *w = s.w;
	uint64_t pc = s.regs->pc;
	w->n_pcs = w->n_words = 0;
	w->epoch = epoch;
	w->asked = 0;
	for (;;) {
		struct gt_walked *f = &w->frames[w->n_pcs];
		const uint64_t word = rule_of(pc, epoch, &f->rule);
		uint64_t ra;
		uint64_t back = 1; /* from a return address into its call */
		if (__builtin_expect((word & 0xff00ffff) == ordinary() && f->rule.ra_offset == -1,
				     1)) {
			f->cfa = s.sp + (uint64_t)((int64_t)word >> 32);
			if (f->cfa <= s.sp || !read_word(&s, f->cfa - 8, &ra))
				return GT_WALK_CUT;
		} else {
			if (f->rule.kind == GT_RULE_END || f->rule.kind == GT_RULE_NONE)
				return f->rule.kind == GT_RULE_END ? GT_WALK_DONE : GT_WALK_NO_DATA;
			if (f->rule.kind == GT_RULE_FOREIGN ||
			    f->rule.cfa_reg > GT_RSP) /* that register is spoilt by now */
				return GT_WALK_FOREIGN;
			if (!step(&s, f, &ra))
				return GT_WALK_CUT;
			back = !f->rule.is_signal;
		}
		if (__builtin_expect((ra - 1) >> 47, 0)) /* 0, or no address of the program */
			return ra ? GT_WALK_CUT : GT_WALK_DONE;
		if (__builtin_expect(w->n_pcs == GT_STACK_MAX, 0))
			return GT_WALK_CUT;
		pc = ra - back;
		s.sp = f->cfa;
		w->pcs[w->n_pcs++] = pc;
	}
}

enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_walk *w)
{
	return walk((struct state){ .regs = regs, .w = w, .sp = regs->sp, .last = stack_hi - 8 });
}

enum gt_walk_end gt_rule_walk_copy(const struct gt_regs *regs, const void *copy, size_t bytes,
				   struct gt_walk *w)
{
	w->n_pcs = 0;
	w->epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	if (bytes < 8)
		return GT_WALK_CUT;
	return walk((struct state){ .regs = regs,
				    .w = w,
				    .is_copy = true,
				    .bias = (uint64_t)copy - regs->sp,
				    .sp = regs->sp,
				    .last = regs->sp + bytes - 8 });
}
