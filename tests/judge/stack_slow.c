/*
 * libgcc's unwinder, the judge of our own walk in test builds: exact where tables are, about 100 ns
 * a frame. Loaded privately, so that its symbols do not get in the way of the program's own.
 */
#include "preload/stack_walk.h"

#include <dlfcn.h>
#include <unwind.h>

/* Under the import ceiling (real.c has its own of these, for RTLD_NEXT). */
void *gt_slow_dlopen(const char *name, int flags);
void *gt_slow_dlsym(void *handle, const char *name);
__asm__(".symver gt_slow_dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver gt_slow_dlsym, dlsym@GLIBC_2.2.5");

static _Unwind_Reason_Code (*backtrace_fn)(_Unwind_Trace_Fn, void *);
static _Unwind_Word (*get_ip_fn)(struct _Unwind_Context *, int *);

struct list {
	uint64_t *pcs;
	size_t n, max;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *ctx, void *arg)
{
	struct list *l = (struct list *)arg;
	int is_exact =
		0; /* the frame was interrupted at this very instruction, not left by a call */
	const uint64_t ip = get_ip_fn(ctx, &is_exact);
	if (!ip)
		return _URC_END_OF_STACK;
	l->pcs[l->n++] = is_exact ? ip : ip - 1;
	return l->n < l->max ? _URC_NO_REASON : _URC_END_OF_STACK;
}

size_t gt_slow_walk(uint64_t *pcs, size_t max)
{
	struct list l = { pcs, 0, max };
	if (backtrace_fn)
		backtrace_fn(step, &l);
	return l.n;
}

void gt_slow_init(void)
{
	void *lib = gt_slow_dlopen("libgcc_s.so.1", RTLD_LOCAL | RTLD_NOW);
	if (!lib)
		return;
	get_ip_fn = (_Unwind_Word(*)(struct _Unwind_Context *, int *))gt_slow_dlsym(
		lib, "_Unwind_GetIPInfo");
	backtrace_fn = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))gt_slow_dlsym(
		lib, "_Unwind_Backtrace");
	if (!get_ip_fn)
		backtrace_fn = NULL;
	uint64_t pcs[1]; /* once here, where there is time and stack: it sets itself up on first use
			  */
	struct list l = { pcs, 0, 1 };
	if (backtrace_fn)
		backtrace_fn(step, &l);
}
