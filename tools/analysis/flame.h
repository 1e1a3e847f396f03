/*
 * A flame graph of waiting: thread, the frames of its stack from outside to inside, what it waited
 * for; off-wake also the waker's frames from inside to outside, and the waker. Memory: the distinct
 * stacks.
 */
#ifndef GT_FLAME_H
#define GT_FLAME_H

#include "tools/analysis/answer.h"

enum gt_flame_kind {
	GT_FLAME_ROOT,
	GT_FLAME_THREAD,
	GT_FLAME_FRAME,
	GT_FLAME_WAIT,
	GT_FLAME_WAKER, /* "--", frames of the waker, its name */
};

struct gt_flame_node {
	uint32_t parent, name; /* index into names */
	enum gt_flame_kind kind;
	uint64_t ns, waits; /* with all that is above it */
	uint64_t self_ns;
	uint32_t depth;
};

struct gt_flame {
	struct gt_answer answer;
	bool has_wakers;
	int only;                    /* enum gt_class, or -1 = all */
	struct gt_flame_node *nodes; /* [0] is the root; a parent stands before its children */
	size_t n_nodes;
	struct gt_keymap names;
	struct gt_flame_private *priv;
};

/* Set has_wakers and only before reading. */
void gt_flame_init(struct gt_flame *f);
void gt_flame_free(struct gt_flame *f);

/* As gt_answer_read(). */
int gt_flame_read(struct gt_flame *f, const char *verb, const struct gt_input *in);

/* "thread;outer;inner;[wait sync] ns", as gtrace convert --to folded and offwake have it. */
void gt_flame_folded(const struct gt_flame *f, FILE *out);

/* A picture for browsers, whole in itself: names and figures under the pointer, a click zooms.
 * (flame_svg.c) */
void gt_flame_svg(const struct gt_flame *f, FILE *out);

#endif
