/*
 * What is in a trace, added up over its generations: for `info`, `stat` and the end of `record`.
 * Memory is bounded by the number of threads, calls, modules and generations, not by the number of
 * events.
 */
#ifndef GT_SUMMARY_H
#define GT_SUMMARY_H

#include "tools/analysis/sched.h"
#include "tools/lib/err.h"
#include "tools/lib/focus.h"
#include "tools/lib/keymap.h"
#include "tools/read/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_BUCKETS 64 /* of a histogram: bucket b counts [2^b, 2^(b+1)) ns, bucket 0 also 0 ns */

struct gt_sum_process {
	uint64_t pid, ppid, cpus;
	const char *exe, *cmdline, *host, *version; /* "" = unknown */
};

/* A process of a merged trace. */
struct gt_sum_source {
	uint64_t process, pid;
	const char *exe, *host, *file;
	uint64_t shift_ns; /* added to its times */
	uint64_t error_ns; /* 0 = its clock is the trace's */
};

struct gt_sum_gen {
	uint64_t number, offset, bytes, batches, events;
	int64_t start_ns, end_ns; /* trace clock: smallest batch time, newest event */
};

struct gt_sum_thread {
	uint64_t tid, g, p;
	const char *name, *start;
	uint64_t born_ns, died_ns; /* trace clock; 0 = unknown, not yet */
};

struct gt_sum_call {
	uint64_t tid, g; /* 0 in totals over threads */
	const char *name;
	uint64_t count, waits, total_ns, max_ns;
	uint64_t buckets[GT_BUCKETS];
};

struct gt_sum_metric {
	const char *name;
	uint64_t value; /* sum over threads and generations */
};

struct gt_sum_module {
	uint64_t start, end, offset;
	const char *path, *build_id;
};

struct gt_sum_config {
	const char *name, *value;
};

/* All texts live as long as the summary. */
struct gt_summary {
	struct gt_sum_process process;
	bool has_process;
	int version;                      /* minor version of the file's header */
	struct gt_file_old old;           /* version 0: the format is none of the old ones */
	uint64_t file_bytes, whole_bytes; /* of the file (0: a pipe); up to the end of the last
					     whole generation */

	bool has_clock;
	int64_t wall_start_ns; /* since 1970, of start_ns; only with has_clock */
	int64_t start_ns, end_ns;

	uint64_t event_count[256], event_bytes[256];
	uint64_t n_strings, n_stacks, n_samples; /* sums over generations */

	struct gt_sum_gen *gens;
	struct gt_sum_thread *threads;
	struct gt_sum_call *calls; /* by thread and call, in order of appearance */
	struct gt_sum_metric *metrics;
	struct gt_sum_module *modules;
	struct gt_sum_config *configs;
	struct gt_sum_source *sources; /* none: the trace of one process */
	size_t n_gens, n_threads, n_calls, n_metrics, n_modules, n_configs, n_sources;

	struct gt_sched sched; /* no threads: scheduling is unknown */

	struct gt_err err; /* code GT_ERR_NONE: all of the file was read */
	struct gt_sum_private *priv;
};

/*
 * Reads `path`. False, with s->err, when nothing could be read (no file, no trace). A damaged or
 * cut file is true, with s->err and everything before the damage. gt_summary_free() in any case.
 * With a focus (may be NULL) only whole generations that touch it are added up; without one a big
 * file's events are taken from its index.
 */
bool gt_summary_read(struct gt_summary *s, const char *path, const struct gt_focus *focus);

/*
 * The same for a verb that reads one file: waits for a writer that is about to end, says on stderr
 * what is wrong and what to type. Returns the exit status so far: GT_EXIT_OK, GT_EXIT_FINDINGS
 * (damaged: the part before is there), GT_EXIT_USAGE (nothing could be read). *is_growing: the file
 * is still being written, which is no finding.
 */
int gt_summary_open(struct gt_summary *s, const char *verb, const char *path,
		    const struct gt_focus *focus, bool *is_growing);

/* The process that wrote `path`, as its first generation says; 0 = unknown. */
uint64_t gt_summary_pid(const char *path);

void gt_summary_free(struct gt_summary *s);

/* Value of a metric, 0 when there is none of that name. */
uint64_t gt_summary_metric(const struct gt_summary *s, const char *name);

/* All timed events. */
uint64_t gt_summary_events(const struct gt_summary *s);

/* The groups of hooks that were switched off, as GTRACE_HOOKS says it; NULL = none. */
const char *gt_summary_hooks_off(const struct gt_summary *s);

/* Counters by call only, summed over the threads: an array of *n, the caller's to free; sorted by
 * total time. */
struct gt_sum_call *gt_summary_by_call(const struct gt_summary *s, size_t *n);

/* For qsort: largest total first, then by name, thread. */
int gt_sum_call_order(const void *a, const void *b);

/* Calls of which the time was measured (an uncontended lock's is not). */
uint64_t gt_sum_call_timed(const struct gt_sum_call *c);

/*
 * The duration below which a share `q` (0 to 1) of the timed calls lies: an upper bound, the end of
 * its power-of-two bucket, but never above the longest call. 0 when no call was timed.
 */
uint64_t gt_sum_call_quantile(const struct gt_sum_call *c, double q);

#endif
