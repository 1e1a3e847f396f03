/*
 * What happened -> events, with status and stack. Hooks use the GT_WAIT macros of hook.h.
 */
#ifndef GT_EMIT_H
#define GT_EMIT_H

#include "preload/clock.h"
#include "preload/fd.h"
#include "preload/thread.h"

struct gt_wait {
	struct gt_thread *t; /* NULL: nothing to do */
	gt_ns begin;
	uint16_t call;
	bool is_pending; /* this wait, and not an outer one, owns t->pending */
};

/*
 * See GT_WAIT in hook.h. `sure`: takes the stack now. Inlined so that the caller's return address
 * is the hook's. Context: any; never blocks, keeps errno.
 */
void gt_wait_begin_slow(struct gt_wait *w, struct gt_thread *t, enum gt_why why, uint64_t object,
			bool sure, uint64_t pc);
void gt_wait_end(struct gt_wait *w);

static inline __attribute__((always_inline)) void gt_wait_begin(struct gt_wait *w,
								struct gt_thread *t,
								enum gt_call call, enum gt_why why,
								uint64_t object, bool sure)
{
	w->t = t;
	if (!t)
		return;
	w->call = (uint16_t)call;
	gt_wait_begin_slow(w, t, why, object, sure, (uint64_t)__builtin_return_address(0));
}

/* The wait pending on the calling thread, if any, was left by a jump: it ends now. */
void gt_wait_abandon(struct gt_thread *t);

/* Is the thread in a wait whose begin is in no generation yet? */
static inline bool gt_wait_is_untold(const struct gt_thread *t)
{
	const uint64_t word = atomic_load_explicit(&t->pending.word, memory_order_relaxed);
	return word && (word & 3) != GT_CLAIM_WRITTEN;
}

/* The thread ends: a wait still pending is dropped, unless its begin is written. false: it is being
 * written just now. Context: who owns the record. */
bool gt_wait_settle(struct gt_thread *t);

/* Bytes in use by the whole heap, for the next heap event. Context: writer. */
void gt_heap_set(uint64_t bytes);

#endif
