/*
 * The rules that Go 1.19 has for the events of an old trace once they are in order
 * (src/internal/trace/parser.go: postProcessTrace), and what of events belongs together.
 */
#include "tools/lib/mem.h"
#include "tools/read/grow.h"
#include "tools/read/old_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEAD, RUNNABLE, RUNNING, WAITING };

struct goroutine {
	int state;
	uint8_t why; /* type of the event that changed it last; 0 = started since */
	bool is_assisting;
	uint32_t regions; /* innermost open one: index in the order, then by `next` */
};

struct proc {
	bool is_running;
	uint64_t g;
	uint32_t stw; /* index in the order of the stop that is under way; before Go 1.10 */
	bool is_sweeping;
};

struct check {
	struct gt_old *o;
	struct gt_idmap g_ids, p_ids, task_ids;
	struct goroutine *gs;
	struct proc *ps;
	uint32_t n_gs, cap_gs, n_ps, cap_ps;
	bool is_collecting;
	uint32_t stw;
};

/* ---------------------------------------------------------------- state */

/* Index of the entry, made if need be. */
static uint32_t goroutine(struct check *c, uint64_t id)
{
	uint32_t i = gt_idmap_get(&c->g_ids, id);
	if (i != GT_NO_INDEX)
		return i;
	i = c->n_gs++;
	if (!gt_grow(&c->gs, &c->cap_gs, c->n_gs, sizeof(*c->gs)) ||
	    !gt_idmap_put(&c->g_ids, id, i))
		return GT_NO_INDEX;
	c->gs[i] = (struct goroutine){ .regions = GT_OLD_NO_EVENT };
	return i;
}

static uint32_t proc(struct check *c, int64_t number)
{
	uint32_t i = gt_idmap_get(&c->p_ids, (uint64_t)number);
	if (i != GT_NO_INDEX)
		return i;
	i = c->n_ps++;
	if (!gt_grow(&c->ps, &c->cap_ps, c->n_ps, sizeof(*c->ps)) ||
	    !gt_idmap_put(&c->p_ids, (uint64_t)number, i))
		return GT_NO_INDEX;
	c->ps[i] = (struct proc){ .stw = GT_OLD_NO_EVENT };
	return i;
}

__attribute__((format(printf, 3, 4))) static int
bad(const struct check *c, const struct gt_old_event *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const int rc = gt_err_vset(c->o->err, GT_ERR_ORDER, e->offset, fmt, ap);
	va_end(ap);
	gt_err_prefix(c->o->err, "%s", gt_old_name(e->type));
	return rc;
}

/* Does the event's goroutine run on its processor? */
static int check_running(const struct check *c, const struct gt_old_event *e,
			 const struct goroutine *g, const struct proc *p, bool may_be_none)
{
	if (g->state != RUNNING)
		return bad(c, e, "goroutine %" PRIu64 " is not running", e->g);
	if (p->g != e->g)
		return bad(c, e, "processor %" PRId64 " does not run goroutine %" PRIu64, e->p,
			   e->g);
	if (e->g == 0 && !may_be_none)
		return bad(c, e, "needs a goroutine");
	return 0;
}

/* ---------------------------------------------------------------- rules */

static int check_proc(struct check *c, const struct gt_old_event *e, struct proc *p)
{
	const bool is_start = e->type == GT_OLD_ProcStart;
	if (p->is_running == is_start)
		return bad(c, e, "processor %" PRId64 " is %srunning", e->p,
			   is_start ? "already " : "not ");
	if (!is_start && p->g != 0)
		return bad(c, e, "processor %" PRId64 " runs goroutine %" PRIu64, e->p, p->g);
	p->is_running = is_start;
	return 0;
}

static int check_gc(struct check *c, struct gt_old_event *e)
{
	const bool is_start = e->type == GT_OLD_GCStart;
	if (c->is_collecting == is_start)
		return bad(c, e, "a collection is %sunder way", is_start ? "already " : "not ");
	c->is_collecting = is_start;
	if (is_start)
		e->p = GT_OLD_GC_P;
	return 0;
}

