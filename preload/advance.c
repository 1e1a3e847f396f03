/*
 * Generations.
 *
 * A thread writes only between gt_acquire() and gt_release(). Acquire makes the thread's `writing`
 * odd and then reads gt_gen; batch[gt_gen % 2] is the thread's until release. gt_advance() moves
 * gt_gen, waits until it has seen each thread outside a section, and from then on owns every batch
 * of the old generation. A generation reads alone: whoever has only it finds every thread's state,
 * every stack and every name in it.
 *
 * Invariants
 *
 * 1. A batch is touched by its owner inside a section, or by advance after the wait. Otherwise a
 * flush cuts an event in half.
 * 2. `writing` is raised before gt_gen is read, in the eyes of advance. Otherwise advance overlooks
 * a thread that still carries the old number. (Plain stores: advance pays for the order with
 * membarrier; where that is missing, threads pay with a fence.)
 * 3. Nothing that can block runs inside a section. Otherwise one sleeper stops every generation.
 * 4. Events become part of the trace by one store of the chunk's `commit`, with the state they lead
 * to, and always whole: begin and end of a wait, status and event. Otherwise a process that is
 * killed leaves half a wait.
 * 5. The first commit of a thread in a generation begins with its statuses. So "committed nothing
 * in n" is the same as "has no status in n", and the closer writes one.
 * 6. What the closer notes of a thread before it publishes n + 1 is true for all of n if the thread
 * turns out to have committed nothing in n. Otherwise a status would tell a state that an event of
 * n + 1 made.
 * 7. Generation n is closed to the last byte before n + 2 is published. Otherwise two generations
 * share a batch.
 * 8. gt_shared[n % 2] is emptied before n is published and not touched by advance while n is
 * current, except for reading. Otherwise ids of one generation appear in another.
 *
 * Corner cases
 *
 * - A handler interrupts its own thread inside a section: its hooks pass through and are counted.
 * - A thread is descheduled inside a section: advance goes on waiting in the background; nobody
 * else waits for it, because pending begins of all other threads are written first. Memory is
 * bounded, losses are counted.
 * - A thread dies inside a section: the closer (which asks the kernel) forgets the half event.
 * - A created thread that has not started: Runnable, told on the writer's own stream.
 * - The process dies while advance waits: is_host_dead() ends the wait.
 */
#include "preload/advance.h"

#include "preload/boot.h"
#include "preload/emit.h"
#include "preload/hot.h"
#include "preload/note.h"
#include "preload/stack_walk.h"
#include "preload/sys.h"

#include <linux/membarrier.h>

GT_HOT_DATA _Atomic uint64_t gt_gen;
GT_HOT_DATA bool gt_needs_fence;
struct gt_shared gt_shared[2];

#define N_SLOTS (1u << 15)
#define MAX_IDS (1u << 14)
#define N_WORDS (1u << 18)

/* ---- reasons ---- */

static const char *const whys[GT_N_WHYS] = {
/* clang-format off */
#define GT_WHY(id, name, form, object, reason, meaning) [id] = reason,
#include "gtrace/whys.def"
#undef GT_WHY
	/* clang-format on */
};
static GT_HOT_DATA uint8_t reason_ids[GT_N_WHYS];
static const char *reasons[GT_N_WHYS];
static uint32_t n_reasons;

static void init_reasons(void)
{
	n_reasons = 0;
	for (int w = 1; w < GT_N_WHYS; w++) {
		uint32_t i = 0;
		while (i < n_reasons && strcmp(reasons[i], whys[w]) != 0)
			i++;
		if (i == n_reasons && whys[w][0])
			reasons[n_reasons++] = whys[w];
		reason_ids[w] = (uint8_t)(whys[w][0] ? i + 1 : 0);
	}
}

gt_str gt_reason(uint8_t why)
{
	return (gt_str){ reason_ids[why] };
}

uint32_t gt_reasons(const char *const **texts)
{
	*texts = reasons;
	return n_reasons;
}

/* ---- a thread's side ---- */

