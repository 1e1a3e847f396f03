/*
 * Waits: from a hook to events.
 *
 * A wait is written when it ends. At its begin the thread only notes what is pending; at its end it
 * writes begin, unblock and start in one section, or nothing when it was short. If its generation
 * ended meanwhile, the writer has written the begin there on the thread's behalf, and the thread
 * writes the end.
 *
 * Invariants
 *
 * 1. t->pending is filled in a write section of the generation named in its word. Otherwise
 *    advance could pass by before the note is complete, and an end would have no begin.
 * 2. While the word says OPEN for an older generation, nobody but the thread may take it to 0, and
 *    nobody but advance to WRITING; both by compare-and-swap. Otherwise a begin is written twice,
 * or by nobody.
 * 3. A thread writes nothing else while a wait is pending. Otherwise the begin, which carries the
 *    older time, would come after younger events.
 * 4. The thread waits for advance at most GT_LATE_NS; then the wait is dropped whole and counted.
 * Otherwise a stopped writer stops the host.
 *
 * Corner cases
 *
 * - A handler runs during a wait: its own calls are counted and not written.
 * - longjmp leaves a wait: heal.c ends it (gt_thread_heal).
 * - No room for the end of a wait whose begin is already in the file, or advance is stopped in the
 * middle of that begin: the end is owed, and paid with its own time before the next wait begins.
 * Waits until then are not told, and counted.
 * - A handler forks during a wait: in the child the thread has a new record, and the old wait is
 * nobody's.
 */
#include "preload/emit.h"

#include "preload/advance.h"
#include "preload/boot.h"
#include "preload/config.h"
#include "preload/fd.h"
#include "preload/hot.h"
#include "preload/note.h"
#include "preload/stack.h"
#include "preload/sud.h"
#include "preload/sys.h"

#define GT_LATE_NS 4000000 /* the longest that advance may hold up a thread (docs/DESIGN.md) */

/* ---- counters ---- */

static inline struct gt_call_block *times_of(struct gt_thread *t, uint16_t call)
{
	uint32_t i = atomic_load_explicit(&t->block[call], memory_order_relaxed);
	if (!i) {
		i = gt_block_get();
		if (!i)
			return NULL;
		atomic_store_explicit(&t->block[call], i,
				      memory_order_release); /* acquire: tables.c */
	}
	return gt_block_at(i);
}

static unsigned bucket_of(uint64_t ns)
{
	const unsigned b = 63u - (unsigned)__builtin_clzll(ns | 1);
	return b < GT_N_BUCKETS ? b : GT_N_BUCKETS - 1;
}

/* N.B. the count last: the writer looks at the rest only if there is something new in it. */
static inline void count_time(struct gt_thread *t, uint16_t call, uint64_t ns)
{
	struct gt_call_block *k = times_of(t, call);
	if (k) {
		gt_count_add(&k->now.total_ns, ns);
		gt_count_add32(&k->now.bucket[bucket_of(ns)], 1);
		if (ns > __atomic_load_n(&k->now.max_ns, __ATOMIC_RELAXED))
			__atomic_store_n(&k->now.max_ns, ns, __ATOMIC_RELAXED);
	}
	gt_count_add(&t->count[call], 1);
}

GT_HOT static void count_wait(struct gt_thread *t, uint16_t call)
{
	struct gt_call_block *k = times_of(t, call);
	if (k)
		gt_count_add(&k->now.waits, 1);
}

/* ---- begin ---- */

static uint64_t pending_word(uint64_t gen, enum gt_claim claim)
{
	return gen << 2 | claim;
}

/* gt_open(), with room for a note if there is any memory left; else `*note` is NULL. */
static inline uint64_t open_with_note(struct gt_thread *t, gt_ns now, bool *is_full,
				      struct gt_note **note)
{
	for (;;) {
		const uint64_t gen = gt_open(t, now, is_full);
		*note = gen ? gt_note_next(t, gen) : NULL;
		if (__builtin_expect(*note || !gen, 1))
			return gen;
		t->section_gen = 0;
		gt_release(t);
		if (!gt_note_refill(t)) /* counted; the wait is worth more than its note */
			return gt_open(t, now, is_full);
	}
}

