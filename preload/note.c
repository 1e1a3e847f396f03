/*
 * Notes.
 *
 * Invariants
 *
 * 1. A note is put inside a write section, into the chunk of that generation, and committed by one
 * store of the chunk's length. So when advance has seen the thread quiet the notes of the old
 * generation are all there, and a killed process leaves no half note.
 * 2. The note of a wait is committed before its begin event is. Otherwise a reader could meet a
 * wait without the object that it knows.
 * 3. The object is an address: nothing is read there. It may be gone since the call.
 *
 * Corner cases
 *
 * - No memory: the note is left out and counted (lost_notes); the wait stays, its holder or waker
 * is unknown.
 * - A handler interrupts a section: its notes are left out, counted as nested.
 */
#include "preload/note.h"

#include "preload/advance.h"
#include "preload/emit.h"
#include "preload/hot.h"
#include "preload/stack.h"

#include <string.h>

static void install(struct gt_thread *t, uint64_t gen, struct gt_chunk *c)
{
	gt_notes_hand_over(t, gen);
	c->gen = gen;
	c->tid = t->g.v;
	c->is_notes = true;
	t->notes[gen % 2] = c;
}

/* The oldest time in a chunk. */
static uint64_t notes_begin(const struct gt_chunk *c)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0, n = gt_notes_in(c); i < n; i++)
		if (gt_notes_of(c)[i].time.v < first)
			first = gt_notes_of(c)[i].time.v;
	return first;
}

uint64_t gt_chunks_begin(const struct gt_chunk *c, uint64_t gen)
{
	uint64_t first = UINT64_MAX;
	for (; c; c = gt_chunk_at(c->next)) {
		const uint64_t at = c->is_notes ? notes_begin(c) : c->start;
		if (c->gen == gen && at < first)
			first = at;
	}
	return first;
}

bool gt_note_refill(struct gt_thread *t)
{
	const bool is_big = t->is_noting;
	t->is_noting = false;
	struct gt_chunk *c = gt_chunk_get(is_big);
	if (!c) {
		gt_count_add(&t->own[GT_OWN_lost_notes], 1);
		return false;
	}
	struct gt_chunk *other =
		__atomic_exchange_n(&t->note_spare, c, __ATOMIC_RELAXED); /* a handler's */
	if (other)
		gt_chunk_put(other);
	return true;
}

struct gt_chunk *gt_note_install(struct gt_thread *t, uint64_t gen)
{
	struct gt_chunk *c = __atomic_exchange_n(&t->note_spare, NULL, __ATOMIC_RELAXED);
	if (!c)
		return NULL;
	t->is_noting = t->notes[gen % 2]; /* it filled one: the next one is big */
	install(t, gen, c);
	return c;
}

void gt_note_put_for(struct gt_thread *t, uint64_t gen, const struct gt_note *n)
{
	const struct gt_chunk *c = t->notes[gen % 2];
	if (!c || !gt_notes_fit(c)) {
		struct gt_chunk *fresh = gt_chunk_get(false); /* N.B. not the thread's own spare */
		if (!fresh) {
			GT_COUNT(lost_notes, 1);
			return;
		}
		install(t, gen, fresh);
	}
	struct gt_chunk *to = t->notes[gen % 2];
	const uint64_t commit = atomic_load_explicit(&to->commit, memory_order_relaxed);
	memcpy(to->mem + (commit >> 8), n, sizeof(*n));
	atomic_store_explicit(&to->commit, commit + (sizeof(*n) << 8), memory_order_release);
}

void gt_notes_hand_over(struct gt_thread *t, uint64_t gen)
{
	struct gt_chunk *c = t->notes[gen % 2];
	t->notes[gen % 2] = NULL;
	if (c)
		gt_chunk_hand_over(c);
}

/* Opens a section with room for a note. 0: nested, or no memory; counted. */
static uint64_t open_for_note(struct gt_thread *t, struct gt_note **note)
{
	for (;;) {
		const uint64_t gen = gt_acquire(t);
		if (!gen) {
			gt_count_add(&t->own[GT_OWN_lost_nested], 1);
			return 0;
		}
		t->section_sp = GT_FRAME();
		*note = gt_note_next(t, gen);
		if (*note)
			return gen;
		gt_release(t);
		if (!gt_note_refill(t))
			return 0;
	}
}

void gt_wake(struct gt_thread *t, enum gt_why why, uint64_t object, uint32_t count, gt_ns when,
	     uint64_t pc)
{
	const size_t n = gt_stack_capture(t, pc);
	struct gt_note *note;
	const uint64_t gen = open_for_note(t, &note);
	bool is_told = true;
	if (gen) {
		is_told = atomic_load_explicit(&t->wrote[gen % 2], memory_order_relaxed) == gen;
		const gt_stack id = n ? gt_stack_id(t, gen) : (gt_stack){ 0 };
		*note = (struct gt_note){ .time = when,
					  .object = object,
					  .who = count,
					  .stack = (uint32_t)id.v,
					  .kind = GT_NOTE_WAKE,
					  .why = (uint8_t)why };
		gt_note_done(t, gen, note);
		gt_release(t);
	}
	if (n)
		gt_stack_done(t);
	if (!is_told) /* N.B. a generation with notes alone would have its first event much later */
		gt_emit_statuses(t);
}
