/* Capture of the calling thread's stack. */
#ifndef GT_STACK_H
#define GT_STACK_H

#include "preload/thread.h"

/* Finds the unwinder and warms it up. Boot only. */
void gt_stack_init(void);

/*
 * Captures the calling thread's stack, innermost (the hook) first, without the frames that start a thread or the process;
 * returns the number of frames, 0 when a handler interrupted another capture. `pc` is the hook's return
 * address: all that is left where the stack is unknown or too small. Each frame is the address of the call, not of the
 * return. The result, t->stack[0 .. n), stays until gt_stack_done(). Context: any, not inside a write section.
 */
size_t gt_stack_capture(struct gt_thread *t, uint64_t pc);

/* Id of the stack just captured in generation `gen`. Context: inside a write section of that generation. */
gt_stack gt_stack_id(struct gt_thread *t, uint64_t gen);

/* Looks up where the calling thread's stack is, for one that nobody announced. Makes system calls. */
void gt_stack_find(struct gt_thread *t);

/*
 * Of a whole stack pcs[0 .. *n), innermost first, what a reader should see: of our own innermost frames only the hook, and
 * without the frames that start a thread or the process. Returns the first to keep.
 */
const uint64_t *gt_stack_strip(const uint64_t *pcs, size_t *n);

static inline void gt_stack_done(struct gt_thread *t)
{
	t->is_walking = 0;
}

#endif
