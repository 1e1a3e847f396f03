/*
 * Threads: records, births, deaths, ids.
 *
 * A record is made by the creator (so that the new thread's G exists before any event of its own)
 * or, for a thread that nobody announced, by the thread itself. It ends in a key destructor, after
 * every other destructor of the program, or is reaped when the thread vanished without one.
 *
 * Invariants
 *
 * 1. A G is created by an event of an earlier or the same generation, before the new thread's first
 *    event: GoCreate is committed before the real pthread_create is called (D2). Otherwise the
 * reader meets a thread that does not exist.
 * 2. A slot is taken before the section that writes ProcStart and given back after the one that
 * writes ProcStop (D1). Otherwise the next holder's ProcStart could stand in an earlier generation
 * than the ProcStop.
 * 3. A thread's last batch is handed over before its tid can come back (D4), that is, by itself
 * before it ends, or by whoever reaps it before the heir writes. Otherwise two lives share one
 * stream out of order.
 * 4. A record is freed when the generation of its last event has been closed (D5). Otherwise the
 * closer reads somebody else's.
 * 5. A record is claimed (GT_MAKING, GT_REAPING) by compare-and-swap before it is filled or reaped.
 * Otherwise advance and the heir of a tid would both bury the same thread.
 * 6. A thread does not start as long as a predecessor of the same tid has not ended in the trace.
 * Otherwise its events would come, on that tid's stream, before the other's last ones.
 *
 * Corner cases
 *
 * - The registry is full: the thread stays untraced (gt_self keeps a record whose gate is shut),
 * counted.
 * - No room for a start: the record stays NEW and the thread tries again at its next wait.
 * - No room for an end: the record is OWING, and advance writes the end.
 * - A jump or death left a section: bytes and counters that were not committed are forgotten, and
 * the next section tells the thread's status again, from which readers count anew.
 */
#include "preload/thread.h"

#include "preload/advance.h"
#include "preload/boot.h"
#include "preload/emit.h"
#include "preload/note.h"
#include "preload/stack.h"
#include "preload/sud.h"
#include "preload/sys.h"
#include "preload/timer.h"

#include <linux/prctl.h>

struct gt_thread gt_nobody = { .gate = GT_GATE_NOBODY };
struct gt_thread gt_inside = { .gate = GT_GATE_INSIDE };
struct gt_thread gt_dead = { .gate = GT_GATE_DEAD };
__thread struct gt_thread *gt_self = &gt_nobody;

struct gt_slot gt_slots[GT_MAX_THREADS + 1];
static _Atomic uint64_t slot_bits[GT_MAX_THREADS / 64]; /* 1 = taken */

static _Atomic uint32_t tids[GT_MAX_THREADS]; /* a copy of each live record's tid, close together */
static struct gt_thread *_Atomic records[GT_MAX_THREADS];
static _Atomic uint32_t n_given;   /* numbers given out; */
static _Atomic uint32_t n_records; /* one above the largest whose record is there */
static struct gt_thread no_record = { .in_use = GT_MAKING };
static _Atomic uint32_t first_free; /* a hint: no free record below */
static _Atomic uint32_t n_ended;
static _Atomic uint64_t next_g;

/* ---- records ---- */

struct gt_thread *gt_thread_at(uint32_t i)
{
	struct gt_thread *t =
		atomic_load_explicit(&records[i], memory_order_acquire); /* release: record_add() */
	return t ? t : &no_record;
}

uint32_t gt_threads_end(void)
{
	return atomic_load_explicit(&n_records, memory_order_acquire); /* release: record_add() */
}

uint32_t gt_threads_ended(void)
{
	return atomic_load_explicit(&n_ended, memory_order_relaxed);
}

static bool claim(struct gt_thread *t, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(&t->in_use, &from, to, memory_order_acq_rel,
						       memory_order_relaxed);
}

/*
 * One more record at the end of the registry, claimed. A number whose record could not be had stays
 * empty: readers step over it.
 */
