/*
 * Capture: memo, else rule walk, else the caller alone.
 *
 * N.B. no foreign unwinder: libgcc takes a lock once anybody has called __register_frame (LLVM's
 * JIT does), and a handler that interrupts a throw would wait for its own thread for ever. It is
 * the judge of test builds only.
 *
 * Corner cases
 *
 * - The stack is unknown (alternate stack, coroutine) or nearly used up: the caller and "[cut]",
 * counted. What lies above sp there is anybody's guess, and may end at the next page.
 * - A handler interrupts a capture of its own thread: it gets no stack, as the memory is in use.
 * - The stack does not hang together, or is too deep: what was found up to there and "[cut]",
 * counted.
 */
#include "preload/stack.h"

#include "preload/advance.h"
#include "preload/config.h"
#include "preload/hot.h"
#include "preload/maps.h"
#include "preload/stack_memo.h"
#include "preload/sys.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#define RULE_BYTES 2048 /* of stack that the rule walk may need when it learns a rule */
#define SLOW_BYTES 8192 /* and libgcc, the judge of test builds */

struct range {
	uint64_t lo, hi;
};

static struct range our_text, libc_text, entry_text; /* entry: _start, which calls main's caller */

static bool is_in(struct range r, uint64_t pc)
{
	return pc - r.lo < r.hi - r.lo;
}

void gt_stack_our_text(uint64_t *start, uint64_t *bytes)
{
	*start = our_text.lo;
	*bytes = our_text.hi - our_text.lo;
}

bool gt_stack_is_libc(uint64_t pc)
{
	return is_in(libc_text, pc);
}

/* Registers as they are here, in the caller's frame; the unwind data of this very instruction
 * describes them. */
static inline __attribute__((always_inline)) void regs_here(struct gt_regs *r)
{
	uint64_t pc, sp;
	__asm__ volatile("leaq 0f(%%rip), %0\n0:\tmovq %%rsp, %1" : "=r"(pc), "=r"(sp));
	r->pc = pc;
	r->sp = sp;
	__asm__ volatile("movq %%rbx, %0" : "=m"(r->saved[GT_RBX]));
	__asm__ volatile("movq %%rbp, %0" : "=m"(r->saved[GT_RBP]));
	__asm__ volatile("movq %%r12, %0" : "=m"(r->saved[GT_R12]));
	__asm__ volatile("movq %%r13, %0" : "=m"(r->saved[GT_R13]));
	__asm__ volatile("movq %%r14, %0" : "=m"(r->saved[GT_R14]));
	__asm__ volatile("movq %%r15, %0" : "=m"(r->saved[GT_R15]));
}

uint64_t *gt_stack_strip(uint64_t *pcs, size_t *n, bool is_cut)
{
	size_t first = 0, end = *n;
	while (first + 1 < end && is_in(our_text, pcs[first]) && is_in(our_text, pcs[first + 1]))
		first++;
	if (is_cut) {
		end = end < GT_STACK_MAX ? end + 1 : end;
		pcs[end - 1] = GT_PC_CUT;
	}
	while (!is_cut && end > first + 1 &&
	       (is_in(libc_text, pcs[end - 1]) || is_in(our_text, pcs[end - 1]) ||
		is_in(entry_text, pcs[end - 1])))
		end--;
	*n = end - first;
	return pcs + first;
}

static bool has_room(const struct gt_thread *t, uint64_t sp, uint64_t bytes)
{
	return sp < t->stack_hi && sp > t->stack_lo && sp - t->stack_lo > bytes;
}

static struct gt_memo *memo_of(struct gt_thread *t)
{
	if (!t->memo) {
		t->memo = gt_memo_get();
		t->memo_mem = t->memo ? gt_memo_at(t->memo) : NULL;
	}
	return t->memo_mem;
}

static size_t set_stack(struct gt_thread *t, struct gt_memo_entry *hit, const uint64_t *pcs,
			size_t n)
{
	t->hit = hit;
	t->stack = pcs;
	t->n_stack = (uint32_t)n;
	return n;
}

static size_t capture_caller(struct gt_thread *t, uint64_t pc)
{
	t->pcs[0] = pc - 1;
	t->pcs[1] = GT_PC_CUT;
	return set_stack(t, NULL, t->pcs, 2);
}

/* Nothing but the caller is known. */
static size_t capture_unknown(struct gt_thread *t, uint64_t pc)
{
	gt_count_add(&t->own[GT_OWN_stack_cut], 1);
	return capture_caller(t, pc);
}

bool gt_stack_is_whole(enum gt_walk_end end, uint64_t pc)
{
	return end == GT_WALK_DONE || (end == GT_WALK_CUT && is_in(our_text, pc)) ||
	       (end == GT_WALK_NO_DATA && is_in(libc_text, pc));
}

