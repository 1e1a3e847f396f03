/* Start and end of the tracer; what the process-control hooks need of it. */
#ifndef GT_BOOT_H
#define GT_BOOT_H

#include "preload/thread.h"

/* Finds the next definition of every hooked function, once; called by the constructor and by any
 * early hook (real.c). */
void gt_real_resolve(void);

/*
 * The process is about to end or to be replaced: completes the file, where nobody else would
 * (writer as a thread, or pid 1 of a container). Bounded; does nothing otherwise. Afterwards
 * tracing goes on (exec may fail).
 */
void gt_flush_before_end(void);

/* In the child of fork, before it returns to the program: starts its own tracer, or turns it off
 * (GTRACE_FOLLOW=0). Signal-safe. */
void gt_child_of_fork(void);

#ifndef GT_VERSION
#define GT_VERSION "0.1.0"
#endif

extern int gt_host_pid, gt_host_ppid; /* the traced process and its parent */
extern char gt_program[];             /* its name as it was called: a link's, a script's */
extern char gt_exe_path[];            /* its program; "" until the writer has looked */
uint64_t gt_cpus(void);               /* CPUs that it may use */

/* The calling thread's tid. */
uint32_t gt_tid_of_self(void);

/* Creates the key whose destructor sees threads end. Boot only. */
void gt_end_init(void);
/* An ordinary detached thread with all signals blocked, past our hooks. 0 or -errno. */
int gt_real_start_thread(void *(*fn)(void *));

/* GTRACE_FULL=block: waits until the writer has freed a chunk. NULL: the policy is to drop, or the
 * writer is gone. */
struct gt_chunk *gt_wait_for_chunk(bool is_big);

/* Test builds call a function between two steps; otherwise empty. */
#ifdef GT_TEST
extern void (*gt_testpoint)(const char *name);
#define GT_TESTPOINT(name) (gt_testpoint ? gt_testpoint(#name) : (void)0)
#else
#define GT_TESTPOINT(name) ((void)0)
#endif

/* Before vfork, called from assembly: marks the calling thread, keeps all registers that matter to
 * the caller. */
void gt_before_vfork(void);

/* A heap event is due (gt_ctl.on[] has GT_ON_HEAP): writes HeapAlloc on `t`, which is running, at
 * most 100 times a second. */
void gt_emit_heap(struct gt_thread *t);

/* Adds to the thread's heap metric; single writer. */
static inline void gt_heap_add(struct gt_thread *t, int64_t bytes)
{
	gt_count_add((uint64_t *)&t->heap, (uint64_t)bytes);
}

#endif