static struct gt_thread *record_add(void)
{
	const uint32_t i = atomic_fetch_add_explicit(&n_given, 1, memory_order_relaxed);
	struct gt_thread *t = i < GT_MAX_THREADS ? (struct gt_thread *)gt_arena_thread(i) : NULL;
	if (!t)
		return NULL;
	atomic_store_explicit(&t->in_use, GT_MAKING, memory_order_relaxed);
	t->index = i;
	atomic_store_explicit(&records[i], t, memory_order_release); /* acquire: gt_thread_at() */
	uint32_t end = atomic_load_explicit(&n_records, memory_order_relaxed);
	while (end < i + 1 &&
	       !atomic_compare_exchange_weak_explicit(&n_records, &end, i + 1, memory_order_release,
						      memory_order_relaxed))
		;
	return t;
}

static struct gt_thread *record_claim(void)
{
	const uint32_t end = gt_threads_end();
	uint32_t i = atomic_load_explicit(&first_free, memory_order_relaxed);
	for (; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		if (atomic_load_explicit(&t->in_use, memory_order_relaxed) == GT_FREE &&
		    claim(t, GT_FREE, GT_MAKING)) {
			atomic_store_explicit(&first_free, i + 1, memory_order_relaxed);
			return t;
		}
	}
	atomic_store_explicit(&first_free, end, memory_order_relaxed);
	return record_add();
}

