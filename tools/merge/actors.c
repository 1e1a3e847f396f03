/*
 * Invariants
 *
 * 1. What lives has its statuses at the start of each generation, in the stream of its thread; its
 * counters begin there. Otherwise no event of it can be put in order.
 * 2. A goroutine that a file knows by a status is created here, unless its process was there when
 * the trace began: a status of an unknown one is good in the first generation only.
 * 3. When a process ends its threads are gone, as a trace that ends says nothing of them: but what
 * goes on in other processes must not make their last waits longer. The process that ends last is
 * left as it is.
 */
#include "tools/merge/merge_priv.h"

#include <string.h>

#define OTHER_TIDS 10000000 /* above all that Linux gives */

/* ---------------------------------------------------------------- numbers */

uint32_t gt_merge_g(struct merge *g, struct merge_input *in, uint64_t id)
{
	uint32_t i = gt_idmap_get(&in->gs, id);
	if (i != GT_NO_INDEX)
		return i;
	i = (uint32_t)g->n_gs++;
	g->gs = gt_mem_grow(g->gs, i, &g->cap_gs, sizeof(*g->gs));
	g->gs[i] = (struct merge_g){
		.source = in->index,
		.m = NONE,
		.label = gt_out_put_text(g->out, in->prefix, strlen(in->prefix)),
	};
	gt_idmap_put(&in->gs, id, i);
	return i;
}

/* The lowest free number, for viewers have a row for each. */
static uint32_t new_p(struct merge *g, const struct merge_input *in)
{
	uint32_t i = 0;
	while (i < g->n_ps && !g->ps[i].is_free)
		i++;
	if (i == g->n_ps) {
		g->ps = gt_mem_grow(g->ps, g->n_ps++, &g->cap_ps, sizeof(*g->ps));
		g->ps[i] = (struct merge_p){ .m = NONE };
	}
	g->ps[i].is_free = false;
	g->ps[i].source = in->index;
	return i;
}

uint32_t gt_merge_p(struct merge *g, struct merge_input *in, uint64_t id)
{
	uint32_t i = gt_idmap_get(&in->ps, id);
	if (i == GT_NO_INDEX) {
		i = new_p(g, in);
		gt_idmap_put(&in->ps, id, i);
	}
	return i;
}

/* The kernel's number, unless another process of the trace has a thread of that one now. */
static uint64_t free_tid(const struct merge *g, const struct merge_input *in, uint64_t tid)
{
	while (gt_idmap_get(&g->by_tid, tid) != GT_NO_INDEX)
		tid += OTHER_TIDS * (uint64_t)(in->index + 1);
	return tid;
}

uint32_t gt_merge_m(struct merge *g, struct merge_input *in, uint64_t tid)
{
	uint32_t i = gt_idmap_get(&in->ms, tid);
	if (i != GT_NO_INDEX)
		return i;
	const uint64_t number = free_tid(g, in, tid);
	g->ms = gt_mem_grow(g->ms, g->n_ms, &g->cap_ms, sizeof(*g->ms));
	i = gt_out_stream(g->out, number);
	g->ms[i] = (struct merge_m){ number, NONE, NONE, in->index };
	g->n_ms = i + 1;
	gt_idmap_put(&in->ms, tid, i);
	gt_idmap_put(&g->by_tid, number, i);
	return i;
}

uint64_t gt_merge_tid(struct merge *g, struct merge_input *in, uint64_t tid)
{
	const uint32_t m = gt_merge_m(g, in, tid);
	return g->ms[m].tid;
}

/* ---------------------------------------------------------------- events of our own */

static void put(struct merge *g, uint32_t m, int64_t time, uint8_t id, uint64_t a, uint64_t b,
		uint64_t c, unsigned n)
{
	const uint64_t args[] = { a, b, c };
	gt_out_event(g->out, m, time, id, args, n);
}

static void put_p_status(struct merge *g, uint32_t p, uint32_t m, int64_t time)
{
	g->ps[p].told = g->out->number;
	g->ps[p].seq = 0;
	put(g, m, time, GT_EV_ProcStatus, p + 1, g->ps[p].status, 0, 2);
}