/* Pays the end of an earlier wait, with the time at which it ended. Returns whether nothing is owed
 * any more. */
static bool pay_owed(struct gt_thread *t)
{
	const uint64_t word = atomic_load_explicit(&t->pending.word, memory_order_acquire);
	if (!word) { /* advance had no room for its begin: nothing to end */
		t->owed_ns = 0;
		return true;
	}
	if ((word & 3) != GT_CLAIM_WRITTEN)
		return false; /* advance is at it */
	bool is_full;
	const gt_ns then = { t->owed_ns };
	const bool is_expired = t->pending.flags & GT_WAIT_EXPIRED;
	struct gt_note *note = NULL;
	const uint64_t gen =
		is_expired ? open_with_note(t, then, &is_full, &note) : gt_open(t, then, &is_full);
	if (!gen)
		return false;
	if (note) {
		*note = (struct gt_note){ .time = then, .kind = GT_NOTE_EXPIRED };
		gt_note_done(t, gen, note);
	}
	const enum gt_state state =
		(enum gt_state)atomic_load_explicit(&t->state, memory_order_relaxed);
	if (state != GT_STATE_RUNNING) { /* N.B. else it is paid, and a jump came before the next
					    lines were reached */
		struct gt_batch *b = &t->batch[gen % 2];
		gt_put_statuses(t, gen, b, then);
		gt_put_end(t, b, then, state);
		gt_commit(t, gen, GT_STATE_RUNNING);
	}
	t->owed_ns = 0;
	atomic_store_explicit(&t->pending.word, 0, memory_order_relaxed);
	t->section_gen = 0;
	gt_release(t);
	return true;
}

static inline bool is_running(const struct gt_thread *t)
{
	return atomic_load_explicit(&t->pending.word, memory_order_relaxed) == 0 &&
	       atomic_load_explicit(&t->state, memory_order_relaxed) == GT_STATE_RUNNING;
}

static __attribute__((cold, noinline)) bool is_free_slow(struct gt_thread *t)
{
	if (t->owed_ns && !pay_owed(t))
		return false;
	if (atomic_load_explicit(&t->state, memory_order_relaxed) == GT_STATE_NEW)
		gt_thread_retry_start(t);
	return is_running(t);
}

/* Whether the thread may begin something: it is running, and nothing is pending or owed. */
static inline bool is_free(struct gt_thread *t)
{
	return __builtin_expect(!t->owed_ns && is_running(t), 1) || is_free_slow(t);
}

GT_HOT void gt_wait_begin_slow(struct gt_wait *w, struct gt_thread *t, uint32_t what,
			       uint64_t object, bool sure, uint64_t pc)
{
	w->lowered = gt_sud_lower(t);
	if (sure)
		gt_stack_expect(t);
	if (!is_free(t)) {
		w->is_late = t->owed_ns != 0;
		w->begin = gt_now();
		return;
	}
	const bool has_stack = sure && (what & 0xff) == GT_FORM_BLOCK;
	const size_t n = has_stack ? gt_stack_capture(t, pc) : 0;
	w->begin = gt_now();
	const uint64_t gen = gt_acquire(t);
	if (!gen) { /* we are in a handler that interrupted a section */
		gt_count_add(&t->own[GT_OWN_lost_nested], 1);
	} else {
		struct gt_pending *p = &t->pending;
		t->section_sp = GT_FRAME(); /* gt_open() does that for other sections */
		p->what = what;
		p->begin = w->begin;
		p->sp = GT_FRAME();
		p->object = object;
		p->holder = 0;
		p->flags = 0;
		p->pc = pc;
		p->stack = n ? gt_stack_id(t, gen) : (gt_stack){ 0 };
		w->is_pending = true;
		GT_TESTPOINT(before_note);
		atomic_store_explicit(&p->word, pending_word(gen, GT_CLAIM_OPEN),
				      memory_order_release);
		gt_release(t);
	}
	if (n)
		gt_stack_done(t);
}

