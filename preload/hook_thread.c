/*
 * Threads: creation, join, names.
 *
 * A new thread starts in gt_thread_main(), which registers it and then calls the program's routine.
 * What that needs travels in a start record from a small pool; when the pool is empty the routine
 * is started as it is, and the thread registers itself at its first hook.
 *
 * Invariants
 *
 * 1. A start record is given back by the new thread, or by the creator when the real call fails;
 * never by both.
 * 2. The head of the free list carries a count that changes with every exchange. Otherwise a record
 * that was taken and given back between two looks links the list wrongly.
 *
 * Corner cases
 *
 * - fork: records of threads that were just being created stay taken in the child. They are few.
 */
#define GT_FILE_GROUP GT_GROUP_thread
#include "preload/hook.h"
#include "preload/object.h"
#include "preload/real.h"
#include "preload/sud.h"

#include <errno.h>
#include <stdatomic.h>

#define GT_N_STARTS 1024u

struct gt_start {
	void *(*fn)(void *);
	void *arg;
	struct gt_thread *child;
	size_t stack_size;
	_Atomic uint32_t next; /* in the free list: index + 1; 0 = end */
};

static struct gt_start starts[GT_N_STARTS];
static _Atomic uint64_t free_starts; /* exchanges << 32 | index + 1 */
static _Atomic uint32_t n_carved;    /* records that were ever used */

static struct gt_start *start_get(void)
{
	/* acquire: pairs with the release in start_put; `next` is that of this head */
	uint64_t head = atomic_load_explicit(&free_starts, memory_order_acquire);
	while ((uint32_t)head) {
		struct gt_start *const s = &starts[(uint32_t)head - 1];
		const uint32_t next = atomic_load_explicit(&s->next, memory_order_relaxed);
		if (atomic_compare_exchange_weak_explicit(
			    &free_starts, &head, ((head >> 32) + 1) << 32 | next,
			    memory_order_acquire, memory_order_acquire))
			return s;
	}
	if (atomic_load_explicit(&n_carved, memory_order_relaxed) >= GT_N_STARTS)
		return NULL;
	const uint32_t i = atomic_fetch_add_explicit(&n_carved, 1, memory_order_relaxed);
	return i < GT_N_STARTS ? &starts[i] : NULL;
}

static void start_put(struct gt_start *s)
{
	uint64_t head = atomic_load_explicit(&free_starts, memory_order_relaxed);
	uint64_t new;
	do {
		atomic_store_explicit(&s->next, (uint32_t)head, memory_order_relaxed);
		new = ((head >> 32) + 1) << 32 | (uint64_t)(s - starts + 1);
		/* release: the record's contents and `next` before it can be taken */
	} while (!atomic_compare_exchange_weak_explicit(
		&free_starts, &head, new, memory_order_release, memory_order_relaxed));
}

/*
 * What is left of the thread's stack below `frame`, from below: the thread's own data lies above,
 * up to the end of what pthread_self() points at, and takes its share of the size that was asked
 * for.
 */
static size_t stack_below(uint64_t frame, size_t size)
{
	const size_t above = (uint64_t)gt_more.pthread_self() - frame + 4096;
	return above < size ? size - above : 0;
}

/* Outermost frame of every announced thread; the stack capture knows it by its name and stops. */
void *gt_thread_main(void *arg);
__attribute__((noinline)) void *gt_thread_main(void *arg)
{
	struct gt_start *const s = arg;
	void *(*const fn)(void *) = s->fn;
	void *const fn_arg = s->arg;
	struct gt_thread *const child = s->child;
	const uint64_t frame = (uint64_t)__builtin_frame_address(0);
	const size_t size = stack_below(frame, s->stack_size);

	start_put(s);
	child->pthread_id = (uint64_t)gt_more.pthread_self();
	gt_thread_start(child, frame, size);
	void *value = fn(fn_arg);
	__asm__ volatile("" : "+r"(value)); /* no tail call: this frame has to stay */
	return value;
}

/*
 * N.B. for a thread without attributes the default is asked for each time: the program may lower
 * it, and memory below the stack must not be taken for a part of it. glibc's lock for it is one
 * that pthread_create takes anyway.
 */
static size_t stack_size(const pthread_attr_t *at)
{
	static const pthread_attr_t none; /* all zero: glibc's "nothing was set" */
	size_t size = 0;
	if (!gt_more.pthread_attr_getstacksize ||
	    gt_more.pthread_attr_getstacksize(at ? at : &none, &size))
		return 0;
	return size;
}

/* A record for gt_thread_main, the new thread announced on `t`; NULL: it will register itself. */
static struct gt_start *prepare(struct gt_thread *t, const pthread_attr_t *at, void *(*fn)(void *),
				void *arg)
{
	if (!t->pthread_id) /* main, or a thread that we did not start: others may name it */
		t->pthread_id = (uint64_t)gt_more.pthread_self();

	struct gt_start *const s = start_get();
	struct gt_thread *const child = s ? gt_thread_announce(t, (uint64_t)fn) : NULL;
	if (!child) {
		if (s)
			start_put(s);
		return NULL;
	}
	s->fn = fn;
	s->arg = arg;
	s->child = child;
	s->stack_size = stack_size(at);
	return s;
}

