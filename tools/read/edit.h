/* Changes to the tables of a generation that was read: for tools that know more about its stacks.
 */
#ifndef GT_READ_EDIT_H
#define GT_READ_EDIT_H

#include "tools/read/gen.h"

/* Adds a string, whose bytes must stay as long as the generation; its id, or 0 when there is no
 * room. */
uint64_t gt_gen_put_string(struct gt_gen *g, struct gt_text t);

/* Adds a frame with a PC that no other has; its index in g->frames, or UINT32_MAX when it has not.
 */
uint32_t gt_gen_put_frame(struct gt_gen *g, const struct gt_gen_frame *f);

/* Gives g->stacks[stack] other frames, innermost first: n <= 128 indices. False without memory. */
bool gt_gen_set_frames(struct gt_gen *g, uint32_t stack, const uint32_t *frames, uint32_t n);

#endif