/* A claimed record that nothing was written about. */
static void record_give_back(struct gt_thread *t)
{
	const uint32_t i = t->index;
	atomic_store_explicit(&t->in_use, GT_FREE, memory_order_release);
	uint32_t hint = atomic_load_explicit(&first_free, memory_order_relaxed);
	while (i < hint &&
	       !atomic_compare_exchange_weak_explicit(&first_free, &hint, i, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static struct gt_thread *record_make(uint64_t start_pc)
{
	struct gt_thread *t = record_claim();
	if (!t) {
		GT_COUNT(lost_threads, 1);
		return NULL;
	}
	t->g.v = atomic_fetch_add_explicit(&next_g, 1, memory_order_relaxed) + 1;
	t->start_pc = start_pc;
	t->born = gt_now();
	atomic_store_explicit(&t->state, GT_STATE_NEW, memory_order_relaxed);
	return t;
}

/* Wipes everything but its place; counters were reported when its last generation was closed. */
static void record_wipe(struct gt_thread *t)
{
	for (unsigned i = 0; i < GT_N_CALLS; i++) {
		const uint32_t block = atomic_load_explicit(&t->block[i], memory_order_relaxed);
		if (block)
			gt_block_put(block);
	}
	if (t->spare)
		gt_chunk_put(t->spare);
	if (t->note_spare)
		gt_chunk_put(t->note_spare);
	if (t->memo)
		gt_memo_put(t->memo);
	const uint32_t index = t->index;
	atomic_store_explicit(&t->gate, 0, memory_order_relaxed);
	/* N.B. not over in_use and writing: others look at them at any time */
	memset((char *)t + offsetof(struct gt_thread, pending), 0,
	       offsetof(struct gt_thread, in_use) - offsetof(struct gt_thread, pending));
	memset((char *)t + offsetof(struct gt_thread, tid), 0,
	       sizeof(*t) - offsetof(struct gt_thread, tid));
	t->index = index;
}

void gt_thread_free(struct gt_thread *t)
{
	record_wipe(t);
	atomic_fetch_sub_explicit(&n_ended, 1, memory_order_relaxed);
	record_give_back(t);
}

struct gt_thread *gt_thread_by_tid(uint32_t tid)
{
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++)
		if (atomic_load_explicit(&tids[i], memory_order_relaxed) == tid)
			return gt_thread_at(i);
	return NULL;
}

static void set_tid(struct gt_thread *t, uint32_t tid)
{
	atomic_store_explicit(&t->tid, tid, memory_order_relaxed);
	atomic_store_explicit(&tids[t->index], tid, memory_order_relaxed);
}

/* ---- slots ---- */

/* The lowest free slot, from 1: viewers make a row for every number up to the largest. There is one
 * for each record. */
static uint32_t slot_take(void)
{
	for (uint32_t w = 0; w < GT_MAX_THREADS / 64; w++) {
		uint64_t bits = atomic_load_explicit(&slot_bits[w], memory_order_relaxed);
		while (~bits) {
			const uint64_t bit = ~bits & (bits + 1);
			if (atomic_compare_exchange_weak_explicit(&slot_bits[w], &bits, bits | bit,
								  memory_order_acquire,
								  memory_order_relaxed))
				return w * 64 + (uint32_t)__builtin_ctzll(bit) + 1;
		}
	}
	return 0;
}

static void slot_give_back(uint32_t slot)
{
	if (slot)
		atomic_fetch_and_explicit(&slot_bits[(slot - 1) / 64], ~(1ull << (slot - 1) % 64),
					  memory_order_release);
}

/* ---- birth ---- */

/*
 * Events that bring a thread to life on itself: it was announced by GoCreate, or is unknown and
 * creates itself. `next`: what the record is then.
 */
static bool write_start(struct gt_thread *t, enum gt_in_use next)
{
	const bool is_announced = atomic_load_explicit(&t->is_announced, memory_order_relaxed);
	bool is_full;
	const gt_ns now = gt_now();
	if (!t->slot) /* it vanished before it could take one */
		atomic_store_explicit(&t->slot, slot_take(), memory_order_relaxed);
	const uint64_t gen = gt_open(t, now, &is_full);
	if (!gen)
		return false;
	struct gt_batch *b = &t->batch[gen % 2];
	const gt_p p = { t->slot };
	struct gt_slot *slot = &gt_slots[t->slot];
	if (slot->traced != gen) {
		slot->traced = gen;
		slot->seq = 0;
		gt_w_ProcStatus(b, now, p, GT_P_IDLE);
	}
	gt_w_ProcStart(b, now, p, ++slot->seq);

	const gt_stack start = gt_stack_of(gen, t->start_pc);
	const bool is_traced = atomic_load_explicit(&t->traced, memory_order_relaxed) == gen;
	if (!is_announced)
		gt_w_GoCreate(b, now, t->g, start, (gt_stack){ 0 });
	else if (!is_traced)
		gt_w_GoStatusStack(b, now, t->g, (gt_m){ t->tid }, GT_G_RUNNABLE, start);
	if (!is_traced || !is_announced) {
		atomic_store_explicit(&t->traced, gen, memory_order_relaxed);
		t->gseq = 0;
	}
	gt_w_GoStart(b, now, t->g, ++t->gseq);
	gt_put_procs_change(b, gen, now);
	gt_put_label(t, gen, b, now);
	gt_commit(t, gen, GT_STATE_RUNNING);
	/* N.B. not before: a closer that finds such a record gives its G a status, so the G must
	 * exist */
	atomic_store_explicit(&t->is_announced, true,
			      memory_order_release); /* acquire: note() in advance.c */
	atomic_store_explicit(&t->in_use, next, memory_order_release);
	gt_release(t);
	return true;
}

/* Has another thread of this tid, which is gone, still to write on the tid's stream? */
static bool is_predecessor(const struct gt_thread *heir, uint32_t i, uint32_t tid)
{
	if (atomic_load_explicit(&tids[i], memory_order_acquire) !=
	    tid) /* release: write_end_of_life() */
		return false;
	const struct gt_thread *t = gt_thread_at(i);
	const uint32_t use = atomic_load_explicit(&t->in_use, memory_order_acquire);
	return t != heir && (use == GT_LIVE || use == GT_OWING || use == GT_REAPING);
}

/* The kernel gives out tids again; if a record still has this one, its thread is gone without a
 * word. Invariant 6. */
static bool bury_predecessors(struct gt_thread *heir, uint32_t tid)
{
	bool is_done = true;
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		if (!is_predecessor(heir, i, tid))
			continue;
		struct gt_thread *t = gt_thread_at(i);
		if (claim(t, GT_LIVE, GT_REAPING) || claim(t, GT_OWING, GT_REAPING))
			gt_thread_reap(t);
		is_done = is_done && !is_predecessor(heir, i, tid);
	}
	return is_done;
}

static bool start_if_possible(struct gt_thread *t)
{
	return bury_predecessors(t, atomic_load_explicit(&t->tid, memory_order_relaxed)) &&
	       write_start(t, GT_LIVE);
}

bool gt_thread_retry_start(struct gt_thread *t)
{
	return atomic_load_explicit(&t->state, memory_order_relaxed) == GT_STATE_NEW &&
	       start_if_possible(t);
}

/* N.B. an announced thread has its creator's name already, as the kernel's rule is: no call */
static void take_comm(struct gt_thread *t)
{
	if (gt_is_sandboxed || t->name[0])
		return;
	GT_SYS2(SYS_prctl, PR_GET_NAME, t->name);
	atomic_fetch_add_explicit(&t->name_seq, 1, memory_order_relaxed);
}

static void start_on_self(struct gt_thread *t)
{
	set_tid(t, gt_tid_of_self());
	take_comm(t);
	atomic_store_explicit(&t->slot, slot_take(), memory_order_relaxed);
	start_if_possible(t);
	gt_timer_arm(t);
}

void gt_thread_start(struct gt_thread *t, uint64_t stack_hi, uint64_t stack_size)
{
	gt_self = &gt_inside;
	t->stack_hi = stack_hi;
	t->stack_lo = stack_hi - stack_size;
	gt_thread_arm_end();
	start_on_self(t);
	gt_self = t;
	gt_sud_arm(t);
}

struct gt_thread *gt_thread_register_self(void)
{
	gt_self = &gt_inside;
	struct gt_thread *t = record_make(0);
	if (!t) {
		gt_self = &gt_dead;
		return NULL;
	}
	gt_stack_find(t);
	size_t n = gt_stack_capture(t, (uint64_t)__builtin_return_address(0));
	if (n > 1 && t->stack[n - 1] == GT_PC_CUT)
		n--;
	t->start_pc = n ? t->stack[n - 1] : 0; /* the best that is known: the outermost frame */
	if (n)
		gt_stack_done(t);
	gt_thread_arm_end();
	start_on_self(t);
	gt_self = t;
	gt_sud_arm(t);
	return t;
}

void gt_threads_init(void)
{
	const uint32_t old = gt_threads_end(); /* in a forked child: the parent's */
	atomic_store_explicit(&n_records, 0, memory_order_relaxed);
	atomic_store_explicit(&n_given, 0, memory_order_relaxed);
	memset((void *)records, 0, old * sizeof(records[0]));
	atomic_store_explicit(&first_free, 0, memory_order_relaxed);
	atomic_store_explicit(&n_ended, 0, memory_order_relaxed);
	atomic_store_explicit(&next_g, 0, memory_order_relaxed);
	memset((void *)slot_bits, 0, sizeof(slot_bits));
	memset(gt_slots, 0,
	       (old + 1) * sizeof(gt_slots[0])); /* there are never more slots than records */
	memset((void *)tids, 0, old * sizeof(tids[0]));
}

struct gt_thread *gt_thread_register_first(uint64_t start_pc, uint64_t stack_lo, uint64_t stack_hi)
{
	struct gt_thread *t = record_make(start_pc);
	if (!t)
		return NULL;
	set_tid(t, (uint32_t)gt_host_pid);
	take_comm(t);
	t->stack_lo = stack_lo;
	t->stack_hi = stack_hi;
	atomic_store_explicit(&t->slot, slot_take(), memory_order_relaxed);
	atomic_store_explicit(&t->state, GT_STATE_RUNNING, memory_order_relaxed);
	atomic_store_explicit(&t->is_announced, true,
			      memory_order_relaxed); /* G 1 needs no GoCreate */
	atomic_store_explicit(&t->in_use, GT_LIVE, memory_order_release);
	return t;
}

struct gt_thread *gt_thread_announce(struct gt_thread *t, uint64_t start_pc)
{
	if (atomic_load_explicit(&t->pending.word, memory_order_relaxed) || t->owed_ns ||
	    atomic_load_explicit(&t->state, memory_order_relaxed) != GT_STATE_RUNNING)
		return NULL; /* only a running thread can create another; the new one will speak for
				itself */
	struct gt_thread *child = record_make(start_pc);
	if (!child)
		return NULL;
	bool is_full;
	const uint64_t pc = (uint64_t)__builtin_return_address(0);
	const size_t n = gt_stack_capture(t, pc);
	const gt_ns now = gt_now();
	const uint64_t gen = gt_open(t, now, &is_full);
	if (!gen) {
		if (n)
			gt_stack_done(t);
		record_give_back(child);
		return NULL;
	}
	struct gt_batch *b = &t->batch[gen % 2];
	gt_put_statuses(t, gen, b, now);
	gt_w_GoCreate(b, now, child->g, gt_stack_of(gen, start_pc),
		      n ? gt_stack_id(t, gen) : (gt_stack){ 0 });
	if (n)
		gt_stack_done(t);
	atomic_store_explicit(&child->traced, gen, memory_order_relaxed);
	child->gseq = 0;
	gt_thread_set_name(child, t->name);
	gt_commit(t, gen, GT_STATE_RUNNING);
	/* both inside: the closer sees commit and these, or none. acquire: note() in advance.c */
	atomic_store_explicit(&child->is_announced, true, memory_order_release);
	atomic_store_explicit(&child->in_use, GT_LIVE, memory_order_release);
	gt_release(t);
	return child;
}

/* The only way to take a created G away again: let it run for an instant, on us. */
void gt_thread_retract(struct gt_thread *t, struct gt_thread *child)
{
	bool is_full;
	const gt_ns now = gt_now();
	const uint64_t gen = gt_open(t, now, &is_full);
	if (!gen) { /* stays Runnable for ever; said so by the count of lost ends */
		gt_count_add(&t->own[GT_OWN_lost_ends_late], 1);
		return;
	}
	struct gt_batch *b = &t->batch[gen % 2];
	gt_put_statuses(t, gen, b, now);
	uint64_t child_seq = child->gseq;
	if (atomic_load_explicit(&child->traced, memory_order_relaxed) != gen) {
		gt_w_GoStatusStack(b, now, child->g, (gt_m){ t->tid }, GT_G_RUNNABLE,
				   gt_stack_of(gen, child->start_pc));
		atomic_store_explicit(&child->traced, gen, memory_order_relaxed);
		child_seq = 0;
	}
	gt_w_GoStop(b, now, (gt_str){ 0 }, (gt_stack){ 0 });
	gt_w_GoStart(b, now, child->g, child_seq + 1);
	gt_w_GoDestroy(b, now);
	gt_w_GoStart(b, now, t->g, ++t->gseq);
	child->ended_gen = gen;
	gt_commit(t, gen, GT_STATE_RUNNING);
	/* N.B. not before the commit: until then `traced` says that it needs no other status */
	atomic_store_explicit(&child->wrote[gen % 2], gen, memory_order_relaxed);
	atomic_store_explicit(&child->state, GT_STATE_GONE, memory_order_release);
	atomic_fetch_add_explicit(&n_ended, 1, memory_order_relaxed);
	atomic_store_explicit(&child->in_use, GT_ENDED, memory_order_release);
	gt_release(t);
}

/* ---- death ---- */

/*
 * What was not committed in `gen` is forgotten: bytes, times, and counters of G and slot, which are
 * not known any more. So the batch ends here, and the next section begins with statuses. N.B.
 * `chunk` may be NULL with `batch` set, and the other way round: the jump may come from anywhere.
 */
static void forget_uncommitted(struct gt_thread *t, uint64_t gen)
{
	struct gt_chunk *c = t->chunk[gen % 2];
	t->chunk[gen % 2] = NULL;
	t->batch[gen % 2].mem = NULL;
	const uint64_t commit = c ? atomic_load_explicit(&c->commit, memory_order_relaxed) : 0;
	if (commit >>
	    8) { /* also of a commit that was left half way: it counts, with the state it led to */
		atomic_store_explicit(&t->state, (uint32_t)(commit & 0xff), memory_order_relaxed);
		atomic_store_explicit(&t->wrote[gen % 2], gen, memory_order_relaxed);
		gt_chunk_hand_over(c);
	} else if (c) {
		gt_chunk_put(c);
	}
	atomic_store_explicit(&t->traced, 0, memory_order_relaxed);
	gt_slots[t->slot].traced = 0;
	t->named_gen = 0;
	uint64_t claimed = gen; /* perhaps by this section; twice does no harm */
	atomic_compare_exchange_strong_explicit(&gt_shared[gen % 2].procs_change, &claimed, 0,
						memory_order_relaxed, memory_order_relaxed);
}

void gt_drop_half_event(struct gt_thread *t)
{
	if (!(atomic_load_explicit(&t->writing, memory_order_acquire) &
	      1)) /* release: gt_release() */
		return;
	if (t->section_gen)
		forget_uncommitted(t, t->section_gen);
	t->section_gen = 0;
	gt_release(t);
}

/* From whatever state the trace believes the thread to be in, to its end. Inside a section of `t`.
 */
static void put_end_of_life(struct gt_thread *t, uint64_t gen, struct gt_batch *b, gt_ns waited)
{
	const enum gt_state state =
		(enum gt_state)atomic_load_explicit(&t->state, memory_order_relaxed);
	gt_put_statuses(t, gen, b, waited);
	if (state == GT_STATE_WAITING || state == GT_STATE_SYSCALL)
		gt_put_end(t, b, waited, state);
	gt_w_GoDestroy(b, t->died);
	gt_w_ProcStop(b, t->died);
}

/* The start that there was no room for. */
static bool write_late_start(struct gt_thread *t)
{
	const uint32_t tid = atomic_load_explicit(&t->tid, memory_order_relaxed),
		       end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++)
		if (is_predecessor(t, i, tid) &&
		    atomic_load_explicit(&gt_thread_at(i)->state, memory_order_relaxed) !=
			    GT_STATE_NEW)
			return false;
	return write_start(t,
			   (enum gt_in_use)atomic_load_explicit(&t->in_use, memory_order_relaxed));
}

