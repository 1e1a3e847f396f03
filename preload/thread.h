/*
 * What the tracer knows of a thread, and the registry of all threads. Invariants: thread.c.
 */
#ifndef GT_THREAD_H
#define GT_THREAD_H

#include "encoder/section.h"
#include "preload/arena.h"
#include "preload/counters.h"
#include "preload/hook_types.h"

#include <stdatomic.h>

/*
 * The words that hooks test first, one for each group, alone on a page that a forked child finds
 * zeroed (boot.c). 0 off; bit 0 tracing; bit 1 a heap event is due; bit 2 the group is switched off
 * while others are traced. on[GT_GROUP_any] speaks for the process.
 */
struct gt_ctl {
	_Atomic uint32_t on[GT_N_GROUPS];
	uint8_t rest[4096 - 4 * GT_N_GROUPS];
};
#define GT_ON_TRACING 1u
#define GT_ON_HEAP    2u
#define GT_ON_NOT     4u
extern struct gt_ctl gt_ctl __attribute__((visibility("hidden")));

/*
 * Every word that is `from` becomes `to`, the process's own last: who sees that sees the others, so
 * that none is left behind with a bit that nobody takes back. Context: any.
 */
static inline void gt_ctl_change(uint32_t from, uint32_t to)
{
	for (unsigned g = GT_N_GROUPS; g-- > 0;) {
		uint32_t word = from;
		atomic_compare_exchange_strong_explicit(&gt_ctl.on[g], &word, to,
							memory_order_acq_rel, memory_order_relaxed);
	}
}

/* Survives fork, unlike gt_ctl: tells a child from a process that is not traced. */
extern int gt_is_tracing __attribute__((visibility("hidden")));

/* See gt_is_sandboxed; `is_strict`: the calling thread is muted. */
void gt_enter_sandbox(bool is_strict);

/* Why a thread's hooks leave the fast path (struct gt_thread.gate). */
#define GT_GATE_NOBODY 1u /* no record yet */
#define GT_GATE_DEAD   2u /* the thread has ended; its last hooks pass through */
#define GT_GATE_INSIDE 4u /* the tracer itself is running on this thread */
#define GT_GATE_VFORK  8u /* it called vfork: parent and child share this record */

/* The caller's sp at the call of this function: tells frames apart, and needs no frame pointer as
 * __builtin_frame_address() does. */
#define GT_FRAME() ((uint64_t)__builtin_dwarf_cfa())

/* The life of a thread as the trace tells it. */
enum gt_state {
	GT_STATE_NEW, /* created, not started: Runnable */
	GT_STATE_RUNNING,
	GT_STATE_WAITING, /* GoBlock written */
	GT_STATE_SYSCALL, /* GoSyscallBegin written */
	GT_STATE_GONE,    /* GoDestroy written */
};

/* What is counted for each thread by itself; the names are those of counters.def. */
enum gt_own {
	GT_OWN_lost_waits_full,
	GT_OWN_lost_waits_late,
	GT_OWN_lost_nested,
	GT_OWN_lost_ends_late,
	GT_OWN_lost_notes,
	GT_OWN_stack_hits,
	GT_OWN_stack_walks,
	GT_OWN_stack_cut,
	GT_N_OWN
};

/*
 * A wait that has begun: nothing of it is written until it ends or its generation does. `word` is
 * generation << 2 | who writes its begin; 0 = no wait. (emit.c, "Waits")
 */
enum gt_claim { GT_CLAIM_OPEN, GT_CLAIM_WRITING, GT_CLAIM_WRITTEN };

struct gt_pending {
	_Atomic uint64_t word;
	uint64_t sp; /* the hook's frame */
	union {
		uint32_t what; /* the next three (GT_WHAT) */
		struct {
			uint8_t form; /* GT_FORM_BLOCK, _CALL, or _FD, _TIME: not known yet */
			uint8_t why;
			uint16_t call;
		};
	};
	gt_ns begin;
	gt_stack stack; /* of that generation; 0 = not taken yet */
	uint64_t pc;    /* where the hook was called from */
	uint64_t object;
	uint32_t holder; /* see struct gt_note; may change while advance reads it */
	uint32_t flags;  /* GT_WAIT_* */
};
#define GT_WHAT(form, why, call) ((uint32_t)(form) | (uint32_t)(why) << 8 | (uint32_t)(call) << 16)

#define GT_N_BUCKETS 40