void gt_merge_tell_p(struct merge *g, uint32_t p, uint32_t m, int64_t time)
{
	if (g->ps[p].told == g->out->number)
		return;
	if (g->ps[p].status == 0)
		g->ps[p].status = GT_P_IDLE;
	put_p_status(g, p, m, time);
}

uint64_t gt_merge_p_seq(struct merge *g, uint32_t p)
{
	return ++g->ps[p].seq;
}

void gt_merge_start_p(struct merge *g, uint32_t p, uint32_t m, int64_t time)
{
	gt_merge_tell_p(g, p, m, time);
	put(g, m, time, GT_EV_ProcStart, p + 1, gt_merge_p_seq(g, p), 0, 2);
	g->ps[p].status = GT_P_RUNNING;
	g->ps[p].m = m;
	g->ms[m].p = p;
}

void gt_merge_start_g(struct merge *g, uint32_t i, uint32_t m, int64_t time)
{
	put(g, m, time, GT_EV_GoStart, i + 1, ++g->gs[i].seq, 0, 2);
	g->gs[i].state = GT_STATE_RUNNING;
	g->gs[i].m = m;
	g->ms[m].g = i;
}

static void leave(struct merge *g, uint32_t i, enum gt_state to)
{
	struct merge_g *o = &g->gs[i];
	if (o->m != NONE && g->ms[o->m].g == i)
		g->ms[o->m].g = NONE;
	o->state = to;
	o->is_live = to != GT_STATE_NOT_EXIST;
}

void gt_merge_label(struct merge *g, uint32_t i, int64_t time)
{
	struct merge_g *o = &g->gs[i];
	put(g, o->m, time, GT_EV_GoLabel, gt_out_text_id(g->out, o->label), 0, 0, 1);
	o->shown = o->label;
}

/* Once in a generation, by somebody who runs: CPUs of all machines. */
void gt_merge_procs(struct merge *g, uint32_t m, int64_t time)
{
	uint64_t sum = 0;
	if (g->procs_told == g->out->number)
		return;
	g->procs_told = g->out->number;
	for (size_t i = 0; i < g->n; i++)
		sum += g->cpus[i];
	put(g, m, time, GT_EV_ProcsChange, sum > 0 ? sum : 1, 0, 0, 2);
}

/* ---------------------------------------------------------------- statuses */

unsigned gt_merge_status_events(const struct merge *g)
{
	unsigned n = 0;
	for (size_t i = 0; i < g->n_ps; i++)
		n += !g->ps[i].is_free && g->ps[i].status != 0;
	for (size_t i = 0; i < g->n_gs; i++)
		n += g->gs[i].is_live;
	return n;
}

static void put_g_status(struct merge *g, uint32_t i, int64_t time)
{
	static const uint8_t status[] = { [GT_STATE_RUNNABLE] = GT_G_RUNNABLE,
					  [GT_STATE_RUNNING] = GT_G_RUNNING,
					  [GT_STATE_WAITING] = GT_G_WAITING,
					  [GT_STATE_SYSCALL] = GT_G_SYSCALL };
	struct merge_g *o = &g->gs[i];
	const uint64_t args[] = { i + 1, g->ms[o->m].tid, status[o->state],
				  gt_out_stack_id(g->out, o->stack) };
	gt_out_event(g->out, o->m, time, GT_EV_GoStatusStack, args, 4);
	o->seq = 0;
}

void gt_merge_statuses(struct merge *g, bool has_labels)
{
	uint32_t runs = NONE;
	/* N.B. processors first: go tool trace wants it so in the first generation. */
	for (uint32_t i = 0; i < g->n_ps; i++)
		if (!g->ps[i].is_free && g->ps[i].status != 0 && g->ps[i].m != NONE)
			put_p_status(g, i, g->ps[i].m, GT_OUT_NEXT);
	for (uint32_t i = 0; i < g->n_gs; i++) {
		if (!g->gs[i].is_live)
			continue;
		put_g_status(g, i, GT_OUT_NEXT);
		runs = g->gs[i].state == GT_STATE_RUNNING ? i : runs;
	}
	if (runs == NONE || !has_labels)
		return;
	gt_merge_procs(g, g->gs[runs].m, GT_OUT_NEXT);
	for (uint32_t i = 0; i < g->n_gs; i++)
		if (g->gs[i].is_live && g->gs[i].state == GT_STATE_RUNNING)
			gt_merge_label(g, i, GT_OUT_NEXT);
}

