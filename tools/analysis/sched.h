/*
 * How long each thread was on a CPU, ready without one, and waiting: from the SWITCH records of a
 * trace. Memory is bounded by the number of threads and by the switches of one generation.
 */
#ifndef GT_SCHED_H
#define GT_SCHED_H

#include "tools/lib/keymap.h"

#include <stddef.h>
#include <stdint.h>

/* One life of a thread id; a thread that was never told of has none. */
struct gt_sched_thread {
	uint64_t tid;
	int64_t first_ns, last_ns; /* trace clock: what is known of it */
	uint64_t on_ns;            /* on a CPU */
	uint64_t ready_ns;         /* preempted, or it yielded: it could have gone on */
	uint64_t wait_ns;          /* left to wait, until it ran again */
	uint64_t switches;         /* times it got a CPU */
	uint64_t preempted;        /* times it left although it could have gone on */
	uint64_t moves;            /* times it came back on another CPU */
	uint64_t gaps;             /* records missing in between: the times are too short */
	uint64_t cpu;
	uint8_t state; /* enum gt_switch; 0 = nothing known */
};

struct gt_sched_record {
	int64_t time;
	uint64_t tid, cpu, what;
	size_t order;
};

/* Zero-initialised. */
struct gt_sched {
	int64_t from, to;                /* only this part of the time counts; both 0: all of it */
	struct gt_sched_thread *threads; /* in order of appearance */
	size_t n_threads, cap_threads;
	struct gt_sched_record *records; /* of the generation being added */
	size_t n_records, cap_records;
	struct gt_keymap tids; /* tid -> its newest life */
	size_t *newest, cap_newest;
};

void gt_sched_add(struct gt_sched *s, int64_t time, uint64_t tid, uint64_t cpu, uint64_t what);
void gt_sched_end_generation(struct gt_sched *s);
/* Threads that live on are in their last state up to `end`. */
void gt_sched_finish(struct gt_sched *s, int64_t end);
void gt_sched_free(struct gt_sched *s);

#endif
