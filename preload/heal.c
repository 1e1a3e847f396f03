/*
 * Jumps: what a frame that longjmp or setcontext leaves has begun is ended or forgotten (style.md,
 * rule 6).
 */
#include "preload/emit.h"
#include "preload/sud.h"
#include "preload/thread.h"

/*
 * Does a jump to `target` leave the frame at `frame`? Both in the thread's own stack: then the
 * higher one is the outer one. A target elsewhere (a handler's jump within its alternate stack)
 * leaves nothing, unless the frame is elsewhere too.
 */
static bool is_left(const struct gt_thread *t, uint64_t frame, uint64_t target)
{
	const bool is_known = frame > t->stack_lo && frame < t->stack_hi;
	if (is_known)
		return target > frame && target <= t->stack_hi;
	return target > frame && target - frame < (1u << 20);
}

void gt_thread_heal(uint64_t target)
{
	struct gt_thread *t = gt_self;
	if (t->gate)
		return;
	if ((atomic_load_explicit(&t->writing, memory_order_relaxed) & 1) &&
	    is_left(t, t->section_sp, target))
		gt_drop_half_event(t);
	if (t->is_walking && is_left(t, t->walk_sp, target))
		t->is_walking = 0;
	if (is_left(t, t->pending.sp, target))
		gt_wait_abandon(t);
	if (t->sud.is_armed)
		gt_sud_heal(t, target);
}
