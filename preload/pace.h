/* How long the writer may sleep between two rounds. */
#ifndef GT_PACE_H
#define GT_PACE_H

#include <stdint.h>

/*
 * In ns, at most `left_ns`: GT_TICK_NS while the program's threads do anything that is traced,
 * longer and longer when they do not. Context: writer, once a round.
 */
uint64_t gt_pace_ns(uint64_t left_ns);

#define GT_TICK_NS (5 * 1000000ull)

#endif
