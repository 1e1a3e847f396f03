/*
 * From ordered events to the functions of an exporter or analysis.
 *
 * Invariants
 *
 * 1. A wait begins once and ends once; of one thread they do not overlap. Otherwise sums differ
 * from format to format.
 * 2. A thread that was there when the trace began is in its first state since the start of the
 * trace, as Go's tools have it.
 * 3. Every end of a span had its begin. What was under way at the start of a generation is told by
 * every generation anew, and begins only once.
 */
#include "encoder/event.h"
#include "tools/analysis/model_priv.h"
#include "tools/lib/mem.h"

#include <string.h>

/* Tells of a thread, GT_NO_THREAD of the program, if that is asked for. */
#define CALL(m, name, of, value)                                                                   \
	do {                                                                                       \
		if ((m)->calls->name != NULL && is_told(m, of))                                    \
			(m)->calls->name((m)->arg, value);                                         \
	} while (0)

static bool is_told(const struct gt_model *m, uint32_t thread)
{
	if (!m->focus.has_tid && !m->focus.has_g)
		return true;
	return thread != GT_NO_THREAD &&
	       gt_focus_has_thread(&m->focus, m->threads[thread].tid, m->threads[thread].g);
}

/* ---------------------------------------------------------------- states and waits */

static bool is_wait(enum gt_state s)
{
	return s == GT_STATE_WAITING || s == GT_STATE_SYSCALL;
}

static uint32_t index_of(const struct gt_model *m, const struct gt_model_thread *t)
{
	return (uint32_t)(t - m->threads);
}

static struct gt_wait present_wait(const struct gt_model *m, const struct gt_model_thread *t)
{
	return (struct gt_wait){
		.thread = index_of(m, t),
		.kind = t->state == GT_STATE_SYSCALL ? GT_WAIT_CALL : GT_WAIT_BLOCK,
		.begin = t->since,
		.reason = t->present[0],
		.stack = t->present[1],
	};
}

/* Who made the subject of the event ready. */
static uint64_t other_g(const struct gt_ordered *ev)
{
	return ev->g != GT_NO_ID && ev->g != ev->who ? ev->g : 0;
}

/* Who created or woke it. A status may be told by anybody. */
static uint64_t maker_g(const struct gt_ordered *ev)
{
	const bool is_made = ev->from == GT_STATE_NOT_EXIST ||
			     (ev->from == GT_STATE_WAITING && ev->to == GT_STATE_RUNNABLE);
	return is_made ? other_g(ev) : 0;
}

/* What our own records say of the wait. */
static void tell(struct gt_model *m, struct gt_wait *w, const struct gt_blamed *r)
{
	w->why = r->why;
	w->object = r->address;
	w->name = gt_model_put_text(m, r->name, strlen(r->name));
	w->holder_tid = r->holder_tid;
	w->holder_g = r->holder_g;
	w->readers = r->readers;
	w->is_expired = r->is_expired;
	if (r->waker_g != 0) {
		w->waker_g = r->waker_g;
		w->waker_time = r->waker_time;
		w->waker_stack = r->waker_stack;
	}
	if (w->holder_g != 0 && w->holder_g == w->waker_g)
		w->holder_stack = w->waker_stack;
}

static void end_wait(struct gt_model *m, const struct gt_model_thread *t,
		     const struct gt_ordered *ev)
{
	struct gt_wait w = present_wait(m, t);
	w.end = ev->time;
	if (w.kind == GT_WAIT_BLOCK) {
		w.waker_g = other_g(ev);
		w.waker_time = w.waker_g != 0 ? ev->time : 0;
		w.waker_stack =
			ev->id == GT_EV_GoUnblock ? gt_model_put_stack(m, gt_ordered_stack(ev)) : 0;
	}
	struct gt_blamed r;
	gt_blame_end(m->blame, t->g, ev->time, &r);
	tell(m, &w, &r);
	CALL(m, wait_end, w.thread, &w);
}

