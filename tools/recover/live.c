#include "tools/recover/live.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

static struct gt_live_g *get_g(struct gt_live *l, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&l->g_ids, id);
	if (i != GT_NO_INDEX)
		return &l->gs[i];
	l->gs = gt_mem_grow(l->gs, l->n_gs, &l->cap_gs, sizeof(*l->gs));
	gt_idmap_put(&l->g_ids, id, (uint32_t)l->n_gs);
	l->gs[l->n_gs] = (struct gt_live_g){ .g = id, .m = GT_NO_ID };
	return &l->gs[l->n_gs++];
}

static struct gt_live_p *get_p(struct gt_live *l, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&l->p_ids, id);
	if (i != GT_NO_INDEX)
		return &l->ps[i];
	l->ps = gt_mem_grow(l->ps, l->n_ps, &l->cap_ps, sizeof(*l->ps));
	gt_idmap_put(&l->p_ids, id, (uint32_t)l->n_ps);
	l->ps[l->n_ps] = (struct gt_live_p){ id, GT_NO_ID };
	return &l->ps[l->n_ps++];
}

static char *copy(const struct gt_gen *gen, uint64_t id)
{
	const struct gt_text t = gt_gen_text(gen, id);
	char *text = gt_mem_resize(NULL, (size_t)t.len + 1, 1);
	memcpy(text, t.p, t.len);
	text[t.len] = '\0';
	return text;
}

static void free_frame(struct gt_live_frame *f)
{
	free(f->func);
	free(f->file);
	*f = (struct gt_live_frame){ 0 };
}

static void learn_frame(struct gt_live_g *g, const struct gt_gen *gen, uint64_t stack_id)
{
	const struct gt_gen_stack *s = gt_gen_stack(gen, stack_id);
	if (g->frame.func != NULL || s == NULL || s->n == 0)
		return;
	const struct gt_gen_frame *f = gt_gen_frame(gen, s, s->n - 1);
	g->frame = (struct gt_live_frame){ f->pc, f->line, copy(gen, f->func), copy(gen, f->file) };
}

static void apply_g(struct gt_live *l, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	struct gt_live_g *g = get_g(l, ev->who);
	const bool is_status = ev->id == GT_EV_GoStatus || ev->id == GT_EV_GoStatusStack;
	g->state = (enum gt_state)ev->to;
	if (g->state == GT_STATE_NOT_EXIST) {
		/* N.B. an id may be used again after its end, by another thread. */
		g->m = GT_NO_ID;
		free_frame(&g->frame);
		return;
	}
	if (is_status && g->state != GT_STATE_RUNNING)
		g->m = ev->args[1];
	else if (g->state == GT_STATE_RUNNING || g->state == GT_STATE_SYSCALL)
		g->m = ev->m;
	learn_frame(g, gen, gt_ordered_subject_stack(ev));
}

void gt_live_apply(struct gt_live *l, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	if (ev->subject == GT_SUBJECT_G)
		apply_g(l, gen, ev);
	else if (ev->subject == GT_SUBJECT_P)
		get_p(l, ev->who)->m = ev->to == GT_STATE_RUNNING ? ev->m : GT_NO_ID;
}

const struct gt_live_p *gt_live_p_of(const struct gt_live *l, uint64_t m)
{
	for (size_t i = 0; m != GT_NO_ID && i < l->n_ps; i++) {
		if (l->ps[i].m == m)
			return &l->ps[i];
	}
	return NULL;
}

void gt_live_free(struct gt_live *l)
{
	for (size_t i = 0; i < l->n_gs; i++)
		free_frame(&l->gs[i].frame);
	free(l->gs);
	free(l->ps);
	gt_idmap_free(&l->g_ids);
	gt_idmap_free(&l->p_ids);
	*l = (struct gt_live){ 0 };
}
