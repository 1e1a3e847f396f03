/*
 * Perfetto computes the states of threads from the kernel's scheduler events, and from nothing
 * else. So they are made up: a thread that runs (or is in a system call) has a CPU, and a wake-up
 * is told with the waker's tid.
 *
 * A CPU is a number: the lowest that is free. The real ones are not told here, and there are more
 * threads that run, in our sense, than processors. A thread that was there when the trace began may
 * be told of late, with the time of the start: it gets a CPU that nobody had before, or, when it
 * slept, leaves CPU 0, which is kept for that.
 *
 * Where the trace has switches (GTRACE_SCHED=on) a thread that runs, in our sense, leaves its CPU
 * when it was preempted (R+), and has one again when it was switched to. What they say of threads
 * that wait is not told: waits are what the trace's events say, in all formats.
 */
#include "tools/export/perfetto.h"

#include "encoder/section.h"
#include "tools/export/schema/perfetto.pb-c.h"
#include "tools/lib/mem.h"
#include "tools/read/rec.h"

#include <stdlib.h>

#define MAX_CPUS 1024 /* Perfetto refuses the file if there are more */

/* prev_state, as the kernel has it */
enum { TASK_RUNNABLE = 0, TASK_SLEEPS = 1, TASK_DEAD = 16, TASK_PREEMPTED = 256 };

static bool has_cpu(enum gt_state s)
{
	return s == GT_STATE_RUNNING || s == GT_STATE_SYSCALL;
}

static uint32_t *slot_of(struct gt_perfetto *p, uint32_t thread)
{
	while (p->n_cpu_of <= thread) {
		p->cpu_of = gt_mem_grow(p->cpu_of, p->n_cpu_of, &p->cap_cpu_of, sizeof(*p->cpu_of));
		p->runs = gt_mem_grow(p->runs, p->n_cpu_of, &p->cap_runs, sizeof(*p->runs));
		p->runs[p->n_cpu_of] = false;
		p->cpu_of[p->n_cpu_of++] = 0;
	}
	return &p->cpu_of[thread];
}

/* A CPU for the thread; false when there are too many. */
static bool take_cpu(struct gt_perfetto *p, uint32_t thread, bool is_late, uint32_t *cpu)
{
	uint32_t i = is_late ? (uint32_t)p->n_cpus : 1;
	while (i < p->n_cpus && p->cpus[i] != GT_NO_THREAD)
		i++;
	if (i >= MAX_CPUS)
		return false;
	while (p->n_cpus <= i) {
		p->cpus = gt_mem_grow(p->cpus, p->n_cpus, &p->cap_cpus, sizeof(*p->cpus));
		p->cpus[p->n_cpus++] = GT_NO_THREAD;
	}
	p->cpus[i] = thread;
	*slot_of(p, thread) = i + 1;
	*cpu = i;
	return true;
}

static void put_event(struct gt_perfetto *p, uint32_t cpu, int64_t time, uint64_t pid,
		      Perfetto__SchedSwitch *sw, Perfetto__SchedWaking *wk)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	Perfetto__FtraceEventBundle bundle = PERFETTO__FTRACE_EVENT_BUNDLE__INIT;
	Perfetto__FtraceEvent e = PERFETTO__FTRACE_EVENT__INIT, *list = &e;
	e.has_timestamp = e.has_pid = true;
	e.timestamp = (uint64_t)time;
	e.pid = (uint32_t)pid;
	e.sched_switch = sw;
	e.sched_waking = wk;
	bundle.has_cpu = true; /* also when it is 0 */
	bundle.cpu = cpu;
	bundle.n_event = 1;
	bundle.event = &list;
	packet.ftrace_events = &bundle;
	gt_perfetto_put(p, &packet);
}

/* From the thread to idle, or from idle to the thread. */
static void put_switch(struct gt_perfetto *p, uint32_t cpu, uint32_t thread, int64_t time,
		       bool is_in, int64_t state)
{
	Perfetto__SchedSwitch s = PERFETTO__SCHED_SWITCH__INIT;
	char buf[GT_LABEL_MAX], idle[] = "swapper";
	char *name = (char *)gt_model_label(p->model, thread, buf);
	const uint64_t tid = gt_model_thread(p->model, thread)->tid;
	s.has_prev_pid = s.has_prev_prio = s.has_prev_state = true;
	s.has_next_pid = s.has_next_prio = true;
	s.prev_pid = is_in ? 0 : (int32_t)tid;
	s.next_pid = is_in ? (int32_t)tid : 0;
	s.prev_comm = is_in ? idle : name;
	s.next_comm = is_in ? name : idle;
	s.prev_prio = s.next_prio = 120;
	s.prev_state = state;
	put_event(p, cpu, time, is_in ? 0 : tid, &s, NULL);
}

/* The waker's tid stands where the kernel has the present thread; 0, idle, where it is not known.
 */