static void begin_wait(struct gt_model *m, struct gt_model_thread *t, const struct gt_ordered *ev)
{
	t->present[0] = gt_model_put_gen_text(m, gt_ordered_reason(ev));
	t->present[1] = gt_model_put_stack(m, gt_ordered_subject_stack(ev));
	struct gt_wait w = present_wait(m, t);
	gt_blame_begin(m->blame, t->g, ev->time, &t->open);
	tell(m, &w, &t->open);
	CALL(m, wait_begin, w.thread, &w);
}

/* Times before the part that is asked for are its start. */
static int64_t in_part(const struct gt_model *m, int64_t time)
{
	return time > m->from ? time : m->from;
}

/* The start routine is the outermost frame of the first stack that is told of a thread. */
static void learn_start(struct gt_model *m, struct gt_model_thread *t, const struct gt_ordered *ev)
{
	uint32_t n;
	const uint32_t *frames =
		gt_model_stack(m, gt_model_put_stack(m, gt_ordered_subject_stack(ev)), &n);
	if (n > 0)
		t->start = gt_model_frame(m, frames[n - 1])->func;
}

static void change(struct gt_model *m, const struct gt_ordered *ev)
{
	struct gt_model_thread *t = gt_model_put_thread(m, ev->who);
	if (ev->from == GT_STATE_NOT_EXIST && t->died != 0) { /* the number is used again */
		gt_idmap_remove(&m->threads_by_g, ev->who);
		t = gt_model_put_thread(m, ev->who);
	}
	if (t->start == 0)
		learn_start(m, t, ev);
	const enum gt_state from = t->state, to = ev->to;
	if (from == to)
		return; /* a status that says what is known */
	if (is_wait(from))
		end_wait(m, t, ev);
	const bool is_old = ev->from == GT_STATE_UNKNOWN;
	if (from == GT_STATE_UNKNOWN)
		t->born = is_old ? m->process.start : in_part(m, ev->time);
	t->state = to;
	t->since = is_old ? m->process.start : in_part(m, ev->time);
	const struct gt_change c = { index_of(m, t), t->since, from, to, maker_g(ev) };
	CALL(m, change, c.thread, &c);
	if (to == GT_STATE_NOT_EXIST)
		t->died = ev->time;
	else if (is_wait(to))
		begin_wait(m, t, ev);
}

/* ---------------------------------------------------------------- spans */

static uint32_t *open_spans(struct gt_model *m, enum gt_span_kind kind, uint64_t id)
{
	const uint64_t key[2] = { kind, id };
	bool is_new;
	const size_t i = gt_keymap_put(&m->spans, key, sizeof(key), &is_new);
	if (is_new) {
		m->open = gt_mem_grow(m->open, i, &m->cap_open, sizeof(*m->open));
		m->open[i] = 0;
	}
	return &m->open[i];
}

static struct gt_span span_of(struct gt_model *m, const struct gt_ordered *ev,
			      enum gt_span_kind kind, uint64_t id)
{
	return (struct gt_span){
		.kind = kind,
		.id = id,
		.time = ev->time,
		.thread = gt_model_find(m, ev->g),
		.stack = gt_model_put_stack(m, gt_ordered_stack(ev)),
	};
}

static void begin_span(struct gt_model *m, const struct gt_ordered *ev, enum gt_span_kind kind,
		       uint64_t id, gt_text_id name)
{
	struct gt_span s = span_of(m, ev, kind, id);
	s.is_begin = true;
	s.name = name;
	++*open_spans(m, kind, id);
	CALL(m, span, s.thread, &s);
}

/* Under way already: it begins here if nothing of it is known. */
static void active_span(struct gt_model *m, const struct gt_ordered *ev, enum gt_span_kind kind,
			uint64_t id)
{
	if (*open_spans(m, kind, id) == 0)
		begin_span(m, ev, kind, id, 0);
}

/* False: it began before the trace. */
static bool end_span(struct gt_model *m, const struct gt_ordered *ev, enum gt_span_kind kind,
		     uint64_t id, gt_text_id name)
{
	uint32_t *open = open_spans(m, kind, id);
	if (*open == 0)
		return false;
	--*open;
	struct gt_span s = span_of(m, ev, kind, id);
	s.name = name;
	CALL(m, span, s.thread, &s);
	return true;
}

