/*
 * Events that leave goroutines, processors and threads where they are: metrics, labels, logs,
 * tasks, regions, ranges (rule O9, and what Go's reader asks of ranges).
 */
#include "encoder/event.h"
#include "tools/read/grow.h"
#include "tools/read/order_priv.h"

#include <inttypes.h>
#include <string.h>

static enum gt_adv no_memory(struct gt_try *t)
{
	gt_err_set(t->err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	return GT_ADV_FAIL;
}

/* ---------------------------------------------------------------- texts that outlive a generation
 */

static struct gt_kept_text kept(const struct gt_order *o, uint64_t id)
{
	return (struct gt_kept_text){ .id = id, .serial = o->serial };
}

static struct gt_text kept_text(const struct gt_order *o, const struct gt_kept_text *k)
{
	return k->copy ? (struct gt_text){ k->copy, k->len } : gt_gen_text(o->gen, k->id);
}

/* Is it the text of string `id` of the present generation? */
static bool is_text(const struct gt_order *o, const struct gt_kept_text *k, uint64_t id)
{
	if (!k->copy && k->id == id)
		return true;
	const struct gt_text a = kept_text(o, k), b = gt_gen_text(o->gen, id);
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static bool keep(const struct gt_order *o, struct gt_kept_text *k)
{
	if (k->copy)
		return true;
	const struct gt_text t = gt_gen_text(o->gen, k->id);
	k->copy = malloc((size_t)t.len + 1); /* never NULL for the empty text */
	if (!k->copy)
		return false;
	memcpy(k->copy, t.p, t.len);
	k->len = t.len;
	return true;
}

static bool keep_g(const struct gt_order *o, struct gt_gstate *g)
{
	/* Below a copied one all are copied. */
	for (uint32_t i = g->n_regions; i > 0 && !g->regions[i - 1].name.copy; i--) {
		if (!keep(o, &g->regions[i - 1].name))
			return false;
	}
	for (uint32_t i = 0; i < g->ranges.n; i++) {
		if (!keep(o, &g->ranges.list[i].kind))
			return false;
	}
	return true;
}

bool gt_annot_keep_texts(struct gt_order *o)
{
	for (uint32_t i = 0; i < o->n_touched_gs; i++) {
		struct gt_gstate *g = &o->gs[o->touched_gs[i]];
		if (g->is_alive && !keep_g(o, g))
			return false;
	}
	for (uint32_t i = 0; i < o->n_new_tasks; i++) {
		struct gt_task_state *task = &o->tasks[o->new_tasks[i]];
		if (task->is_active && !keep(o, &task->name))
			return false;
	}
	o->n_touched_gs = o->n_new_tasks = 0;
	return true;
}

/* Remembers that `g` may hold a text of this generation. */
static bool touch(struct gt_order *o, struct gt_gstate *g)
{
	if (g->touched == o->serial)
		return true;
	if (!gt_grow(&o->touched_gs, &o->cap_touched_gs, (uint64_t)o->n_touched_gs + 1,
		     sizeof(*o->touched_gs)))
		return false;
	o->touched_gs[o->n_touched_gs++] = (uint32_t)(g - o->gs);
	g->touched = o->serial;
	return true;
}

static void free_ranges(struct gt_ranges *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		free(r->list[i].kind.copy);
	free(r->list);
	*r = (struct gt_ranges){ 0 };
}

void gt_annot_free_g(struct gt_gstate *g)
{
	for (uint32_t i = 0; i < g->n_regions; i++)
		free(g->regions[i].name.copy);
	free(g->regions);
	g->regions = NULL;
	g->n_regions = g->cap_regions = 0;
	free_ranges(&g->ranges);
}

void gt_annot_free(struct gt_order *o)
{
	for (uint32_t i = 0; i < o->n_gs; i++)
		gt_annot_free_g(&o->gs[i]);
	for (uint32_t i = 0; i < o->n_ps; i++)
		free_ranges(&o->ps[i].ranges);
	for (uint32_t i = 0; i < o->n_tasks; i++) {
		if (o->tasks[i].is_active)
			free(o->tasks[i].name.copy);
	}
	free(o->dead_name);
}

/* ---------------------------------------------------------------- tasks */

static enum gt_adv no_string(struct gt_try *t, uint64_t id)
{
	return gt_try_fail(t, "names string %" PRIu64 ", which does not exist [C7]", id);
}

/* Index of a free task; GT_NO_INDEX without memory. */
static uint32_t new_task(struct gt_order *o)
{
	if (!gt_grow(&o->new_tasks, &o->cap_new_tasks, (uint64_t)o->n_new_tasks + 1,
		     sizeof(*o->new_tasks)))
		return GT_NO_INDEX;
	uint32_t i;
	if (o->n_free_tasks) {
		i = o->free_tasks[--o->n_free_tasks];
	} else {
		if (!gt_grow(&o->tasks, &o->cap_tasks, (uint64_t)o->n_tasks + 1, sizeof(*o->tasks)))
			return GT_NO_INDEX;
		i = o->n_tasks++;
	}
	o->new_tasks[o->n_new_tasks++] = i;
	return i;
}

static enum gt_adv task_begin(struct gt_try *t)
{
	struct gt_order *o = t->o;
	const uint64_t id = t->ev->args[0], name = t->ev->args[2];
	struct gt_text text;
	if (gt_idmap_get(&o->task_ids, id) != GT_NO_INDEX)
		return gt_try_fail(t, "task %" PRIu64 " is active already [O9]", id);
	if (!gt_gen_string(o->gen, name, &text))
		return no_string(t, name);
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	const uint32_t i = new_task(o);
	if (i == GT_NO_INDEX)
		return no_memory(t);
	/* N.B. parent 0 means none, not the background task */
	t->out->parent = t->ev->args[1] ? t->ev->args[1] : GT_NO_ID;
	o->tasks[i] = (struct gt_task_state){ id, t->out->parent, kept(o, name), true };
	return gt_idmap_put(&o->task_ids, id, i) ? GT_ADV_DONE : no_memory(t);
}

static enum gt_adv task_end(struct gt_try *t)
{
	struct gt_order *o = t->o;
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	const uint64_t id = t->ev->args[0];
	const uint32_t i = gt_idmap_get(&o->task_ids, id);
	if (i == GT_NO_INDEX) /* it began before the trace */
		return GT_ADV_DONE;
	struct gt_task_state *task = &o->tasks[i];
	t->out->parent = task->parent;
	t->out->name = kept_text(o, &task->name);
	o->dead_name = task->name.copy;
	task->is_active = false;
	task->name.copy = NULL;
	gt_idmap_remove(&o->task_ids, id);
	if (gt_grow(&o->free_tasks, &o->cap_free_tasks, (uint64_t)o->n_free_tasks + 1,
		    sizeof(*o->free_tasks)))
		o->free_tasks[o->n_free_tasks++] = i;
	return GT_ADV_DONE;
}

/* ---------------------------------------------------------------- regions */

/* The goroutine and the name of a region event; NULL with the error set. */
static struct gt_gstate *region_g(struct gt_try *t)
{
	struct gt_text text;
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return NULL;
	if (!gt_gen_string(t->o->gen, t->ev->args[1], &text)) {
		no_string(t, t->ev->args[1]);
		return NULL;
	}
	struct gt_gstate *g = gt_order_g(t->o, t->ctx.g);
	if (!g)
		gt_try_fail(t, "goroutine %" PRId64 " does not exist [O5]", (int64_t)t->ctx.g);
	return g;
}

static enum gt_adv region_begin(struct gt_try *t)
{
	struct gt_gstate *g = region_g(t);
	if (!g)
		return GT_ADV_FAIL;
	if (!touch(t->o, g) ||
	    !gt_grow(&g->regions, &g->cap_regions, (uint64_t)g->n_regions + 1, sizeof(*g->regions)))
		return no_memory(t);
	g->regions[g->n_regions++] =
		(struct gt_region){ t->ev->args[0], kept(t->o, t->ev->args[1]) };
	return GT_ADV_DONE;
}

static enum gt_adv region_end(struct gt_try *t)
{
	struct gt_gstate *g = region_g(t);
	if (!g)
		return GT_ADV_FAIL;
	if (g->n_regions == 0) /* it began before the trace */
		return GT_ADV_DONE;
	struct gt_region *r = &g->regions[g->n_regions - 1];
	if (r->task != t->ev->args[0] || !is_text(t->o, &r->name, t->ev->args[1])) {
		const struct gt_text a = kept_text(t->o, &r->name),
				     b = gt_gen_text(t->o->gen, t->ev->args[1]);
		return gt_try_fail(t,
				   "region \"%.*s\" of task %" PRIu64
				   " ends, the innermost one is \"%.*s\" of task %" PRIu64 " [O9]",
				   b.len < 64 ? (int)b.len : 64, b.p, t->ev->args[0],
				   a.len < 64 ? (int)a.len : 64, a.p, r->task);
	}
	free(r->name.copy);
	g->n_regions--;
	return GT_ADV_DONE;
}

/* ---------------------------------------------------------------- ranges */

/* Index of a range of that begin event, and of that kind unless `kind` is GT_NO_ID; or r->n. */
static uint32_t find_range(const struct gt_order *o, const struct gt_ranges *r, uint8_t begin,
			   uint64_t kind)
{
	uint32_t i = 0;
	while (i < r->n && (r->list[i].begin != begin ||
			    (kind != GT_NO_ID && !is_text(o, &r->list[i].kind, kind))))
		i++;
	return i;
}

static enum gt_adv open_range(struct gt_try *t, struct gt_ranges *r, uint8_t begin, uint64_t kind)
{
	if (find_range(t->o, r, begin, kind) < r->n)
		return gt_try_fail(t, "this range is open already");
	if (!gt_grow(&r->list, &r->cap, (uint64_t)r->n + 1, sizeof(*r->list)))
		return no_memory(t);
	r->list[r->n++] = (struct gt_range){ begin, kept(t->o, kind) };
	return GT_ADV_DONE;
}

/* "Active": in the first generation it opens the range, later the range has to be open. */
static enum gt_adv active_range(struct gt_try *t, struct gt_ranges *r, uint8_t begin)
{
	if (gt_is_first_gen(t->o))
		return open_range(t, r, begin, 0);
	return find_range(t->o, r, begin, 0) < r->n ? GT_ADV_DONE
						    : gt_try_fail(t, "this range is not open");
}

static enum gt_adv close_range(struct gt_try *t, struct gt_ranges *r, uint8_t begin)
{
	const uint32_t i = find_range(t->o, r, begin, GT_NO_ID);
	if (i == r->n)
		return gt_try_fail(t, "this range is not open");
	const struct gt_range was = r->list[i];
	r->list[i] = r->list[--r->n];
	/* N.B. Go's reader looks the id of the begin up among the strings of the end, and viewers
	 * compare. */
	struct gt_text text;
	const bool is_same =
		begin != GT_EV_STWBegin || (gt_gen_string(t->o->gen, was.kind.id, &text) &&
					    is_text(t->o, &was.kind, was.kind.id));
	if (begin == GT_EV_STWBegin)
		t->out->name = text;
	free(was.kind.copy);
	return is_same ? GT_ADV_DONE
		       : gt_try_fail(t, "its kind (string %" PRIu64 ") has changed since its begin",
				     was.kind.id);
}

static enum gt_adv g_range(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *g = gt_order_g(t->o, t->ctx.g);
	if (!g)
		return gt_try_fail(t, "goroutine %" PRId64 " does not exist [O5]",
				   (int64_t)t->ctx.g);
	if (!touch(t->o, g))
		return no_memory(t);
	switch (t->ev->id) {
	case GT_EV_STWBegin:
		return open_range(t, &g->ranges, GT_EV_STWBegin, t->ev->args[0]);
	case GT_EV_STWEnd:
		return close_range(t, &g->ranges, GT_EV_STWBegin);
	case GT_EV_GCMarkAssistBegin:
		return open_range(t, &g->ranges, GT_EV_GCMarkAssistBegin, 0);
	default:
		return close_range(t, &g->ranges, GT_EV_GCMarkAssistBegin);
	}
}

static enum gt_adv mark_assist_active(struct gt_try *t)
{
	struct gt_gstate *g = gt_order_g(t->o, t->ev->args[0]);
	if (!g)
		return gt_try_fail(t, "goroutine %" PRId64 " does not exist",
				   (int64_t)t->ev->args[0]);
	return active_range(t, &g->ranges, GT_EV_GCMarkAssistBegin);
}

static enum gt_adv sweep(struct gt_try *t)
{
	const bool is_active = t->ev->id == GT_EV_GCSweepActive;
	if (!is_active && !gt_try_needs(t, GT_ONE, GT_ANY))
		return GT_ADV_FAIL;
	struct gt_pstate *p = gt_order_p(t->o, is_active ? t->ev->args[0] : t->ctx.p);
	if (!p)
		return gt_try_fail(t, "the processor does not exist");
	if (is_active)
		return active_range(t, &p->ranges, GT_EV_GCSweepBegin);
	if (t->ev->id == GT_EV_GCSweepBegin)
		return open_range(t, &p->ranges, GT_EV_GCSweepBegin, 0);
	return close_range(t, &p->ranges, GT_EV_GCSweepBegin);
}

/* The phase goes on as `to`, if this is its turn. */
static enum gt_adv gc_step(struct gt_try *t, enum gt_gc from, enum gt_gc to)
{
	struct gt_order *o = t->o;
	if (t->ev->args[0] != o->gc_seq + 1)
		return GT_ADV_WAIT;
	if (o->gc != from)
		return gt_try_fail(t, "a collection is %s",
				   o->gc == GT_GC_ON ? "under way already" : "not under way");
	o->gc_seq = t->ev->args[0];
	o->gc = to;
	if (t->ev->id != GT_EV_GCEnd && !gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	return GT_ADV_DONE;
}

static enum gt_adv gc(struct gt_try *t)
{
	struct gt_order *o = t->o;
	const bool is_first_mention = t->ev->id == GT_EV_GCActive  ? gt_is_first_gen(o)
				      : t->ev->id == GT_EV_GCBegin ? o->gc == GT_GC_UNKNOWN
								   : false;
	if (is_first_mention) {
		if (o->gc != GT_GC_UNKNOWN)
			return gt_try_fail(t,
					   "is not the first of its kind in the first generation");
		o->gc_seq = t->ev->args[0];
		o->gc = GT_GC_ON;
		return GT_ADV_DONE;
	}
	switch (t->ev->id) {
	case GT_EV_GCActive:
		return gc_step(t, GT_GC_ON, GT_GC_ON);
	case GT_EV_GCBegin:
		return gc_step(t, GT_GC_OFF, GT_GC_ON);
	default:
		return gc_step(t, GT_GC_ON, GT_GC_OFF);
	}
}

enum gt_adv gt_annot_apply(struct gt_try *t)
{
	switch (t->ev->id) {
	case GT_EV_ProcsChange:
	case GT_EV_GoLabel:
	case GT_EV_UserLog:
		return gt_try_needs(t, GT_ONE, GT_ONE) ? GT_ADV_DONE : GT_ADV_FAIL;
	case GT_EV_HeapAlloc:
	case GT_EV_HeapGoal:
		return gt_try_needs(t, GT_ONE, GT_ANY) ? GT_ADV_DONE : GT_ADV_FAIL;
	case GT_EV_UserTaskBegin:
		return task_begin(t);
	case GT_EV_UserTaskEnd:
		return task_end(t);
	case GT_EV_UserRegionBegin:
		return region_begin(t);
	case GT_EV_UserRegionEnd:
		return region_end(t);
	case GT_EV_STWBegin:
	case GT_EV_STWEnd:
	case GT_EV_GCMarkAssistBegin:
	case GT_EV_GCMarkAssistEnd:
		return g_range(t);
	case GT_EV_GCMarkAssistActive:
		return mark_assist_active(t);
	case GT_EV_GCSweepBegin:
	case GT_EV_GCSweepActive:
	case GT_EV_GCSweepEnd:
		return sweep(t);
	case GT_EV_GCActive:
	case GT_EV_GCBegin:
	case GT_EV_GCEnd:
		return gc(t);
	default: /* AllocFree */
		return gt_try_needs(t, GT_ANY, GT_ANY) ? GT_ADV_DONE : GT_ADV_FAIL;
	}
}