/* Starts a batch of `gen` in chunk `c`, behind the one that is full, if there is one. */
static void install(struct gt_thread *t, uint64_t gen, gt_ns now, struct gt_chunk *c)
{
	struct gt_batch *b = &t->batch[gen % 2];
	gt_ns start = gt_shared[gen % 2].start;
	if (now.v > start.v)
		start = now;
	if (b->mem) {
		if (b->last.v > start.v)
			start = b->last; /* batches of one thread must not go back in time */
		gt_hand_over(t, gen);
	}
	c->gen = gen;
	c->tid = atomic_load_explicit(&t->tid, memory_order_relaxed);
	c->start = start.v;
	*b = gt_batch_init(c->mem, c->size - sizeof(*c), start);
	t->chunk[gen % 2] = c;
}

void gt_hand_over(struct gt_thread *t, uint64_t gen)
{
	struct gt_chunk *c = t->chunk[gen % 2];
	if (!c)
		return;
	t->chunk[gen % 2] = NULL;
	t->batch[gen % 2].mem = NULL;
	gt_chunk_hand_over(c);
}

/* A chunk for the thread, outside any section. */
static bool refill(struct gt_thread *t)
{
	const bool is_big = t->is_busy;
	t->is_busy = false;
	struct gt_chunk *c = gt_chunk_get(is_big);
	if (!c)
		c = gt_wait_for_chunk(is_big);
	if (!c)
		return false;
	struct gt_chunk *other =
		__atomic_exchange_n(&t->spare, c, __ATOMIC_RELAXED); /* a handler's */
	if (other)
		gt_chunk_put(other);
	return true;
}

uint64_t gt_open_slow(struct gt_thread *t, gt_ns now, bool *is_full)
{
	for (;;) {
		const uint64_t gen = gt_acquire(t);
		if (!gen)
			return 0;
		t->section_sp = GT_FRAME();
		t->section_gen = gen;
		atomic_signal_fence(memory_order_seq_cst); /* a jump from here on has something to
							      forget (thread.c) */
		const struct gt_batch *b = &t->batch[gen % 2];
		if (b->mem && gt_batch_has_room(b, GT_SECTION_BYTES))
			return gen;
		if (b->mem)
			t->is_busy = true;
		struct gt_chunk *c = __atomic_exchange_n(&t->spare, NULL, __ATOMIC_RELAXED);
		if (c) {
			install(t, gen, now, c);
			return gen;
		}
		t->section_gen = 0;
		gt_release(t);
		if (!refill(t)) {
			*is_full = true;
			return 0;
		}
	}
}

static enum gt_gstatus g_status(enum gt_state state)
{
	switch (state) {
	case GT_STATE_NEW:
		return GT_G_RUNNABLE;
	case GT_STATE_WAITING:
		return GT_G_WAITING;
	case GT_STATE_SYSCALL:
		return GT_G_SYSCALL;
	default:
		return GT_G_RUNNING;
	}
}

static enum gt_pstatus p_status(enum gt_state state)
{
	return state == GT_STATE_SYSCALL ? GT_P_SYSCALL : GT_P_RUNNING;
}

void gt_put_procs_change(struct gt_batch *b, uint64_t gen, gt_ns now)
{
	_Atomic uint64_t *claimed = &gt_shared[gen % 2].procs_change;
	uint64_t old = atomic_load_explicit(claimed, memory_order_relaxed);
	if (old != gen && atomic_compare_exchange_strong_explicit(
				  claimed, &old, gen, memory_order_relaxed, memory_order_relaxed))
		gt_w_ProcsChange(b, now, gt_cpus(), (gt_stack){ 0 });
}

