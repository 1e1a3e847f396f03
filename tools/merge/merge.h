/*
 * gtrace merge: the traces of several processes as one trace, on one clock.
 *
 *     gt_merge_add(&m, path, &err) for each file
 *     gt_merge_set_clocks(&m, GT_CLOCK_AUTO, &err)
 *     gt_merge_write(&m, out, &err)
 *     ... what was done stands in m.sources[] and m.out
 */
#ifndef GT_MERGE_H
#define GT_MERGE_H

#include "tools/lib/err.h"
#include "tools/merge/out.h"

enum gt_merge_clock {
	GT_CLOCK_AUTO, /* files of one host share their clock if it tells the same time of day */
	GT_CLOCK_MONO, /* all share it */
	GT_CLOCK_WALL, /* none do */
};

/* One file: what its tables say, and what became of it. */
struct gt_merge_source {
	char *path, *exe, *host, *cmdline, *version;
	uint64_t pid, ppid, cpus;
	int64_t start_ns; /* its own clock: its first batch */
	bool has_clock;
	int64_t wall_off;   /* time of day - its clock, at its start */
	uint64_t wander_ns; /* how far that moved later */
	uint32_t machine;   /* equal: one clock; from 0 */
	int64_t shift_ns;   /* its clock + this = the trace's; never negative */
	uint64_t error_ns;  /* 0 = the same clock; else at best so far off */
	uint64_t events;
	struct gt_err err; /* it ends there; code 0 = it was read to its end */
};

struct gt_merge {
	struct gt_merge_source *sources;
	size_t n, cap;
	uint64_t period_ns; /* of a generation, more or less */
	int64_t wall_off;   /* of the trace */
	struct gt_out out;
};

/* Reads the tables of a file. 0 or -gt_err_code with *err. */
int gt_merge_add(struct gt_merge *m, const char *path, struct gt_err *err);

/* Decides which files share a clock, and by how much the others are moved. */
int gt_merge_set_clocks(struct gt_merge *m, enum gt_merge_clock how, struct gt_err *err);

/* What is damaged is left out, and stands in its source. 0 or -gt_err_code with *err. */
int gt_merge_write(struct gt_merge *m, FILE *out, struct gt_err *err);

void gt_merge_free(struct gt_merge *m);

#endif