int gt_hook_pthread_create(pthread_t *th, const pthread_attr_t *at, void *(*fn)(void *), void *arg)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_create(th, at, fn, arg);
	gt_count(t, GT_CALL_pthread_create);
	struct gt_start *const s = prepare(t, at, fn, arg);
	if (!s)
		return gt_real.pthread_create(th, at, fn, arg);
	struct gt_thread *const child = s->child; /* the record is the new thread's from here on */
	const uint8_t was = gt_sud_lower(t);
	const int rc = gt_real.pthread_create(th, at, gt_thread_main, s);
	gt_sud_raise(t, was);
	if (rc) {
		start_put(s);
		gt_thread_retract(t, child);
	}
	return rc;
}

/*
 * C11. N.B. the routine returns int, and libc takes the lower half of what ours returns: on this
 * machine the same register, so that one outermost frame serves both.
 */
int gt_hook_thrd_create(thrd_t *th, thrd_start_t fn, void *arg)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.thrd_create(th, fn, arg);
	gt_count(t, GT_CALL_thrd_create);
	struct gt_start *const s = prepare(t, NULL, (void *(*)(void *))(uintptr_t)fn, arg);
	if (!s)
		return gt_real.thrd_create(th, fn, arg);
	struct gt_thread *const child = s->child;
	const uint8_t was = gt_sud_lower(t);
	const int rc = gt_real.thrd_create(th, (thrd_start_t)(uintptr_t)gt_thread_main, s);
	gt_sud_raise(t, was);
	if (rc != thrd_success) {
		start_put(s);
		gt_thread_retract(t, child);
	}
	return rc;
}

__attribute__((noreturn)) void gt_hook_pthread_exit(void *value)
{
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, GT_CALL_pthread_exit);
	gt_real.pthread_exit(value);
	__builtin_unreachable();
}

__attribute__((noreturn)) void gt_hook_thrd_exit(int value)
{
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, GT_CALL_thrd_exit);
	gt_real.thrd_exit(value);
	__builtin_unreachable();
}

/* ---- join: a thread that has ended is joined at once ---- */

#define GT_JOIN(name, params, args)                                                                \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		const int rc = gt_real.pthread_tryjoin_np(th, value);                              \
		if (rc != EBUSY) {                                                                 \
			gt_count(t, GT_CALL_##name);                                               \
			return rc;                                                                 \
		}                                                                                  \
		GT_WAIT_SURE(t, GT_CALL_##name, GT_WHY_JOIN, th);                                  \
		gt_wait_held(&gt_w, gt_tid_of(th), 0);                                             \
		const int gt_result = gt_real.name args;                                           \
		gt_w.is_expired = gt_result == ETIMEDOUT;                                          \
		return gt_result;                                                                  \
	}

/* clang-format off */
GT_JOIN(pthread_join, (pthread_t th, void **value), (th, value))
GT_JOIN(pthread_timedjoin_np, (pthread_t th, void **value, const struct timespec *abs), (th, value, abs))
/* clang-format on */

int gt_hook_pthread_clockjoin_np(pthread_t th, void **value, clockid_t clk,
				 const struct timespec *abs)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.pthread_clockjoin_np(th, value, clk, abs);
	/* N.B. no try here: it would join where another clock has to be refused */
	GT_WAIT(t, GT_CALL_pthread_clockjoin_np, GT_WHY_JOIN, th);
	gt_wait_held(&gt_w, gt_tid_of(th), 0);
	const int rc = gt_real.pthread_clockjoin_np(th, value, clk, abs);
	gt_w.is_expired = rc == ETIMEDOUT;
	return rc;
}

/* Only a success of the attempt is final: other errors have other numbers here. */
int gt_hook_thrd_join(thrd_t th, int *value)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.thrd_join(th, value);
	void *v;
	const int rc = gt_real.pthread_tryjoin_np(th, &v);
	if (rc == 0) {
		gt_count(t, GT_CALL_thrd_join);
		if (value)
			*value = (int)(intptr_t)v;
		return thrd_success;
	}
	GT_WAIT_AS(t, GT_CALL_thrd_join, GT_WHY_JOIN, th, rc == EBUSY);
	if (rc == EBUSY)
		gt_wait_held(&gt_w, gt_tid_of(th), 0);
	return gt_real.thrd_join(th, value);
}

/* ---- names ---- */

static struct gt_thread *thread_of(pthread_t th)
{
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *const o = gt_thread_at(i);
		if (o && o->pthread_id == (uint64_t)th &&
		    atomic_load_explicit(&o->in_use, memory_order_acquire) == GT_LIVE)
			return o;
	}
	return NULL;
}

int gt_hook_pthread_setname_np(pthread_t th, const char *name)
{
	struct gt_thread *const t = gt_on();
	const int rc = gt_real.pthread_setname_np(th, name);
	if (!t)
		return rc;
	gt_count(t, GT_CALL_pthread_setname_np);
	struct gt_thread *const named = rc                             ? NULL
					: th == gt_more.pthread_self() ? t
								       : thread_of(th);
	if (named)
		gt_thread_set_name(named, name);
	return rc;
}