void gt_merge_names(struct merge *g, const struct merge_input *in, int64_t next)
{
	for (uint32_t i = 0; i < g->n_gs && g->out->last + 2 < next; i++) {
		const struct merge_g *o = &g->gs[i];
		if (o->source != in->index || !o->is_live || o->state != GT_STATE_RUNNING)
			continue;
		gt_merge_procs(g, o->m, GT_OUT_NEXT);
		gt_merge_label(g, i, GT_OUT_NEXT);
	}
}

/* ---------------------------------------------------------------- a process begins */

unsigned gt_merge_birth_events(const struct merge_input *in)
{
	unsigned n = 0;
	for (size_t i = 0; i < in->n_firsts; i++) {
		const struct merge_first *f = &in->firsts[i];
		if (f->is_p)
			n += f->status == GT_P_IDLE ? 1 : 2;
		else
			n += f->status == GT_G_RUNNABLE ? 1 : f->status == GT_G_RUNNING ? 2 : 3;
	}
	return n;
}

static enum gt_state state_of(uint64_t status)
{
	return status == GT_G_RUNNING   ? GT_STATE_RUNNING
	       : status == GT_G_SYSCALL ? GT_STATE_SYSCALL
	       : status == GT_G_WAITING ? GT_STATE_WAITING
					: GT_STATE_RUNNABLE;
}

void gt_merge_be_there(struct merge *g, struct merge_input *in)
{
	for (size_t k = 0; k < in->n_firsts; k++) {
		const struct merge_first *f = &in->firsts[k];
		const uint32_t m = gt_merge_m(g, in, f->m);
		if (f->is_p) {
			const uint32_t p = gt_merge_p(g, in, f->id);
			g->ps[p].status = (enum gt_pstatus)f->status;
			g->ps[p].m = m;
			if (f->status != GT_P_IDLE)
				g->ms[m].p = p;
			continue;
		}
		const uint32_t i = gt_merge_g(g, in, f->id);
		struct merge_g *o = &g->gs[i];
		o->state = state_of(f->status);
		o->is_live = true;
		o->m = m;
		o->stack = f->stack;
		if (o->state == GT_STATE_RUNNING || o->state == GT_STATE_SYSCALL)
			g->ms[m].g = i;
	}
}

/* From created to the state that it has. The last of its events has its time. */
static void bear(struct merge *g, struct merge_input *in, const struct merge_first *f)
{
	const uint32_t i = gt_merge_g(g, in, f->id), m = gt_merge_m(g, in, f->m);
	struct merge_g *o = &g->gs[i];
	const uint64_t stack = gt_out_stack_id(g->out, f->stack);
	const uint64_t start = gt_out_stack_id(g->out, gt_out_start_of(g->out, f->stack));
	o->is_live = true;
	o->state = GT_STATE_RUNNABLE;
	o->stack = f->stack;
	o->m = m;
	if (g->ms[m].p == NONE) /* creating needs one */
		gt_merge_start_p(g, new_p(g, in), m, GT_OUT_NEXT);
	put(g, m, GT_OUT_NEXT, GT_EV_GoCreate, i + 1, start, 0, 3);
	if (f->status == GT_G_RUNNABLE)
		return;
	gt_merge_start_g(g, i, m, GT_OUT_NEXT);
	if (f->status == GT_G_WAITING) {
		put(g, m, GT_OUT_NEXT, GT_EV_GoBlock, 0, stack, 0, 2);
		leave(g, i, GT_STATE_WAITING);
	} else if (f->status == GT_G_SYSCALL) {
		put(g, m, GT_OUT_NEXT, GT_EV_GoSyscallBegin, gt_merge_p_seq(g, g->ms[m].p), stack,
		    0, 2);
		g->ps[g->ms[m].p].status = GT_P_SYSCALL;
		g->gs[i].state = GT_STATE_SYSCALL;
	}
}

