/*
 * The CPU samples of the generation that is being written, whoever took them (perf.c, timer.c).
 * Writer only.
 */
#ifndef GT_SAMPLES_H
#define GT_SAMPLES_H

#include "encoder/event.h"
#include "preload/tables.h"

/* Memory, if GTRACE_SAMPLE or GTRACE_SCHED asks for it. 0 or -ENOMEM. */
int gt_samples_init(void);

/*
 * Adds one; `s->stack` is filled in from pcs[n], innermost first. Early ones get the start of the
 * generation as their time. The generation must have begun in the file.
 */
void gt_samples_add(struct gt_sample s, gt_ns start, const uint64_t *pcs, size_t n);

/* Writes those that are not written yet. Their stacks must be in the file. */
void gt_samples_flush(void);

#endif
