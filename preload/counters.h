/* Expands counters.def: what the tracer counts about itself. */
#ifndef GT_COUNTERS_H
#define GT_COUNTERS_H

#include <stdint.h>

/* clang-format off */
enum gt_counter {
#define GT_COUNTER(name, unit, text) GT_COUNTER_##name,
#include "preload/counters.def"
#undef GT_COUNTER
	GT_N_COUNTERS
};
/* clang-format on */

extern uint64_t gt_counters[GT_N_COUNTERS];
extern const char *const gt_counter_names[GT_N_COUNTERS];

/* Context: any thread. Rare events only: shared. */
#define GT_COUNT(name, n)                                                                          \
	((void)__atomic_fetch_add(&gt_counters[GT_COUNTER_##name], (uint64_t)(n), __ATOMIC_RELAXED))

#endif
