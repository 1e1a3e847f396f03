/* The mappings of this process, as the kernel lists them. */
#ifndef GT_MAPS_H
#define GT_MAPS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Calls fn(arg, start, end) for each, in order of addresses; `buf`: room to read into. Those that
 * fn itself splits or joins may come again. Nothing where there is no /proc. Context: any.
 */
void gt_maps_each(char *buf, size_t cap, void (*fn)(void *arg, uint64_t start, uint64_t end),
		  void *arg);

#endif
