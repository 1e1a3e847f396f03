/* Capture of the calling thread's stack. */
#ifndef GT_STACK_H
#define GT_STACK_H

#include "preload/stack_walk.h"
#include "preload/thread.h"

#include <ucontext.h>

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
 * program's threads need not stop for it. Context: writer, when nobody waits for it any more.
 */
void gt_stack_warm(void);

/* Looks up where the calling thread's stack is, for one that nobody announced. Makes system calls.
 */
void gt_stack_find(struct gt_thread *t);

/*
 * Of our own frames only the outermost stays: the hook. At the other end, frames that start a
 * thread or the process belong to libc and to our trampoline; viewers name threads after the
 * outermost one. A cut stack keeps them and gets a mark instead. Returns the first to keep. `pcs`
 * has room for GT_STACK_MAX.
 */
uint64_t *gt_stack_strip(uint64_t *pcs, size_t *n, bool is_cut);

/*
 * Did the walk, whose outermost frame is `pc`, come to the end of the stack? What we know of a
 * thread's stack ends in our gt_thread_main(); libc starts a coroutine by a return to a function,
 * just before which there is nothing.
 */
bool gt_stack_is_whole(enum gt_walk_end end, uint64_t pc);

/*
 * Puts what a walk found behind the innermost frame, pcs[*n), and counts it in. Returns whether the
 * stack is cut. `pcs` has room for GT_STACK_MAX.
 */
bool gt_stack_append(const struct gt_walk *w, enum gt_walk_end end, uint64_t *pcs, size_t *n);

/*
 * The stack that a signal has interrupted, into pcs[GT_STACK_MAX]; returns the first of *n to keep.
 * Context: the signal's handler on thread `t`, all signals blocked.
 */
const uint64_t *gt_stack_interrupted(struct gt_thread *t, const ucontext_t *u, uint64_t *pcs,
				     size_t *n);

/* Where our own code is, and whether `pc` is libc's. */
void gt_stack_our_text(uint64_t *start, uint64_t *bytes);
bool gt_stack_is_libc(uint64_t pc);

static inline void gt_stack_done(struct gt_thread *t)
{
	t->is_walking = 0;
}

#endif
