/* Stacks: what the memo takes for a proof, what a walk does with garbage, where a stack is cut. */
#include "preload/arena.h"
#include "preload/config.h"
#include "preload/stack.h"
#include "preload/stack_memo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <sys/mman.h>

static struct gt_thread thread;

static void setup(void)
{
	cr_assert(eq(int, gt_arena_init(16u << 20, 16, sizeof(struct gt_thread)), 0));
	cr_assert(eq(int, gt_rules_init(), 0));
	gt_stack_init();
	gt_slow_init();
	gt_stack_find(&thread);
	cr_assert(ne(u64, thread.stack_hi, 0));
}

static uint64_t next(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ---- the memo ---- */

static struct gt_memo memo;
static uint64_t words[64];

/* A walk of 20 frames that read every second word of `words`, and asked for rbp and r12 at its
 * start. */
static void make_walk(struct gt_walk *w, struct gt_regs *regs)
{
	memset(w, 0, sizeof(*w));
	*regs = (struct gt_regs){ .pc = 0x1000, .sp = (uint64_t)words };
	for (unsigned i = 0; i < GT_N_SAVED; i++)
		regs->saved[i] = 100 + i;
	for (unsigned i = 0; i < 20; i++) {
		words[2 * i] = 0x5000 + i;
		struct gt_walked *f = &w->frames[w->n_frames++];
		f->pc = i ? 0x5000 + i - 1 : regs->pc;
		f->cfa = (uint64_t)&words[2 * i + 1];
		f->first_word = (uint16_t)w->n_words;
		w->words[w->n_words++] = (struct gt_word){ (uint64_t)&words[2 * i], words[2 * i] };
	}
	w->epoch = gt_rules_epoch;
	w->frames[0].needs = 1u << GT_RBP | 1u << GT_R12;
}

static struct gt_memo_entry *keep(const struct gt_regs *r, struct gt_walk *w, uint64_t hint)
{
	struct gt_memo_entry *e = gt_memo_make(&memo, r, w);
	cr_assert(ne(ptr, e, NULL));
	e->is_whole = 1;
	gt_memo_put_in(&memo, e, hint);
	return e;
}

#define KEPT                                                                                       \
	struct gt_walk w;                                                                          \
	struct gt_regs r;                                                                          \
	make_walk(&w, &r);                                                                         \
	struct gt_memo_entry *const e __attribute__((unused)) = keep(&r, &w, 7)

Test(core_stack, what_has_not_changed_is_a_hit)
{
	KEPT;
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), e));
	cr_assert(eq(u32, e->n_frames, 20));
	cr_assert(eq(u64, gt_memo_pcs(e)[19], 0x5000 + 18));
}

Test(core_stack, any_word_that_changed_is_a_miss)
{
	KEPT;
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned bit = 0; bit < 64; bit++) {
			words[2 * i] ^= 1ull << bit;
			cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), NULL), "word %u bit %u", i,
				  bit);
			words[2 * i] ^= 1ull << bit;
		}
		words[2 * i + 1] ^= 1; /* nobody read it */
	}
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), e));
}

Test(core_stack, the_same_return_addresses_with_another_saved_register_are_a_miss)
{
	KEPT;
	for (unsigned i = 0; i < GT_N_SAVED; i++) {
		r.saved[i]++;
		const bool is_asked = i == GT_RBP || i == GT_R12;
		cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), is_asked ? NULL : e), "register %u",
			  i);
		r.saved[i]--;
	}
}

Test(core_stack, another_start_is_a_miss)
{
	KEPT;
	r.pc++;
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), NULL));
	r.pc--;
	r.sp += 8;
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), NULL));
}

Test(core_stack, dlclose_ends_what_was_remembered)
{
	KEPT;
	gt_rules_forget();
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), NULL));
}

Test(core_stack, a_cleared_memo_knows_nothing)
{
	KEPT;
	gt_memo_clear(&memo);
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), NULL));
	(void)e;
}

Test(core_stack, two_stacks_of_one_place_are_both_remembered)
{
	KEPT;
	words[10] = 1;
	w.words[5].value = 1;
	struct gt_memo_entry *other = keep(&r, &w, 7);
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), other));
	words[10] = 0x5005;
	cr_assert(eq(ptr, gt_memo_find(&memo, &r, 7), e));
}

Test(core_stack, a_full_memo_forgets_the_oldest_only)
{
	struct gt_walk w;
	struct gt_regs r;
	make_walk(&w, &r);
	for (unsigned i = 0; i < 1000; i++) {
		struct gt_memo_entry *e = keep(&r, &w, i);
		cr_assert(eq(ptr, gt_memo_find(&memo, &r, i), e));
		cr_assert(eq(int, !i || gt_memo_find(&memo, &r, i - 1) != NULL, 1));
	}
	/* every way leads to an entry that is whole */
	for (unsigned i = 0; i < GT_MEMO_SETS * GT_MEMO_WAYS; i++) {
		const struct gt_memo_entry *e =
			gt_memo_at_way(&memo, memo.way[i / GT_MEMO_WAYS][i % GT_MEMO_WAYS]);
		cr_assert(eq(int,
			     (const void *)e == memo.none || (e->sp == r.sp && e->n_frames == 20),
			     1));
	}
}

