#include "tools/read/edit.h"

#include "tools/read/gen_priv.h"
#include "tools/read/grow.h"

#include <string.h>

uint64_t gt_gen_put_string(struct gt_gen *g, struct gt_text t)
{
	struct gt_gen_private *p = g->priv;
	const uint64_t id = g->max_string + 1;
	if (id == 0 || id == GT_NO_ID ||
	    !gt_grow(&g->strings, &p->cap_strings, (uint64_t)g->n_strings + 1,
		     sizeof(*g->strings)) ||
	    !gt_idmap_put(&p->string_ids, id, g->n_strings))
		return 0;
	g->strings[g->n_strings++] = t;
	g->max_string = id;
	return id;
}

uint32_t gt_gen_put_frame(struct gt_gen *g, const struct gt_gen_frame *f)
{
	struct gt_gen_private *p = g->priv;
	if (gt_idmap_get(&p->pcs, f->pc) != GT_NO_INDEX ||
	    !gt_grow(&g->frames, &p->cap_frames, (uint64_t)g->n_frames + 1, sizeof(*g->frames)) ||
	    !gt_idmap_put(&p->pcs, f->pc, g->n_frames))
		return GT_NO_INDEX;
	g->frames[g->n_frames] = *f;
	return g->n_frames++;
}

bool gt_gen_set_frames(struct gt_gen *g, uint32_t stack, const uint32_t *frames, uint32_t n)
{
	if (!gt_grow(&g->frame_of, &g->priv->cap_frame_of, (uint64_t)g->n_frame_of + n,
		     sizeof(*g->frame_of)))
		return false;
	if (n > 0)
		memcpy(g->frame_of + g->n_frame_of, frames, n * sizeof(*frames));
	g->stacks[stack].first = g->n_frame_of;
	g->stacks[stack].n = n;
	g->n_frame_of += n;
	return true;
}
