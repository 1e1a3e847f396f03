/*
 * Which threads live at the end of a generation, and in what state: what the next generation's
 * statuses have to say.
 */
#ifndef GT_LIVE_H
#define GT_LIVE_H

#include "tools/read/idmap.h"
#include "tools/read/order.h"

/* The outermost frame of a thread: Go's tools name it so. Texts are copies; NULL = not known. */
struct gt_live_frame {
	uint64_t pc, line;
	char *func, *file;
};

struct gt_live_g {
	uint64_t g;
	uint64_t m;          /* where it runs or ran last; GT_NO_ID = nowhere yet */
	enum gt_state state; /* GT_STATE_NOT_EXIST: has ended */
	struct gt_live_frame frame;
};

struct gt_live_p {
	uint64_t p;
	uint64_t m; /* GT_NO_ID = idle */
};

/* Zero-initialised. */
struct gt_live {
	struct gt_live_g *gs;
	struct gt_live_p *ps;
	size_t n_gs, n_ps, cap_gs, cap_ps;
	struct gt_idmap g_ids, p_ids;
};

/* Follows an event of `gen`. */
void gt_live_apply(struct gt_live *l, const struct gt_gen *gen, const struct gt_ordered *ev);

/* The slot of thread `m`, or NULL. */
const struct gt_live_p *gt_live_p_of(const struct gt_live *l, uint64_t m);

void gt_live_free(struct gt_live *l);

#endif
