/*
 * What each event does to goroutines, processors and threads: rules O2 to O8 and O10. A rule
 * returns GT_ADV_WAIT only where Go's reader tries another thread (internal/trace/order.go).
 */
#include "encoder/event.h"
#include "tools/read/grow.h"
#include "tools/read/order_priv.h"

#include <inttypes.h>
#include <string.h>

static enum gt_state g_state(uint64_t status)
{
	static const uint8_t states[] = { GT_STATE_UNKNOWN, GT_STATE_RUNNABLE, GT_STATE_RUNNING,
					  GT_STATE_SYSCALL, GT_STATE_WAITING };
	return states[status];
}

static enum gt_state p_state(uint64_t status)
{
	static const uint8_t states[] = { GT_STATE_UNKNOWN, GT_STATE_RUNNING, GT_STATE_IDLE,
					  GT_STATE_RUNNING, GT_STATE_IDLE };
	return states[status];
}

/* ---------------------------------------------------------------- state */

static enum gt_adv no_memory(struct gt_try *t)
{
	gt_err_set(t->err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	return GT_ADV_FAIL;
}

/* A new goroutine, its counter at 0 in this generation. Pointers to others are invalid afterwards.
 */
static bool add_g(struct gt_order *o, uint64_t id, uint8_t status)
{
	uint32_t i = o->n_gs;
	if (o->n_free_gs) {
		i = o->free_gs[o->n_free_gs - 1];
	} else {
		if (!gt_grow(&o->gs, &o->cap_gs, (uint64_t)i + 1, sizeof(*o->gs)))
			return false;
		memset(&o->gs[i], 0, sizeof(o->gs[i]));
	}
	if (!gt_idmap_put(&o->g_ids, id, i))
		return false;
	if (o->n_free_gs)
		o->n_free_gs--;
	else
		o->n_gs++;
	struct gt_gstate *g = &o->gs[i];
	g->id = id;
	g->status = status;
	g->seq = 0;
	g->seq_gen = o->gen->number;
	g->is_alive = true;
	g->touched = 0;
	return true;
}

void gt_order_remove_g(struct gt_order *o, struct gt_gstate *g)
{
	const uint32_t i = (uint32_t)(g - o->gs);
	gt_idmap_remove(&o->g_ids, g->id);
	gt_annot_free_g(g);
	g->is_alive = false;
	/* N.B. without memory the slot is merely not used again */
	if (gt_grow(&o->free_gs, &o->cap_free_gs, (uint64_t)o->n_free_gs + 1, sizeof(*o->free_gs)))
		o->free_gs[o->n_free_gs++] = i;
}

static bool add_p(struct gt_order *o, uint64_t id, uint8_t status)
{
	const uint32_t i = o->n_ps;
	if (!gt_grow(&o->ps, &o->cap_ps, (uint64_t)i + 1, sizeof(*o->ps)) ||
	    !gt_idmap_put(&o->p_ids, id, i))
		return false;
	o->ps[o->n_ps++] =
		(struct gt_pstate){ .id = id, .status = status, .seq_gen = o->gen->number };
	return true;
}

/* O2: `seq` is the next value of a counter that stands at `last` since generation `gen`. */
static bool succeeds(const struct gt_order *o, uint64_t seq, uint64_t last, uint64_t gen)
{
	return gen == o->gen->number && seq == last + 1;
}

enum gt_adv gt_try_lacks(struct gt_try *t, enum gt_need p, enum gt_need g)
{
	const char *what = "the thread runs a goroutine already";
	if (t->ctx.m == GT_NO_ID)
		what = "needs a thread";
	else if (!gt_try_is_met(p, t->ctx.p))
		what = p == GT_ONE ? "needs a processor, the thread holds none"
				   : "the thread holds a processor already";
	else if (g == GT_ONE)
		what = "needs a goroutine, the thread runs none";
	return gt_try_fail(t, "%s [O5]", what);
}

/* The goroutine of the event's thread, which has to be in `status`; NULL with the error set. */
static struct gt_gstate *current_g(struct gt_try *t, uint8_t status)
{
	struct gt_gstate *g = gt_order_g(t->o, t->ctx.g);
	if (g && g->status == status)
		return g;
	if (!g)
		gt_try_fail(t, "goroutine %" PRId64 " does not exist [O5]", (int64_t)t->ctx.g);
	else
		gt_try_fail(t, "goroutine %" PRId64 " is %s, expected %s [O5]", (int64_t)t->ctx.g,
			    gt_g_status_word(g->status), gt_g_status_word(status));
	return NULL;
}

/* ---------------------------------------------------------------- processors */

/* The thread that P is bound to becomes the event's: it is about to be stolen from there. */
static enum gt_adv abandoned_p(struct gt_try *t, uint64_t p)
{
	const struct gt_order *o = t->o;
	for (uint32_t i = 0; i < o->n_ms; i++) {
		if (o->ms[i].p != p)
			continue;
		t->out->m = o->ms[i].id;
		t->out->p = p;
		t->out->g = o->ms[i].g;
		return GT_ADV_DONE;
	}
	return gt_try_fail(
		t, "no thread holds processor %" PRId64 ", which is about to be stolen [O8]",
		(int64_t)p);
}

static enum gt_adv proc_status(struct gt_try *t)
{
	struct gt_order *o = t->o;
	const uint64_t p = t->ev->args[0];
	const uint8_t status = (uint8_t)t->ev->args[1]; /* N.B. as Go's reader cuts it */
	if (status > GT_P_ABANDONED)
		return gt_try_fail(t, "processor %" PRId64 " has status %u, expected 1 to 4 [O10]",
				   (int64_t)p, status);
	enum gt_state from = p_state(status);
	bool is_promoted = false;
	struct gt_pstate *s = gt_order_p(o, p);
	if (!s) {
		if (!add_p(o, p, status))
			return no_memory(t);
		from = gt_is_first_gen(o) ? GT_STATE_UNKNOWN : GT_STATE_NOT_EXIST;
	} else {
		is_promoted = status == GT_P_ABANDONED && s->status == GT_P_SYSCALL;
		if (is_promoted)
			from = GT_STATE_RUNNING;
		else if (s->status != status)
			return gt_try_fail(
				t, "processor %" PRId64 " is %s, the status says %s [O3]",
				(int64_t)p, gt_p_status_word(s->status), gt_p_status_word(status));
		s->seq = 0;
		s->seq_gen = o->gen->number;
	}
	if (is_promoted)
		t->out->args[1] = GT_P_SYSCALL;
	if (t->out->args[1] > GT_P_ABANDONED)
		return gt_try_fail(
			t, "processor %" PRId64 " has status %" PRIu64 ", expected 1 to 4 [O10]",
			(int64_t)p, t->ev->args[1]);
	if (status == GT_P_RUNNING || status == GT_P_SYSCALL)
		t->ctx.p = p;
	if (is_promoted && abandoned_p(t, p) == GT_ADV_FAIL)
		return GT_ADV_FAIL;
	return gt_try_change(t, GT_SUBJECT_P, p, from, p_state(t->out->args[1]));
}

static enum gt_adv proc_start(struct gt_try *t)
{
	const uint64_t p = t->ev->args[0];
	struct gt_pstate *s = gt_order_p(t->o, p);
	if (!s || s->status != GT_P_IDLE || !succeeds(t->o, t->ev->args[1], s->seq, s->seq_gen) ||
	    t->ctx.p != GT_NO_ID)
		return GT_ADV_WAIT;
	if (!gt_try_needs(t, GT_NONE, GT_ANY))
		return GT_ADV_FAIL;
	s->status = GT_P_RUNNING;
	s->seq = t->ev->args[1];
	t->ctx.p = p;
	return gt_try_change(t, GT_SUBJECT_P, p, GT_STATE_IDLE, GT_STATE_RUNNING);
}

static enum gt_adv proc_stop(struct gt_try *t)
{
	const uint64_t p = t->ctx.p;
	struct gt_pstate *s = gt_order_p(t->o, p);
	if (!s || p == GT_NO_ID)
		return gt_try_fail(t, "the thread holds no processor [O5]");
	if (s->status != GT_P_RUNNING && s->status != GT_P_SYSCALL)
		return gt_try_fail(t, "processor %" PRId64 " is %s, expected running [O5]",
				   (int64_t)p, gt_p_status_word(s->status));
	if (!gt_try_needs(t, GT_ONE, GT_ANY))
		return GT_ADV_FAIL;
	s->status = GT_P_IDLE;
	t->ctx.p = GT_NO_ID;
	return gt_try_change(t, GT_SUBJECT_P, p, GT_STATE_RUNNING, GT_STATE_IDLE);
}

static enum gt_adv proc_steal(struct gt_try *t)
{
	const uint64_t p = t->ev->args[0], m = t->ev->args[2];
	struct gt_order *o = t->o;
	struct gt_pstate *s = gt_order_p(o, p);
	if (!s || (s->status != GT_P_SYSCALL && s->status != GT_P_ABANDONED) ||
	    !succeeds(o, t->ev->args[1], s->seq, s->seq_gen))
		return GT_ADV_WAIT;
	if (!gt_try_needs(t, GT_ANY, GT_ANY))
		return GT_ADV_FAIL;
	const bool is_lost = s->status == GT_P_ABANDONED;
	s->status = GT_P_IDLE;
	s->seq = t->ev->args[1];
	gt_try_change(t, GT_SUBJECT_P, p, is_lost ? GT_STATE_IDLE : GT_STATE_RUNNING,
		      GT_STATE_IDLE);
	if (is_lost) /* nobody knows where its thread is by now */
		return GT_ADV_DONE;
	if (m == t->ctx.m) {
		if (t->ctx.p != p)
			return gt_try_fail(t,
					   "steals processor %" PRId64
					   " from itself, but holds %" PRId64 " [O8]",
					   (int64_t)p, (int64_t)t->ctx.p);
		t->ctx.p = GT_NO_ID;
		return GT_ADV_DONE;
	}
	const uint32_t i = gt_idmap_get(&o->m_ids, m);
	if (i == GT_NO_INDEX)
		return gt_try_fail(t,
				   "steals processor %" PRId64 " from thread %" PRId64
				   ", which does not exist [O8]",
				   (int64_t)p, (int64_t)m);
	if (o->ms[i].p != p)
		return gt_try_fail(t,
				   "steals processor %" PRId64 " from thread %" PRId64
				   ", which holds %" PRId64 " [O8]",
				   (int64_t)p, (int64_t)m, (int64_t)o->ms[i].p);
	o->ms[i].p = GT_NO_ID;
	return GT_ADV_DONE;
}

/* ---------------------------------------------------------------- goroutines */

/* O8: a goroutine in a syscall is bound to thread m, which may be another than the event's. */
static enum gt_adv bind_syscall(struct gt_try *t, uint64_t g, uint64_t m)
{
	struct gt_order *o = t->o;
	if (m == GT_NO_ID)
		return gt_try_fail(t, "goroutine %" PRId64 " is in a syscall without a thread [O8]",
				   (int64_t)g);
	if (m == t->ctx.m) {
		if (!gt_is_first_gen(o) && t->ctx.g != g)
			return gt_try_fail(t,
					   "goroutine %" PRId64
					   " is in a syscall, but its thread runs %" PRId64 " [O8]",
					   (int64_t)g, (int64_t)t->ctx.g);
		t->ctx.g = g;
		return GT_ADV_DONE;
	}
	uint32_t i = gt_idmap_get(&o->m_ids, m);
	if (i != GT_NO_INDEX) {
		if (o->ms[i].g != g)
			return gt_try_fail(t,
					   "goroutine %" PRId64
					   " is in a syscall on thread %" PRId64
					   ", which runs %" PRId64 " [O8]",
					   (int64_t)g, (int64_t)m, (int64_t)o->ms[i].g);
		t->out->g = g;
	} else {
		i = gt_order_m(o, m);
		if (i == GT_NO_INDEX)
			return no_memory(t);
		o->ms[i].g = g;
	}
	t->out->m = m;
	return GT_ADV_DONE;
}

static enum gt_adv go_status(struct gt_try *t)
{
	struct gt_order *o = t->o;
	const uint64_t g = t->ev->args[0];
	const uint8_t status = (uint8_t)t->ev->args[2]; /* N.B. as Go's reader cuts it */
	if (status > GT_G_WAITING)
		return gt_try_fail(t, "goroutine %" PRId64 " has status %u, expected 1 to 4 [O10]",
				   (int64_t)g, status);
	enum gt_state from = g_state(status);
	struct gt_gstate *s = gt_order_g(o, g);
	if (s) {
		if (s->status != status)
			return gt_try_fail(
				t, "goroutine %" PRId64 " is %s, the status says %s [O3]",
				(int64_t)g, gt_g_status_word(s->status), gt_g_status_word(status));
		s->seq = 0;
		s->seq_gen = o->gen->number;
	} else if (!gt_is_first_gen(o)) {
		return gt_try_fail(t,
				   "goroutine %" PRId64
				   " appears by a status after the first generation [O4]",
				   (int64_t)g);
	} else {
		if (!add_g(o, g, status))
			return no_memory(t);
		from = GT_STATE_UNKNOWN;
	}
	if (status == GT_G_RUNNING)
		t->ctx.g = g;
	if (status == GT_G_SYSCALL && bind_syscall(t, g, t->ev->args[1]) == GT_ADV_FAIL)
		return GT_ADV_FAIL;
	return gt_try_change(t, GT_SUBJECT_G, g, from, g_state(status));
}

static enum gt_adv go_create(struct gt_try *t)
{
	const uint64_t g = t->ev->args[0];
	if (!gt_try_needs(t, GT_ONE, GT_ANY))
		return GT_ADV_FAIL;
	const struct gt_gstate *by = gt_order_g(t->o, t->ctx.g);
	if (by && by->status != GT_G_RUNNING)
		return gt_try_fail(t, "goroutine %" PRId64 " is %s, expected running [O5]",
				   (int64_t)by->id, gt_g_status_word(by->status));
	if (gt_order_g(t->o, g))
		return gt_try_fail(t, "goroutine %" PRId64 " exists already [O6]", (int64_t)g);
	const bool is_blocked = t->ev->id == GT_EV_GoCreateBlocked;
	if (!add_g(t->o, g, is_blocked ? GT_G_WAITING : GT_G_RUNNABLE))
		return no_memory(t);
	return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_NOT_EXIST,
			     is_blocked ? GT_STATE_WAITING : GT_STATE_RUNNABLE);
}

