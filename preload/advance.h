/*
 * Generations: who may write where, and when. The protocol and its invariants: advance.c.
 */
#ifndef GT_ADVANCE_H
#define GT_ADVANCE_H

#include "encoder/stacktab.h"
#include "preload/boot.h"
#include "preload/clock.h"
#include "preload/thread.h"

extern _Atomic uint64_t gt_gen; /* the current generation, from 1; 0 = not started */
extern bool gt_needs_fence;     /* membarrier is missing: threads pay for the order themselves */

#define GT_MAX_LABELS 4096

struct gt_label {
	_Atomic uint32_t is_complete;
	uint32_t id;
	char text[GT_NAME_MAX];
};

/* What threads share within one generation; generation n uses gt_shared[n % 2]. */
struct gt_shared {
	gt_ns start;
	struct gt_stacktab stacks;
	_Atomic uint64_t next_string;  /* next string id to give */
	_Atomic uint64_t procs_change; /* generation whose ProcsChange somebody writes */
	_Atomic uint32_t n_labels;
	struct gt_label *labels; /* GT_MAX_LABELS of them */
};
extern struct gt_shared gt_shared[2];

/* A processor slot (P). Belongs to the thread that holds it, and passes on through the bitmap
 * (thread.c). */
struct gt_slot {
	uint64_t traced; /* generation whose status is written */
	uint64_t seq;    /* its counter in that generation */
};
extern struct gt_slot gt_slots[GT_MAX_THREADS + 1];

/*
 * Opens a write section of `t` (the calling thread, or a dead one that the caller has claimed):
 * until gt_release() the batch of the returned generation is the caller's. Returns 0, and opens
 * nothing, when the thread is in one already: a handler interrupted it. Context: any. Nothing
 * inside may block, fault, or call the program.
 */
static inline uint64_t gt_acquire(struct gt_thread *t)
{
	const uint32_t w = atomic_load_explicit(&t->writing, memory_order_relaxed);
	if (__builtin_expect(w & 1, 0))
		return 0;
	atomic_store_explicit(&t->writing, w + 1, memory_order_relaxed);
	/* N.B. a compiler barrier only: advance orders this store before the load by membarrier */
	atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(gt_needs_fence, 0))
		atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&gt_gen,
				    memory_order_acquire); /* release: publish() in advance.c */
}

static inline void gt_release(struct gt_thread *t)
{
	const uint32_t w = atomic_load_explicit(&t->writing, memory_order_relaxed);
	/* N.B. even already: a jump out of a handler ended this section, and somehow we came back
	 * into it */
	atomic_store_explicit(&t->writing, w + (w & 1),
			      memory_order_release); /* acquire: is_quiet() in advance.c */
}

/* Most bytes that one section may write, statuses included. */
#define GT_SECTION_BYTES 512

/* See gt_open(). */
uint64_t gt_open_slow(struct gt_thread *t, gt_ns now, bool *is_full);

/*
 * gt_acquire(), and room for GT_SECTION_BYTES in the batch of that generation. Returns the
 * generation, or 0 with nothing open: nested, or no memory (`*is_full`). May make system calls,
 * outside the section.
 */
static inline uint64_t gt_open(struct gt_thread *t, gt_ns now, bool *is_full)
{
	*is_full = false;
	const uint64_t gen = gt_acquire(t);
	if (__builtin_expect(gen != 0, 1)) {
		t->section_sp = GT_FRAME();
		t->section_gen = gen;
		/* from here on a jump has something to forget (thread.c) */
		atomic_signal_fence(memory_order_seq_cst);
		const struct gt_batch *b = &t->batch[gen % 2];
		if (__builtin_expect(b->mem && gt_batch_has_room(b, GT_SECTION_BYTES), 1))
			return gen;
		t->section_gen = 0;
		gt_release(t);
	}
	return gt_open_slow(t, now, is_full);
}

void gt_put_statuses_slow(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now);

/* Statuses of the thread and its slot, where this generation has none yet; then ProcsChange and its
 * label if due. */