static void mark(struct gt_model *m, const struct gt_ordered *ev, gt_text_id key, gt_text_id text,
		 uint64_t task)
{
	const struct gt_mark k = {
		.time = ev->time,
		.thread = gt_model_find(m, ev->g),
		.key = key,
		.text = text,
		.task = task,
		.stack = gt_model_put_stack(m, gt_ordered_stack(ev)),
	};
	CALL(m, mark, k.thread, &k);
}

/* An end without a begin is told as a message. */
static void end_or_mark(struct gt_model *m, const struct gt_ordered *ev, enum gt_span_kind kind,
			uint64_t id, gt_text_id name)
{
	if (!end_span(m, ev, kind, id, name)) {
		const char *word = gt_span_word(kind);
		char text[32];
		snprintf(text, sizeof(text), "end of %s", word);
		mark(m, ev, gt_model_put_text(m, text, strlen(text)), name,
		     kind == GT_SPAN_TASK ? id : 0);
	}
}

static void annotate(struct gt_model *m, const struct gt_ordered *ev)
{
	switch (ev->id) {
	case GT_EV_UserTaskBegin:
		begin_span(m, ev, GT_SPAN_TASK, ev->args[0], gt_model_put_gen_text(m, ev->args[2]));
		break;
	case GT_EV_UserTaskEnd:
		end_or_mark(m, ev, GT_SPAN_TASK, ev->args[0],
			    gt_model_put_text(m, ev->name.p, ev->name.len));
		break;
	case GT_EV_UserRegionBegin:
		begin_span(m, ev, GT_SPAN_REGION, ev->g, gt_model_put_gen_text(m, ev->args[1]));
		break;
	case GT_EV_UserRegionEnd:
		end_or_mark(m, ev, GT_SPAN_REGION, ev->g, gt_model_put_gen_text(m, ev->args[1]));
		break;
	case GT_EV_UserLog:
		mark(m, ev, gt_model_put_gen_text(m, ev->args[1]),
		     gt_model_put_gen_text(m, ev->args[2]), ev->args[0]);
		break;
	case GT_EV_STWBegin:
		begin_span(m, ev, GT_SPAN_STW, 0, gt_model_put_gen_text(m, ev->args[0]));
		break;
	case GT_EV_STWEnd:
		end_or_mark(m, ev, GT_SPAN_STW, 0, 0);
		break;
	case GT_EV_GCActive:
		active_span(m, ev, GT_SPAN_GC, 0);
		break;
	case GT_EV_GCBegin:
		begin_span(m, ev, GT_SPAN_GC, 0, 0);
		break;
	case GT_EV_GCEnd:
		end_or_mark(m, ev, GT_SPAN_GC, 0, 0);
		break;
	case GT_EV_GCSweepActive:
		active_span(m, ev, GT_SPAN_SWEEP, ev->args[0]);
		break;
	case GT_EV_GCSweepBegin:
		begin_span(m, ev, GT_SPAN_SWEEP, ev->p, 0);
		break;
	case GT_EV_GCSweepEnd:
		end_or_mark(m, ev, GT_SPAN_SWEEP, ev->p, 0);
		break;
	case GT_EV_GCMarkAssistActive:
		active_span(m, ev, GT_SPAN_ASSIST, ev->args[0]);
		break;
	case GT_EV_GCMarkAssistBegin:
		begin_span(m, ev, GT_SPAN_ASSIST, ev->g, 0);
		break;
	case GT_EV_GCMarkAssistEnd:
		end_or_mark(m, ev, GT_SPAN_ASSIST, ev->g, 0);
		break;
	default:
		break;
	}
}

/* ---------------------------------------------------------------- numbers, samples, memory */

static void metric(struct gt_model *m, const struct gt_ordered *ev, const char *name)
{
	const struct gt_metric v = { ev->time, name, ev->args[0] };
	CALL(m, metric, GT_NO_THREAD, &v);
}

static void sample(struct gt_model *m, const struct gt_ordered *ev)
{
	const struct gt_sample s = { ev->time, gt_model_find(m, ev->g),
				     gt_model_put_stack(m, ev->args[0]) };
	CALL(m, sample, s.thread, &s);
}