static enum gt_adv go_create_syscall(struct gt_try *t)
{
	const uint64_t g = t->ev->args[0];
	if (!gt_try_needs(t, GT_ANY, GT_NONE))
		return GT_ADV_FAIL;
	if (gt_order_g(t->o, g))
		return gt_try_fail(t, "goroutine %" PRId64 " exists already [O6]", (int64_t)g);
	if (!add_g(t->o, g, GT_G_SYSCALL))
		return no_memory(t);
	t->ctx.g = g;
	return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_NOT_EXIST, GT_STATE_SYSCALL);
}

/* GoDestroy, GoStop, GoBlock: the running goroutine leaves its thread. */
static enum gt_adv go_leave(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *s = current_g(t, GT_G_RUNNING);
	if (!s)
		return GT_ADV_FAIL;
	const uint64_t g = t->ctx.g;
	t->ctx.g = GT_NO_ID;
	if (t->ev->id == GT_EV_GoDestroy) {
		gt_order_remove_g(t->o, s);
		return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_RUNNING, GT_STATE_NOT_EXIST);
	}
	s->status = t->ev->id == GT_EV_GoStop ? GT_G_RUNNABLE : GT_G_WAITING;
	return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_RUNNING, g_state(s->status));
}

static enum gt_adv go_start(struct gt_try *t)
{
	const uint64_t g = t->ev->args[0];
	struct gt_gstate *s = gt_order_g(t->o, g);
	if (!s || s->status != GT_G_RUNNABLE || !succeeds(t->o, t->ev->args[1], s->seq, s->seq_gen))
		return GT_ADV_WAIT;
	if (!gt_try_needs(t, GT_ONE, GT_NONE))
		return GT_ADV_FAIL;
	s->status = GT_G_RUNNING;
	s->seq = t->ev->args[1];
	t->ctx.g = g;
	return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_RUNNABLE, GT_STATE_RUNNING);
}