/* ---- end ---- */

/* The generation of the wait is over: waits until its begin is written. false: it never will be,
 * the wait is dropped and counted. */
static bool await_begin(struct gt_thread *t, uint64_t gen)
{
	struct gt_pending *p = &t->pending;
	uint64_t give_up = 0;
	for (unsigned round = 0;; round++) {
		uint64_t word = atomic_load_explicit(&p->word, memory_order_acquire);
		if (word == pending_word(gen, GT_CLAIM_WRITTEN))
			return true;
		if (word == 0) /* advance had no room for it, and counted that */
			return false;
		if (round < 200) {
			__builtin_ia32_pause();
			continue;
		}
		const uint64_t now = gt_now().v;
		if (!give_up)
			give_up = now + GT_LATE_NS;
		if (now > give_up) {
			uint64_t open = pending_word(gen, GT_CLAIM_OPEN);
			if (atomic_compare_exchange_strong_explicit(&p->word, &open, 0,
								    memory_order_acq_rel,
								    memory_order_acquire)) {
				gt_count_add(&t->own[GT_OWN_lost_waits_late], 1);
				return false;
			}
			if (open ==
			    pending_word(gen,
					 GT_CLAIM_WRITING)) /* in the very act, and stopped there */
				return true;
			continue;
		}
		if (!gt_is_sandboxed)
			gt_sys_yield();
	}
}

/* Advance wrote the begin; writes the end into the present generation. */
static void write_end(struct gt_thread *t, gt_ns now, uint64_t begun)
{
	if (!await_begin(t, begun))
		return;
	count_wait(t, t->pending.call);
	t->owed_ns = now.v;
	if (!pay_owed(t))
		gt_count_add(&t->own[GT_OWN_lost_ends_late], 1);
}

/* Begin and end into generation `gen`, which is open and has room. */
static inline void write_whole(struct gt_thread *t, uint64_t gen, gt_ns now, enum gt_form form,
			       size_t n_pcs, struct gt_note *note)
{
	struct gt_pending *p = &t->pending;
	struct gt_batch *b = &t->batch[gen % 2];
	if (n_pcs)
		p->stack = gt_stack_id(t, gen);
	if (note) {
		*note = (struct gt_note){ .time = p->begin,
					  .object = p->object,
					  .who = p->holder,
					  .kind = GT_NOTE_WAIT,
					  .why = p->why,
					  .flags = (uint8_t)p->flags };
		gt_note_done(t, gen, note);
	}
	gt_put_statuses(t, gen, b, p->begin);
	gt_put_wait(t, b, now, form, p->stack);
	atomic_store_explicit(&p->word, 0, memory_order_relaxed);
	gt_commit(t, gen, GT_STATE_RUNNING);
}

GT_HOT static void write_wait(struct gt_thread *t, gt_ns now, uint64_t begun)
{
	struct gt_pending *p = &t->pending;
	const bool needs_stack = !p->stack.v;
	/* N.B. not into p->form: advance may be reading it */
	const enum gt_form form =
		p->form >= GT_FORM_FD
			? gt_fd_form(gt_fd_of((enum gt_form)p->form, p->object), now.v - p->begin.v)
			: (enum gt_form)p->form;
	const size_t n = needs_stack ? gt_stack_capture(t, p->pc) : 0;

	/* What is opened begins with the begin, unless that is in an older generation. */
	const bool is_same = atomic_load_explicit(&gt_gen, memory_order_relaxed) == begun;
	const gt_ns first = is_same ? p->begin : now;
	bool is_full;
	struct gt_note *note = NULL;
	const uint64_t gen = gt_has_object(p->why, p->object)
				     ? open_with_note(t, first, &is_full, &note)
				     : gt_open(t, first, &is_full);
	if (gen == begun) {
		write_whole(t, gen, now, form, n, note);
		gt_release(t);
		count_wait(t, p->call);
	} else if (gen) {
		t->section_gen = 0;
		gt_release(t);
		write_end(t, now, begun);
	} else {
		uint64_t open = pending_word(begun, GT_CLAIM_OPEN);
		if (atomic_compare_exchange_strong_explicit(
			    &p->word, &open, 0, memory_order_acq_rel, memory_order_acquire))
			gt_count_add(&t->own[is_full ? GT_OWN_lost_waits_full : GT_OWN_lost_nested],
				     1);
		else
			write_end(t, now, begun);
	}
	if (n)
		gt_stack_done(t);
}

