/*
 * Where all memory comes from.
 *
 * One reservation without access rights holds five regions, each of which is made usable from its
 * start in steps:
 *
 *   threads   struct gt_thread, one per index of the registry
 *   chunks    memory of batches, at most GTRACE_BUFFER; small and big ones from the same stretch
 *   blocks    times of one thread's calls of one function
 *   memos     stacks that a thread remembers
 *   tables    stack tables and the writer's own; given out once, never taken back
 *
 * Invariants
 *
 * 1. What a region gave out stays mapped and usable until the process is gone. Otherwise a hook
 *    that runs after exit() would fault. (A forked child starts with fresh zeros at the same place,
 * unless it was forked by a handler in the middle of something: then elsewhere, as that may go on
 * in the child.)
 * 2. `usable` only grows, and only after mprotect succeeded. Otherwise a thread touches what
 * another has not made usable yet. (Two threads that grow at once make the same call twice:
 * harmless.)
 * 3. Free lists carry a count beside the head. Otherwise a thread that sleeps between reading
 * `next` and its compare-and-swap could put a chunk that is in use back at the head (ABA).
 * 4. The full list is only pushed to, and taken whole. So it needs no count, and each thread's
 * chunks stay in order.
 */
#include "preload/arena.h"

#include "preload/hot.h"
#include "preload/stack_memo.h"
#include "preload/sys.h"
#include "preload/thread.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define UNIT        4096u
#define MAX_BLOCKS  (128u * 1024)
#define MEMO_BYTES  (((sizeof(struct gt_memo) + 63) / 64) * 64)
#define MAX_MEMOS   2048u
#define MAX_WARM    64u
#define TABLE_BYTES (32u << 20)
#define MIN_THREADS 256u

struct region {
	uint8_t *base;
	size_t size;
	size_t step;
	_Atomic size_t usable; /* bytes that may be touched */
	_Atomic size_t given;  /* bytes given out */
};

static struct region threads, chunks, blocks, memos, tables;
GT_HOT_DATA uint8_t *gt_blocks; /* blocks.base */
static size_t thread_bytes;
static void *reserved; /* the whole reservation; survives fork */
static size_t reserved_bytes;

static _Atomic uint64_t free_small, free_big, free_blocks, free_memos; /* count << 32 | index */
static _Atomic uint32_t full; /* newest handed-over chunk */
static _Atomic int64_t chunk_bytes_in_use;
static size_t warm; /* upto here memos have their first pages; writer only */

_Static_assert(sizeof(struct gt_call_block) <= GT_BLOCK_BYTES,
	       "a block holds the times of one call");

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static void region_init(struct region *r, uint8_t *base, size_t size, size_t step)
{
	r->base = base;
	r->size = size;
	r->step = step;
	atomic_store_explicit(&r->usable, 0, memory_order_relaxed);
	atomic_store_explicit(&r->given, 0, memory_order_relaxed);
}

/* Makes [0, upto) of the region usable, with a step to spare. */
static bool region_grow(struct region *r, size_t upto)
{
	size_t have = atomic_load_explicit(&r->usable, memory_order_acquire);
	if (upto <= have)
		return true;
	if (upto > r->size)
		return false;
	size_t want = round_up(upto, r->step);
	if (want > r->size)
		want = r->size;
	const long rc = GT_SYS3(SYS_mprotect, r->base + have, want - have, PROT_READ | PROT_WRITE);
	if (GT_SYS_FAILED(rc))
		return false;
	while (have < want &&
	       !atomic_compare_exchange_weak_explicit(&r->usable, &have, want, memory_order_release,
						      memory_order_acquire))
		;
	return true;
}

/* As above, by a thread of the program: in a sandbox the call might end the process, so it has to
 * do with what is there. */
static bool region_reach(struct region *r, size_t upto)
{
	if (gt_is_sandboxed && upto > atomic_load_explicit(&r->usable, memory_order_acquire))
		return false;
	return region_grow(r, upto);
}