static void alloc(struct gt_model *m, const struct gt_ordered *ev)
{
	struct gt_alloc a = { 0 };
	if (ev->id != GT_EV_HeapObjectFree) {
		bool is_new;
		const size_t i =
			gt_keymap_put(&m->types, &ev->args[1], sizeof(ev->args[1]), &is_new);
		if (is_new) {
			m->type_of = gt_mem_grow(m->type_of, i, &m->cap_types, sizeof(*m->type_of));
			m->type_of[i] = a;
		}
		a = m->type_of[i];
	}
	a.time = ev->time;
	a.thread = gt_model_find(m, ev->g);
	a.id = ev->args[0];
	a.is_free = ev->id == GT_EV_HeapObjectFree;
	a.is_old = ev->id == GT_EV_HeapObject;
	CALL(m, alloc, a.thread, &a);
}

static void label(struct gt_model *m, const struct gt_ordered *ev)
{
	const uint32_t i = gt_model_find(m, ev->g);
	if (i != GT_NO_THREAD)
		m->threads[i].name = gt_model_put_gen_text(m, ev->args[0]);
}

/* ---------------------------------------------------------------- a part of the time */

void gt_walk_mute(struct gt_model *m)
{
	static const struct gt_model_calls none;
	m->calls = &none;
	m->is_muted = true;
}

/* Here begins the part that is asked for: as if it were the trace. */
static void start_part(struct gt_model *m)
{
	m->calls = m->all_calls;
	m->is_muted = false;
	for (size_t i = 0; i < m->spans.n; i++)
		m->open[i] = 0; /* their begin was not told */
	for (uint32_t i = 0; i < m->n_threads; i++) {
		struct gt_model_thread *t = &m->threads[i];
		if (t->state == GT_STATE_UNKNOWN || t->state == GT_STATE_NOT_EXIST)
			continue;
		t->since = m->from;
		const struct gt_change c = { i, m->from, GT_STATE_UNKNOWN, t->state, 0 };
		CALL(m, change, i, &c);
		t = &m->threads[i];
		if (!is_wait(t->state))
			continue;
		struct gt_wait w = present_wait(m, t);
		tell(m, &w, &t->open);
		CALL(m, wait_begin, i, &w);
	}
}

/* Who was there when the trace began may be told late. */
void gt_walk_late(struct gt_model *m, const struct gt_ordered *ev)
{
	if (m->is_muted)
		start_part(m);
	m->is_late = true;
	if (ev->subject == GT_SUBJECT_G && ev->from == GT_STATE_UNKNOWN)
		change(m, ev);
}

void gt_walk_cut(struct gt_model *m)
{
	if (m->is_muted)
		start_part(m);
	m->process.end = m->to;
}

/* ---------------------------------------------------------------- all of it */

void gt_walk_event(struct gt_model *m, const struct gt_ordered *ev)
{
	if (m->is_muted && ev->time >= m->from)
		start_part(m);
	m->process.end = in_part(m, ev->time);
	if (ev->subject == GT_SUBJECT_G)
		change(m, ev);
	switch (ev->id) {
	case GT_EV_CPUSample:
		sample(m, ev);
		break;
	case GT_EV_GoLabel:
		label(m, ev);
		break;
	case GT_EV_ProcsChange:
		metric(m, ev, "processors");
		break;
	case GT_EV_HeapAlloc:
		metric(m, ev, "heap in use");
		break;
	case GT_EV_HeapGoal:
		metric(m, ev, "heap goal");
		break;
	case GT_EV_HeapObject:
	case GT_EV_HeapObjectAlloc:
	case GT_EV_HeapObjectFree:
		alloc(m, ev);
		break;
	default:
		annotate(m, ev);
		break;
	}
}

/* The trace is at its end: waits end with it. */
void gt_walk_end(struct gt_model *m)
{
	for (size_t i = 0; i < m->n_threads; i++) {
		struct gt_model_thread *t = &m->threads[i];
		if (!is_wait(t->state))
			continue;
		struct gt_wait w = present_wait(m, t);
		tell(m, &w, &t->open);
		w.end = m->process.end;
		w.is_open = true;
		CALL(m, wait_end, w.thread, &w);
	}
}
