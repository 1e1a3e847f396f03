/* A stack that was copied unwinds as the stack itself; and the guard of memory that goes away. */
#include "preload/guard.h"
#include "preload/stack_walk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/mman.h>

static struct gt_walk here, copied;
static struct gt_regs regs;
static uint64_t stack_hi;
static uint8_t copy[64 << 10] __attribute__((aligned(8)));

static inline __attribute__((always_inline)) void regs_here(struct gt_regs *r)
{
	__asm__ volatile("leaq 0f(%%rip), %0\n0:\tmovq %%rsp, %1" : "=r"(r->pc), "=r"(r->sp));
	__asm__ volatile("movq %%rbx, %0" : "=m"(r->saved[GT_RBX]));
	__asm__ volatile("movq %%rbp, %0" : "=m"(r->saved[GT_RBP]));
	__asm__ volatile("movq %%r12, %0" : "=m"(r->saved[GT_R12]));
	__asm__ volatile("movq %%r13, %0" : "=m"(r->saved[GT_R13]));
	__asm__ volatile("movq %%r14, %0" : "=m"(r->saved[GT_R14]));
	__asm__ volatile("movq %%r15, %0" : "=m"(r->saved[GT_R15]));
}

__attribute__((noinline)) static int leaf(void)
{
	regs_here(&regs);
	memcpy(copy, (const void *)regs.sp, stack_hi - regs.sp);
	cr_assert(eq(int, gt_rule_walk(&regs, stack_hi, NULL, &here), GT_WALK_CUT));
	return 1;
}

__attribute__((noinline)) static int deep(int n)
{
	const int rc = n ? deep(n - 1) : leaf();
	__asm__ volatile("" : : "r"(rc)); /* no tail call */
	return rc + 1;
}

static void walk_here(int n)
{
	cr_assert(eq(int, gt_arena_init(8 << 20, 64, sizeof(struct gt_thread)), 0));
	cr_assert(eq(int, gt_rules_init(), 0));
	cr_assert(gt_cfi_init());
	stack_hi = (uint64_t)__builtin_frame_address(0);
	deep(n);
}

static void is_same(const struct gt_walk *a, const struct gt_walk *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		cr_assert(eq(u64, a->frames[i].pc, b->frames[i].pc));
}

Test(walk_copy, a_copy_unwinds_as_the_stack_itself)
{
	walk_here(30);
	cr_assert(gt(u32, here.n_frames, 30));
	memset((void *)&copied, 0, sizeof(copied)); /* the frames below stack_hi are gone by now */
	gt_rule_walk_copy(&regs, copy, stack_hi - regs.sp, &copied);
	cr_assert(eq(u32, copied.n_frames, here.n_frames));
	is_same(&copied, &here, here.n_frames);
}

Test(walk_copy, a_short_copy_gives_the_inner_frames)
{
	walk_here(30);
	cr_assert(eq(int, gt_rule_walk_copy(&regs, copy, 256, &copied), GT_WALK_CUT));
	cr_assert(lt(u32, copied.n_frames, here.n_frames));
	is_same(&copied, &here, copied.n_frames);
	cr_assert(eq(int, gt_rule_walk_copy(&regs, copy, 0, &copied), GT_WALK_CUT));
	cr_assert(eq(u32, copied.n_frames, 0));
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

Test(guard, memory_that_is_gone_is_survived_again_and_again)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(eq(int, gt_guard_init(), 0));
	cr_assert(gt_guard_run(touch, p));
	munmap(p, 4096);
	for (int i = 0; i < 3; i++)
		cr_assert(not(gt_guard_run(touch, p)));
}
