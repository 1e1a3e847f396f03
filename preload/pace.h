/* How long the writer may sleep between two rounds. */
#ifndef GT_PACE_H
#define GT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define GT_TICK_NS (5 * 1000000ull)

struct gt_pace {
	uint64_t activity; /* as last seen */
	uint64_t pause_ns; /* 0: the first */
};

/*
 * In ns, at most `left_ns`: GT_TICK_NS while the program's threads do anything that is traced,
 * longer and longer when they do not, unless its end may wait for us (`is_awaited`). Context:
 * writer, once a round.
 */
uint64_t gt_pace_ns(struct gt_pace *p, uint64_t left_ns, bool is_awaited);

#endif
