/*
 * Stacks, first version: libgcc's unwinder, which takes no lock, allocates nothing and makes no system call
 * (gcc 12 with glibc 2.35 or later: it finds tables by _dl_find_object). It is loaded privately, so that its symbols do not
 * get in the way of the program's own. The exact and nearly free walk comes in front of it.
 */
#include "preload/stack.h"

#include "preload/config.h"
#include "preload/sys.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unwind.h>

/* Under the import ceiling (real.c has its own of these, for RTLD_NEXT). */
void *gt_dlopen(const char *name, int flags);
void *gt_dlsym_in(void *handle, const char *name);
__asm__(".symver gt_dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver gt_dlsym_in, dlsym@GLIBC_2.2.5");

#define WALK_BYTES 6144 /* what the unwinder itself may need below us */

struct range {
	uint64_t lo, hi;
};

static _Unwind_Reason_Code (*backtrace_fn)(_Unwind_Trace_Fn, void *);
static _Unwind_Word (*get_ip_fn)(struct _Unwind_Context *, int *);
static struct range our_text, libc_text, entry_text; /* entry: _start, which calls main's caller */

struct walk {
	uint64_t *pcs;
	size_t n;
	bool is_inside; /* still in our own frames */
};

static bool is_in(struct range r, uint64_t pc)
{
	return pc - r.lo < r.hi - r.lo;
}

static _Unwind_Reason_Code step(struct _Unwind_Context *ctx, void *arg)
{
	struct walk *w = (struct walk *)arg;
	int is_exact = 0; /* the frame was interrupted at this very instruction, not left by a call */
	const uint64_t ip = get_ip_fn(ctx, &is_exact);
	if (!ip)
		return _URC_END_OF_STACK;
	const uint64_t pc = is_exact ? ip : ip - 1;
	const bool is_ours = is_in(our_text, pc);
	if (w->is_inside && is_ours && w->n)
		w->n--; /* of our own frames only the outermost stays: the hook */
	w->is_inside = w->is_inside && is_ours;
	w->pcs[w->n++] = pc;
	return w->n < GT_STACK_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static _Unwind_Reason_Code step_once(struct _Unwind_Context *ctx, void *arg)
{
	step(ctx, arg);
	return _URC_END_OF_STACK;
}

/* Frames that start a thread or the process belong to libc and to our trampoline; viewers name threads after the outermost one. */
static size_t strip_start(const uint64_t *pcs, size_t n)
{
	size_t keep = n;
	while (keep > 1 && (is_in(libc_text, pcs[keep - 1]) || is_in(our_text, pcs[keep - 1]) ||
	                           is_in(entry_text, pcs[keep - 1])))
		keep--;
	return keep;
}

static bool has_room(const struct gt_thread *t)
{
	const uint64_t sp = (uint64_t)__builtin_frame_address(0);
	return sp < t->stack_hi && sp > t->stack_lo && sp - t->stack_lo > WALK_BYTES;
}

size_t gt_stack_capture(struct gt_thread *t, uint64_t pc)
{
	if (t->is_walking) /* a handler interrupted a capture of its own thread */
		return 0;
	t->is_walking = 1;
	struct walk w = { t->pcs, 0, true };
	if (backtrace_fn && gt_cfg.stacks && has_room(t)) {
		backtrace_fn(step, &w);
		w.n = strip_start(t->pcs, w.n);
	} else if (gt_cfg.stacks) {
		GT_COUNT(cut_stacks, 1);
	}
	if (!w.n)
		t->pcs[w.n++] = pc - 1;
	return w.n;
}

/* Takes "lo-hi" at the start of a line of the map; false: the line is not complete. */
static bool take_range(const char *line, const char *end, struct range *r)
{
	uint64_t v[2] = { 0, 0 };
	int i = 0;
	for (; line < end && *line != ' '; line++) {
		if (*line == '-')
			i = 1;
		else
			v[i] = v[i] << 4 | (uint64_t)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
	}
	*r = (struct range){ v[0], v[1] };
	return line < end;
}

void gt_stack_find(struct gt_thread *t)
{
	const uint64_t sp = (uint64_t)__builtin_frame_address(0);
	const long fd = GT_SYS4(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return;
	char *buf = (char *)t->pcs; /* nobody else uses it yet */
	size_t have = 0;
	for (;;) {
		const long n = GT_SYS3(SYS_read, fd, buf + have, sizeof(t->pcs) - have);
		if (GT_SYS_FAILED(n) || n == 0)
			break;
		have += (size_t)n;
		const char *line = buf, *nl;
		struct range r;
		while ((nl = (const char *)memchr(line, '\n', have - (size_t)(line - buf)))) {
			if (take_range(line, nl, &r) && is_in(r, sp)) {
				t->stack_lo = r.lo;
				t->stack_hi = r.hi;
			}
			line = nl + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		if (have == sizeof(t->pcs)) /* a line longer than that has its range in front */
			have = 0;
	}
	GT_SYS1(SYS_close, fd);
}

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		const struct range r = { info->dlpi_addr + p->p_vaddr, info->dlpi_addr + p->p_vaddr + p->p_memsz };
		if (is_in(r, (uint64_t)&gt_stack_capture))
			our_text = r;
		if (strstr(info->dlpi_name, "/libc.so.6"))
			libc_text = r;
	}
	return 0;
}

void gt_stack_init(void)
{
	entry_text.lo = getauxval(AT_ENTRY);
	entry_text.hi = entry_text.lo + 64;
	dl_iterate_phdr(find_text, NULL);
	void *lib = gt_dlopen("libgcc_s.so.1", RTLD_LOCAL | RTLD_NOW);
	if (!lib)
		return;
	get_ip_fn = (_Unwind_Word(*)(struct _Unwind_Context *, int *))gt_dlsym_in(lib, "_Unwind_GetIPInfo");
	backtrace_fn = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))gt_dlsym_in(lib, "_Unwind_Backtrace");
	if (!get_ip_fn || !backtrace_fn) {
		backtrace_fn = NULL;
		return;
	}
	/* once here, where there is time and stack: it sets itself up on first use */
	uint64_t pcs[GT_STACK_MAX / 4];
	struct walk w = { pcs, 0, true };
	backtrace_fn(step_once, &w);
}
