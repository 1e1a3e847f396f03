/* An event of a file as an event of the merged trace: other numbers, else the same. */
#include "tools/merge/merge_priv.h"

#include <string.h>

static int refuse(const struct gt_ordered *ev, struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_FORMAT, ev->offset,
			  "%s cannot be merged: libgtrace.so does not write it",
			  gt_event_name(ev->id));
}

static uint64_t task_of(struct merge *g, struct merge_input *in, uint64_t id)
{
	if (id == 0 || id == GT_NO_ID)
		return id;
	uint32_t i = gt_idmap_get(&in->tasks, id);
	if (i == GT_NO_INDEX) {
		i = (uint32_t)++g->tasks;
		gt_idmap_put(&in->tasks, id, i);
	}
	return i;
}

static void map_args(struct merge *g, struct merge_input *in, uint64_t *args)
{
	const struct gt_ordered *ev = &in->ev;
	const struct gt_spec *spec = &gt_specs[ev->id];
	for (unsigned i = 0; i < spec->nargs; i++) {
		const uint64_t v = ev->args[i];
		switch (spec->arg[i]) {
		case GT_ARG_g:
			args[i] = gt_merge_g(g, in, v) + 1;
			break;
		case GT_ARG_p:
			args[i] = gt_merge_p(g, in, v) + 1;
			break;
		case GT_ARG_str:
			args[i] = gt_out_text_id(g->out, gt_minput_text(g, in, v));
			break;
		case GT_ARG_stack:
			args[i] = gt_out_stack_id(g->out, gt_minput_stack(g, in, v));
			break;
		case GT_ARG_task:
			args[i] = task_of(g, in, v);
			break;
		default:
			args[i] = v;
			break;
		}
	}
}

static void remember_stack(struct merge *g, struct merge_input *in, uint32_t i, uint64_t id)
{
	const gt_out_stack s = gt_minput_stack(g, in, id);
	if (s != 0)
		g->gs[i].stack = s;
}

/* ---------------------------------------------------------------- kinds of events */

static void copy_create(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args)
{
	gt_out_event(g->out, m, in->next_time, in->ev.id, args, 3);
	const uint32_t i = (uint32_t)args[0] - 1;
	g->gs[i].is_live = true;
	g->gs[i].state = GT_STATE_RUNNABLE;
	g->gs[i].m = m;
	g->gs[i].seq = 0;
	remember_stack(g, in, i, in->ev.args[1]);
}

static void copy_start(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args)
{
	const uint32_t i = (uint32_t)args[0] - 1;
	gt_merge_start_g(g, i, m, in->next_time);
	g->gs[i].tid = g->ms[m].tid;
	gt_merge_procs(g, m, GT_OUT_NEXT);
	if (g->gs[i].shown == 0)
		gt_merge_label(g, i, GT_OUT_NEXT);
}

/* GoBlock, GoStop, GoDestroy */
static void copy_leave(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args,
		       unsigned n)
{
	const struct gt_ordered *ev = &in->ev;
	const uint32_t i = gt_merge_g(g, in, ev->g);
	gt_out_event(g->out, m, in->next_time, ev->id, args, n);
	if (n > 0)
		remember_stack(g, in, i, ev->args[1]);
	g->ms[m].g = NONE;
	g->gs[i].state = ev->to;
	g->gs[i].is_live = ev->to != GT_STATE_NOT_EXIST;
	g->gs[i].told = g->out->number;
	g->gs[i].since = ev->time;
	if (ev->id == GT_EV_GoBlock)
		gt_merge_put_wait(g, in, ev->g, i, ev->time, g->out->last);
}

static void copy_unblock(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args)
{
	const uint32_t i = (uint32_t)args[0] - 1;
	args[1] = ++g->gs[i].seq;
	gt_merge_put_expiry(g, in, in->ev.who, i, in->ev.time, in->next_time);
	gt_out_event(g->out, m, in->next_time, in->ev.id, args, 3);
	g->gs[i].state = GT_STATE_RUNNABLE;
}

static void copy_call(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args)
{
	const struct gt_ordered *ev = &in->ev;
	const uint32_t i = gt_merge_g(g, in, ev->g), p = gt_merge_p(g, in, ev->p);
	const bool begins = ev->id == GT_EV_GoSyscallBegin;
	if (begins) {
		args[0] = gt_merge_p_seq(g, p);
		remember_stack(g, in, i, ev->args[1]);
		g->gs[i].since = ev->time;
	} else {
		gt_merge_put_expiry(g, in, ev->g, i, ev->time, in->next_time);
	}
	gt_out_event(g->out, m, in->next_time, ev->id, args, begins ? 2 : 0);
	g->ps[p].status = begins ? GT_P_SYSCALL : GT_P_RUNNING;
	g->gs[i].state = begins ? GT_STATE_SYSCALL : GT_STATE_RUNNING;
	if (begins)
		gt_merge_put_wait(g, in, ev->g, i, ev->time, g->out->last);
}