static enum gt_adv go_unblock(struct gt_try *t)
{
	const uint64_t g = t->ev->args[0];
	struct gt_gstate *s = gt_order_g(t->o, g);
	if (!s || s->status != GT_G_WAITING || !succeeds(t->o, t->ev->args[1], s->seq, s->seq_gen))
		return GT_ADV_WAIT;
	s->status = GT_G_RUNNABLE;
	s->seq = t->ev->args[1];
	return gt_try_change(t, GT_SUBJECT_G, g, GT_STATE_WAITING, GT_STATE_RUNNABLE);
}

/* The thread hands over from its goroutine to a waiting one: unblock, block or destroy, start. */
static enum gt_adv go_switch(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	const uint64_t old = t->ctx.g, next = t->ev->args[0];
	struct gt_gstate *cur = current_g(t, GT_G_RUNNING);
	if (!cur)
		return GT_ADV_FAIL;
	struct gt_gstate *s = gt_order_g(t->o, next);
	if (!s || s->status != GT_G_WAITING || !succeeds(t->o, t->ev->args[1], s->seq, s->seq_gen))
		return GT_ADV_WAIT;
	s->status = GT_G_RUNNING;
	s->seq = t->ev->args[1];
	const bool ends = t->ev->id == GT_EV_GoSwitchDestroy;
	struct gt_ordered *leave = gt_order_push(t->o, t, ends ? GT_EV_GoDestroy : GT_EV_GoBlock);
	leave->subject = GT_SUBJECT_G;
	leave->who = old;
	leave->from = GT_STATE_RUNNING;
	leave->to = ends ? GT_STATE_NOT_EXIST : GT_STATE_WAITING;
	if (ends)
		gt_order_remove_g(t->o, cur);
	else
		cur->status = GT_G_WAITING;
	t->ctx.g = GT_NO_ID;
	struct gt_ordered *enter = gt_order_push(t->o, t, GT_EV_GoStart);
	enter->args[0] = next;
	enter->args[1] = t->ev->args[1];
	enter->subject = GT_SUBJECT_G;
	enter->who = next;
	enter->from = GT_STATE_RUNNABLE;
	enter->to = GT_STATE_RUNNING;
	t->ctx.g = next;
	return gt_try_change(t, GT_SUBJECT_G, next, GT_STATE_WAITING, GT_STATE_RUNNABLE);
}