/* Of a wait that is the calling thread's. */
static inline void end_wait(struct gt_wait *w, struct gt_thread *t)
{
	gt_stack_expect(t); /* while the clock is read */
	const gt_ns now = gt_now();
	const uint64_t elapsed = now.v > w->begin.v ? now.v - w->begin.v : 0;
	count_time(t, w->call, elapsed);

	const uint64_t word = atomic_load_explicit(&t->pending.word, memory_order_relaxed);
	if (w->is_late && elapsed >= gt_cfg.min_wait_ns)
		gt_count_add(&t->own[GT_OWN_lost_waits_late], 1);
	if (!w->is_pending || !word)
		return;
	if (w->is_expired)
		__atomic_store_n(&t->pending.flags, t->pending.flags | GT_WAIT_EXPIRED,
				 __ATOMIC_RELAXED);
	if (elapsed >= gt_cfg.min_wait_ns) {
		write_wait(t, now, word >> 2);
		return;
	}
	const uint64_t gen = gt_acquire(t);
	if (gen) { /* N.B. else the section is that of an outer frame, and so is section_sp */
		t->section_sp = GT_FRAME();
		if (gen == word >> 2)
			atomic_store_explicit(&t->pending.word, 0, memory_order_relaxed);
		gt_release(t);
	}
	if (gen != word >> 2) /* too short for us, but its begin may be in the file */
		write_end(t, now, word >> 2);
}

GT_HOT void gt_wait_end(struct gt_wait *w)
{
	struct gt_thread *t = w->t;
	gt_fd_unwatch(w->key);
	if (!t || t != gt_self)
		return;
	end_wait(w, t);
	if (__builtin_expect(w->lowered, 0))
		gt_sud_raise(t, w->lowered);
}

bool gt_wait_settle(struct gt_thread *t)
{
	uint64_t word = atomic_load_explicit(&t->pending.word, memory_order_acquire);
	if (!word || (word & 3) == GT_CLAIM_WRITTEN)
		return true;
	if ((word & 3) == GT_CLAIM_OPEN &&
	    atomic_compare_exchange_strong_explicit(&t->pending.word, &word, 0,
						    memory_order_acq_rel, memory_order_acquire))
		return true;
	await_begin(t, word >> 2);
	word = atomic_load_explicit(&t->pending.word, memory_order_acquire);
	return !word || (word & 3) == GT_CLAIM_WRITTEN;
}

void gt_wait_abandon(struct gt_thread *t)
{
	const uint64_t word = atomic_load_explicit(&t->pending.word, memory_order_relaxed);
	if (!word || t->owed_ns)
		return;
	const gt_ns now = gt_now();
	count_time(t, t->pending.call, now.v - t->pending.begin.v);
	write_wait(t, now, word >> 2);
}

/* ---- spins ---- */