static int check_stw(struct check *c, const struct gt_old_event *e, uint32_t i, struct proc *p)
{
	uint32_t *open = c->o->version < 10 ? &p->stw : &c->stw;
	const bool is_start = e->type == GT_OLD_GCSTWStart;
	if ((*open != GT_OLD_NO_EVENT) == is_start)
		return bad(c, e, "the world is %sstopped", is_start ? "already " : "not ");
	if (!is_start)
		gt_old_event(c->o, *open)->next = i;
	*open = is_start ? i : GT_OLD_NO_EVENT;
	return 0;
}

static int check_sweep(struct check *c, const struct gt_old_event *e, struct proc *p)
{
	const bool is_start = e->type == GT_OLD_GCSweepStart;
	if (p->is_sweeping == is_start)
		return bad(c, e, "sweeping is %sunder way", is_start ? "already " : "not ");
	p->is_sweeping = is_start;
	return 0;
}

static int check_assist(struct check *c, const struct gt_old_event *e, struct goroutine *g)
{
	const bool is_start = e->type == GT_OLD_GCMarkAssistStart;
	if (is_start && g->is_assisting)
		return bad(c, e, "an assist is already under way");
	g->is_assisting = is_start; /* one may end that began before the trace */
	return 0;
}

static int check_create(struct check *c, const struct gt_old_event *e, const struct goroutine *g,
			const struct proc *p)
{
	const int rc = check_running(c, e, g, p, true);
	if (rc < 0)
		return rc;
	if (gt_idmap_get(&c->g_ids, e->args[0]) != GT_NO_INDEX)
		return bad(c, e, "goroutine %" PRIu64 " exists already", e->args[0]);
	const uint32_t i = goroutine(c, e->args[0]);
	if (i == GT_NO_INDEX)
		return gt_old_no_memory(c->o);
	c->gs[i].state = RUNNABLE;
	c->gs[i].why = e->type;
	return 0;
}

static int check_start(struct check *c, const struct gt_old_event *e, struct goroutine *g,
		       struct proc *p)
{
	if (g->state != RUNNABLE)
		return bad(c, e, "goroutine %" PRIu64 " is not runnable", e->g);
	if (p->g != 0)
		return bad(c, e, "processor %" PRId64 " runs goroutine %" PRIu64, e->p, p->g);
	g->state = RUNNING;
	g->why = 0;
	p->g = e->g;
	return 0;
}

static int check_unblock(struct check *c, struct gt_old_event *e, const struct goroutine *g,
			 const struct proc *p)
{
	if (g->state != RUNNING)
		return bad(c, e, "goroutine %" PRIu64 " is not running", e->g);
	if (e->p != GT_OLD_TIMER_P && p->g != e->g)
		return bad(c, e, "processor %" PRId64 " does not run goroutine %" PRIu64, e->p,
			   e->g);
	const uint32_t i = gt_idmap_get(&c->g_ids, e->args[0]);
	if (i == GT_NO_INDEX || c->gs[i].state != WAITING)
		return bad(c, e, "goroutine %" PRIu64 " is not waiting", e->args[0]);
	if (c->gs[i].why == GT_OLD_GoBlockNet && e->p != GT_OLD_TIMER_P)
		e->p = GT_OLD_NET_P;
	c->gs[i].state = RUNNABLE;
	c->gs[i].why = e->type;
	return 0;
}

static int leave(struct check *c, const struct gt_old_event *e, struct goroutine *g, struct proc *p)
{
	const int rc = check_running(c, e, g, p, false);
	if (rc < 0)
		return rc;
	p->g = 0;
	g->why = e->type == GT_OLD_GoSysBlock ? g->why : e->type;
	if (e->type == GT_OLD_GoEnd || e->type == GT_OLD_GoStop)
		g->state = DEAD;
	else if (e->type == GT_OLD_GoSched || e->type == GT_OLD_GoPreempt)
		g->state = RUNNABLE;
	else
		g->state = WAITING;
	if (e->type == GT_OLD_GoEnd)
		g->regions = GT_OLD_NO_EVENT;
	return 0;
}

