/*
 * What the tracer knows of a thread, and the registry of all threads. Invariants: thread.c.
 */
#ifndef GT_THREAD_H
#define GT_THREAD_H

#include "encoder/batch.h"
#include "preload/arena.h"
#include "preload/hook_types.h"

#include <stdatomic.h>

/* The word that every hook tests first, alone on a page that a forked child finds zeroed (fork.c). */
struct gt_ctl {
	_Atomic uint32_t on; /* 0 off; bit 0 tracing; bit 1 a heap event is due */
	uint8_t rest[4096 - 4];
};
#define GT_ON_TRACING 1u
#define GT_ON_HEAP    2u
extern struct gt_ctl gt_ctl;

/* Why a thread's hooks leave the fast path (struct gt_thread.gate). */
#define GT_GATE_NOBODY 1u /* no record yet */
#define GT_GATE_DEAD   2u /* the thread has ended; its last hooks pass through */
#define GT_GATE_INSIDE 4u /* the tracer itself is running on this thread */
#define GT_GATE_VFORK  8u /* it called vfork: parent and child share this record */

/* The life of a thread as the trace tells it. */
enum gt_state {
	GT_STATE_NEW,     /* created, not started: Runnable */
	GT_STATE_RUNNING,
	GT_STATE_WAITING, /* GoBlock written */
	GT_STATE_SYSCALL, /* GoSyscallBegin written */
	GT_STATE_GONE,    /* GoDestroy written */
};

/* Who ends a wait whose generation is over (pending.claim). */
enum gt_claim { GT_CLAIM_OPEN, GT_CLAIM_WRITING, GT_CLAIM_WRITTEN, GT_CLAIM_DROPPED };

/* A wait that has begun: nothing of it is written until it ends or its generation does. */
struct gt_pending {
	_Atomic uint64_t gen; /* generation in which it began; 0 = none */
	_Atomic uint32_t claim;
	uint8_t form; /* GT_FORM_BLOCK, _CALL, or _FD: not known yet */
	uint8_t why;
	uint16_t call;
	gt_ns begin;
	gt_stack stack; /* of generation `gen`; 0 = not taken yet */
	uint64_t pc;    /* where the hook was called from */
	uint64_t object;
};

#define GT_N_BUCKETS 40

/* Times of one thread's calls of one function. Written by the thread, read by the writer. */
struct gt_times {
	uint64_t total_ns, max_ns, waits;
	uint64_t bucket[GT_N_BUCKETS];
};

/* The writer's notes on what it has already reported. */
struct gt_reported {
	uint64_t total_ns, waits;
	uint64_t bucket[GT_N_BUCKETS];
};

struct gt_call_block {
	uint32_t next_free;
	struct gt_times now;
	struct gt_reported old;
};

#define GT_NAME_MAX 16

struct gt_thread {
	_Atomic uint32_t gate;
	_Atomic uint32_t writing; /* odd: inside a write section (advance.c) */
	_Atomic uint64_t flushed; /* generations up to this are done with this thread */
	struct gt_pending pending;
	struct gt_batch batch[2];   /* of generation n: batch[n % 2]; mem NULL = none */
	struct gt_chunk *chunk[2];  /* whose memory that is */
	uint64_t wrote[2];          /* newest generation of each parity in which this thread committed */
	_Atomic uint32_t state;     /* enum gt_state, before the next event */
	uint32_t slot;              /* P, from 1; 0 = none */
	uint64_t traced;            /* generation whose statuses are written */
	uint64_t gseq;              /* counter of its G in that generation */
	uint64_t owed_ns;           /* a wait ended at this time and its end is not written yet; 0 = none */
	uint32_t n_open;            /* GT_WAIT scopes open (a handler may nest) */
	uint32_t is_big;            /* it filled a small chunk in this generation */
	int64_t heap;               /* bytes allocated minus freed by this thread */

	_Atomic uint32_t in_use;    /* registry: 0 free, 1 live, 2 ended (thread.c) */
	_Atomic uint32_t tid;       /* 0 = not started */
	gt_g g;
	uint64_t start_pc;          /* start routine */
	gt_ns born, died;
	uint64_t ended_gen;         /* generation of its last event */
	uint64_t stack_lo, stack_hi; /* known stack; 0,0 = unknown */
	uint64_t vfork_pid;         /* who called vfork (GT_GATE_VFORK) */
	char name[GT_NAME_MAX];     /* "" = none; written by any thread, read as it is */
	_Atomic uint32_t name_seq;  /* changes with the name */
	uint32_t named;             /* name_seq of the label last written */
	uint64_t named_gen;         /* and its generation */

	/* the writer's: */
	uint32_t noted_state;
	uint32_t noted_slot;
	uint64_t noted_gen; /* the two above were noted when this generation was closed */

	uint64_t count[GT_N_CALLS];             /* calls; single writer: the thread */
	_Atomic uint32_t block[GT_N_CALLS];     /* struct gt_call_block, as an arena index; 0 = none */
	uint64_t reported_count[GT_N_CALLS];    /* the writer's */
};

/* The one thread-local: never NULL; points at gt_nobody until the thread is registered. */
extern __thread struct gt_thread *gt_self __attribute__((tls_model("initial-exec")));
extern struct gt_thread gt_nobody;

/* The slow path of gt_on(): registers, heals, restarts in a forked child; NULL = pass through. */
struct gt_thread *gt_on_slow(void);

/* Adds to a counter of one's own so that a handler of the same thread cannot lose a count in between. */
static inline void gt_count_add(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
#endif
}

/* ---- registry ---- */

#define GT_MAX_THREADS 16384

/* Record `i` of [0, gt_threads_end()); check in_use. */
struct gt_thread *gt_thread_at(uint32_t i);
uint32_t gt_threads_end(void);

/* The main thread's record at boot: live, running, slot 1, G 1. NULL when there is no memory. */
struct gt_thread *gt_thread_register_main(uint64_t entry_pc, uint64_t stack_lo, uint64_t stack_hi);

/* The calling thread appears without announcement (raw clone, foreign library). NULL = untraced. */
struct gt_thread *gt_thread_register_self(void);

/*
 * pthread_create, before the real call: a record in state NEW with G and start routine; its GoCreate
 * is written on the caller `t`. NULL = the new thread registers itself later.
 */
struct gt_thread *gt_thread_announce(struct gt_thread *t, uint64_t start_pc);
/* The real call failed: takes the new thread back. */
void gt_thread_retract(struct gt_thread *t, struct gt_thread *child);
/* First act of the new thread, on its own record; sets gt_self. */
void gt_thread_start(struct gt_thread *t, uint64_t stack_hi, uint64_t stack_size);
/* Last act: GoDestroy, ProcStop, buffers handed over. Later hooks of the thread pass through. */
void gt_thread_end(struct gt_thread *t);

/* Name of `t` (or of the thread whose pthread_t is `th`); at most 15 bytes are kept. */
void gt_thread_set_name(struct gt_thread *t, const char *name);
struct gt_thread *gt_thread_by_tid(uint32_t tid);

/* The frame left a wait or a write section by longjmp: lowers the flag, forgets the half event, ends the wait. */
void gt_thread_heal(void);

#endif