void gt_merge_birth(struct merge *g, struct merge_input *in, int64_t time)
{
	if (g->out->last < time - 1)
		g->out->last = time - 1;
	for (size_t k = 0; k < in->n_firsts; k++) {
		const struct merge_first *f = &in->firsts[k];
		if (!f->is_p)
			continue;
		const uint32_t p = gt_merge_p(g, in, f->id), m = gt_merge_m(g, in, f->m);
		if (f->status == GT_P_IDLE)
			gt_merge_tell_p(g, p, m, GT_OUT_NEXT);
		else
			gt_merge_start_p(g, p, m, GT_OUT_NEXT);
		g->ps[p].m = m;
	}
	for (size_t k = 0; k < in->n_firsts; k++)
		if (!in->firsts[k].is_p)
			bear(g, in, &in->firsts[k]);
}

/* ---------------------------------------------------------------- a process ends */

/* Its goroutine on this thread, with what it needs to go. */
static void end_g(struct merge *g, uint32_t i, int64_t time)
{
	const uint32_t m = g->gs[i].m;
	if (m == NONE || g->ms[m].p == NONE || (g->ms[m].g != NONE && g->ms[m].g != i))
		return;
	if (g->gs[i].state == GT_STATE_WAITING)
		put(g, m, time, GT_EV_GoUnblock, i + 1, ++g->gs[i].seq, 0, 3);
	if (g->gs[i].state == GT_STATE_WAITING || g->gs[i].state == GT_STATE_RUNNABLE)
		gt_merge_start_g(g, i, m, GT_OUT_NEXT);
	if (g->gs[i].state == GT_STATE_SYSCALL) {
		put(g, m, time, GT_EV_GoSyscallEnd, 0, 0, 0, 0);
		g->ps[g->ms[m].p].status = GT_P_RUNNING;
	}
	put(g, m, time > g->out->last ? time : GT_OUT_NEXT, GT_EV_GoDestroy, 0, 0, 0, 0);
	leave(g, i, GT_STATE_NOT_EXIST);
	g->gs[i].told = g->out->number;
}

static bool is_of(const struct merge *g, uint32_t m, const struct merge_input *in)
{
	return g->ms[m].source == in->index;
}

void gt_merge_end_all(struct merge *g, int64_t time)
{
	for (uint32_t i = 0; i < g->n_gs && g->out->last < time; i++)
		if (g->gs[i].is_live)
			put_g_status(g, i, time);
}

void gt_merge_end(struct merge *g, struct merge_input *in, int64_t time)
{
	/* Waits first: they are what is measured. */
	static const enum gt_state order[] = { GT_STATE_WAITING, GT_STATE_SYSCALL, GT_STATE_RUNNING,
					       GT_STATE_RUNNABLE };
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (uint32_t i = 0; i < g->n_gs; i++)
			if (g->gs[i].source == in->index && g->gs[i].is_live &&
			    g->gs[i].state == order[k])
				end_g(g, i, time);
	for (uint32_t m = 0; m < g->n_ms; m++) {
		const uint32_t p = g->ms[m].p;
		if (!is_of(g, m, in) || g->ms[m].g != NONE)
			continue;
		if (p != NONE) {
			put(g, m, GT_OUT_NEXT, GT_EV_ProcStop, 0, 0, 0, 0);
			g->ps[p].status = GT_P_IDLE;
			g->ms[m].p = NONE;
		}
		if (gt_idmap_get(&g->by_tid, g->ms[m].tid) == m)
			gt_idmap_remove(&g->by_tid, g->ms[m].tid);
	}
	for (uint32_t p = 0; p < g->n_ps; p++)
		if (g->ps[p].source == in->index && g->ps[p].status == GT_P_IDLE)
			g->ps[p].is_free = true;
}
