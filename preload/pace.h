/* How long the writer may sleep between two rounds. */
#ifndef GT_PACE_H
#define GT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define GT_TICK_NS (5 * 1000000ull)

struct gt_pace {
	uint64_t activity; /* of the program's threads, at the last look */
	int64_t heap;
	uint64_t written;
	uint64_t pause_ns;
};

/*
 * In ns, at most `left_ns`: GT_TICK_NS after much was written (`written`: bytes in all), or where
 * somebody may wait for us (`is_awaited`), else longer and longer: up to two ticks while
 * memory is allocated, four while threads do anything else that is traced, eight when nothing
 * happens. Context: writer, once a round.
 */
uint64_t gt_pace_ns(struct gt_pace *p, uint64_t left_ns, uint64_t written, bool is_awaited);

#endif