/* A string id for the name, in the table that the writer adds to the generation's strings. */
static gt_str label_id(struct gt_thread *t, uint64_t gen)
{
	struct gt_shared *s = &gt_shared[gen % 2];
	const uint32_t i = atomic_fetch_add_explicit(&s->n_labels, 1, memory_order_relaxed);
	if (i >= GT_MAX_LABELS) {
		GT_COUNT(lost_labels, 1);
		return (gt_str){ 0 };
	}
	struct gt_label *l = &s->labels[i];
	for (unsigned k = 0; k < GT_NAME_MAX; k++)
		l->text[k] = __atomic_load_n(&t->name[k], __ATOMIC_RELAXED);
	l->text[GT_NAME_MAX - 1] = 0;
	l->id = (uint32_t)atomic_fetch_add_explicit(&s->next_string, 1, memory_order_relaxed);
	atomic_store_explicit(&l->is_complete, 1,
			      memory_order_release); /* acquire: put_labels() in tables.c */
	return (gt_str){ l->id };
}

void gt_put_label(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now)
{
	const uint32_t seq = atomic_load_explicit(&t->name_seq, memory_order_acquire);
	if (t->named == seq && t->named_gen == gen)
		return;
	t->named = seq;
	t->named_gen = gen;
	const gt_str id =
		__atomic_load_n(&t->name[0], __ATOMIC_RELAXED) ? label_id(t, gen) : (gt_str){ 0 };
	if (id.v)
		gt_w_GoLabel(b, now, id);
}

static void put_g_status(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now,
			 enum gt_state state)
{
	const gt_m m = { atomic_load_explicit(&t->tid, memory_order_relaxed) };
	gt_w_GoStatusStack(b, now, t->g, m, g_status(state), gt_stack_of(gen, t->start_pc));
}

void gt_put_statuses_slow(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns now)
{
	const enum gt_state state =
		(enum gt_state)atomic_load_explicit(&t->state, memory_order_relaxed);
	if (atomic_load_explicit(&t->traced, memory_order_relaxed) != gen) {
		struct gt_slot *slot = &gt_slots[t->slot];
		if (slot->traced != gen) {
			slot->traced = gen;
			slot->seq = 0;
			gt_w_ProcStatus(b, now, (gt_p){ t->slot }, p_status(state)); /* first: U1 */
		}
		atomic_store_explicit(&t->traced, gen, memory_order_relaxed);
		t->gseq = 0;
		put_g_status(t, gen, b, now, state);
	}
	if (state == GT_STATE_RUNNING) {
		gt_put_procs_change(b, gen, now);
		gt_put_label(t, gen, b, now);
	}
}

static inline enum gt_state put_begin(struct gt_thread *t, struct gt_batch *b, enum gt_form form,
				      gt_stack stack)
{
	const struct gt_pending *p = &t->pending;
	if (form == GT_FORM_CALL) {
		gt_w_GoSyscallBegin(b, p->begin, ++gt_slots[t->slot].seq, stack);
		return GT_STATE_SYSCALL;
	}
	gt_w_GoBlock(b, p->begin, gt_reason(p->why), stack);
	return GT_STATE_WAITING;
}

static inline void put_end(struct gt_thread *t, struct gt_batch *b, gt_ns now, enum gt_state state)
{
	if (state == GT_STATE_SYSCALL) {
		gt_w_GoSyscallEnd(b, now);
		return;
	}
	const gt_g g = t->g;
	const uint64_t seq = t->gseq;
	t->gseq = seq + 2;
	gt_w_GoUnblock(b, now, g, seq + 1, (gt_stack){ 0 });
	gt_w_GoStart(b, now, g, seq + 2);
}

GT_HOT void gt_put_wait(struct gt_thread *t, struct gt_batch *b, gt_ns now, enum gt_form form,
			gt_stack stack)
{
	struct gt_batch own = *b; /* N.B. in registers: a byte that is written may be anything's */
	put_end(t, &own, now, put_begin(t, &own, form, stack));
	if (__builtin_expect(!(atomic_load_explicit(&t->writing, memory_order_relaxed) & 1), 0))
		return; /* a jump ended the section under us */
	b->len = own.len;
	b->last = own.last;
}

enum gt_state gt_put_begin(struct gt_thread *t, struct gt_batch *b, enum gt_form form,
			   gt_stack stack)
{
	return put_begin(t, b, form, stack);
}

