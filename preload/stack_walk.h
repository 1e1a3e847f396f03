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

#define GT_WALK_WORDS                                                                              \
	128 /* that are remembered, a multiple of 4; a walk that reads more is good, but no proof  \
	     */

enum gt_walk_end {
	GT_WALK_DONE,    /* the outermost frame was reached: a whole stack */
	GT_WALK_NO_DATA, /* nothing is known of the outermost pc: JIT code, the base of a coroutine
			  */
	GT_WALK_CUT, /* a frame leads out of the known stack or is none, or there are too many */
	GT_WALK_FOREIGN, /* a frame that the rules cannot describe: the stack is cut there */
};

/* One frame of a walk, and all that is needed to find, later and if at all, where it saved a
 * register. */
struct gt_walked {
	uint64_t pc;   /* of the call in it */
	uint64_t cfa;  /* the next frame's sp; 0 = there is none */
	uint64_t base; /* of what the rule says to be based */
	struct gt_rule rule;
	uint16_t first_word; /* words read before this frame was left */
	uint8_t needs;       /* bit r: what is found from here on depends on register r here */
};

/* What a walk found out. Lives in the thread's memo memory: too big for a stack. */
struct gt_walk {
	uint32_t n_frames, n_words;
	uint32_t epoch; /* of the rules used */
	struct gt_word words[GT_WALK_WORDS];
	struct gt_walked frames[GT_STACK_MAX + 1];
};

struct gt_joint;

/*
 * Walks from `regs` by rules; reads words in [regs->sp, stack_hi) only. Frame 0 is that of
 * regs->pc, the others are calls. `joint`: a remembered stack whose outer part may be met, or NULL.
 * Context: any.
 */
enum gt_walk_end gt_rule_walk(const struct gt_regs *regs, uint64_t stack_hi, struct gt_joint *joint,
			      struct gt_walk *w);

/* Leaves our own frames: makes `regs` those of the frame whose sp is `sp`, all of them. false: not
 * by such simple rules. */
bool gt_rule_leave(struct gt_regs *regs, uint64_t sp);

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

void gt_rules_warm(void); /* has the kernel give the memory that is used first */
int gt_rules_init(void);  /* memory for the table of rules; 0 or -ENOMEM; boot and forked child */

#endif