Test(core_stack, a_stack_that_is_too_large_is_not_remembered)
{
	struct gt_walk w;
	struct gt_regs r;
	make_walk(&w, &r);
	w.words[19].at = r.sp + 8ull * (UINT16_MAX + 1);
	cr_assert(eq(ptr, gt_memo_make(&memo, &r, &w), NULL));
	w.words[19].at = r.sp + 8ull * UINT16_MAX;
	cr_assert(ne(ptr, gt_memo_make(&memo, &r, &w), NULL));
	w.n_words = GT_WALK_WORDS + 1;
	cr_assert(eq(ptr, gt_memo_make(&memo, &r, &w), NULL));
}

/* A walk with two new inner frames that has come to frame 10 of the remembered one. */
static bool meets(struct gt_memo_entry *e, uint64_t start, uint64_t pc, uint64_t sp,
		  struct gt_walk *w)
{
	struct gt_joint j = gt_joint_at(e, gt_rules_epoch);
	w->n_frames = w->n_words = 2;
	return gt_joint_meets(&j, start, pc, sp, w);
}

Test(core_stack, a_walk_takes_over_the_outer_part_that_it_meets)
{
	KEPT;
	const uint64_t sp = w.frames[9].cfa, pc = w.frames[10].pc;
	static struct gt_walk inner;
	words[0] = words[18] = 1; /* what only the inner frames read */
	cr_assert(eq(int, meets(e, r.sp, pc, sp, &inner), 1));
	cr_assert(eq(u32, inner.n_frames, 12));
	cr_assert(eq(u32, inner.n_words, 12));
	for (unsigned i = 0; i < 10; i++) {
		cr_assert(eq(u64, inner.frames[2 + i].pc, w.frames[10 + i].pc));
		cr_assert(eq(u32, inner.frames[2 + i].first_word, 2 + i));
		cr_assert(eq(u64, inner.words[2 + i].at, (uint64_t)&words[2 * (10 + i)]));
		cr_assert(eq(u64, inner.words[2 + i].value, 0x5000 + 10 + i));
		if (i < 9)
			cr_assert(eq(u64, inner.frames[2 + i].cfa, w.frames[10 + i].cfa));
	}
}

Test(core_stack, an_outer_part_is_not_met_without_its_proof)
{
	KEPT;
	const uint64_t sp = w.frames[9].cfa, pc = w.frames[10].pc;
	static struct gt_walk inner;
	cr_assert(eq(int, meets(e, r.sp, pc + 1, sp, &inner), 0));
	cr_assert(eq(int, meets(e, r.sp, pc, sp + 8, &inner), 0));
	cr_assert(eq(int, meets(e, (uint64_t)&words[22], pc, sp, &inner), 0)); /* below the start */
	for (unsigned i = 10; i < 20; i++) {
		words[2 * i] ^= 1;
		cr_assert(eq(int, meets(e, r.sp, pc, sp, &inner), 0), "word %u", i);
		words[2 * i] ^= 1;
	}
	gt_memo_marks(e)[10].needs = 1u << GT_RBP;
	cr_assert(eq(int, meets(e, r.sp, pc, sp, &inner), 0));
	gt_memo_marks(e)[10].needs = 0;
	cr_assert(eq(int, meets(e, r.sp, pc, sp, &inner), 1));
	e->is_whole = 0;
	cr_assert(eq(u64, gt_joint_at(e, gt_rules_epoch).next_sp, UINT64_MAX));
	e->is_whole = 1;
	cr_assert(eq(u64, gt_joint_at(e, gt_rules_epoch + 1).next_sp, UINT64_MAX));
}

/* ---- walks ---- */

typedef void (*body)(const struct gt_regs *regs);
static volatile int sink;

static __attribute__((noinline)) void at_bottom(body fn)
{
	struct gt_regs r;
	uint64_t pc, sp;
	__asm__ volatile("leaq 0f(%%rip), %0\n0:\tmovq %%rsp, %1" : "=r"(pc), "=r"(sp));
	r.pc = pc;
	r.sp = sp;
	__asm__ volatile("movq %%rbx, %0" : "=m"(r.saved[GT_RBX]));
	__asm__ volatile("movq %%rbp, %0" : "=m"(r.saved[GT_RBP]));
	__asm__ volatile("movq %%r12, %0" : "=m"(r.saved[GT_R12]));
	__asm__ volatile("movq %%r13, %0" : "=m"(r.saved[GT_R13]));
	__asm__ volatile("movq %%r14, %0" : "=m"(r.saved[GT_R14]));
	__asm__ volatile("movq %%r15, %0" : "=m"(r.saved[GT_R15]));
	fn(&r);
	sink++;
}

static __attribute__((noinline)) void deeper(int depth, body fn)
{
	char *p = __builtin_alloca(
		(size_t)(16 + 16 * (depth % 5))); /* frames that are found by rbp */
	__asm__ volatile("" : : "r"(p) : "memory");
	if (depth)
		deeper(depth - 1, fn);
	else
		at_bottom(fn);
	sink++;
}

