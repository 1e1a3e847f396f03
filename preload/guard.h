/*
 * Reading memory that may go away: the writer looks at the program's modules, and the program may
 * unmap them at any time.
 */
#ifndef GT_GUARD_H
#define GT_GUARD_H

#include <stdbool.h>

/* Handlers for SIGSEGV and SIGBUS of the writer task, which shares none with the program. 0 or
 * -errno. Never as a thread. */
int gt_guard_init(void);

/* fn(arg); false when it touched memory that is not there and was left in the middle. Writer only,
 * not nested. */
bool gt_guard_run(void (*fn)(void *), void *arg);

#endif
