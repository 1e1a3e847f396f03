/* How the writer learns of the program's end. */
#ifndef GT_ALIVE_H
#define GT_ALIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Context: a thread of the program, before the writer is made. */
void gt_alive_init(void);

/* Context: the writer as a task. Returns false when the program has ended by now. */
bool gt_alive_watch(void);

/* Waits at most `wait_ns` (below 1 s) for the end of the program, or for its exec. */
bool gt_alive_is_gone(uint64_t wait_ns);

/* Of the writer as a thread: is nobody else left? (Then the process would never end because of us.)
 */
bool gt_alive_is_alone(void);

#endif
