/*
 * Where each thread's life went: running, waiting by class, in calls; and what it did when, in
 * GT_STRIP_LEN parts of the trace.
 */
#ifndef GT_THREADS_H
#define GT_THREADS_H

#include "tools/analysis/answer.h"
#include "tools/analysis/sched.h"

#define GT_STRIP_LEN 128

/* What a thread does: a class of waiting, or one of these. */
enum gt_doing {
	GT_DOING_CALL = GT_N_CLASSES, /* in a system call, which may or may not wait */
	GT_DOING_RUN,                 /* runs, or could */
	GT_N_DOINGS,
};

/* Of one thread, by its number in the model. */
struct gt_thread_times {
	uint64_t ns[GT_N_DOINGS];
	uint64_t waits, calls;
	float strip[GT_STRIP_LEN][GT_N_DOINGS]; /* ns in each part */
};

struct gt_threads {
	struct gt_answer answer;
	struct gt_thread_times *threads;
	size_t n_threads, cap_threads;
	int64_t part_ns; /* length of a part of the strips: grows with the trace */
	struct gt_sched sched;
};

void gt_threads_init(struct gt_threads *t);
void gt_threads_free(struct gt_threads *t);

/* As gt_answer_read(). */
int gt_threads_read(struct gt_threads *t, const char *verb, const struct gt_input *in);

/* Times on a CPU and ready without one, of all lives of this tid; false: not known. */
bool gt_threads_sched(const struct gt_threads *t, uint64_t tid, uint64_t *on_ns,
		      uint64_t *ready_ns);

/* The strip in `width` letters (at most GT_STRIP_LEN): what took most of each part. '#' runs, 'L'
 * contention, 'i' io or a call, '.' idle, 'z' sleep, ' ' it does not live. */
void gt_threads_strip(const struct gt_threads *t, size_t thread, unsigned width, char *buf);

#endif
