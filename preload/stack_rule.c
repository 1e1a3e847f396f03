/*
 * The rule walk: one small rule per pc, from a table that all threads share; a pc seen for the first time is
 * learnt on the spot (stack_cfi.c).
 *
 * Registers are followed lazily: a frame that saves rbp only notes where; the word is read when an outer frame is found by
 * rbp. So a walk reads one word a frame, and few more.
 *
 * Invariants
 *
 * 1. A rule is complete before its key is stored, and a reader looks at the key again after it has read the rule
 *    (a sequence lock whose sequence is the key). Otherwise it mixes two rules.
 * 2. A rule is used only in the epoch it was learnt in; dlclose begins a new one, and rules of older ones make room. Otherwise
 *    code that is mapped at the address of other code is unwound by the other's rule.
 * 3. Every word read lies in the known stack, at or above the start's sp, and each frame above the one before it. Otherwise a
 *    corrupted frame faults or loops.
 *
 * Corner cases
 *
 * - The table is full of rules in use: rules are worked out each time.
 * - A return address that is none (garbage, JIT code without data): nothing is known of it, the stack is cut there.
 */
#include "preload/stack_walk.h"

#include "preload/arena.h"

#define N_RULES (1u << 15) /* power of two; 1 MiB */
#define PROBES  8

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
			atomic_compare_exchange_strong_explicit(&slots[i].key, &k, KEY_OLD, memory_order_acq_rel,
			        memory_order_relaxed);
	}
}

void gt_rules_forget(void)
{
	const uint32_t old = atomic_fetch_add_explicit(&gt_rules_epoch, 1, memory_order_acq_rel);
	if ((old & 0xffff) == 0xffff && slots)
		forget_all();
}

static void store_rule(struct rule_slot *s, uint64_t old_key, uint64_t key, const struct gt_rule *rule)
{
	if (!atomic_compare_exchange_strong_explicit(&s->key, &old_key, KEY_BUSY, memory_order_acquire,
	            memory_order_relaxed))
		return; /* somebody else was quicker; maybe with the same rule */
	atomic_thread_fence(memory_order_release); /* the key is seen to be busy before the words change */
	uint64_t word[sizeof(*rule) / 8];
	memcpy(word, rule, sizeof(word));
	for (size_t i = 0; i < sizeof(*rule) / 8; i++)
		atomic_store_explicit(&s->word[i], word[i], memory_order_relaxed);
	atomic_store_explicit(&s->key, key, memory_order_release); /* acquire: rule_of() */
}

/* false: the slot was given to another rule meanwhile. */
static inline bool load_rule(const struct rule_slot *s, uint64_t key, struct gt_rule *rule)
{
	uint64_t word[sizeof(*rule) / 8];
	for (size_t i = 0; i < sizeof(*rule) / 8; i++)
		word[i] = atomic_load_explicit(&s->word[i], memory_order_relaxed);
	memcpy(rule, word, sizeof(word));
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&s->key, memory_order_relaxed) == key;
}

static __attribute__((noinline)) void learn(uint64_t pc, uint64_t key, uint32_t h, struct gt_rule *rule)
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

static inline void rule_of(uint64_t pc, uint32_t epoch, struct gt_rule *rule)
{
	const uint64_t key = key_of(pc, epoch);
	const uint32_t h = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 49);
	for (uint32_t i = 0; i < PROBES; i++) {
		const struct rule_slot *s = &slots[(h + i) & (N_RULES - 1)];
		const uint64_t k = atomic_load_explicit(&s->key, memory_order_acquire); /* release: store_rule() */
		if (__builtin_expect(k == key, 1) && load_rule(s, key, rule))
			return;
		if (k == KEY_EMPTY)
			break;
	}
	learn(pc, key, h, rule);
}

/* Where each register's value is now: saved at an address, or (0) still what it was at the start. */
struct state {
	uint64_t sp;
	uint64_t at[GT_N_SAVED];
};

/* Reads a word of the stack and remembers that; false: it is not in the stack. */
static inline bool read_word(struct gt_walk *w, uint64_t at, uint64_t lo, uint64_t hi, uint64_t *value)
{
	if (at < lo || at + 8 > hi || (at & 7) || w->n_words == GT_MAX_WORDS)
		return false;
	*value = *(const uint64_t *)at;
	w->words[w->n_words++] = (struct gt_word){ at, *value };
	return true;
}