void gt_put_end(struct gt_thread *t, struct gt_batch *b, gt_ns now, enum gt_state state)
{
	put_end(t, b, now, state);
}

/* ---- the closer's side ---- */

static void shared_begin(uint64_t gen)
{
	struct gt_shared *s = &gt_shared[gen % 2];
	gt_stacktab_reset(&s->stacks);
	const uint32_t n = atomic_load_explicit(&s->n_labels, memory_order_relaxed);
	for (uint32_t i = 0; i < n && i < GT_MAX_LABELS; i++)
		atomic_store_explicit(&s->labels[i].is_complete, 0, memory_order_relaxed);
	atomic_store_explicit(&s->n_labels, 0, memory_order_relaxed);
	atomic_store_explicit(&s->next_string, n_reasons + 1, memory_order_relaxed);
	s->start = gt_now();
}

static int shared_init(struct gt_shared *s)
{
	void *slots = gt_arena_alloc(N_SLOTS * sizeof(uint64_t));
	void *index = gt_arena_alloc((MAX_IDS + 1) * sizeof(uint32_t));
	void *words = gt_arena_alloc(N_WORDS * sizeof(uint64_t));
	s->labels = (struct gt_label *)gt_arena_alloc(GT_MAX_LABELS * sizeof(struct gt_label));
	if (!slots || !index || !words || !s->labels)
		return -12; /* ENOMEM */
	gt_stacktab_init(&s->stacks, (_Atomic uint64_t *)slots, N_SLOTS, (_Atomic uint32_t *)index,
			 MAX_IDS, (uint64_t *)words, N_WORDS);
	atomic_store_explicit(&s->procs_change, 0, memory_order_relaxed);
	atomic_store_explicit(&s->n_labels, 0, memory_order_relaxed);
	return 0;
}

