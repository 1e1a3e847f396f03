/*
 * The rule walk: one small rule per pc, from a table that all threads share; a pc seen for the first time is
 * learnt on the spot (stack_cfi.c).
 *
 * Registers are followed lazily: a frame that saves rbp only notes where; the word is read when an outer frame is found by
 * rbp. So a walk reads one word a frame, and few more.
 *
 * Invariants
 *
 * 1. A rule is complete before its key is stored (release; lookups acquire), and never changes. Otherwise two threads mix
 *    two rules. A slot is filled once; when the table is full, rules are worked out each time.
 * 2. A rule is used only in the epoch it was learnt in; dlclose begins a new one. Otherwise code that is mapped at the
 *    address of other code is unwound by the other's rule.
 * 3. Every word read lies in the known stack, above the one before it. Otherwise a corrupted frame faults or loops.
 */
#include "preload/stack_walk.h"

#include "preload/arena.h"

#define N_RULES (1u << 15) /* power of two; 1 MiB */
#define PROBES  8

struct rule_slot {
	_Atomic uint64_t key; /* pc; 0 = empty, 1 = being filled */
	uint32_t epoch;
	struct gt_rule rule;
};

static struct rule_slot *slots;
_Atomic uint32_t gt_rules_epoch;

int gt_rules_init(void)
{
	slots = (struct rule_slot *)gt_arena_alloc(N_RULES * sizeof(*slots));
	return slots ? 0 : -12;
}

void gt_rules_forget(void)
{
	atomic_fetch_add_explicit(&gt_rules_epoch, 1, memory_order_acq_rel);
}

/* The key holds the epoch too: 48 bits of an address of the program, 16 of the epoch. */
static uint64_t key_of(uint64_t pc, uint32_t epoch)
{
	return pc | (uint64_t)(epoch & 0xffff) << 48;
}

static struct gt_rule learn(struct rule_slot *free_slot, uint64_t pc, uint64_t key)
{
	struct gt_rule rule;
	gt_cfi_find(pc, &rule);
	uint64_t empty = 0;
	if (free_slot && rule.kind != GT_RULE_NONE && /* code without data may get some: a JIT's */
	        atomic_compare_exchange_strong_explicit(&free_slot->key, &empty, 1, memory_order_acquire,
	                memory_order_relaxed)) {
		free_slot->rule = rule;
		atomic_store_explicit(&free_slot->key, key, memory_order_release); /* acquire: rule_of() */
	}
	return rule;
}

static inline struct gt_rule rule_of(uint64_t pc, uint32_t epoch)
{
	const uint64_t key = key_of(pc, epoch);
	const uint32_t h = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 49);
	struct rule_slot *empty = NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct rule_slot *s = &slots[(h + i) & (N_RULES - 1)];
		const uint64_t k = atomic_load_explicit(&s->key, memory_order_acquire); /* release: learn() */
		if (__builtin_expect(k == key, 1))
			return s->rule;
		if (k == 0) {
			empty = s;
			break;
		}
	}
	return learn(empty, pc, key);
}

/* Where each register's value is now: saved at an address, or (0) still what it was at the start. */
struct state {
	uint64_t sp;
	uint64_t at[GT_N_SAVED];
};

/* The stack that is walked: [lo, hi), whose word at address `at` lies in our memory at `at + bias`. */
struct area {
	uint64_t lo, hi, bias;
};

/* Reads a word of the stack and remembers that; false: it is not in the stack. */
static inline __attribute__((always_inline)) bool read_word(struct gt_walk *w, uint64_t at, struct area a, uint64_t *value)
{
	if (at < a.lo || at + 8 > a.hi || (at & 7) || w->n_words == GT_MAX_WORDS)
		return false;
	*value = *(const uint64_t *)(at + a.bias);
	w->words[w->n_words++] = (struct gt_word){ at, *value };
	return true;
}

static inline __attribute__((always_inline)) bool cfa_of(const struct gt_rule *r, const struct gt_regs *regs,
        const struct state *s, struct area a, struct gt_walk *w, uint64_t *cfa)
{
	uint64_t base = s->sp;
	if (r->cfa_reg != GT_RSP) {
		const unsigned reg = r->cfa_reg;
		if (!s->at[reg]) {
			base = regs->saved[reg];
			w->asked |= (uint8_t)(1u << reg);
		} else if (!read_word(w, s->at[reg], a, &base)) {
			return false;
		}
	}
	*cfa = base + (uint64_t)(int64_t)r->cfa_offset;
	return *cfa > s->sp && *cfa <= a.hi;
}

/* N.B. inlined into both: with a constant bias of 0 nothing is left of it on the way of a capture */
static inline __attribute__((always_inline)) enum gt_walk_end walk(const struct gt_regs *regs, struct area a,
        struct gt_walk *w)
{
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	struct state s = { .sp = regs->sp };
	uint64_t pc = regs->pc;
	w->n_pcs = w->n_words = 0;
	w->epoch = epoch;
	w->asked = 0;
	for (;;) {
		const struct gt_rule r = rule_of(pc, epoch);
		if (r.kind != GT_RULE_FRAME)
			return r.kind == GT_RULE_FOREIGN ? GT_WALK_FOREIGN : GT_WALK_DONE;
		uint64_t cfa, ra;
		if (!cfa_of(&r, regs, &s, a, w, &cfa) ||
		        !read_word(w, cfa + (uint64_t)((int64_t)r.ra_offset * 8), a, &ra))
			return GT_WALK_CUT;
		if (!ra)
			return GT_WALK_DONE;
		if (w->n_pcs == GT_STACK_MAX)
			return GT_WALK_CUT;
		pc = ra - 1;
		w->pcs[w->n_pcs++] = pc;
		for (unsigned saved = r.saved; saved; saved &= saved - 1) {
			const unsigned reg = (unsigned)__builtin_ctz(saved);
			const uint64_t at = cfa + (uint64_t)((int64_t)r.offset[reg] * 8);
			if (!a.bias || at >= a.lo) /* below: just popped, the register has it (never where a call is) */
				s.at[reg] = at;
		}
		s.sp = cfa;
	}
}

enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_walk *w)
{
	return walk(regs, (struct area){ regs->sp, stack_hi, 0 }, w);
}

enum gt_walk_end gt_rule_walk_copy(const struct gt_regs *regs, const void *copy, size_t bytes, struct gt_walk *w)
{
	return walk(regs, (struct area){ regs->sp, regs->sp + bytes, (uint64_t)copy - regs->sp }, w);
}