/*
 * Times of one thread's calls of one function. Written by the thread, read by the writer. Buckets
 * are log2 of ns and may wrap: the writer only looks at differences within a generation.
 */
struct gt_times {
	uint64_t total_ns, max_ns, waits;
	uint32_t bucket[GT_N_BUCKETS];
};

/* The writer's notes on what it has already reported. */
struct gt_reported {
	uint64_t total_ns, waits;
	uint32_t bucket[GT_N_BUCKETS];
};

struct gt_call_block {
	uint32_t next_free;
	struct gt_times now;
	struct gt_reported old;
};

#define GT_NAME_MAX 16

/* Life of a record in the registry (thread.c). */
enum gt_in_use {
	GT_FREE,
	GT_LIVE,
	GT_ENDED,   /* its last event is written; freed when that generation is closed */
	GT_OWING,   /* it is gone and its GoDestroy is not written yet: advance does that */
	GT_MAKING,  /* being filled by one thread */
	GT_REAPING, /* it is gone, and somebody is writing its end */
};

/* A thread whose system calls are dispatched (sud.c). */
#define GT_SUD_HANDLERS 8
struct gt_sud {
	uint8_t selector;   /* the kernel reads it at each call: 1 = dispatch */
	uint8_t is_armed;   /* the kernel knows the selector */
	uint8_t is_owed;    /* lowered, and nobody comes back to raise it */
	uint8_t is_blocked; /* for the program SIGSYS is blocked */
	uint8_t is_held;    /* one came meanwhile */
	uint8_t n_handlers; /* of the program that are running, */
	struct {
		uint64_t sp;
		uint8_t selector; /* and what each has interrupted */
	} handlers[GT_SUD_HANDLERS];
};

struct gt_thread {
	/* what every wait looks at: few lines of the cache, as they are cold after it (DESIGN.md)
	 */
	_Atomic uint32_t gate;
	_Atomic uint32_t writing; /* odd: inside a write section (advance.c) */
	struct gt_pending pending;
	uint64_t section_gen; /* generation whose batch may hold what is not committed; 0 = none */
	uint64_t section_sp;  /* and its frame */
	uint64_t owed_ns; /* a wait ended at this time and its end is not written yet; 0 = none */
	_Atomic uint32_t state; /* enum gt_state, before the next event */
	_Atomic uint32_t slot;  /* P, from 1; 0 = none */
	gt_g g;
	uint64_t gseq;             /* counter of its G in generation `traced` */
	_Atomic uint64_t traced;   /* generation whose status of the G is written */
	_Atomic uint64_t wrote[2]; /* newest of each parity in which this thread committed */
	struct gt_batch batch[2];  /* of generation n: batch[n % 2]; mem NULL = none */
	struct gt_chunk *chunk[2]; /* whose memory that is */
	struct gt_chunk *notes[2]; /* of generation n: notes[n % 2]; NULL = none */
	struct gt_chunk *note_spare;
	uint64_t named_gen;          /* generation of the label last written, */
	uint32_t named;              /* its name_seq, */
	_Atomic uint32_t name_seq;   /* which changes with the name */
	uint64_t stack_lo, stack_hi; /* known stack; 0, 0 = unknown */
	uint64_t walk_sp;            /* frame of the capture under way */
	uint32_t is_walking;         /* a capture is under way, or its result is in use */
	uint32_t memo;               /* struct gt_memo, as an arena index; 0 = none yet */
	struct gt_memo *memo_mem;    /* the same, valid if there is one */
	struct gt_memo_entry *hit;   /* the stack captured last, if the memo knows it */
	const uint64_t *stack;       /* where its frames are, */
	uint32_t n_stack;            /* and how many */
	struct gt_sud sud;

	struct gt_chunk *spare;    /* taken from the arena, not in use yet */
	_Atomic bool is_announced; /* its GoCreate is committed, in generation `traced` or an older
				      one */
	bool is_busy;              /* it filled a chunk: the next one is big */
	bool is_noting;            /* the same for notes */
	int64_t heap;              /* bytes allocated minus freed by this thread */
	uint64_t own[GT_N_OWN];    /* what is missing of this thread, by cause */