/* Waiting, or in a call, when the trace began. */
static int check_initial(struct check *c, const struct gt_old_event *e, struct goroutine *g)
{
	if (g->state != RUNNABLE)
		return bad(c, e, "goroutine %" PRIu64 " is not runnable", e->g);
	g->state = WAITING;
	g->why = e->type;
	return 0;
}

static int check_exit(struct check *c, const struct gt_old_event *e, struct goroutine *g)
{
	if (g->state != WAITING)
		return bad(c, e, "goroutine %" PRIu64 " is not waiting", e->g);
	g->state = RUNNABLE;
	g->why = e->type;
	return 0;
}

static int check_task(struct check *c, const struct gt_old_event *e)
{
	const bool is_known = gt_idmap_get(&c->task_ids, e->args[0]) != GT_NO_INDEX;
	if (e->type == GT_OLD_UserTaskEnd)
		gt_idmap_remove(&c->task_ids, e->args[0]);
	else if (is_known)
		return bad(c, e, "task %" PRIu64 " is under way already", e->args[0]);
	else if (!gt_idmap_put(&c->task_ids, e->args[0], 0))
		return gt_old_no_memory(c->o);
	return 0;
}

static bool is_same_text(const struct gt_old *o, uint64_t a, uint64_t b)
{
	const uint32_t i = gt_idmap_get(&o->string_ids, a), k = gt_idmap_get(&o->string_ids, b);
	if (i == GT_NO_INDEX || k == GT_NO_INDEX)
		return i == k; /* no such string: empty */
	const struct gt_old_bytes *x = &o->strings[i], *y = &o->strings[k];
	return x->n == y->n && memcmp(o->bytes + x->offset, o->bytes + y->offset, x->n) == 0;
}

static int check_region(struct check *c, struct gt_old_event *e, uint32_t i, struct goroutine *g)
{
	if (e->args[1] > 1)
		return bad(c, e, "mode %" PRIu64 ", expected 0 or 1", e->args[1]);
	if (e->args[1] == 0) {
		e->next = g->regions;
		g->regions = i;
		return 0;
	}
	if (g->regions == GT_OLD_NO_EVENT) /* it began before the trace */
		return 0;
	struct gt_old_event *begin = gt_old_event(c->o, g->regions);
	if (begin->args[0] != e->args[0] || !is_same_text(c->o, begin->args[2], e->args[2]))
		return bad(c, e, "another region is the innermost one");
	e->next = g->regions;
	g->regions = begin->next;
	return 0;
}

static int check_event(struct check *c, struct gt_old_event *e, uint32_t i, struct goroutine *g,
		       struct proc *p)
{
	switch (e->type) {
	case GT_OLD_ProcStart:
	case GT_OLD_ProcStop:
		return check_proc(c, e, p);
	case GT_OLD_GCStart:
	case GT_OLD_GCDone:
		return check_gc(c, e);
	case GT_OLD_GCSTWStart:
	case GT_OLD_GCSTWDone:
		return check_stw(c, e, i, p);
	case GT_OLD_GCSweepStart:
	case GT_OLD_GCSweepDone:
		return check_sweep(c, e, p);
	case GT_OLD_GCMarkAssistStart:
	case GT_OLD_GCMarkAssistDone:
		return check_assist(c, e, g);
	case GT_OLD_GoWaiting:
	case GT_OLD_GoInSyscall:
		return check_initial(c, e, g);
	case GT_OLD_GoCreate:
		return check_create(c, e, g, p);
	case GT_OLD_GoStart:
	case GT_OLD_GoStartLabel:
		return check_start(c, e, g, p);
	case GT_OLD_GoUnblock:
		return check_unblock(c, e, g, p);
	case GT_OLD_GoSysCall:
		g->why = e->type;
		return check_running(c, e, g, p, false);
	case GT_OLD_GoSysExit:
		return check_exit(c, e, g);
	case GT_OLD_UserTaskCreate:
	case GT_OLD_UserTaskEnd:
		return check_task(c, e);
	case GT_OLD_UserRegion:
		return check_region(c, e, i, g);
	default:
		return gt_old_is_leave(e->type) ? leave(c, e, g, p) : 0;
	}
}