static inline void gt_put_statuses(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now)
{
	if (__builtin_expect(
		    t->named_gen != gen ||
			    t->named != atomic_load_explicit(&t->name_seq, memory_order_relaxed) ||
			    atomic_load_explicit(&t->traced, memory_order_relaxed) != gen ||
			    atomic_load_explicit(&gt_shared[gen % 2].procs_change,
						 memory_order_relaxed) != gen,
		    0))
		gt_put_statuses_slow(t, gen, b, now);
}

/* Makes everything written since gt_open() part of the trace, at once, with the state that it leads
 * to. */
static inline void gt_commit_to(struct gt_thread *t, uint64_t gen, enum gt_state state)
{
	GT_TESTPOINT(before_commit);
	const uint64_t commit = (uint64_t)gt_batch_len(&t->batch[gen % 2]) << 8 | (uint64_t)state;
	/* N.B. the commit first: whoever finds the two at odds after a kill believes the commit */
	atomic_store_explicit(&t->chunk[gen % 2]->commit, commit,
			      memory_order_release); /* acquire: the writer */
	atomic_store_explicit(&t->state, state, memory_order_relaxed);
	atomic_store_explicit(&t->wrote[gen % 2], gen, memory_order_relaxed);
	GT_TESTPOINT(after_commit);
}

/* The same, by the thread itself. */
static inline void gt_commit(struct gt_thread *t, uint64_t gen, enum gt_state state)
{
	if (!(atomic_load_explicit(&t->writing, memory_order_relaxed) & 1))
		return; /* a jump ended the section under us */
	gt_commit_to(t, gen, state);
	atomic_signal_fence(memory_order_seq_cst);
	t->section_gen = 0; /* N.B. not in gt_commit_to(), which advance uses for others */
}

/* Hands the batch of `gen` to the writer now. Inside a section. */
void gt_hand_over(struct gt_thread *t, uint64_t gen);

/* The begin of the wait pending on `t`, into `b`. Returns the state it leads to. */
enum gt_state gt_put_begin(struct gt_thread *t, struct gt_batch *b, enum gt_form form,
			   gt_stack stack);
/* Its end; `state` is what its begin led to. */
void gt_put_end(struct gt_thread *t, struct gt_batch *b, gt_ns now, enum gt_state state);
/* Both. */
void gt_put_wait(struct gt_thread *t, struct gt_batch *b, gt_ns now, enum gt_form form,
		 gt_stack stack);

/* ProcsChange, if this generation has none yet. The thread must be running. */
void gt_put_procs_change(struct gt_batch *b, uint64_t gen, gt_ns now);
/* GoLabel, if the thread has a name and this generation does not know it yet. The thread must be
 * running. */
void gt_put_label(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now);

/* String id of the reason of `why`, the same in every generation; gt_reason_texts in that order,
 * from id 1. */
gt_str gt_reason(uint8_t why);
uint32_t gt_reasons(const char *const **texts);

/* Stack id of a lone frame in generation `gen`. */
static inline gt_stack gt_stack_of(uint64_t gen, uint64_t pc)
{
	return gt_stacktab_put(&gt_shared[gen % 2].stacks, &pc, pc != 0);
}

/* ---- the writer's side ---- */

/* Memory and state for a first generation. 0 or -errno. Boot and forked child. */
int gt_advance_init(void);

/* What closing a generation needs of its surroundings; the writer's, or a test's. */
struct gt_closer {
	bool (*is_host_dead)(
		struct gt_closer *self); /* every thread is gone: no flag needs waiting for */
	void (*idle)(struct gt_closer *self,
		     unsigned round); /* called while waiting for a thread */
	/* One wire batch of generation `gen` that is not in a chunk. */
	void (*put)(struct gt_closer *self, struct gt_batch *b, uint8_t experiment, uint64_t gen,
		    gt_m m);
	uint32_t writer_tid;
	bool may_reap; /* look for threads that vanished */
};

/*
 * Ends generation gt_gen for the threads: publishes the next one, and makes everything of the old
 * one final: pending begins written, open batches handed over. Returns the number of the generation
 * that was ended.
 */
uint64_t gt_advance(struct gt_closer *closer);

/*
 * Puts a status for each thread that was silent through `gen`, which gt_advance() has just ended,
 * and the ends of threads that vanished. Tables and the end mark are the caller's.
 */
void gt_advance_statuses(struct gt_closer *closer, uint64_t gen);

#endif
