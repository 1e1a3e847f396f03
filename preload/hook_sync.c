/*
 * Locks, condition variables, semaphores, barriers.
 *
 * What can be had at once is tried first: that writes nothing and only counts. Nothing of ours is
 * held while the real call waits: it may wait for ever, be interrupted by a handler that calls us,
 * or never return.
 *
 * Corner cases
 *
 * - A try is not the same as the real call for robust and priority-protected mutexes, for arguments
 * that the real call refuses before it looks at the object, and for the cancellation point in
 * sem_wait: see each.
 * - The object may be gone when the real call returns (unlock, post, signal): nothing is read
 * afterwards.
 */
#define GT_FILE_GROUP GT_GROUP_sync
#include "preload/hook_lock.h"
#include "preload/real.h"

#include <errno.h>

/* The real call has to be asked, but is not expected to wait. */
#define GT_ASK (-1)

/*
 * 0 or an error: final, as the real lock would have said; EBUSY; or GT_ASK.
 * N.B. glibc's trylock leaves a not-recoverable robust mutex owned by us, so that others hang, and
 * a failing trylock of a priority-protected one changes the thread's priority twice. Their lock
 * word is read instead.
 */
static inline int try_mutex(pthread_mutex_t *m)
{
	const int kind = __atomic_load_n(&m->__data.__kind, __ATOMIC_RELAXED);
	if (__builtin_expect(!(kind & (GT_KIND_ROBUST | GT_KIND_PROTECT)), 1))
		return gt_real.pthread_mutex_trylock(m);

	const uint32_t owned = kind & GT_KIND_PROTECT ? ~GT_LOCK_CEILING : GT_LOCK_TID;
	return gt_peek(&m->__data.__lock) & owned ? EBUSY : GT_ASK;
}

/* The rest of the function: answered by `attempt`, or a wait in the real call. */
#define GT_TRY(t, call, why, object, attempt)                                                      \
	const int gt_rc = attempt;                                                                 \
	if (__builtin_expect(gt_rc != EBUSY && gt_rc != GT_ASK, 1)) {                              \
		gt_count(t, call);                                                                 \
		return gt_rc;                                                                      \
	}                                                                                          \
	GT_WAIT_AS(t, call, why, object, gt_rc == EBUSY)

/* Other clocks are refused before anything else; a free object must not hide that. */
static inline bool is_known(clockid_t clk)
{
	return clk == CLOCK_REALTIME || clk == CLOCK_MONOTONIC;
}

/* As above, for times. To be used only where libc reads the time of a free object too: else a bad
 * pointer is harmless. */
static inline bool is_valid(const struct timespec *abs)
{
	return !abs || (unsigned long)abs->tv_nsec < 1000000000ul;
}

/* ---- mutexes ---- */

/*
 * Bodies of lock and unlock for all but the common case, whose hooks need no frame of their own for
 * it. Called as a jump, and shown in stacks without the "gt_" (symbols.c).
 */
GT_COLD int gt_pthread_mutex_lock(pthread_mutex_t *m);
int gt_pthread_mutex_lock(pthread_mutex_t *m)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_mutex_lock(m);
	GT_TRY(t, GT_CALL_pthread_mutex_lock, GT_WHY_MUTEX, m, try_mutex(m));
	gt_wait_held(&gt_w, gt_mutex_holder(m), 0);
	return gt_real.pthread_mutex_lock(m); /* EDEADLK comes from here, as it should */
}

int gt_hook_pthread_mutex_lock(pthread_mutex_t *m)
{
	struct gt_thread *const t = gt_self;
	if (gt_is_odd(t, GT_FILE_GROUP))
		return gt_is_tracing ? gt_pthread_mutex_lock(m) : gt_real.pthread_mutex_lock(m);
	const int rc = try_mutex(m);
	if (__builtin_expect(rc == EBUSY || rc == GT_ASK, 0))
		return gt_pthread_mutex_lock(m); /* tries once more, which does no harm */
	gt_count(t, GT_CALL_pthread_mutex_lock);
	return rc;
}

GT_COLD int gt_pthread_mutex_unlock(pthread_mutex_t *m);
int gt_pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_mutex_unlock(m);
	gt_count(t, GT_CALL_pthread_mutex_unlock);
	if (gt_mutex_is_wanted(m, gt_tid(t)))
		gt_wake(t, GT_WHY_MUTEX, (uint64_t)m, 1, gt_now(),
			(uint64_t)__builtin_return_address(0));
	return gt_real.pthread_mutex_unlock(m);
}