/* The next `bytes` of the region, or NULL. */
static void *region_take(struct region *r, size_t bytes)
{
	const size_t at = atomic_fetch_add_explicit(&r->given, bytes, memory_order_relaxed);
	if (at + bytes <= r->size && region_reach(r, at + bytes))
		return r->base + at;
	/* N.B. only a lone failure at the very end is given back; a race may waste the last piece
	 */
	size_t expect = at + bytes;
	atomic_compare_exchange_strong_explicit(&r->given, &expect, at, memory_order_relaxed,
						memory_order_relaxed);
	return NULL;
}

/* The address space that may be taken: all we want, or a small part of what a limit leaves. */
static size_t affordable(void)
{
	struct rlimit limit;
	if (GT_SYS2(SYS_getrlimit, RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return limit.rlim_cur / 8;
}

void gt_arena_keep(void)
{
	reserved = NULL;
}

void gt_arena_range(uint64_t *start, uint64_t *end)
{
	*start = (uint64_t)threads.base;
	*end = *start + reserved_bytes;
}

/* Fresh zeros; in a forked child at the place of the parent's, if that need not be kept. */
static long reserve(size_t bytes)
{
	const bool is_same = reserved && bytes == reserved_bytes;
	return GT_SYS6(SYS_mmap, is_same ? reserved : NULL, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (is_same ? MAP_FIXED : 0), -1,
		       0);
}

int gt_arena_init(size_t buffer, size_t max_threads, size_t thread_size)
{
	thread_bytes = round_up(thread_size, 64);
	size_t n_blocks = MAX_BLOCKS, n_memos = MAX_MEMOS, all, t, c, b, m;
	for (;;) {
		t = round_up(max_threads * thread_bytes, UNIT);
		c = round_up(buffer, GT_CHUNK_BIG) + UNIT; /* index 0 means none */
		b = n_blocks * GT_BLOCK_BYTES;
		m = round_up(n_memos * MEMO_BYTES, UNIT);
		all = t + c + b + m + TABLE_BYTES;
		if (all <= affordable())
			break;
		if (max_threads <= MIN_THREADS)
			return -12; /* ENOMEM */
		buffer = buffer / 4 > (1u << 20) ? buffer / 4 : 1u << 20;
		max_threads /= 4;
		n_blocks /= 4;
		n_memos /= 4;
	}
	const long base = reserve(all);
	if (GT_SYS_FAILED(base))
		return (int)base;
	reserved = (void *)base;
	reserved_bytes = all;
	GT_SYS3(SYS_madvise, base, all, MADV_DONTDUMP);

	uint8_t *p = (uint8_t *)base;
	region_init(&threads, p, t, round_up(8 * thread_bytes, UNIT));
	region_init(&chunks, p + t, c, 1u << 20);
	region_init(&blocks, p + t + c, b, 1u << 18);
	gt_blocks = blocks.base;
	region_init(&memos, p + t + c + b, m, 1u << 18);
	region_init(&tables, p + t + c + b + m, TABLE_BYTES, 8u << 20);
	_Atomic uint64_t *const lists[] = { &free_small, &free_big, &free_blocks, &free_memos };
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		atomic_store_explicit(lists[i], 0, memory_order_relaxed);
	atomic_store_explicit(&full, 0, memory_order_relaxed);
	atomic_store_explicit(&chunk_bytes_in_use, 0, memory_order_relaxed);
	atomic_store_explicit(&chunks.given, UNIT, memory_order_relaxed);
	atomic_store_explicit(&blocks.given, GT_BLOCK_BYTES, memory_order_relaxed);
	atomic_store_explicit(&memos.given, MEMO_BYTES, memory_order_relaxed);
	warm = 0;
	return region_grow(&chunks, c < (1u << 20) ? c : 1u << 20) ? 0 : -12;
}

size_t gt_arena_buffer(void)
{
	return chunks.size;
}

void *gt_arena_thread(uint32_t index)
{
	return region_reach(&threads, ((size_t)index + 1) * thread_bytes)
		       ? threads.base + index * thread_bytes
		       : NULL;
}

void *gt_arena_alloc(size_t bytes)
{
	return region_take(&tables, round_up(bytes, 64));
}

/* ---- free lists: a link is the first word of a free piece ---- */

static void list_push(_Atomic uint64_t *head, uint32_t index, uint32_t *link)
{
	uint64_t old = atomic_load_explicit(head, memory_order_relaxed);
	uint64_t new;
	do {
		__atomic_store_n(link, (uint32_t)old, __ATOMIC_RELAXED);
		new = ((old >> 32) + 1) << 32 | index;
	} while (!atomic_compare_exchange_weak_explicit(head, &old, new, memory_order_release,
							memory_order_relaxed));
}

/* N.B. reads the link of a piece that another thread may just have taken: stale, and then the swap
 * fails. */
static uint32_t list_pop(_Atomic uint64_t *head, void *(*at)(uint32_t))
{
	uint64_t old = atomic_load_explicit(head, memory_order_acquire);
	uint64_t new;
	do {
		if (!(uint32_t)old)
			return 0;
		const uint32_t next =
			__atomic_load_n((uint32_t *)at((uint32_t)old), __ATOMIC_RELAXED);
		new = ((old >> 32) + 1) << 32 | next;
	} while (!atomic_compare_exchange_weak_explicit(head, &old, new, memory_order_acquire,
							memory_order_acquire));
	return (uint32_t)old;
}

/* ---- chunks ---- */

static void *chunk_link(uint32_t index)
{
	return chunks.base + (size_t)index * UNIT;
}

struct gt_chunk *gt_chunk_at(uint32_t index)
{
	return index ? (struct gt_chunk *)chunk_link(index) : NULL;
}

uint32_t gt_chunk_index(const struct gt_chunk *c)
{
	return !c ? 0 : (uint32_t)(((const uint8_t *)c - chunks.base) / UNIT);
}

static struct gt_chunk *chunk_pop(_Atomic uint64_t *list)
{
	return gt_chunk_at(list_pop(list, chunk_link));
}

static struct gt_chunk *chunk_new(uint32_t size)
{
	struct gt_chunk *c = (struct gt_chunk *)region_take(&chunks, size);
	if (c)
		c->size = size;
	return c;
}

struct gt_chunk *gt_chunk_get(bool big)
{
	struct gt_chunk *c = chunk_pop(big ? &free_big : &free_small);
	if (!c)
		c = chunk_new(big ? GT_CHUNK_BIG : GT_CHUNK_SMALL);
	if (!c) /* any size is better than a loss */
		c = chunk_pop(big ? &free_small : &free_big);
	if (c) {
		atomic_store_explicit(&c->commit, 0, memory_order_relaxed);
		c->is_notes = false;
		atomic_fetch_add_explicit(&chunk_bytes_in_use, c->size, memory_order_relaxed);
	}
	return c;
}

void gt_chunk_put(struct gt_chunk *c)
{
	atomic_fetch_sub_explicit(&chunk_bytes_in_use, c->size, memory_order_relaxed);
	list_push(c->size == GT_CHUNK_BIG ? &free_big : &free_small, gt_chunk_index(c), &c->next);
}

uint64_t gt_chunk_bytes_in_use(void)
{
	return (uint64_t)atomic_load_explicit(&chunk_bytes_in_use, memory_order_relaxed);
}

void gt_chunk_hand_over(struct gt_chunk *c)
{
	uint32_t old = atomic_load_explicit(&full, memory_order_relaxed);
	do {
		__atomic_store_n(
			&c->next, old,
			__ATOMIC_RELAXED); /* N.B. list_pop() may look at it, and not believe it */
	} while (!atomic_compare_exchange_weak_explicit(
		&full, &old, gt_chunk_index(c), memory_order_release, memory_order_relaxed));
}

struct gt_chunk *gt_chunk_take_all(void)
{
	uint32_t i = atomic_exchange_explicit(&full, 0, memory_order_acquire);
	uint32_t oldest = 0;
	while (i) { /* the list is newest first: turn it round */
		struct gt_chunk *c = gt_chunk_at(i);
		const uint32_t next = c->next;
		__atomic_store_n(&c->next, oldest, __ATOMIC_RELAXED);
		oldest = i;
		i = next;
	}
	return gt_chunk_at(oldest);
}

/* ---- pools: pieces of one size, named by an index from 1 ---- */

static void *block_link(uint32_t index)
{
	return gt_block_at(index);
}

static void *memo_link(uint32_t index)
{
	return memos.base + (size_t)index * MEMO_BYTES;
}

/* *is_fresh: the piece was never used and is zero. */
static uint32_t pool_get(_Atomic uint64_t *list, struct region *r, size_t bytes,
			 void *(*at)(uint32_t), bool *is_fresh)
{
	const uint32_t i = list_pop(list, at);
	*is_fresh = !i;
	if (i)
		return i;
	const uint8_t *p = (const uint8_t *)region_take(r, bytes);
	return p ? (uint32_t)((size_t)(p - r->base) / bytes) : 0;
}

uint32_t gt_block_get(void)
{
	bool is_fresh;
	const uint32_t i = pool_get(&free_blocks, &blocks, GT_BLOCK_BYTES, block_link, &is_fresh);
	if (i && !is_fresh)
		memset(block_link(i), 0, sizeof(struct gt_call_block));
	return i;
}

void gt_block_put(uint32_t index)
{
	list_push(&free_blocks, index, &gt_block_at(index)->next_free);
}

struct gt_memo *gt_memo_at(uint32_t index)
{
	return (struct gt_memo *)memo_link(index);
}

uint32_t gt_memo_get(void)
{
	bool is_fresh;
	const uint32_t i = pool_get(&free_memos, &memos, MEMO_BYTES, memo_link, &is_fresh);
	if (i && !is_fresh) /* N.B. only what makes an entry valid: a fresh memo is mostly untouched
			       pages */
		gt_memo_clear(gt_memo_at(i));
	return i;
}

void gt_memo_put(uint32_t index)
{
	list_push(&free_memos, index, (uint32_t *)memo_link(index));
}

/* Twice what is given out, or some steps more. */
static void grow_ahead(struct region *r)
{
	const size_t given = atomic_load_explicit(&r->given, memory_order_relaxed);
	const size_t want = given * 2 < given + 8 * r->step ? given * 2 : given + 8 * r->step;
	region_grow(r, want < r->size ? want : r->size);
}

/*
 * A few of the next memos get their first pages, and those of their scratch, before somebody uses
 * them: the first stacks of a thread would cost more for these than for all the rest. Not where
 * there are many threads: an idle one has 8 KiB less without.
 */
static void warm_memos(void)
{
	const size_t given = atomic_load_explicit(&memos.given, memory_order_relaxed);
	const size_t usable = atomic_load_explicit(&memos.usable, memory_order_acquire);
	if (warm < given)
		warm = given;
	if (given > MAX_WARM * MEMO_BYTES)
		return;
	for (; warm < given + 4 * MEMO_BYTES && warm + MEMO_BYTES <= usable; warm += MEMO_BYTES) {
		gt_sys_populate((uint64_t)memos.base + warm, 8192, true);
		gt_sys_populate((uint64_t)memos.base + warm + offsetof(struct gt_memo, walk), 4096,
				true);
	}
}

static void stock(struct region *r, size_t more)
{
	const size_t want = atomic_load_explicit(&r->given, memory_order_relaxed) + more;
	region_grow(r, want < r->size ? want : r->size);
}

void gt_arena_stock(void)
{
	stock(&chunks, 8u << 20);
	stock(&blocks, 1u << 20);
	stock(&memos, 1u << 20);
}

void gt_arena_grow_ahead(void)
{
	grow_ahead(&chunks);
	grow_ahead(&blocks);
	grow_ahead(&memos);
	warm_memos();
}