static void copy_proc(struct merge *g, struct merge_input *in, uint32_t m, uint64_t *args)
{
	const struct gt_ordered *ev = &in->ev;
	uint32_t p = (uint32_t)args[0] - 1;
	if (ev->id == GT_EV_ProcStop) {
		p = gt_merge_p(g, in, ev->p);
		gt_out_event(g->out, m, in->next_time, ev->id, args, 0);
		g->ps[p].status = GT_P_IDLE;
		g->ms[m].p = NONE;
		return;
	}
	if (ev->id == GT_EV_ProcStart) {
		gt_merge_tell_p(g, p, m, GT_OUT_NEXT);
		gt_merge_start_p(g, p, m, in->next_time);
	} else if (g->ps[p].status == 0 && ev->args[1] == GT_P_RUNNING) {
		gt_merge_start_p(g, p, m, in->next_time);
	} else {
		gt_merge_tell_p(g, p, m, in->next_time);
		g->ps[p].m = m;
	}
}

static void copy_heap(struct merge *g, struct merge_input *in, uint32_t m)
{
	const bool is_goal = in->ev.id == GT_EV_HeapGoal;
	uint64_t sum = 0;
	*(is_goal ? &in->goal : &in->heap) = in->ev.args[0];
	for (size_t i = 0; i < g->n; i++)
		sum += is_goal ? g->inputs[i].goal : g->inputs[i].heap;
	gt_out_event(g->out, m, in->next_time, in->ev.id, &sum, 1);
}

static void copy_label(struct merge *g, struct merge_input *in)
{
	const struct gt_text t = gt_gen_text(in->gen, in->ev.args[0]);
	const uint32_t i = gt_merge_g(g, in, in->ev.g);
	const gt_out_text label = gt_minput_label(g, in, t.p, t.len);
	g->gs[i].label = label;
	if (label == g->gs[i].shown)
		return;
	gt_merge_label(g, i, in->next_time);
}

static void copy_sample(struct merge *g, struct merge_input *in)
{
	const struct gt_ordered *ev = &in->ev;
	const uint32_t i = ev->g != GT_NO_ID ? gt_idmap_get(&in->gs, ev->g) : GT_NO_INDEX;
	const uint32_t p = ev->p != GT_NO_ID ? gt_idmap_get(&in->ps, ev->p) : GT_NO_INDEX;
	gt_out_sample(g->out, in->next_time,
		      ev->m != GT_NO_ID ? gt_merge_tid(g, in, ev->m) : GT_NO_ID,
		      p != GT_NO_INDEX ? p + 1 : GT_NO_ID, i != GT_NO_INDEX ? i + 1 : 0,
		      gt_minput_stack(g, in, ev->args[0]));
}

static void copy_procs(struct merge *g, struct merge_input *in, uint32_t m)
{
	uint64_t *cpus = &g->cpus[in->source->machine];
	*cpus = in->ev.args[0] > *cpus ? in->ev.args[0] : *cpus;
	gt_merge_procs(g, m, in->next_time);
}

int gt_merge_copy(struct merge *g, struct merge_input *in, struct gt_err *err)
{
	const struct gt_ordered *ev = &in->ev;
	uint64_t args[GT_MAX_ARGS] = { 0 };
	if (ev->is_made_up || ev->id == GT_EV_Sync)
		return 0;
	in->source->events++;
	if (ev->id == GT_EV_CPUSample) {
		copy_sample(g, in);
		return 0;
	}
	if (ev->m == GT_NO_ID)
		return refuse(ev, err);
	if (ev->id == GT_EV_GoStatus || ev->id == GT_EV_GoStatusStack) /* actors.c tells its own */
		return 0;
	const uint32_t m = gt_merge_m(g, in, ev->m);
	map_args(g, in, args);
	switch (ev->id) {
	case GT_EV_ProcStatus:
	case GT_EV_ProcStart:
	case GT_EV_ProcStop:
		copy_proc(g, in, m, args);
		return 0;
	case GT_EV_ProcsChange:
		copy_procs(g, in, m);
		return 0;
	case GT_EV_GoCreate:
		copy_create(g, in, m, args);
		return 0;
	case GT_EV_GoStart:
		copy_start(g, in, m, args);
		return 0;
	case GT_EV_GoDestroy:
	case GT_EV_GoStop:
	case GT_EV_GoBlock:
		copy_leave(g, in, m, args, ev->nargs);
		return 0;
	case GT_EV_GoUnblock:
		copy_unblock(g, in, m, args);
		return 0;
	case GT_EV_GoSyscallBegin:
	case GT_EV_GoSyscallEnd:
		copy_call(g, in, m, args);
		return 0;
	case GT_EV_HeapAlloc:
	case GT_EV_HeapGoal:
		copy_heap(g, in, m);
		return 0;
	case GT_EV_GoLabel:
		copy_label(g, in);
		return 0;
	case GT_EV_UserTaskBegin:
	case GT_EV_UserTaskEnd:
	case GT_EV_UserRegionBegin:
	case GT_EV_UserRegionEnd:
	case GT_EV_UserLog:
		gt_out_event(g->out, m, in->next_time, ev->id, args, ev->nargs);
		return 0;
	default:
		return refuse(ev, err);
	}
}