	_Atomic uint32_t in_use; /* enum gt_in_use */
	_Atomic uint32_t tid;    /* 0 = not started */
	uint32_t index;          /* in the registry */
	uint32_t end_round;      /* rounds of key destructors seen */
	uint64_t start_pc;       /* start routine */
	uint64_t pthread_id;     /* its pthread_t; 0 = unknown */
	gt_ns born, died;
	uint64_t ended_gen;         /* generation of its last event */
	uint32_t timer;             /* of CPU samples (timer.c): its id + 1; 0 = none */
	uint64_t vfork_pid;         /* who called vfork (GT_GATE_VFORK) */
	char name[GT_NAME_MAX];     /* "" = none; may be written by another thread, read as it is */
	uint64_t pcs[GT_STACK_MAX]; /* frames of the stack if they are not in the memo */

	/* the writer's (advance.c) */
	uint64_t noted_gen; /* the next two were noted when this generation was closed */
	uint32_t noted_state;
	uint32_t noted_slot;
	uint64_t settled_gen;   /* newest generation that advance has finished with this thread */
	uint32_t first_writing; /* `writing` as first seen after the present generation was
				   published; 0 = not yet */
	uint64_t reported_own[GT_N_OWN];

	uint64_t count[GT_N_CALLS];          /* calls; single writer: the thread */
	_Atomic uint32_t block[GT_N_CALLS];  /* struct gt_call_block, as an arena index; 0 = none */
	uint64_t reported_count[GT_N_CALLS]; /* the writer's */
};

/* The one thread-local: never NULL; points at gt_nobody until the thread is registered. */
extern __thread struct gt_thread *gt_self __attribute__((tls_model("initial-exec")));
extern struct gt_thread gt_nobody, gt_inside, gt_dead;

/* The slow path of gt_on(): registers, heals, restarts in a forked child; NULL = pass through. */
struct gt_thread *gt_on_slow(enum gt_group group);

/* Adds to a counter of one's own so that a handler of the same thread cannot lose a count in
 * between. */
static inline void gt_count_add(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
#endif
}

static inline void gt_count_add32(uint32_t *counter, uint32_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ volatile("addl %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
#endif
}

/* ---- registry ---- */

#define GT_MAX_THREADS 16384

/* Record `i` of [0, gt_threads_end()); check in_use. */
struct gt_thread *gt_thread_at(uint32_t i);
uint32_t gt_threads_end(void);

/* Empties the registry: in a forked child it is the parent's. Before anybody looks at it. */
void gt_threads_init(void);

/*
 * The first thread's record, at boot or in a forked child: live, running, slot 1, G 1. NULL when
 * there is no memory.
 */
struct gt_thread *gt_thread_register_first(uint64_t start_pc, uint64_t stack_lo, uint64_t stack_hi);

/* The calling thread appears without announcement (raw clone, foreign library). NULL = untraced. */
struct gt_thread *gt_thread_register_self(void);

/*
 * pthread_create, before the real call: a record in state NEW with G and start routine; its
 * GoCreate is written on the caller `t`. NULL = the new thread registers itself later.
 */
struct gt_thread *gt_thread_announce(struct gt_thread *t, uint64_t start_pc);
/* The real call failed: takes the new thread back. */
void gt_thread_retract(struct gt_thread *t, struct gt_thread *child);
/* First act of the new thread, on its own record; sets gt_self. */
void gt_thread_start(struct gt_thread *t, uint64_t stack_hi, uint64_t stack_size);
/* There was no room for its start; tries again. Context: the thread itself. */
bool gt_thread_retry_start(struct gt_thread *t);
/* Last act: GoDestroy, ProcStop, buffers handed over. Later hooks of the thread pass through. */
void gt_thread_end(struct gt_thread *t);
/* The thread of record `t` vanished: writes its end on its behalf. Context: writer, or the heir of
 * its tid. */
void gt_thread_reap(struct gt_thread *t);
/* Gives back a record whose last generation is closed. Writer only. */
void gt_thread_free(struct gt_thread *t);
uint32_t gt_threads_ended(void); /* records that wait for that */

/* Makes the calling thread's end known to us, after every other destructor of the program (real.c,
 * key). */
void gt_thread_arm_end(void);

/* Name of `t` (or of the thread whose pthread_t is `th`); at most 15 bytes are kept. */
void gt_thread_set_name(struct gt_thread *t, const char *name);
struct gt_thread *gt_thread_by_tid(uint32_t tid);

/*
 * The calling thread is about to jump to a frame at stack pointer `target`: what it leaves behind,
 * a wait or a half written event, is ended or forgotten.
 */
void gt_thread_heal(uint64_t target);

/* Leaves a write section that was left by a jump or by death: what was not committed is forgotten.
 */
void gt_drop_half_event(struct gt_thread *t);

#endif
