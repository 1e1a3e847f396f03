/*
 * System calls by number, from syscall() (hook_io.c) and from code that no hook sees (sud.c): why
 * they wait, and what must be done before them.
 */
#ifndef GT_NUMBER_H
#define GT_NUMBER_H

#include "preload/hook_types.h"

#include <stdbool.h>

/* Why the numbered call waits; GT_WHY__: it does not. `b` to `d` are its second to fourth argument.
 */
enum gt_why gt_why_of_number(long nr, long b, long c, long d);

/* Does it let threads go that wait for a futex? */
bool gt_number_wakes(long nr, long b);

/* What the hooks of the same calls do before the call. */
void gt_before_number(long nr, long a, long b);

#endif