/* ---------------------------------------------------------------- syscalls */

static enum gt_adv no_such_p(struct gt_try *t)
{
	return gt_try_fail(t, "processor %" PRId64 " does not exist [O5]", (int64_t)t->ctx.p);
}

static enum gt_adv syscall_begin(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *g = current_g(t, GT_G_RUNNING);
	if (!g)
		return GT_ADV_FAIL;
	struct gt_pstate *p = gt_order_p(t->o, t->ctx.p);
	if (!p)
		return no_such_p(t);
	if (!succeeds(t->o, t->ev->args[0], p->seq, p->seq_gen))
		return gt_try_fail(t,
				   "processor %" PRId64 "'s counter is %" PRIu64
				   "%s, the event carries %" PRIu64 " [O2]",
				   (int64_t)p->id, p->seq,
				   p->seq_gen == t->o->gen->number
					   ? ""
					   : " and has no status in this generation",
				   t->ev->args[0]);
	g->status = GT_G_SYSCALL;
	p->status = GT_P_SYSCALL;
	p->seq = t->ev->args[0];
	return gt_try_change(t, GT_SUBJECT_G, t->ctx.g, GT_STATE_RUNNING, GT_STATE_SYSCALL);
}

static enum gt_adv syscall_end(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ONE, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *g = current_g(t, GT_G_SYSCALL);
	if (!g)
		return GT_ADV_FAIL;
	struct gt_pstate *p = gt_order_p(t->o, t->ctx.p);
	if (!p)
		return no_such_p(t);
	if (p->status != GT_P_SYSCALL)
		return gt_try_fail(t, "processor %" PRId64 " is %s, expected in a syscall [O5]",
				   (int64_t)p->id, gt_p_status_word(p->status));
	g->status = GT_G_RUNNING;
	p->status = GT_P_RUNNING;
	return gt_try_change(t, GT_SUBJECT_G, t->ctx.g, GT_STATE_SYSCALL, GT_STATE_RUNNING);
}

