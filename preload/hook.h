/*
 * What every hook is made of. Expands hooks.def: gt_real (the next definitions), enum gt_call, and
 * the prototypes of the hooks themselves.
 *
 * Hooks are declared under names of their own (gt_hook_read) that carry the libc symbol as their
 * assembler name: the attributes of libc's headers (nothrow, nonnull) would let the compiler drop
 * what the program may rely on, and exceptions and forced unwinding pass through hooks.
 */
#ifndef GT_HOOK_H
#define GT_HOOK_H

#include "preload/emit.h"
#include "preload/hook_types.h"
#include "preload/thread.h"

#define GT_EXPORT __attribute__((visibility("default")))
#define GT_HOT    __attribute__((hot))
#define GT_COLD   __attribute__((cold, noinline))

/* The next definition of every hooked function. Filled by gt_real_resolve() before the first use.
 */
struct gt_real {
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) ret (*name) params;
#define GT_CUSTOM(group, why, ret, name, params, args)   ret (*name) params;
#define GT_ASM(group, why, ret, name, params, args)      ret (*name) params;
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
	/* clang-format on */
};
/* hidden: without it every call through it would load its address first */
extern struct gt_real gt_real __attribute__((visibility("hidden")));

/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) GT_EXPORT ret gt_hook_##name params __asm__(#name);
#define GT_CUSTOM(group, why, ret, name, params, args)   GT_EXPORT ret gt_hook_##name params __asm__(#name);
#define GT_ASM(group, why, ret, name, params, args)
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
/* clang-format on */

/*
 * The calling thread's record, or NULL when the hook has to pass through: not started, stopped,
 * dormant, group switched off, child of vfork, thread that has ended, or called from inside
 * ourselves. Registers a thread and restarts the tracer in a child of fork when needed (slow path).
 * Context: any.
 */
static inline struct gt_thread *gt_on_in(enum gt_group group)
{
	struct gt_thread *const t = gt_self;
	/* relaxed: a hook that starts a moment before or after a change may see either */
	const uint32_t on = atomic_load_explicit(&gt_ctl.on[group], memory_order_relaxed);
	if (__builtin_expect(
		    (on ^ GT_ON_TRACING) | atomic_load_explicit(&t->gate, memory_order_relaxed), 0))
		/* N.B. off must cost next to nothing */
		return gt_is_tracing && !(on & GT_ON_NOT) ? gt_on_slow(group) : NULL;
	if (!t) /* never: saves every hook a test */
		__builtin_unreachable();
	return t;
}
/* May a hook of the thread with the record gt_self not go the short way? */
static inline bool gt_is_odd(const struct gt_thread *self, enum gt_group group)
{
	const uint32_t on = atomic_load_explicit(&gt_ctl.on[group], memory_order_relaxed);
	return __builtin_expect(
		(on ^ GT_ON_TRACING) | atomic_load_explicit(&self->gate, memory_order_relaxed), 0);
}
/* In a file whose hooks are all of one group, GT_FILE_GROUP, which it defines first. */
#define gt_on() gt_on_in(GT_FILE_GROUP)

/* One call that did not wait and whose time was not measured. */
static inline void gt_count(struct gt_thread *t, enum gt_call call)
{
	gt_count_add(&t->count[call], 1);
}

/*
 * The rest of the scope is one wait of thread `t` (may be NULL: then nothing happens) in function
 * `call` (enum gt_call) for the reason `why` (enum gt_why) on `object` (lock address or
 * descriptor). Counted, timed, and written when it is long enough. The end runs on return, on
 * cancellation and on exceptions. GT_WAIT_SURE takes the stack now: for calls that are going to
 * wait, where it costs nobody anything, and which must not take it afterwards, because then they
 * hold a lock.
 */
#define GT_WAIT(t, call, why, object)      GT_WAIT_AS(t, call, why, object, false)
#define GT_WAIT_SURE(t, call, why, object) GT_WAIT_AS(t, call, why, object, true)
#define GT_WAIT_AS(t, call, why, object, sure)                                                     \
	struct gt_wait gt_w __attribute__((cleanup(gt_wait_end)));                                 \
	gt_wait_begin(&gt_w, t, call, why, (uint64_t)(object), sure)

#endif
