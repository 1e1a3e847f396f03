/*
 * Is a trace still being written? The library's writer holds flock(LOCK_EX) on its file while it
 * lives, and outlives the traced program by the moment it takes to complete the file.
 */
#ifndef GT_BUSY_H
#define GT_BUSY_H

#include <stdbool.h>

/* Does a writer hold this file now? */
bool gt_busy(const char *path);

/* Does a writer hold this file although its program has ended? Then it will be done in a moment. */
bool gt_busy_is_ending(const char *path);

/*
 * For readers: when a writer holds the file although its program has ended, waits up to two seconds
 * for it. Returns true when the file is still being written: it then grows while it is read.
 */
bool gt_busy_wait(const char *path);

#endif
