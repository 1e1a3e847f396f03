/*
 * Cancellation and exceptions pass through the cleanups of GT_WAIT. The compiler makes them refer
 * to two functions of libgcc, which we must not import: libgcc_s as a dependency would be in the
 * global scope of programs that have none, and the static one imports a new symbol of libc
 * (interposition.md 3.2, 4.3). So they are here, hidden, and hand over to the unwinder that is
 * running anyway.
 *
 * Corner cases
 *
 * - A program with an unwinder of its own (static libgcc, LLVM's) throws through a hook: possible
 * only from a signal handler; cancellation always uses libgcc_s, as libc loads it.
 */
#include "preload/unwind.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <unwind.h>

void *gt_unwind_dlopen(const char *name, int flags);
void *gt_unwind_dlsym(void *handle, const char *name);
#ifdef __x86_64__
__asm__(".symver gt_unwind_dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver gt_unwind_dlsym, dlsym@GLIBC_2.2.5");
#else
__asm__(".symver gt_unwind_dlopen, dlopen@GLIBC_2.17");
__asm__(".symver gt_unwind_dlsym, dlsym@GLIBC_2.17");
#endif

typedef _Unwind_Reason_Code (*personality_fn)(int, _Unwind_Action, _Unwind_Exception_Class,
					      struct _Unwind_Exception *, struct _Unwind_Context *);
typedef void (*resume_fn)(struct _Unwind_Exception *);

static _Atomic(personality_fn) personality;
static _Atomic(resume_fn) resume;

void gt_unwind_init(void)
{
	if (atomic_load_explicit(&resume, memory_order_acquire))
		return;
	void *const lib = gt_unwind_dlopen("libgcc_s.so.1", RTLD_LOCAL | RTLD_NOW);
	if (!lib)
		return;
	/* N.B. the handle is kept: libc keeps one too as soon as it unwinds */
	const personality_fn p = (personality_fn)gt_unwind_dlsym(lib, "__gcc_personality_v0");
	const resume_fn r = (resume_fn)gt_unwind_dlsym(lib, "_Unwind_Resume");
	atomic_store_explicit(&personality, p, memory_order_relaxed);
	atomic_store_explicit(&resume, r, memory_order_release); /* acquire: above */
}

/* Tests are programs and have the real ones. */
#ifndef GT_TEST
/* N.B. names of our own for the compiler: unwind.h declares these two for export. */
_Unwind_Reason_Code
gt_unwind_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class what,
		      struct _Unwind_Exception *e,
		      struct _Unwind_Context *ctx) __asm__("__gcc_personality_v0");
_Unwind_Reason_Code gt_unwind_personality(int version, _Unwind_Action actions,
					  _Unwind_Exception_Class what, struct _Unwind_Exception *e,
					  struct _Unwind_Context *ctx)
{
	gt_unwind_init();
	const personality_fn p = atomic_load_explicit(&personality, memory_order_relaxed);
	return p ? p(version, actions, what, e, ctx)
		 : _URC_CONTINUE_UNWIND; /* the wait stays open */
}

/* Reached from a cleanup that the personality started, so the unwinder is known. */
void gt_unwind_resume(struct _Unwind_Exception *e) __asm__("_Unwind_Resume");
void gt_unwind_resume(struct _Unwind_Exception *e)
{
	atomic_load_explicit(&resume, memory_order_relaxed)(e);
	__builtin_unreachable();
}
#endif