/* ---------------------------------------------------------------- what comes next */

static int remember(struct gt_idmap *ids, uint32_t **last, uint32_t *n, uint32_t *cap, uint64_t g,
		    uint32_t i)
{
	uint32_t k = gt_idmap_get(ids, g);
	if (k == GT_NO_INDEX) {
		k = (*n)++;
		if (!gt_grow(last, cap, *n, sizeof(**last)) || !gt_idmap_put(ids, g, k))
			return -1;
	}
	(*last)[k] = i;
	return 0;
}

/* A call's next event of the same goroutine, a creation's next one that tells of the new one. */
static int link_next(struct gt_old *o)
{
	struct gt_idmap ids[2] = { { 0 }, { 0 } }; /* events of a goroutine, and about it */
	uint32_t *last[2] = { NULL, NULL }, n[2] = { 0, 0 }, cap[2] = { 0, 0 };
	int rc = 0;
	for (uint32_t i = o->n_order; rc == 0 && i-- > 0;) {
		struct gt_old_event *e = gt_old_event(o, i);
		const bool is_create = e->type == GT_OLD_GoCreate;
		const uint64_t subject =
			is_create || e->type == GT_OLD_GoUnblock ? e->args[0] : e->g;
		const uint32_t k = gt_idmap_get(&ids[is_create], is_create ? subject : e->g);
		if (e->type == GT_OLD_CPUSample)
			continue;
		if (is_create || e->type == GT_OLD_GoSysCall)
			e->next = k == GT_NO_INDEX ? GT_OLD_NO_EVENT : last[is_create][k];
		rc |= remember(&ids[0], &last[0], &n[0], &cap[0], e->g, i);
		rc |= remember(&ids[1], &last[1], &n[1], &cap[1], subject, i);
	}
	for (int i = 0; i < 2; i++) {
		gt_idmap_free(&ids[i]);
		free(last[i]);
	}
	return rc == 0 ? 0 : gt_old_no_memory(o);
}

int gt_old_check(struct gt_old *o)
{
	struct check c = { .o = o, .stw = GT_OLD_NO_EVENT };
	uint32_t g = goroutine(&c, 0);
	int rc = g == GT_NO_INDEX ? gt_old_no_memory(o) : 0;
	if (rc == 0)
		c.gs[g].state = RUNNING;
	for (uint32_t i = 0; rc == 0 && i < o->n_order; i++) {
		struct gt_old_event *e = gt_old_event(o, i);
		e->next = GT_OLD_NO_EVENT;
		g = goroutine(&c, e->g);
		uint32_t k = proc(&c, e->p);
		if (g == GT_NO_INDEX || k == GT_NO_INDEX) {
			rc = gt_old_no_memory(o);
			break;
		}
		/* N.B. As Go's parser: the processor's state goes to the one it makes up, too. */
		struct proc p = c.ps[k];
		struct goroutine now = c.gs[g];
		rc = check_event(&c, e, i, &now, &p);
		k = proc(&c, e->p);
		if (rc == 0 && k == GT_NO_INDEX)
			rc = gt_old_no_memory(o);
		if (rc < 0)
			break;
		c.gs[g] = now;
		c.ps[k] = p;
	}
	gt_idmap_free(&c.g_ids);
	gt_idmap_free(&c.p_ids);
	gt_idmap_free(&c.task_ids);
	free(c.gs);
	free(c.ps);
	return rc == 0 ? link_next(o) : rc;
}