/*
 * The walk's stack, into the memo if it fits there. N.B. t->hit is what was captured last: it has
 * the outer part of most stacks that follow.
 */
static size_t capture_by_rules(struct gt_thread *t, struct gt_memo *m, const struct gt_regs *regs,
			       uint64_t pc)
{
	struct gt_walk *const w = &m->walk;
	struct gt_joint joint =
		gt_joint_at(t->hit, atomic_load_explicit(&gt_rules_epoch, memory_order_acquire));
	t->hit = NULL; /* whatever a jump out of a handler leaves of it */
	const enum gt_walk_end end = gt_rule_walk(regs, t->stack_hi, &joint, w);
	size_t n = w->n_frames;
	if (n < 2)
		return capture_unknown(t, pc);
	const bool is_cut = !gt_stack_is_whole(end, w->frames[n - 1].pc);
	gt_count_add(&t->own[is_cut ? GT_OWN_stack_cut : GT_OWN_stack_walks], 1);
	struct gt_memo_entry *e = gt_memo_make(m, regs, w);
	uint64_t *all = e ? gt_memo_pcs(e) : t->pcs;
	for (size_t i = 0; i < n && !e; i++)
		all[i] = w->frames[i].pc;
	const uint64_t *pcs = gt_stack_strip(all, &n, is_cut);
	if (e) {
		e->pcs_at = (uint16_t)(pcs - e->data);
		e->n_pcs = (uint16_t)n;
		e->is_whole = !is_cut;
		gt_memo_put_in(m, e, pc);
	}
	return set_stack(t, e, pcs, n);
}

static size_t set_hit(struct gt_thread *t, struct gt_memo_entry *e)
{
	gt_count_add(&t->own[GT_OWN_stack_hits], 1);
	return set_stack(t, e, e->data + e->pcs_at, e->n_pcs);
}

/* What is not the newest stack of its place in the memo. `sp`: the caller's. */
static __attribute__((noinline)) size_t capture_slow(struct gt_thread *t, uint64_t pc, uint64_t sp)
{
	struct gt_regs regs;
	regs_here(&regs);
	if (!gt_cfg.stacks) {
		t->pcs[0] = pc - 1;
		return set_stack(t, NULL, t->pcs, 1);
	}
	struct gt_memo *m = memo_of(t);
	if (!m || !has_room(t, regs.sp, RULE_BYTES) || !gt_rule_leave(&regs, sp))
		return capture_unknown(t, pc);
	struct gt_memo_entry *e = gt_memo_find(m, &regs, pc);
	return e ? set_hit(t, e) : capture_by_rules(t, m, &regs, pc);
}

#ifdef GT_JUDGE
static __attribute__((noinline)) size_t capture(struct gt_thread *t, uint64_t pc);
#include "preload/stack_judge.inc"
#else
#define capture gt_stack_capture
#endif

/*
 * N.B. saves no register and needs no frame of its own on a hit. What a stack depends on lies at
 * the caller's sp and above; registers are looked at (capture_slow) only where a stack asks for
 * one, as our own frames have saved most.
 */
GT_HOT __attribute__((noinline)) size_t capture(struct gt_thread *t, uint64_t pc)
{
	if (__builtin_expect(t->is_walking, 0))
		return 0;
	const uint64_t sp = GT_FRAME();
	t->walk_sp = sp;
	t->is_walking = 1;
	struct gt_memo *m = t->memo_mem;
	if (__builtin_expect(!m, 0))
		return capture_slow(t, pc, sp);
	struct gt_memo_entry *e = gt_memo_at_way(m, *gt_memo_ways(m, sp, pc));
	const uint64_t from = (uint64_t)__builtin_return_address(0) - 1;
	if (__builtin_expect(e->asked || !gt_memo_is_same(e, sp, from), 0))
		return capture_slow(t, pc, sp);
	return set_hit(t, e);
}

bool gt_stack_append(const struct gt_walk *w, enum gt_walk_end end, uint64_t *pcs, size_t *n)
{
	for (size_t i = 1; i < w->n_frames && *n < GT_STACK_MAX; i++) /* 0: where it began */
		pcs[(*n)++] = w->frames[i].pc;
	return !gt_stack_is_whole(end, pcs[*n - 1]);
}

/* Of the stack that the handler runs on, its thread's or an alternate one. */
static bool has_handler_room(const struct gt_thread *t, const ucontext_t *u)
{
	const uint64_t here = (uint64_t)__builtin_frame_address(0);
	const uint64_t lo = (uint64_t)u->uc_stack.ss_sp;
	const bool is_alternate = here - lo < u->uc_stack.ss_size;
	return is_alternate ? here - lo > RULE_BYTES : has_room(t, here, RULE_BYTES);
}