void gt_emit_spin(struct gt_thread *t, enum gt_call call, gt_ns begin, uint64_t pc)
{
	const gt_ns now = gt_now();
	const uint64_t elapsed = now.v > begin.v ? now.v - begin.v : 0;
	count_time(t, (uint16_t)call, elapsed);
	if (elapsed < gt_cfg.min_wait_ns || !is_free(t))
		return;
	const size_t n = gt_stack_capture(t, pc);
	bool is_full;
	const uint64_t gen = gt_open(t, begin, &is_full);
	if (gen) {
		/* N.B. of a spin that began in an older generation only the rest is shown */
		const uint64_t start = gt_shared[gen % 2].start.v;
		const gt_ns from = { begin.v > start ? begin.v : start };
		struct gt_batch *b = &t->batch[gen % 2];
		const gt_str name = gt_reason(GT_WHY_SPIN);
		const gt_stack stack = n ? gt_stack_id(t, gen) : (gt_stack){ 0 };
		gt_put_statuses(t, gen, b, from);
		gt_w_UserRegionBegin(b, from, (gt_task){ 0 }, name, stack);
		gt_w_UserRegionEnd(b, now, (gt_task){ 0 }, name, (gt_stack){ 0 });
		gt_commit(t, gen, GT_STATE_RUNNING);
		gt_release(t);
		count_wait(t, (uint16_t)call);
	} else {
		gt_count_add(&t->own[is_full ? GT_OWN_lost_waits_full : GT_OWN_lost_nested], 1);
	}
	if (n)
		gt_stack_done(t);
}

/* ---- heap ---- */

static _Atomic uint64_t heap_total; /* by the writer, a moment ago */

int64_t gt_heap_sum(void)
{
	int64_t total = 0;
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		const struct gt_thread *t = gt_thread_at(i);
		if (atomic_load_explicit(&t->in_use, memory_order_acquire) != GT_FREE)
			total += __atomic_load_n(&t->heap, __ATOMIC_RELAXED);
	}
	return total;
}

void gt_heap_set(uint64_t bytes)
{
	atomic_store_explicit(&heap_total, bytes, memory_order_relaxed);
}

/* A section of a thread that is free. N.B. asked again inside: a handler may have come before. */
static uint64_t open_free(struct gt_thread *t, gt_ns now)
{
	bool is_full;
	const uint64_t gen = gt_open(t, now, &is_full);
	if (gen && (t->owed_ns || atomic_load_explicit(&t->pending.word, memory_order_relaxed) ||
		    atomic_load_explicit(&t->state, memory_order_relaxed) != GT_STATE_RUNNING)) {
		t->section_gen = 0;
		gt_release(t);
		return 0;
	}
	return gen;
}

/* So that gt_open() has a chunk without waiting for one (GTRACE_FULL=block). */
static bool has_spare(struct gt_thread *t)
{
	if (__atomic_load_n(&t->spare, __ATOMIC_RELAXED))
		return true;
	struct gt_chunk *c = gt_chunk_get(false);
	if (!c)
		return false;
	struct gt_chunk *other = __atomic_exchange_n(&t->spare, c, __ATOMIC_RELAXED);
	if (other) /* a handler's */
		gt_chunk_put(other);
	return true;
}

void gt_emit_statuses(struct gt_thread *t)
{
	if (!is_free(t) || !has_spare(t))
		return;
	const gt_ns now = gt_now();
	const uint64_t gen = open_free(t, now);
	if (!gen)
		return;
	gt_put_statuses(t, gen, &t->batch[gen % 2], now);
	gt_commit(t, gen, GT_STATE_RUNNING);
	gt_release(t);
}

void gt_emit_heap(struct gt_thread *t)
{
	if (!is_free(t))
		return; /* somebody else, or a later call, will do it */
	uint32_t on = GT_ON_TRACING | GT_ON_HEAP;
	if (!atomic_compare_exchange_strong_explicit(&gt_ctl.on[GT_GROUP_any], &on, GT_ON_TRACING,
						     memory_order_acquire, memory_order_relaxed))
		return;
	gt_ctl_change(GT_ON_TRACING | GT_ON_HEAP, GT_ON_TRACING);
	const gt_ns now = gt_now();
	const uint64_t gen = open_free(t, now);
	if (!gen)
		return;
	struct gt_batch *b = &t->batch[gen % 2];
	gt_put_statuses(t, gen, b, now);
	gt_w_HeapAlloc(b, now, atomic_load_explicit(&heap_total, memory_order_relaxed));
	gt_commit(t, gen, GT_STATE_RUNNING);
	gt_release(t);
}
