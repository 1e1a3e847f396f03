/*
 * All memory of the tracer: one private anonymous mapping, reserved without access and made usable
 * in steps (mlockall would make all of it resident), left out of core dumps. Pieces are named by
 * their position, so that links are 32 bits and survive in a child at the same place.
 */
#ifndef GT_ARENA_H
#define GT_ARENA_H

#include "encoder/batch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_CHUNK_SMALL 4096u
#define GT_CHUNK_BIG   (64u * 1024)

/* Memory for one batch. `commit` is the only word that readers trust: bytes of data behind the
 * header room. */
struct gt_chunk {
	uint32_t next;           /* in the free or the full list: index of a chunk, 0 = end */
	uint32_t size;           /* GT_CHUNK_SMALL or GT_CHUNK_BIG */
	_Atomic uint64_t commit; /* length << 8 | enum gt_state after its last event (advance.c) */
	uint64_t gen;
	uint64_t tid;   /* of notes: the G */
	uint64_t start; /* ns, for the batch header */
	bool is_notes;  /* struct gt_note[] (note.h), not events */
	uint8_t mem[]   /* GT_BATCH_HEADER bytes of header room, then data */
		__attribute__((aligned(8)));
};

/*
 * Reserves everything; `buffer` = most bytes for chunks; less of all where RLIMIT_AS is tight. 0 or
 * -errno. In a forked child it takes the place of the parent's memory, unless gt_arena_keep() was
 * called: somebody may still use that.
 */
int gt_arena_init(size_t buffer, size_t max_threads, size_t thread_size);
void gt_arena_keep(void);

/* Where it lies. */
void gt_arena_range(uint64_t *start, uint64_t *end);

/* Piece of a region at `index`; makes it usable. NULL = no memory. Context: any thread; may make a
 * system call. */
void *gt_arena_thread(uint32_t index);

/* A chunk, or NULL when the bound is reached. Context: any; lock-free; a system call only when the
 * region grows. */
struct gt_chunk *gt_chunk_get(bool big);
void gt_chunk_put(struct gt_chunk *c);
/* Hands a filled chunk to the writer; takes all that were handed over, oldest first. */
void gt_chunk_hand_over(struct gt_chunk *c);
struct gt_chunk *gt_chunk_take_all(void);
struct gt_chunk *gt_chunk_at(uint32_t index);      /* NULL for 0 */
uint32_t gt_chunk_index(const struct gt_chunk *c); /* 0 for NULL */
uint64_t gt_chunk_bytes_in_use(void);
size_t gt_arena_buffer(void); /* bytes for chunks; less than asked for where memory is limited */

/* Before a sandbox is entered: some MiB of each kind, as threads cannot get any more then. */
void gt_arena_stock(void);

/* Blocks for call times (struct gt_call_block), zeroed; index 0 = none left. */
uint32_t gt_block_get(void);
void gt_block_put(uint32_t index);

#define GT_BLOCK_BYTES 384u
extern uint8_t *gt_blocks __attribute__((visibility("hidden")));
static inline struct gt_call_block *gt_block_at(uint32_t index)
{
	return (struct gt_call_block *)(void *)(gt_blocks + (size_t)index * GT_BLOCK_BYTES);
}

/* A thread's memory of stacks (stack_memo.h), with no valid entry; index 0 = none left. */
struct gt_memo;
uint32_t gt_memo_get(void);
void gt_memo_put(uint32_t index);
struct gt_memo *gt_memo_at(uint32_t index);

/* Memory that is never given back (tables of the writer, stack tables); zeroed; NULL = none left.
 */
void *gt_arena_alloc(size_t bytes);

/* Writer: keeps some memory usable ahead of demand, so that host threads need no system call. */
void gt_arena_grow_ahead(void);

#endif
