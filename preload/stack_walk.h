/*
 * The layers of a capture (stack.c puts them together): memo, rule walk.
 */
#ifndef GT_STACK_WALK_H
#define GT_STACK_WALK_H

#include "preload/stack_cfi.h"
#include "preload/thread.h"

/* Registers at one point of the calling function; what an unwind is a function of, together with
 * the stack's words. */
struct gt_regs {
	uint64_t pc; /* exact */
	uint64_t sp;
	uint64_t saved[GT_N_SAVED];
};

/* One word of the stack that an unwind has read. */
struct gt_word {
	uint64_t at;
	uint64_t value;
};

#define GT_MAX_WORDS (4 * (GT_STACK_MAX + 1)) /* a frame reads at most four */

enum gt_walk_end {
	GT_WALK_DONE,    /* the outermost frame was reached: a whole stack */
	GT_WALK_NO_DATA, /* nothing is known of the outermost pc: JIT code, the base of a coroutine
			  */
	GT_WALK_CUT, /* a frame leads out of the known stack or is none, or there are too many */
	GT_WALK_FOREIGN, /* a frame that the rules cannot describe: the stack is cut there */
};

/* One frame that a walk has left: all that is needed to find, later and if at all, where it saved a
 * register. */
struct gt_walked {
	uint64_t cfa;
	uint64_t base; /* of what the rule says to be based */
	struct gt_rule rule;
};

/* What a walk found out. Lives in the thread's memo memory: too big for a stack. */
struct gt_walk {
	uint32_t n_pcs, n_words;
	uint32_t epoch; /* of the rules used */
	uint8_t asked;  /* bit r: the value of register r at the start mattered */
	uint64_t pcs[GT_STACK_MAX];
	struct gt_word words[GT_MAX_WORDS];
	struct gt_walked frames[GT_STACK_MAX + 1];
};

/*
 * Walks from `regs` by rules; reads words in [regs->sp, stack_hi) only. pcs: the calls, innermost
 * first, regs->pc not among them. Context: any.
 */
enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_walk *w);

/*
 * The same over a copy of another thread's stack: `bytes` from regs->sp on; pc may be at any
 * instruction. In the writer. N.B. learning a rule reads the module's tables, which may go away
 * meanwhile: under gt_guard_run().
 */
enum gt_walk_end gt_rule_walk_copy(const struct gt_regs *regs, const void *copy, size_t bytes,
				   struct gt_walk *w);

/* The judge of test builds: by libgcc, from the caller on, pcs[max]; returns how many. Needs some
 * KiB of stack. */
size_t gt_slow_walk(uint64_t *pcs, size_t max);
void gt_slow_init(void); /* boot only */

/* A module was unmapped: rules learnt so far may be of code that is no more. */
void gt_rules_forget(void);
extern _Atomic uint32_t gt_rules_epoch;

int gt_rules_init(void); /* memory for the table of rules; 0 or -ENOMEM; boot and forked child */

#endif