static enum gt_adv syscall_end_blocked(struct gt_try *t)
{
	if (t->ctx.p != GT_NO_ID) {
		const struct gt_pstate *p = gt_order_p(t->o, t->ctx.p);
		if (!p)
			return no_such_p(t);
		if (p->status == GT_P_SYSCALL) /* it is going to lose it */
			return GT_ADV_WAIT;
	}
	if (!gt_try_needs(t, GT_ANY, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *g = current_g(t, GT_G_SYSCALL);
	if (!g)
		return GT_ADV_FAIL;
	g->status = GT_G_RUNNABLE;
	const uint64_t id = t->ctx.g;
	t->ctx.g = GT_NO_ID;
	return gt_try_change(t, GT_SUBJECT_G, id, GT_STATE_SYSCALL, GT_STATE_RUNNABLE);
}

static enum gt_adv destroy_syscall(struct gt_try *t)
{
	if (!gt_try_needs(t, GT_ANY, GT_ONE))
		return GT_ADV_FAIL;
	struct gt_gstate *g = current_g(t, GT_G_SYSCALL);
	if (!g)
		return GT_ADV_FAIL;
	const uint64_t id = t->ctx.g, p = t->ctx.p;
	gt_try_change(t, GT_SUBJECT_G, id, GT_STATE_SYSCALL, GT_STATE_NOT_EXIST);
	if (p != GT_NO_ID) {
		struct gt_pstate *s = gt_order_p(t->o, p);
		if (!s)
			return no_such_p(t);
		if (s->status != GT_P_SYSCALL)
			return gt_try_fail(
				t, "processor %" PRId64 " is %s, expected in a syscall [O5]",
				(int64_t)p, gt_p_status_word(s->status));
		s->status = GT_P_ABANDONED;
		/* The processor is taken away first: that event changes places with this one. */
		struct gt_ordered *self = gt_order_push(t->o, t, GT_EV_ProcSteal);
		const struct gt_ordered steal = *self;
		*self = *t->out;
		*t->out = steal;
		t->out->args[0] = p;
		gt_try_change(t, GT_SUBJECT_P, p, GT_STATE_RUNNING, GT_STATE_IDLE);
		t->ctx.p = GT_NO_ID;
	}
	gt_order_remove_g(t->o, g);
	t->ctx.g = GT_NO_ID;
	return GT_ADV_DONE;
}

enum gt_adv gt_rules_apply(struct gt_try *t)
{
	switch (t->ev->id) {
	case GT_EV_ProcStart:
		return proc_start(t);
	case GT_EV_ProcStop:
		return proc_stop(t);
	case GT_EV_ProcSteal:
		return proc_steal(t);
	case GT_EV_ProcStatus:
		return proc_status(t);
	case GT_EV_GoCreate:
	case GT_EV_GoCreateBlocked:
		return go_create(t);
	case GT_EV_GoCreateSyscall:
		return go_create_syscall(t);
	case GT_EV_GoStart:
		return go_start(t);
	case GT_EV_GoDestroy:
	case GT_EV_GoStop:
	case GT_EV_GoBlock:
		return go_leave(t);
	case GT_EV_GoUnblock:
		return go_unblock(t);
	case GT_EV_GoSwitch:
	case GT_EV_GoSwitchDestroy:
		return go_switch(t);
	case GT_EV_GoSyscallBegin:
		return syscall_begin(t);
	case GT_EV_GoSyscallEnd:
		return syscall_end(t);
	case GT_EV_GoSyscallEndBlocked:
		return syscall_end_blocked(t);
	case GT_EV_GoDestroySyscall:
		return destroy_syscall(t);
	case GT_EV_GoStatus:
	case GT_EV_GoStatusStack:
		return go_status(t);
	default:
		return gt_annot_apply(t);
	}
}
