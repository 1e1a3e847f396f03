/*
 * Hooks of locks: what they say of who holds and who wakes. As hook.h, for hook_sync.c and its
 * neighbours.
 */
#ifndef GT_HOOK_LOCK_H
#define GT_HOOK_LOCK_H

#include "preload/hook.h"
#include "preload/note.h"
#include "preload/object.h"

#include <errno.h>

static inline uint32_t gt_tid(const struct gt_thread *t)
{
	return atomic_load_explicit(&t->tid, memory_order_relaxed);
}

/* The result of a real call with a time limit, in the scope of its wait. `expired`: what says that
 * its time was over. */
#define GT_EXPIRES_AS(call, expired)                                                               \
	({                                                                                         \
		const int gt_result = (call);                                                      \
		gt_w.is_expired = gt_result == (expired);                                          \
		gt_result;                                                                         \
	})
#define GT_EXPIRES(call) GT_EXPIRES_AS(call, ETIMEDOUT)

/* The wait is about to unlock the mutex, inside libc. */
static inline void gt_give_up(struct gt_thread *t, const pthread_mutex_t *m, uint64_t pc)
{
	if (__builtin_expect(gt_mutex_is_wanted(m, gt_tid(t)), 0))
		gt_wake(t, GT_WHY_MUTEX, (uint64_t)m, 1, gt_now(), pc);
}

/*
 * A call that lets waiters go: `count` = how many at most, as its object says before the real call;
 * nearly always 0. N.B. noted before the call, though it lengthens the time that a wanted lock is
 * held (30 ns to a waiter who needs 1,000 and more to wake): afterwards another generation may have
 * begun, and the end of the wait would stand in the file before the wake.
 */
#define GT_WAKING(name, why, object, count, params, args)                                          \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const gt_t = gt_on();                                            \
		if (!gt_t)                                                                         \
			return gt_real.name args;                                                  \
		gt_count(gt_t, GT_CALL_##name);                                                    \
		const uint32_t gt_n = (count);                                                     \
		if (__builtin_expect(!gt_n, 1))                                                    \
			return gt_real.name args;                                                  \
		gt_wake(gt_t, why, (uint64_t)(object), gt_n, gt_now(),                             \
			(uint64_t)__builtin_return_address(0));                                    \
		return gt_real.name args;                                                          \
	}

#endif
