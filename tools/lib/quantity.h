/*
 * Durations and sizes as people write them: 100us 5ms 2s 1h, 64K 8M 1G. What is printed can be
 * typed in again.
 */
#ifndef GT_QUANTITY_H
#define GT_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_QUANTITY_TEXT 32 /* bytes that hold any printed quantity */

/* A duration (ns us ms s m h, fractions allowed, a bare 0) in ns; false when it is none or too
 * large. */
bool gt_duration_parse(const char *text, uint64_t *ns);

/* A size (bare = bytes; K M G T, with or without B or iB, powers of 1024) in bytes; false as above.
 */
bool gt_size_parse(const char *text, uint64_t *bytes);

/* At least three digits and a unit: 999ns 1.23us 45.6ms 2.00s 3.50m 12.0h. Returns buf. */
const char *gt_duration_print(char buf[static GT_QUANTITY_TEXT], uint64_t ns);

/* 512B 1.50K 64.0M. Returns buf. */
const char *gt_size_print(char buf[static GT_QUANTITY_TEXT], uint64_t bytes);

#endif