int gt_advance_init(void)
{
	init_reasons();
	if (gt_rules_init())
		return -12;
	for (int i = 0; i < 2; i++)
		if (shared_init(&gt_shared[i]))
			return -12;
	const long rc = GT_SYS2(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
	gt_needs_fence = GT_SYS_FAILED(rc);
	shared_begin(1);
	atomic_store_explicit(&gt_gen, 1, memory_order_release);
	return 0;
}

static void publish(uint64_t gen)
{
	shared_begin(gen);
	atomic_store_explicit(&gt_gen, gen, memory_order_seq_cst); /* acquire: gt_acquire() */
	if (!gt_needs_fence)
		GT_SYS2(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

/* Is nothing of the old generation being written by this thread any more? `first` = its flag as
 * first seen. */
static bool is_quiet(const struct gt_thread *t, uint32_t first)
{
	const uint32_t w = atomic_load_explicit(&t->writing, memory_order_acquire);
	return !(w & 1) || w != first;
}

/* Invariant 6: before the next generation is published. */
static void note(struct gt_thread *t, uint64_t gen)
{
	t->noted_gen = 0;
	const uint32_t use = atomic_load_explicit(&t->in_use, memory_order_acquire);
	if (use == GT_FREE || use == GT_ENDED ||
	    !atomic_load_explicit(&t->is_announced, memory_order_acquire))
		return; /* its G does not exist */
	t->noted_state = atomic_load_explicit(&t->state, memory_order_acquire);
	if (t->noted_state == GT_STATE_GONE)
		return; /* its end is written in `gen`, or before */
	/* N.B. `traced` alone proves nothing of a running thread: it may be killed before it
	 * commits */
	if (atomic_load_explicit(&t->wrote[gen % 2], memory_order_relaxed) == gen ||
	    (t->noted_state == GT_STATE_NEW &&
	     atomic_load_explicit(&t->traced, memory_order_relaxed) == gen))
		return;
	t->noted_slot = atomic_load_explicit(&t->slot, memory_order_relaxed);
	t->noted_gen = gen;
}

/*
 * Where each hook begins: the innermost frame of a stack that only its caller is known of. Weak: a
 * test is linked without the hooks.
 */
#define GT_WEAK __attribute__((weak))
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) extern const char gt_entry_##name[] __asm__(#name) GT_WEAK;
#define GT_CUSTOM(group, why, ret, name, params, args)   extern const char gt_entry_##name[] __asm__(#name) GT_WEAK;
#define GT_ASM(group, why, ret, name, params, args)      extern const char gt_entry_##name[] __asm__(#name) GT_WEAK;
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
extern const char gt_entry_system_call[] __asm__("system_call") GT_WEAK;
static const char *const entries[GT_N_CALLS] = {
#define GT_BLOCKING(group, why, ret, name, params, args) gt_entry_##name,
#define GT_CUSTOM(group, why, ret, name, params, args)   gt_entry_##name,
#define GT_ASM(group, why, ret, name, params, args)      gt_entry_##name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
	gt_entry_system_call,
};
/* clang-format on */

static gt_stack caller_stack(uint64_t gen, const struct gt_pending *p)
{
	const uint64_t pcs[2] = { (uint64_t)entries[p->call], p->pc - 1 };
	return gt_stacktab_put(&gt_shared[gen % 2].stacks, pcs, 2);
}

/* The begin of a wait that is still going on, into the generation in which it began. */
static void write_pending_begin(struct gt_thread *t, uint64_t gen)
{
	struct gt_pending *p = &t->pending;
	uint64_t word = gen << 2 | GT_CLAIM_OPEN;
	if (!atomic_compare_exchange_strong_explicit(&p->word, &word, gen << 2 | GT_CLAIM_WRITING,
						     memory_order_acq_rel, memory_order_relaxed))
		return;
	if (!t->batch[gen % 2].mem || !gt_batch_has_room(&t->batch[gen % 2], GT_SECTION_BYTES)) {
		struct gt_chunk *c = gt_chunk_get(false);
		if (!c) {
			GT_COUNT(lost_waits_full, 1);
			atomic_store_explicit(&p->word, 0, memory_order_release);
			return;
		}
		install(t, gen, p->begin, c); /* N.B. not t->spare: that is the thread's own */
	}
	struct gt_batch *b = &t->batch[gen % 2];
	enum gt_form form = (enum gt_form)p->form;
	if (form >= GT_FORM_FD)
		form = gt_fd_form_guess(gt_fd_of(form, p->object));
	const gt_stack stack = p->stack.v ? p->stack : caller_stack(gen, p);
	if (gt_has_object(p->why, p->object))
		gt_note_put_for(
			t, gen,
			&(struct gt_note){
				.time = p->begin,
				.object = p->object,
				.who = __atomic_load_n(&p->holder, __ATOMIC_RELAXED),
				.kind = GT_NOTE_WAIT,
				.why = p->why,
				.flags = (uint8_t)__atomic_load_n(&p->flags, __ATOMIC_RELAXED) });
	gt_put_statuses(t, gen, b, p->begin);
	const enum gt_state state = gt_put_begin(t, b, form, stack);
	gt_commit_to(t, gen, state);
	GT_COUNT(begins_by_advance, 1);
	atomic_store_explicit(&p->word, gen << 2 | GT_CLAIM_WRITTEN,
			      memory_order_release); /* acquire: await_begin() */
}

/* Everything of `gen` that this thread, now quiet, has left. */
static void settle(struct gt_thread *t, uint64_t gen, bool is_dead)
{
	if (is_dead)
		gt_drop_half_event(t);
	write_pending_begin(t, gen);
	gt_notes_hand_over(t, gen);
	struct gt_chunk *c = t->chunk[gen % 2];
	if (!c)
		return;
	if (atomic_load_explicit(&c->commit, memory_order_acquire) >> 8) {
		atomic_store_explicit(&t->wrote[gen % 2], gen, memory_order_relaxed);
		gt_hand_over(t, gen);
	} else { /* installed, and nothing committed */
		t->chunk[gen % 2] = NULL;
		t->batch[gen % 2].mem = NULL;
		gt_chunk_put(c);
	}
}

/* A status for a thread that was silent through all of `gen`: on its own stream, stamped with the
 * generation's start. */
static void put_silent(struct gt_closer *closer, struct gt_thread *t, uint64_t gen)
{
	if (t->noted_gen != gen ||
	    atomic_load_explicit(&t->wrote[gen % 2], memory_order_relaxed) == gen)
		return;
	uint8_t mem[GT_BATCH_HEADER + GT_SECTION_BYTES];
	const gt_ns start = gt_shared[gen % 2].start;
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);
	const enum gt_state state = (enum gt_state)t->noted_state;
	gt_m m = { atomic_load_explicit(&t->tid, memory_order_relaxed) };
	if (state == GT_STATE_NEW)
		m.v = closer->writer_tid; /* it has no stream yet */
	else /* N.B. gt_slots belongs to the thread, which may be in the next generation already */
		gt_w_ProcStatus(&b, start, (gt_p){ t->noted_slot }, p_status(state));
	put_g_status(t, gen, &b, start, state);
	if (state == GT_STATE_RUNNING)
		gt_put_procs_change(&b, gen, start);
	closer->put(closer, &b, 0, gen, m);
}

/* Asks the kernel: a thread that died in a section would keep us waiting for ever. */
static bool is_thread_gone(const struct gt_thread *t)
{
	const uint32_t tid = atomic_load_explicit(&t->tid, memory_order_relaxed);
	return tid && GT_SYS3(SYS_tgkill, gt_host_pid, tid, 0) == -3; /* ESRCH */
}

/* One pass over the threads whose quiet has not been seen yet; returns how many are left. */
static uint32_t settle_pass(struct gt_closer *closer, uint64_t gen, uint32_t end, unsigned round)
{
	const bool is_over = closer->is_host_dead(closer);
	const bool may_ask = round % 64 == 63;
	uint32_t left = 0;
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		if (t->settled_gen == gen)
			continue;
		if (!t->first_writing)
			t->first_writing =
				atomic_load_explicit(&t->writing, memory_order_acquire) | 1;
		const bool is_dead = is_over || (may_ask && is_thread_gone(t));
		if (is_dead || is_quiet(t, t->first_writing)) {
			settle(t, gen, is_dead);
			t->settled_gen = gen;
			t->first_writing = 0;
		} else {
			left++;
		}
	}
	return left;
}

