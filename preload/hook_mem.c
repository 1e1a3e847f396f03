/*
 * The malloc family: calls, and bytes of the heap. Allocations are accounted after the real call,
 * frees before it: afterwards the memory may belong to another thread.
 *
 * Invariants
 *
 * 1. Nothing here allocates. Otherwise an allocator that calls our hooks (jemalloc locks mutexes)
 * is entered twice.
 * 2. A block weighs the same when it comes and when it goes, whoever frees it.
 *
 * Corner cases
 *
 * - Memory from before the real functions were known (real.c) weighs nothing and is never given
 * back.
 * - Memory allocated before tracing started is freed later: the balance may be below zero for a
 * thread.
 */
#define GT_FILE_GROUP GT_GROUP_malloc
#include "preload/boot.h"
#include "preload/hook.h"
#include "preload/real.h"

#include <errno.h>
#include <string.h>

/*
 * glibc's chunk size stands in the word before the block; its lowest bits are flags. Reading it
 * saves a call of malloc_usable_size for each call here. It is trusted after it has agreed with
 * that function a number of times, in the program's own calls: allocations of ours at start would
 * move the program's heap. Blocks that were mapped, which are rare and expensive anyway, always
 * ask.
 */
#define GT_WORD_MMAPPED 2u
#define GT_WORD_FLAGS   7u
#define GT_TRUST_AFTER  64
#define GT_TRUST_NEVER  (-1)

static _Atomic int agreed; /* times; GT_TRUST_AFTER: trusted; GT_TRUST_NEVER */

static inline size_t word_before(const void *p)
{
	size_t word;
	memcpy(&word, (const unsigned char *)p - sizeof(word), sizeof(word));
	return word;
}

static GT_COLD size_t weigh_slowly(void *p)
{
	if (!gt_more.has_usable_size)
		return 0;
	const size_t size = gt_real.malloc_usable_size(p);
	const int n = atomic_load_explicit(&agreed, memory_order_relaxed);
	if (n == GT_TRUST_NEVER || n == GT_TRUST_AFTER)
		return size;
	/* a foreign block may begin at the first byte of a mapping, so the word is read of glibc's
	 * only */
	if (!gt_more.is_libc_malloc)
		atomic_store_explicit(&agreed, GT_TRUST_NEVER, memory_order_relaxed);
	else if (word_before(p) & GT_WORD_MMAPPED)
		return size;
	else if ((word_before(p) & ~(size_t)GT_WORD_FLAGS) - sizeof(size_t) != size)
		atomic_store_explicit(&agreed, GT_TRUST_NEVER, memory_order_relaxed);
	else
		/* relaxed, and may lose a count: then one more agreement is asked for */
		atomic_store_explicit(&agreed, n + 1, memory_order_relaxed);
	return size;
}

static inline int64_t weigh(void *p)
{
	if (__builtin_expect(atomic_load_explicit(&agreed, memory_order_relaxed) == GT_TRUST_AFTER,
			     1)) {
		const size_t word = word_before(p);
		if (__builtin_expect(!(word & GT_WORD_MMAPPED), 1))
			return (int64_t)((word & ~(size_t)GT_WORD_FLAGS) - sizeof(size_t));
	}
	return (int64_t)weigh_slowly(p);
}

static inline void came(struct gt_thread *t, enum gt_call call, void *p)
{
	gt_count(t, call);
	/* never early memory: tracing starts when the real functions are known */
	if (__builtin_expect(p != NULL, 1))
		gt_heap_add(t, weigh(p));
}

#define GT_ALLOCATES(name, params, args)                                                           \
	void *gt_hook_##name params                                                                \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		void *const p = gt_real.name args;                                                 \
		came(t, GT_CALL_##name, p);                                                        \
		return p;                                                                          \
	}

/* As above; libc may stand in for the program's allocator. */
#define GT_ALIGNS(name, params, args)                                                              \
	void *gt_hook_##name params                                                                \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		void *const p = gt_real.name args;                                                 \
		came(t, GT_CALL_##name, gt_more.other_malloc &GT_MEM_BIT(name) ? NULL : p);        \
		return p;                                                                          \
	}

/* clang-format off */
GT_ALLOCATES(malloc, (size_t n), (n))
GT_ALLOCATES(calloc, (size_t n, size_t size), (n, size))
GT_ALIGNS(memalign, (size_t align, size_t n), (align, n))
GT_ALIGNS(aligned_alloc, (size_t align, size_t n), (align, n))
GT_ALIGNS(valloc, (size_t n), (n))
GT_ALIGNS(pvalloc, (size_t n), (n))
/* clang-format on */

int gt_hook_posix_memalign(void **out, size_t align, size_t n)
{
	struct gt_thread *const t = gt_on();
	const int rc = gt_real.posix_memalign(out, align, n);
	if (t)
		came(t, GT_CALL_posix_memalign,
		     rc || (gt_more.other_malloc & GT_MEM_BIT(posix_memalign)) ? NULL : *out);
	return rc;
}

#define GT_FREES(name)                                                                             \
	void gt_hook_##name(void *p)                                                               \
	{                                                                                          \
		if (__builtin_expect(gt_early_owns(p), 0))                                         \
			return;                                                                    \
		struct gt_thread *const t = gt_on();                                               \
		if (t) {                                                                           \
			gt_count(t, GT_CALL_##name);                                               \
			if (p)                                                                     \
				gt_heap_add(t, -weigh(p));                                         \
		}                                                                                  \
		gt_real.name(p);                                                                   \
	}

/* clang-format off */
GT_FREES(free)
GT_FREES(cfree)
/* clang-format on */

/* Early memory moves to the real allocator when it has to change its size. */
static GT_COLD void *move_early(void *p, size_t n)
{
	if (n == 0)
		return NULL; /* as glibc: freed */
	void *const q = gt_real.malloc(n);
	if (q) {
		const size_t old = gt_early_size(p);
		memcpy(q, p, old < n ? old : n);
	}
	return q;
}

static void *resize(enum gt_call call, void *p, size_t n)
{
	if (__builtin_expect(gt_early_owns(p), 0))
		return move_early(p, n);
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.realloc(p, n);
	const int64_t old = p ? weigh(p) : 0;
	void *const q = gt_real.realloc(p, n);
	gt_count(t, call);
	if (q)
		gt_heap_add(t, weigh(q) - old);
	else if (n == 0) /* freed */
		gt_heap_add(t, -old);
	return q;
}

void *gt_hook_realloc(void *p, size_t n)
{
	return resize(GT_CALL_realloc, p, n);
}

/* N.B. not the real one: libc's calls realloc, which is a hook too, and an allocator may lack it.
 */
void *gt_hook_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (!__builtin_mul_overflow(n, size, &bytes))
		return resize(GT_CALL_reallocarray, p, bytes);
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, GT_CALL_reallocarray);
	errno = ENOMEM;
	return NULL;
}

size_t gt_hook_malloc_usable_size(void *p)
{
	if (__builtin_expect(gt_early_owns(p), 0))
		return gt_early_size(p);
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, GT_CALL_malloc_usable_size);
	return gt_real.malloc_usable_size(p);
}
