/* Capture of the calling thread's stack. */
#ifndef GT_STACK_H
#define GT_STACK_H

#include "preload/thread.h"

/* The made-up outermost frame of a stack that is not whole, named "[cut]". No code is on the first
 * page. */
#define GT_PC_CUT 1

/* Finds the unwinder and warms it up. Boot only. */
void gt_stack_init(void);

/*
 * Captures the calling thread's stack, innermost (the hook) first, without the frames that start a
 * thread or the process; returns the number of frames, 0 when a handler interrupted another
 * capture. `pc` is the hook's return address: all that is left where the stack is unknown or too
 * small. A stack that is not whole ends with GT_PC_CUT. Each frame is the address of the call, not
 * of the return. The result, t->stack[0 .. n), stays until gt_stack_done(). Context: any, not
 * inside a write section.
 */
size_t gt_stack_capture(struct gt_thread *t, uint64_t pc);

/*
 * A stack is going to be captured: it is often the same as the one before, which after a wait lies
 * in no cache.
 */
static inline void gt_stack_expect(const struct gt_thread *t)
{
	const uint8_t *p = (const uint8_t *)t->hit;
	__builtin_prefetch(p);
	__builtin_prefetch(p + 64);
	__builtin_prefetch(p + 128);
}

/* Id of the stack just captured in generation `gen`. Context: inside a write section of that
 * generation. */
gt_stack gt_stack_id(struct gt_thread *t, uint64_t gen);

/*
 * Has the kernel map the unwind data of what is loaded, and the first rules' memory, so that the
 * program's threads need not stop for it; `t`: the caller. Context: boot, forked child.
 */
void gt_stack_warm(struct gt_thread *t);

/* Looks up where the calling thread's stack is, for one that nobody announced. Makes system calls.
 */
void gt_stack_find(struct gt_thread *t);

static inline void gt_stack_done(struct gt_thread *t)
{
	t->is_walking = 0;
}

#endif