const uint64_t *gt_stack_interrupted(struct gt_thread *t, const ucontext_t *u, uint64_t *pcs,
				     size_t *n)
{
	const greg_t *r = u->uc_mcontext.gregs;
	const struct gt_regs regs = { (uint64_t)r[REG_RIP],
				      (uint64_t)r[REG_RSP],
				      { [GT_RBX] = (uint64_t)r[REG_RBX],
					[GT_RBP] = (uint64_t)r[REG_RBP],
					[GT_R12] = (uint64_t)r[REG_R12],
					[GT_R13] = (uint64_t)r[REG_R13],
					[GT_R14] = (uint64_t)r[REG_R14],
					[GT_R15] = (uint64_t)r[REG_R15] } };
	bool is_cut = gt_cfg.stacks;
	pcs[0] = regs.pc;
	*n = 1;
	if (gt_cfg.stacks && !t->is_walking && !(regs.sp & 7) && has_room(t, regs.sp, 0) &&
	    has_handler_room(t, u) && memo_of(t)) {
		t->is_walking = 1;
		struct gt_walk *w = &t->memo_mem->walk;
		const enum gt_walk_end end =
			gt_rule_walk_copy(&regs, (const void *)regs.sp, t->stack_hi - regs.sp, w);
		is_cut = gt_stack_append(w, end, pcs, n);
		t->is_walking = 0;
	}
	GT_COUNT(samples_cut, is_cut);
	return gt_stack_strip(pcs, n, is_cut);
}

GT_HOT gt_stack gt_stack_id(struct gt_thread *t, uint64_t gen)
{
	struct gt_memo_entry *e = t->hit;
	if (e && e->gen == gen)
		return (gt_stack){ e->id };
	const gt_stack id = gt_stacktab_put(&gt_shared[gen % 2].stacks, t->stack, t->n_stack);
	if (e) {
		e->gen = gen;
		e->id = (uint32_t)id.v;
	}
	return id;
}

static void take_stack(void *arg, uint64_t start, uint64_t end)
{
	struct gt_thread *t = (struct gt_thread *)arg;
	const uint64_t sp = (uint64_t)__builtin_frame_address(0);
	if (sp >= start && sp < end) {
		t->stack_lo = start;
		t->stack_hi = end;
	}
}

void gt_stack_find(struct gt_thread *t)
{
	if (!gt_is_sandboxed) /* N.B. pcs: nobody else uses it yet */
		gt_maps_each((char *)t->pcs, sizeof(t->pcs), take_stack, t);
}

/* Unwind data of what is loaded at boot, for gt_stack_warm(). */
#define MAX_WARM   16
#define WARM_BYTES (256u << 10) /* of one module: large programs use little of theirs */
static struct range unwind_data[MAX_WARM];
static size_t n_unwind_data;

/* .eh_frame follows .eh_frame_hdr. */
static void note_unwind_data(const struct dl_phdr_info *info, const ElfW(Phdr) * hdr)
{
	for (int i = 0; i < info->dlpi_phnum && n_unwind_data < MAX_WARM; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const uint64_t left = p->p_vaddr + p->p_memsz - hdr->p_vaddr;
		if (p->p_type != PT_LOAD || left > p->p_memsz)
			continue;
		const uint64_t lo = info->dlpi_addr + hdr->p_vaddr;
		unwind_data[n_unwind_data++] =
			(struct range){ lo, lo + (left < WARM_BYTES ? left : WARM_BYTES) };
	}
}

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_GNU_EH_FRAME)
			note_unwind_data(info, p);
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		const struct range r = { info->dlpi_addr + p->p_vaddr,
					 info->dlpi_addr + p->p_vaddr + p->p_memsz };
		if (is_in(r, (uint64_t)&gt_stack_capture))
			our_text = r;
		if (strstr(info->dlpi_name, "/libc.so.6"))
			libc_text = r;
	}
	return 0;
}

void gt_stack_warm(void)
{
	static int warm_pid; /* a forked child has fresh memory */
	if (warm_pid == gt_host_pid || !gt_cfg.stacks)
		return;
	warm_pid = gt_host_pid;
	gt_rules_warm();
	for (size_t i = 0; i < n_unwind_data; i++)
		gt_sys_populate(unwind_data[i].lo, unwind_data[i].hi - unwind_data[i].lo, false);
}

void gt_stack_init(void)
{
	entry_text.lo = getauxval(AT_ENTRY);
	entry_text.hi = entry_text.lo + 64;
	dl_iterate_phdr(find_text, NULL);
	gt_cfi_init();
#ifdef GT_JUDGE
	gt_slow_init();
#endif
}
