/*
 * CPU samples without perf: a timer on the CPU time of each thread, that sends it a signal. Only
 * with GTRACE_SAMPLE_BY=timer. Invariants: timer.c.
 */
#ifndef GT_TIMER_H
#define GT_TIMER_H

#include "preload/thread.h"

#define GT_TIMER_SIGNAL 61 /* SIGRTMAX - 3 */

/* No samples, and none left from a parent. Boot and forked child, before there is a writer. */
void gt_timer_init(void);

/* Installs the handler, if samples by timer are asked for and nobody uses the signal; else,
 * counted, no thread gets a timer. Boot and forked child, when the writer runs. */
void gt_timer_open(void);

/* The calling thread's timer. Context: it comes to life, or ends. */
void gt_timer_arm(struct gt_thread *t);
void gt_timer_disarm(struct gt_thread *t);

/* All timers go, for ever: the program enters a sandbox, in which our handler cannot return. */
void gt_timer_stop(void);

/* As gt_perf_read(). Writer only. */
void gt_timer_read(gt_ns start, gt_ns until, void (*begin)(void));

#endif
