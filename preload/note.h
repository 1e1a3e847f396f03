/*
 * Notes: who held what a thread waits for, and who let it go. Small records beside the events, in
 * chunks of their own; the writer turns them into records of the file (note_table.c). Invariants:
 * note.c.
 */
#ifndef GT_NOTE_H
#define GT_NOTE_H

#include "encoder/event.h"
#include "preload/thread.h"

enum gt_note_kind { GT_NOTE_WAIT, GT_NOTE_WAKE, GT_NOTE_EXPIRED };

/* Flags of a wait, as in the WAIT record (records.def). */
#define GT_WAIT_READS   1u /* for reading: others may read at the same time */
#define GT_WAIT_READERS 2u /* `who` is a number of readers */
#define GT_WAIT_EXPIRED 4u /* its time was over */

/* Is it worth a note? Calls on all files have no descriptor. */
static inline bool gt_has_object(uint8_t why, uint64_t object)
{
	return gt_objects[why] && !(gt_objects[why] == GT_OBJECT_FD && (int)(uint32_t)object < 0);
}

/* In the number of waiters that a wake lets go: by a reader of a rwlock. */
#define GT_WAKE_READER 0x80000000u

struct gt_note {
	gt_ns time;
	uint64_t object;
	uint32_t who;   /* WAIT: tid of the holder, or readers; WAKE: waiters let go, at most */
	uint32_t stack; /* WAKE: its own */
	uint8_t kind;   /* enum gt_note_kind */
	uint8_t why;    /* enum gt_why: what kind of object */
	uint8_t flags;
	uint8_t rest[5];
};

static inline uint32_t gt_notes_in(const struct gt_chunk *c)
{
	return (uint32_t)((atomic_load_explicit(&c->commit, memory_order_acquire) >> 8) /
			  sizeof(struct gt_note));
}

/* Is there room for one more? */
static inline bool gt_notes_fit(const struct gt_chunk *c)
{
	const uint64_t used = atomic_load_explicit(&c->commit, memory_order_relaxed) >> 8;
	return used + sizeof(struct gt_note) <= c->size - sizeof(*c);
}

static inline const struct gt_note *gt_notes_of(const struct gt_chunk *c)
{
	return (const struct gt_note *)(const void *)c->mem;
}

/* The oldest time in a list of chunks, of events and notes, of one generation; UINT64_MAX: none. */
uint64_t gt_chunks_begin(const struct gt_chunk *list, uint64_t gen);

/* Takes the chunk in reserve into use; NULL: there is none. Inside a section of `gen`. */
struct gt_chunk *gt_note_install(struct gt_thread *t, uint64_t gen);

/* Where the next note of generation `gen` goes, or NULL: no room. It counts from gt_note_done() on.
 * Inside a section of `gen`. */
static inline struct gt_note *gt_note_next(struct gt_thread *t, uint64_t gen)
{
	struct gt_chunk *c = t->notes[gen % 2];
	if (__builtin_expect(!c || !gt_notes_fit(c), 0)) {
		c = gt_note_install(t, gen);
		if (!c)
			return NULL;
	}
	const uint64_t used = atomic_load_explicit(&c->commit, memory_order_relaxed) >> 8;
	return (struct gt_note *)(void *)(c->mem + used);
}

static inline void gt_note_done(struct gt_thread *t, uint64_t gen, const struct gt_note *note)
{
	struct gt_chunk *c = t->notes[gen % 2];
	if (__builtin_expect(!(atomic_load_explicit(&t->writing, memory_order_relaxed) & 1) || !c,
			     0))
		return; /* a jump ended the section under us */
	const uint64_t commit = atomic_load_explicit(&c->commit, memory_order_relaxed);
	if (__builtin_expect((const uint8_t *)note != c->mem + (commit >> 8), 0))
		return;
	atomic_store_explicit(&c->commit, commit + (sizeof(struct gt_note) << 8),
			      memory_order_release); /* acquire: gt_notes_in() */
}

/* Gets memory for gt_note_next(), outside any section. False: the bound is reached. */
bool gt_note_refill(struct gt_thread *t);

/* By advance for a thread that is quiet: memory comes from the arena when there is none. */
void gt_note_put_for(struct gt_thread *t, uint64_t gen, const struct gt_note *n);

/* Hands the notes of `gen` to the writer. Inside a section, or by advance. */
void gt_notes_hand_over(struct gt_thread *t, uint64_t gen);

/*
 * The calling thread lets waiters of `object` go, or has just done so, by a call that began at
 * `when`; `pc`: where the hook was called from. Takes the stack. Context: any, not inside a
 * section.
 */
void gt_wake(struct gt_thread *t, enum gt_why why, uint64_t object, uint32_t count, gt_ns when,
	     uint64_t pc);

#endif