/* Threads that ended, or vanished, in a generation that is closed now. */
static void bury(struct gt_closer *closer, uint64_t gen, uint32_t end)
{
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		uint32_t use = atomic_load_explicit(&t->in_use, memory_order_acquire);
		const bool is_silent =
			use == GT_LIVE && t->noted_gen == gen && t->noted_state != GT_STATE_NEW;
		if (is_silent && closer->may_reap && is_thread_gone(t))
			use = GT_OWING;
		if (use == GT_OWING) {
			uint32_t old = atomic_load_explicit(&t->in_use, memory_order_relaxed);
			if ((old == GT_OWING || old == GT_LIVE) &&
			    atomic_compare_exchange_strong_explicit(&t->in_use, &old, GT_REAPING,
								    memory_order_acq_rel,
								    memory_order_relaxed))
				gt_thread_reap(t);
		}
	}
}

uint64_t gt_advance(struct gt_closer *closer)
{
	const uint64_t gen = atomic_load_explicit(&gt_gen, memory_order_relaxed);
	/* N.B. threads that register from here on have no business in `gen` but a GoCreate on their
	 * creator */
	uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++)
		note(gt_thread_at(i), gen);
	GT_TESTPOINT(before_publish);
	publish(gen + 1);
	GT_TESTPOINT(after_publish);

	end = gt_threads_end();
	for (unsigned round = 0; settle_pass(closer, gen, end, round); round++)
		closer->idle(closer, round);
	return gen;
}

void gt_advance_statuses(struct gt_closer *closer, uint64_t gen)
{
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++)
		put_silent(closer, gt_thread_at(i), gen);
	if (!closer->is_host_dead(closer))
		bury(closer, gen, end);
}
