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
	bool is_expired; /* the hook says: its time was over */
	bool is_late;    /* it cannot be told: the end of the one before is not written yet */
	uint8_t lowered; /* see gt_sud_lower() */
	uint16_t key;    /* see gt_fd_watch() */
};

/*
 * See GT_WAIT in hook.h. `sure`: takes the stack now. Inlined so that the caller's return address
 * is the hook's. Context: any; never blocks, keeps errno.
 */
void gt_wait_begin_slow(struct gt_wait *w, struct gt_thread *t, uint32_t what, uint64_t object,
			bool sure, uint64_t pc);
void gt_wait_end(struct gt_wait *w);

static inline __attribute__((always_inline)) void gt_wait_begin(struct gt_wait *w,
								struct gt_thread *t,
								enum gt_call call, enum gt_why why,
								uint64_t object, bool sure)
{
	*w = (struct gt_wait){ .t = t, .call = (uint16_t)call };
	if (!t)
		return;
	gt_wait_begin_slow(w, t, GT_WHAT(gt_forms[why], why, call),
			   gt_objects[why] == GT_OBJECT_FD ? gt_fd_object((int)object) : object,
			   sure, (uint64_t)__builtin_return_address(0));
}

/*
 * Who holds the object just now: a tid, or with GT_WAIT_READERS in `flags` a number of readers; 0 =
 * unknown. Just before the real call, as who holds it at the begin is often not told yet.
 */
static inline void gt_wait_held(struct gt_wait *w, uint32_t holder, uint32_t flags)
{
	if (!w->t || !w->is_pending)
		return;
	/* relaxed: advance may read either */
	__atomic_store_n(&w->t->pending.holder, holder, __ATOMIC_RELAXED);
	__atomic_store_n(&w->t->pending.flags, flags, __ATOMIC_RELAXED);
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

/*
 * The thread has spun since `begin`, in a call made at `pc`; it ran all the while, and may have
 * been interrupted by handlers that wrote. Counted, timed, and written as a region when it was
 * long. Context: any; never blocks.
 */
void gt_emit_spin(struct gt_thread *t, enum gt_call call, gt_ns begin, uint64_t pc);

/* Bytes allocated minus freed by all threads whose records are there. Context: writer. */
int64_t gt_heap_sum(void);

/* Bytes in use by the whole heap, for the next heap event. Context: writer. */
void gt_heap_set(uint64_t bytes);

/* What a generation says first of the calling thread, if it has not been said and nothing is
 * pending. */
void gt_emit_statuses(struct gt_thread *t);

#endif
