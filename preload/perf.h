/*
 * CPU samples and true scheduling, by perf. Writer only. Invariants: perf.c.
 */
#ifndef GT_PERF_H
#define GT_PERF_H

#include "encoder/event.h"

#include <stdbool.h>

/*
 * Opens what GTRACE_SAMPLE and GTRACE_SCHED ask for, on the program's main thread and all that it
 * will create. Where that is refused: counted, said once, and nothing is open. Before main runs.
 * `is_task`: see gt_guard_init().
 */
void gt_perf_open(bool is_task);

/*
 * Takes what the kernel has told up to `until` (exclusive) into the generation that began at
 * `start`; calls begin() before the first. Later records stay where they are.
 */
void gt_perf_read(gt_ns start, gt_ns until, void (*begin)(void));

void gt_perf_close(void);

#endif
