#include "preload/counters.h"

uint64_t gt_counters[GT_N_COUNTERS];

const char *const gt_counter_names[GT_N_COUNTERS] = {
/* clang-format off */
#define GT_COUNTER(name, unit, text) #name,
#include "preload/counters.def"
#undef GT_COUNTER
	/* clang-format on */
};