static bool write_end_of_life(struct gt_thread *t)
{
	bool is_full;
	if (!gt_wait_settle(t))
		return false;
	if (!t->died.v)
		__atomic_store_n(&t->died.v, gt_now().v,
				 __ATOMIC_RELAXED); /* the closer may be reading it */
	if (atomic_load_explicit(&t->state, memory_order_relaxed) == GT_STATE_NEW &&
	    !write_late_start(t))
		return false;
	const gt_ns waited = t->owed_ns ? (gt_ns){ t->owed_ns }
					: t->died; /* the end of a wait that is still open */
	const uint64_t gen = gt_open(t, waited, &is_full);
	if (!gen)
		return false;
	put_end_of_life(t, gen, &t->batch[gen % 2], waited);
	atomic_store_explicit(&t->pending.word, 0, memory_order_relaxed);
	t->owed_ns = 0;
	t->ended_gen = gen;
	gt_commit(t, gen, GT_STATE_GONE);
	gt_hand_over(t, gen);
	gt_notes_hand_over(t, gen);
	atomic_fetch_add_explicit(&n_ended, 1, memory_order_relaxed);
	atomic_store_explicit(&tids[t->index], 0,
			      memory_order_release); /* acquire: is_predecessor() */
	const uint32_t slot = t->slot;
	atomic_store_explicit(&t->in_use, GT_ENDED,
			      memory_order_release); /* inside, as the closer frees by it */
	gt_release(t);
	slot_give_back(slot);
	return true;
}

void gt_thread_end(struct gt_thread *t)
{
	gt_sud_disarm(t);
	gt_self = &gt_dead;
	gt_timer_disarm(t);
	gt_drop_half_event(t); /* an asynchronous cancellation may have come in the middle of one */
	if (!write_end_of_life(t))
		atomic_store_explicit(&t->in_use, GT_OWING, memory_order_release);
}

void gt_thread_reap(struct gt_thread *t)
{
	gt_drop_half_event(t); /* it may have died inside a section */
	if (!write_end_of_life(t))
		atomic_store_explicit(&t->in_use, GT_OWING, memory_order_release);
	else
		GT_COUNT(reaped_threads, 1);
}

/* ---- names ---- */

void gt_thread_set_name(struct gt_thread *t, const char *name)
{
	char text[GT_NAME_MAX] = "";
	for (unsigned i = 0; i + 1 < GT_NAME_MAX && name[i]; i++)
		text[i] = name[i];
	for (unsigned i = 0; i < GT_NAME_MAX; i++)
		__atomic_store_n(&t->name[i], text[i], __ATOMIC_RELAXED);
	atomic_fetch_add_explicit(&t->name_seq, 1, memory_order_release);
}
