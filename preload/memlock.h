/* mlockall under a limit that the program alone would keep. */
#ifndef GT_MEMLOCK_H
#define GT_MEMLOCK_H

#include <stdbool.h>

/*
 * As mlockall(flags) with MCL_CURRENT, of all mappings but ours. False: the program's own are above
 * RLIMIT_MEMLOCK, too, or it cannot be done, and nothing was done. Context: a thread of the
 * program, in no sandbox.
 */
bool gt_memlock_host(int flags);

#endif
