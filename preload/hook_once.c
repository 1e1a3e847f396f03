/*
 * C11 locks, one-time initialisation, spin locks. As in hook_sync.c, what can be had at once is
 * tried first.
 */
#define GT_FILE_GROUP GT_GROUP_sync
#include "preload/hook_lock.h"

/* ---- C11 ---- */

/* glibc's are its pthread ones under other names. */
static inline const pthread_mutex_t *mutex_of(const mtx_t *m)
{
	return (const pthread_mutex_t *)(const void *)m;
}

static inline const pthread_cond_t *cond_of(const cnd_t *c)
{
	return (const pthread_cond_t *)(const void *)c;
}

/* N.B. a mtx_t is never robust or priority-protected, so that trying is harmless (hook_sync.c). */
#define GT_MTX(name, params, args)                                                                 \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		const int rc = gt_real.mtx_trylock(m);                                             \
		if (__builtin_expect(rc != thrd_busy, 1)) {                                        \
			gt_count(t, GT_CALL_##name);                                               \
			return rc;                                                                 \
		}                                                                                  \
		GT_WAIT_SURE(t, GT_CALL_##name, GT_WHY_MUTEX, m);                                  \
		gt_wait_held(&gt_w, gt_mutex_holder(mutex_of(m)), 0);                              \
		return GT_EXPIRES_AS(gt_real.name args, thrd_timedout);                            \
	}

#define GT_CND(name, params, args)                                                                 \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		gt_give_up(t, mutex_of(m), (uint64_t)__builtin_return_address(0));                 \
		GT_WAIT_SURE(t, GT_CALL_##name, GT_WHY_COND, c);                                   \
		return GT_EXPIRES_AS(gt_real.name args, thrd_timedout);                            \
	}

/* clang-format off */
GT_MTX(mtx_lock, (mtx_t *m), (m))
GT_MTX(mtx_timedlock, (mtx_t *m, const struct timespec *abs), (m, abs))
GT_CND(cnd_wait, (cnd_t *c, mtx_t *m), (c, m))
GT_CND(cnd_timedwait, (cnd_t *c, mtx_t *m, const struct timespec *abs), (c, m, abs))
GT_WAKING(mtx_unlock, GT_WHY_MUTEX, m, gt_mutex_is_wanted(mutex_of(m), gt_tid(gt_t)), (mtx_t *m), (m))
GT_WAKING(cnd_signal, GT_WHY_COND, c, gt_cond_waiters(cond_of(c)) != 0, (cnd_t *c), (c))
GT_WAKING(cnd_broadcast, GT_WHY_COND, c, gt_cond_waiters(cond_of(c)), (cnd_t *c), (c))
/* clang-format on */

/* ---- once ---- */

/*
 * Another thread is at it: bit 0 (glibc; bit 1: done). The thread that runs the routine does not
 * wait, and what the routine does is traced as usual.
 * N.B. left over by a fork in the middle, the routine runs here, inside the wait.
 */
static inline bool is_in_progress(const int *once)
{
	return (__atomic_load_n(once, __ATOMIC_RELAXED) & 3) == 1;
}

int gt_hook_pthread_once(pthread_once_t *o, void (*fn)(void))
{
	struct gt_thread *const t = gt_on();
	if (t && is_in_progress(o)) {
		GT_WAIT_SURE(t, GT_CALL_pthread_once, GT_WHY_ONCE, o);
		return gt_real.pthread_once(o, fn);
	}
	if (t)
		gt_count(t, GT_CALL_pthread_once);
	return gt_real.pthread_once(o, fn);
}

void gt_hook_call_once(once_flag *o, void (*fn)(void))
{
	struct gt_thread *const t = gt_on();
	if (t && is_in_progress((const int *)(const void *)o)) {
		GT_WAIT_SURE(t, GT_CALL_call_once, GT_WHY_ONCE, o);
		gt_real.call_once(o, fn);
		return;
	}
	if (t)
		gt_count(t, GT_CALL_call_once);
	gt_real.call_once(o, fn);
}

/* ---- spin locks: a thread that spins runs ---- */

/* glibc: 1 = free. Anything else is found out by spinning. */
int gt_hook_pthread_spin_lock(pthread_spinlock_t *l)
{
	struct gt_thread *const t = gt_on();
	if (!t || __atomic_load_n(l, __ATOMIC_RELAXED) == 1) {
		if (t)
			gt_count(t, GT_CALL_pthread_spin_lock);
		return gt_real.pthread_spin_lock(l);
	}
	const gt_ns begin = gt_now();
	const int rc = gt_real.pthread_spin_lock(l);
	gt_emit_spin(t, GT_CALL_pthread_spin_lock, begin, (uint64_t)__builtin_return_address(0));
	return rc;
}