static void put_waking(struct gt_perfetto *p, const struct gt_change *c)
{
	Perfetto__SchedWaking s = PERFETTO__SCHED_WAKING__INIT;
	char buf[GT_LABEL_MAX];
	const uint32_t waker = gt_model_find(p->model, c->by_g);
	const uint32_t at = waker != GT_NO_THREAD ? *slot_of(p, waker) : 0;
	s.comm = (char *)gt_model_label(p->model, c->thread, buf);
	s.has_pid = s.has_prio = s.has_success = s.has_target_cpu = true;
	s.pid = (int32_t)gt_model_thread(p->model, c->thread)->tid;
	s.prio = 120;
	s.success = 1;
	put_event(p, at > 0 ? at - 1 : 0, c->time,
		  waker != GT_NO_THREAD ? gt_model_thread(p->model, waker)->tid : 0, NULL, &s);
}

static int64_t prev_state(enum gt_state to)
{
	return to == GT_STATE_WAITING     ? TASK_SLEEPS
	       : to == GT_STATE_NOT_EXIST ? TASK_DEAD
					  : TASK_RUNNABLE;
}

/* A thread that waited when the trace began: Perfetto wants to see it leave a CPU. */
static void put_asleep(struct gt_perfetto *p, const struct gt_change *c)
{
	put_switch(p, 0, c->thread, c->time, true, TASK_RUNNABLE);
	put_switch(p, 0, c->thread, c->time, false, TASK_SLEEPS);
}

/* The thread that has this tid now. */
static void set_tid(struct gt_perfetto *p, uint32_t thread)
{
	const uint64_t tid = gt_model_thread(p->model, thread)->tid;
	bool is_new;
	const size_t i = gt_keymap_put(&p->tids, &tid, sizeof(tid), &is_new);
	if (is_new)
		p->thread_of =
			gt_mem_grow(p->thread_of, i, &p->cap_thread_of, sizeof(*p->thread_of));
	p->thread_of[i] = thread;
}

void gt_perfetto_sched(struct gt_perfetto *p, const struct gt_change *c)
{
	uint32_t cpu;
	const uint32_t slot = *slot_of(p, c->thread);
	const bool is_late = c->time < p->now;
	p->now = is_late ? p->now : c->time;
	set_tid(p, c->thread);
	p->runs[c->thread] = has_cpu(c->to);
	if (has_cpu(c->from) && has_cpu(c->to))
		return;
	if (slot != 0) {
		put_switch(p, slot - 1, c->thread, c->time, false, prev_state(c->to));
		p->cpus[slot - 1] = GT_NO_THREAD;
		*slot_of(p, c->thread) = 0;
	} else if (has_cpu(c->to)) {
		if (take_cpu(p, c->thread, is_late, &cpu))
			put_switch(p, cpu, c->thread, c->time, true, TASK_RUNNABLE);
	} else if (c->to == GT_STATE_RUNNABLE && !has_cpu(c->from)) {
		put_waking(p, c);
	} else if (c->to == GT_STATE_WAITING) {
		put_asleep(p, c);
	}
}

/* ---------------------------------------------------------------- switches */

/* By time; those of one time as they stand in the file, where each CPU's are in order. */
static int by_time(const void *a, const void *b)
{
	const struct gt_perfetto_switch *x = a, *y = b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void gt_perfetto_switches(struct gt_perfetto *p, const struct gt_gen *g)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	int rc;
	gt_perfetto_until(p, gt_gen_ns(g, g->min_time));
	/* Rings are read late: what is left may belong behind records of this one. */
	memmove(p->switches, p->switches + p->next_switch,
		(p->n_switches - p->next_switch) * sizeof(*p->switches));
	p->n_switches -= p->next_switch;
	p->next_switch = 0;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc < 0 || r.kind != GT_REC_SWITCH)
			continue;
		p->switches = gt_mem_grow(p->switches, p->n_switches, &p->cap_switches,
					  sizeof(*p->switches));
		p->switches[p->n_switches] =
			(struct gt_perfetto_switch){ r.time, r.field[0], r.field[2],
						     p->n_switches };
		p->n_switches++;
	}
	if (p->n_switches > 1)
		qsort(p->switches, p->n_switches, sizeof(*p->switches), by_time);
}

static void tell_switch(struct gt_perfetto *p, const struct gt_perfetto_switch *w)
{
	bool is_new;
	uint32_t cpu;
	const size_t i = gt_keymap_put(&p->tids, &w->tid, sizeof(w->tid), &is_new);
	if (is_new) {
		p->thread_of =
			gt_mem_grow(p->thread_of, i, &p->cap_thread_of, sizeof(*p->thread_of));
		p->thread_of[i] = GT_NO_THREAD; /* nothing was told of it so far */
	}
	const uint32_t thread = p->thread_of[i];
	if (thread == GT_NO_THREAD || w->time < p->now || !p->runs[thread])
		return;
	const uint32_t slot = *slot_of(p, thread);
	if (w->what == GT_SWITCH_PREEMPTED && slot != 0) {
		put_switch(p, slot - 1, thread, w->time, false, TASK_PREEMPTED);
		p->cpus[slot - 1] = GT_NO_THREAD;
		*slot_of(p, thread) = 0;
	} else if (w->what == GT_SWITCH_IN && slot == 0 && take_cpu(p, thread, false, &cpu)) {
		put_switch(p, cpu, thread, w->time, true, TASK_RUNNABLE);
	} else {
		return;
	}
	p->now = w->time;
}

void gt_perfetto_until(struct gt_perfetto *p, int64_t time)
{
	while (p->next_switch < p->n_switches && p->switches[p->next_switch].time <= time)
		tell_switch(p, &p->switches[p->next_switch++]);
}