/* The value that register `reg` had in the frame that the walk has come to. */
static inline bool value_of(unsigned reg, const struct gt_regs *regs, const struct state *s, uint64_t hi, struct gt_walk *w,
        uint64_t *value)
{
	if (reg == GT_RSP) {
		*value = s->sp;
		return true;
	}
	if (s->at[reg])
		return read_word(w, s->at[reg], regs->sp, hi, value);
	*value = regs->saved[reg];
	w->asked |= (uint8_t)(1u << reg);
	return true;
}

static inline bool cfa_of(const struct gt_rule *r, const struct gt_regs *regs, const struct state *s, uint64_t hi,
        struct gt_walk *w, uint64_t *cfa)
{
	uint64_t base;
	if (!value_of(r->cfa_reg, regs, s, hi, w, &base))
		return false;
	*cfa = base + (uint64_t)(int64_t)r->cfa_offset;
	if (__builtin_expect(r->kind == GT_RULE_DEREF, 0)) {
		if (!read_word(w, *cfa, regs->sp, hi, cfa))
			return false;
		*cfa += (uint64_t)(int64_t)r->cfa_add;
	}
	return *cfa > s->sp && *cfa <= hi;
}

/* A frame that has something at a distance from rbp or rsp: signal frames, functions that align their stack. */
static __attribute__((noinline)) bool step_based(const struct gt_rule *r, const struct gt_regs *regs, struct state *s,
        uint64_t hi, struct gt_walk *w, uint64_t cfa, uint64_t *ra)
{
	uint64_t base;
	if (!value_of(r->base_is_sp ? GT_RSP : GT_RBP, regs, s, hi, w, &base))
		return false;
	const uint64_t ra_from = r->based >> GT_BASED_RA & 1 ? base : cfa;
	if (!read_word(w, ra_from + (uint64_t)((int64_t)r->ra_offset * 8), regs->sp, hi, ra))
		return false;
	for (unsigned saved = r->saved; saved; saved &= saved - 1) {
		const unsigned reg = (unsigned)__builtin_ctz(saved);
		s->at[reg] = (r->based >> reg & 1 ? base : cfa) + (uint64_t)((int64_t)r->offset[reg] * 8);
	}
	return true;
}

static inline bool step(const struct gt_rule *r, const struct gt_regs *regs, struct state *s, uint64_t hi,
        struct gt_walk *w, uint64_t cfa, uint64_t *ra)
{
	if (__builtin_expect(r->based, 0))
		return step_based(r, regs, s, hi, w, cfa, ra);
	if (!read_word(w, cfa + (uint64_t)((int64_t)r->ra_offset * 8), regs->sp, hi, ra))
		return false;
	for (unsigned saved = r->saved; saved; saved &= saved - 1) {
		const unsigned reg = (unsigned)__builtin_ctz(saved);
		s->at[reg] = cfa + (uint64_t)((int64_t)r->offset[reg] * 8);
	}
	return true;
}

enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_walk *w)
{
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	struct state s = { .sp = regs->sp };
	uint64_t pc = regs->pc;
	w->n_pcs = w->n_words = 0;
	w->epoch = epoch;
	w->asked = 0;
	for (;;) {
		struct gt_rule r;
		rule_of(pc, epoch, &r);
		if (__builtin_expect(r.kind != GT_RULE_FRAME && r.kind != GT_RULE_DEREF, 0))
			return r.kind == GT_RULE_END  ? GT_WALK_DONE :
			       r.kind == GT_RULE_NONE ? GT_WALK_NO_DATA :
			                                GT_WALK_FOREIGN;
		if (__builtin_expect(r.cfa_reg > GT_RSP, 0)) /* spoilt by now */
			return GT_WALK_FOREIGN;
		uint64_t cfa, ra;
		if (!cfa_of(&r, regs, &s, stack_hi, w, &cfa) || !step(&r, regs, &s, stack_hi, w, cfa, &ra))
			return GT_WALK_CUT;
		if (__builtin_expect((ra - 1) >> 47, 0)) /* 0, or no address of the program */
			return ra ? GT_WALK_CUT : GT_WALK_DONE;
		if (w->n_pcs == GT_STACK_MAX)
			return GT_WALK_CUT;
		pc = r.is_signal ? ra : ra - 1;
		w->pcs[w->n_pcs++] = pc;
		s.sp = cfa;
	}
}