int gt_hook_pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct gt_thread *const t = gt_self;
	if (gt_is_odd(t, GT_FILE_GROUP))
		return gt_is_tracing ? gt_pthread_mutex_unlock(m) : gt_real.pthread_mutex_unlock(m);
	if (__builtin_expect(gt_peek(&m->__data.__lock) > 1, 0))
		return gt_pthread_mutex_unlock(m);
	gt_count(t, GT_CALL_pthread_mutex_unlock);
	return gt_real.pthread_mutex_unlock(m);
}

int gt_hook_pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_mutex_timedlock(m, abs);
	GT_TRY(t, GT_CALL_pthread_mutex_timedlock, GT_WHY_MUTEX, m, try_mutex(m));
	gt_wait_held(&gt_w, gt_mutex_holder(m), 0);
	return GT_EXPIRES(gt_real.pthread_mutex_timedlock(m, abs));
}

int gt_hook_pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clk, const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_mutex_clocklock(m, clk, abs);
	GT_TRY(t, GT_CALL_pthread_mutex_clocklock, GT_WHY_MUTEX, m,
	       is_known(clk) ? try_mutex(m) : GT_ASK);
	gt_wait_held(&gt_w, gt_mutex_holder(m), 0);
	return GT_EXPIRES(gt_real.pthread_mutex_clocklock(m, clk, abs));
}

/* Calls that never wait: counted on the way. */
#define GT_COUNTED(name, params, args)                                                             \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		return gt_real.name args;                                                          \
	}

/* clang-format off */
GT_COUNTED(pthread_mutex_trylock, (pthread_mutex_t *m), (m))
GT_COUNTED(pthread_rwlock_tryrdlock, (pthread_rwlock_t *l), (l))
GT_COUNTED(pthread_rwlock_trywrlock, (pthread_rwlock_t *l), (l))
GT_COUNTED(sem_trywait, (sem_t *s), (s))
GT_WAKING(pthread_rwlock_unlock, GT_WHY_RWLOCK, l, gt_rwlock_wakes(l), (pthread_rwlock_t *l), (l))
GT_WAKING(pthread_cond_signal, GT_WHY_COND, c, gt_cond_waiters(c) != 0, (pthread_cond_t *c), (c))
GT_WAKING(pthread_cond_broadcast, GT_WHY_COND, c, gt_cond_waiters(c), (pthread_cond_t *c), (c))
GT_WAKING(sem_post, GT_WHY_SEM, s, gt_sem_is_wanted(s), (sem_t *s), (s))
/* clang-format on */

/* ---- condition variables ---- */

int gt_hook_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_cond_wait(c, m);
	gt_give_up(t, m, (uint64_t)__builtin_return_address(0));
	GT_WAIT_SURE(t, GT_CALL_pthread_cond_wait, GT_WHY_COND, c);
	return gt_real.pthread_cond_wait(c, m);
}

int gt_hook_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
				   const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_cond_timedwait(c, m, abs);
	gt_give_up(t, m, (uint64_t)__builtin_return_address(0));
	GT_WAIT_SURE(t, GT_CALL_pthread_cond_timedwait, GT_WHY_COND, c);
	return GT_EXPIRES(gt_real.pthread_cond_timedwait(c, m, abs));
}

int gt_hook_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clk,
				   const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_cond_clockwait(c, m, clk, abs);
	gt_give_up(t, m, (uint64_t)__builtin_return_address(0));
	GT_WAIT_SURE(t, GT_CALL_pthread_cond_clockwait, GT_WHY_COND, c);
	return GT_EXPIRES(gt_real.pthread_cond_clockwait(c, m, clk, abs));
}

/* ---- reader-writer locks ---- */

static inline void rwlock_held(struct gt_wait *w, const pthread_rwlock_t *l, uint32_t flags)
{
	const uint32_t holder = gt_rwlock_holder(l, &flags);
	gt_wait_held(w, holder, flags);
}

int gt_hook_pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_rwlock_rdlock(l);
	GT_TRY(t, GT_CALL_pthread_rwlock_rdlock, GT_WHY_RWLOCK, l,
	       gt_real.pthread_rwlock_tryrdlock(l));
	rwlock_held(&gt_w, l, GT_WAIT_READS);
	return gt_real.pthread_rwlock_rdlock(l);
}