static struct gt_walk walk, again;

static void is_cut_at_128(const struct gt_regs *r)
{
	cr_assert(eq(int, gt_rule_walk(r, thread.stack_hi, NULL, &walk), GT_WALK_CUT));
	cr_assert(eq(u32, walk.n_frames, GT_STACK_MAX));
}

Test(core_stack, a_deep_stack_is_cut, .init = setup)
{
	deeper(300, is_cut_at_128);
}

static void ends_whole(const struct gt_regs *r)
{
	cr_assert(eq(int, gt_rule_walk(r, thread.stack_hi, NULL, &walk), GT_WALK_DONE));
	cr_assert(gt(u32, walk.n_frames, 10));
	uint64_t fresh[GT_STACK_MAX];
	const size_t n = gt_slow_walk(fresh, GT_STACK_MAX);
	cr_assert(gt(sz, n, walk.n_frames));
	const uint64_t *tail =
		fresh + n - walk.n_frames; /* libgcc's has the frames of the asking, too */
	for (uint32_t i = 1; i < walk.n_frames; i++)
		cr_assert(eq(u64, tail[i], walk.frames[i].pc));
}

Test(core_stack, a_walk_finds_what_libgcc_finds, .init = setup)
{
	deeper(10, ends_whole);
}

Test(core_stack, rules_survive_a_hundred_thousand_dlcloses, .init = setup)
{
	for (unsigned i = 0; i < 100000; i++) {
		gt_rules_forget();
		if (i % 1000 == 0)
			deeper(10, ends_whole);
	}
}

/* A copy of the stack from sp on, ending before a page that may not be touched, its pointers moved
 * with it. */
static void garbage_is_survived(const struct gt_regs *r)
{
	const uint64_t n =
		(thread.stack_hi - r->sp) / 8 < 2048 ? (thread.stack_hi - r->sp) / 8 : 2048;
	uint8_t *mem = mmap(NULL, 6 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(eq(int, mprotect(mem + 4096, 4 * 4096, PROT_READ | PROT_WRITE), 0));
	uint64_t *copy = (uint64_t *)(mem + 5 * 4096) - n;
	const uint64_t moved = (uint64_t)copy - r->sp, hi = (uint64_t)(copy + n);
	struct gt_regs regs = *r;
	uint64_t rng = 1, ends[5] = { 0 };
	for (unsigned round = 0; round < 300000; round++) {
		if (round % 8 == 0) { /* heal */
			memcpy(copy, (const void *)r->sp, n * 8);
			regs = *r;
			for (uint64_t i = 0; i < n; i++)
				copy[i] += copy[i] - r->sp < n * 8 ? moved : 0;
			regs.sp += moved;
			for (unsigned i = 0; i < GT_N_SAVED; i++)
				regs.saved[i] += regs.saved[i] - r->sp < n * 8 ? moved : 0;
		}
		if (round == 0) { /* unharmed, the copy is as good as the stack */
			gt_rule_walk(r, thread.stack_hi, NULL, &again);
			gt_rule_walk(&regs, hi, NULL, &walk);
			cr_assert(gt(u32, walk.n_frames, 5));
			for (uint32_t i = 0; i + 1 < walk.n_frames; i++)
				cr_assert(eq(u64, walk.frames[i].pc, again.frames[i].pc));
		}
		const uint64_t what[] = {
			next(&rng),           0,
			next(&rng) % 4096,    (uint64_t)copy + next(&rng) % (n * 8 + 64),
			hi - next(&rng) % 32, (uint64_t)mem,
			copy[next(&rng) % n], -1ull
		};
		const uint64_t value = what[next(&rng) % 8];
		const unsigned where = (unsigned)(next(&rng) % 8);
		if (where < 6)
			copy[next(&rng) % (where < 4 ? 200 : n)] = value;
		else
			regs.saved[next(&rng) % GT_N_SAVED] = value;
		const enum gt_walk_end end = gt_rule_walk(&regs, hi, NULL, &walk);
		ends[end]++;
		cr_assert(le(u32, walk.n_frames, GT_STACK_MAX));
	}
	cr_assert(gt(u64, ends[GT_WALK_CUT], 1000));
	munmap(mem, 6 * 4096);
}

Test(core_stack, garbage_in_the_stack_does_not_fault, .init = setup)
{
	deeper(20, garbage_is_survived);
}

Test(core_stack, an_unknown_stack_is_the_caller_and_a_mark, .init = setup)
{
	gt_cfg.stacks = true;
	thread.stack_lo = thread.stack_hi = 0;
	cr_assert(eq(sz, gt_stack_capture(&thread, 0x1234), 2));
	cr_assert(eq(u64, thread.stack[0], 0x1233));
	cr_assert(eq(u64, thread.stack[1], GT_PC_CUT));
	cr_assert(eq(u64, thread.own[GT_OWN_stack_cut], 1));
	cr_assert(
		eq(sz, gt_stack_capture(&thread, 0x1234), 0)); /* a handler in between gets none */
	gt_stack_done(&thread);
}