int gt_hook_pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_rwlock_wrlock(l);
	GT_TRY(t, GT_CALL_pthread_rwlock_wrlock, GT_WHY_RWLOCK, l,
	       gt_real.pthread_rwlock_trywrlock(l));
	rwlock_held(&gt_w, l, 0);
	return gt_real.pthread_rwlock_wrlock(l);
}

#define GT_RWLOCK(name, attempt, flags, valid, params, args)                                       \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		GT_TRY(t, GT_CALL_##name, GT_WHY_RWLOCK, l,                                        \
		       (valid) ? gt_real.attempt(l) : GT_ASK);                                     \
		rwlock_held(&gt_w, l, flags);                                                      \
		return GT_EXPIRES(gt_real.name args);                                              \
	}

/* clang-format off */
GT_RWLOCK(pthread_rwlock_timedrdlock, pthread_rwlock_tryrdlock, GT_WAIT_READS, is_valid(abs),
        (pthread_rwlock_t *l, const struct timespec *abs), (l, abs))
GT_RWLOCK(pthread_rwlock_timedwrlock, pthread_rwlock_trywrlock, 0, is_valid(abs),
        (pthread_rwlock_t *l, const struct timespec *abs), (l, abs))
GT_RWLOCK(pthread_rwlock_clockrdlock, pthread_rwlock_tryrdlock, GT_WAIT_READS, is_known(clk) && is_valid(abs),
        (pthread_rwlock_t *l, clockid_t clk, const struct timespec *abs), (l, clk, abs))
GT_RWLOCK(pthread_rwlock_clockwrlock, pthread_rwlock_trywrlock, 0, is_known(clk) && is_valid(abs),
        (pthread_rwlock_t *l, clockid_t clk, const struct timespec *abs), (l, clk, abs))
/* clang-format on */

/* ---- semaphores and barriers ---- */

#define GT_SEM_EXPIRES(call)                                                                       \
	({                                                                                         \
		const int gt_result = (call);                                                      \
		gt_w.is_expired = gt_result && errno == ETIMEDOUT;                                 \
		gt_result;                                                                         \
	})

/* 0 or EBUSY; a failing attempt leaves errno as it was. */
static inline int try_sem(sem_t *s)
{
	int *const e = &errno;
	const int saved = *e;
	if (__builtin_expect(gt_real.sem_trywait(s) == 0, 1))
		return 0;
	*e = saved;
	return EBUSY;
}

/*
 * sem_wait and sem_timedwait are cancellation points even when the semaphore is free.
 * N.B. sem_clockwait is not (glibc 2.30 to 2.36): it is one only when it waits.
 */
static inline int try_sem_at_point(sem_t *s)
{
	gt_more.pthread_testcancel();
	return try_sem(s);
}

int gt_hook_sem_wait(sem_t *s)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.sem_wait(s);
	GT_TRY(t, GT_CALL_sem_wait, GT_WHY_SEM, s, try_sem_at_point(s));
	return gt_real.sem_wait(s);
}

int gt_hook_sem_timedwait(sem_t *s, const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.sem_timedwait(s, abs);
	GT_TRY(t, GT_CALL_sem_timedwait, GT_WHY_SEM, s,
	       is_valid(abs) ? try_sem_at_point(s) : GT_ASK);
	return GT_SEM_EXPIRES(gt_real.sem_timedwait(s, abs));
}

int gt_hook_sem_clockwait(sem_t *s, clockid_t clk, const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.sem_clockwait(s, clk, abs);
	GT_TRY(t, GT_CALL_sem_clockwait, GT_WHY_SEM, s,
	       is_known(clk) && is_valid(abs) ? try_sem(s) : GT_ASK);
	return GT_SEM_EXPIRES(gt_real.sem_clockwait(s, clk, abs));
}

/* The thread that completes the barrier does not wait: it lets the others go. */
int gt_hook_pthread_barrier_wait(pthread_barrier_t *b)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_barrier_wait(b);
	const uint32_t n = gt_barrier_wakes(b);
	if (n) {
		gt_count(t, GT_CALL_pthread_barrier_wait);
		gt_wake(t, GT_WHY_BARRIER, (uint64_t)b, n, gt_now(),
			(uint64_t)__builtin_return_address(0));
		return gt_real.pthread_barrier_wait(b);
	}
	GT_WAIT_SURE(t, GT_CALL_pthread_barrier_wait, GT_WHY_BARRIER, b);
	return gt_real.pthread_barrier_wait(b);
}
