/*
 * Perfetto's own format, packet by packet (schema/perfetto.proto): opens in ui.perfetto.dev and in
 * trace_processor.
 *
 * Each thread has a track with its waits; regions, tasks, collections have tracks of their own, for
 * they need not nest with waits. Wake-ups are arrows from an instant of the waker. CPU samples are
 * PerfSamples: they carry thread and time themselves. All times are those of the trace; they are
 * called boot time, which is what Perfetto takes scheduler events for.
 */
#include "tools/export/perfetto.h"

#include "tools/export/schema/perfetto.pb-c.h"
#include "tools/lib/keymap.h"

#include <string.h>

enum { CLOCK_BOOT = 6, CLOCK_WALL = 1 };

/* Numbers of tracks. */
#define PROCESS_UUID 1
#define METRIC_ROW   UINT64_MAX /* in place of the kind of a span */
static uint64_t thread_uuid(uint32_t thread)
{
	return 1000 + (uint64_t)thread;
}

static uint64_t row_uuid(size_t row)
{
	return (1ULL << 40) + row;
}

/* ---------------------------------------------------------------- tracks */

static void put_track(struct gt_perfetto *p, Perfetto__TrackDescriptor *d, uint64_t uuid)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	d->has_uuid = true;
	d->uuid = uuid;
	packet.track_descriptor = d;
	gt_perfetto_put(p, &packet);
}

static void put_process(struct gt_perfetto *p)
{
	const struct gt_model_process *x = gt_model_process(p->model);
	Perfetto__TrackDescriptor d = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__ProcessDescriptor process = PERFETTO__PROCESS_DESCRIPTOR__INIT;
	char *cmdline = (char *)gt_model_text(p->model, x->cmdline);
	const char *exe = gt_model_text(p->model, x->exe);
	const char *base = strrchr(exe, '/');
	process.has_pid = true;
	process.pid = (int32_t)x->pid;
	process.process_name = (char *)(base != NULL ? base + 1 : x->is_go ? "go program" : exe);
	process.n_cmdline = *cmdline != '\0';
	process.cmdline = &cmdline;
	d.process = &process;
	put_track(p, &d, PROCESS_UUID);
}

/* Told when it appears, and again at the end, when its name is known. */
static void put_thread(struct gt_perfetto *p, uint32_t thread)
{
	Perfetto__TrackDescriptor d = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__ThreadDescriptor t = PERFETTO__THREAD_DESCRIPTOR__INIT;
	char buf[GT_LABEL_MAX];
	t.has_pid = t.has_tid = true;
	t.pid = (int32_t)gt_model_process(p->model)->pid;
	t.tid = (int32_t)gt_model_thread(p->model, thread)->tid;
	t.thread_name = (char *)gt_model_label(p->model, thread, buf);
	d.thread = &t;
	d.has_parent_uuid = true;
	d.parent_uuid = PROCESS_UUID;
	put_track(p, &d, thread_uuid(thread));
}

static uint64_t thread_track(struct gt_perfetto *p, uint32_t thread)
{
	if (!gt_perfetto_told(&p->threads, thread))
		put_thread(p, thread);
	return thread_uuid(thread);
}

static uint64_t named_track(struct gt_perfetto *p, uint64_t uuid, const char *name, uint64_t parent,
			    bool is_counter)
{
	Perfetto__TrackDescriptor d = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__CounterDescriptor counter = PERFETTO__COUNTER_DESCRIPTOR__INIT;
	d.name = (char *)name;
	d.has_parent_uuid = true;
	d.parent_uuid = parent;
	d.counter = is_counter ? &counter : NULL;
	put_track(p, &d, uuid);
	return uuid;
}

/* ---------------------------------------------------------------- the beginning */

static void put_clock(struct gt_perfetto *p)
{
	const struct gt_model_process *x = gt_model_process(p->model);
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	Perfetto__ClockSnapshot snapshot = PERFETTO__CLOCK_SNAPSHOT__INIT;
	Perfetto__ClockSnapshot__Clock boot = PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT, wall = boot;
	Perfetto__ClockSnapshot__Clock *clocks[] = { &boot, &wall };
	boot.has_clock_id = boot.has_timestamp = wall.has_clock_id = wall.has_timestamp = true;
	boot.clock_id = CLOCK_BOOT;
	boot.timestamp = (uint64_t)x->start;
	wall.clock_id = CLOCK_WALL;
	wall.timestamp = (uint64_t)x->wall_ns;
	snapshot.n_clocks = x->wall_ns != 0 ? 2 : 1;
	snapshot.clocks = clocks;
	snapshot.has_primary_trace_clock = true;
	snapshot.primary_trace_clock = CLOCK_BOOT;
	packet.clock_snapshot = &snapshot;
	gt_perfetto_put(p, &packet);
}

static void put_defaults(struct gt_perfetto *p)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	Perfetto__TracePacketDefaults d = PERFETTO__TRACE_PACKET_DEFAULTS__INIT;
	Perfetto__PerfSampleDefaults s = PERFETTO__PERF_SAMPLE_DEFAULTS__INIT;
	Perfetto__Timebase t = PERFETTO__TIMEBASE__INIT;
	t.has_period = t.has_counter = true;
	t.period = gt_model_process(p->model)->sample_ns;
	t.counter = 1; /* SW_CPU_CLOCK */
	s.timebase = &t;
	d.perf_sample_defaults = &s;
	d.has_timestamp_clock_id = true;
	d.timestamp_clock_id = CLOCK_BOOT;
	packet.trace_packet_defaults = &d;
	gt_perfetto_put(p, &packet);
}

/* N.B. not before the records of the first generation are read: pid and clock are in them. */
static void begin(struct gt_perfetto *p)
{
	if (p->has_begun)
		return;
	put_defaults(p);
	put_clock(p);
	put_process(p);
}

/* ---------------------------------------------------------------- events */

#define NOTES_MAX 8

/* An event with room for what belongs to it. */
struct event {
	Perfetto__TrackEvent e;
	Perfetto__DebugAnnotation notes[NOTES_MAX], *list[NOTES_MAX];
	uint64_t flow;
};

static void init_event(struct event *x, Perfetto__TrackEvent__Type type, uint64_t track)
{
	perfetto__track_event__init(&x->e);
	x->e.has_type = x->e.has_track_uuid = true;
	x->e.type = type;
	x->e.track_uuid = track;
	x->e.debug_annotations = x->list;
}

static Perfetto__DebugAnnotation *note(struct event *x, const char *name)
{
	Perfetto__DebugAnnotation *n = x->list[x->e.n_debug_annotations] =
		&x->notes[x->e.n_debug_annotations];
	x->e.n_debug_annotations++;
	perfetto__debug_annotation__init(n);
	n->name = (char *)name;
	return n;
}

static void note_text(struct event *x, const char *name, const char *text)
{
	note(x, name)->string_value = (char *)text;
}

static void note_u64(struct event *x, const char *name, uint64_t v)
{
	Perfetto__DebugAnnotation *n = note(x, name);
	n->has_uint_value = true;
	n->uint_value = v;
}

static void set_name(struct gt_perfetto *p, struct event *x, const char *name)
{
	x->e.has_name_iid = true;
	x->e.name_iid = gt_perfetto_name(p, name);
}

static void set_stack(struct gt_perfetto *p, struct event *x, gt_stack_id stack)
{
	x->e.has_callstack_iid = stack != 0;
	x->e.callstack_iid = gt_perfetto_stack(p, stack);
}

static void put_event(struct gt_perfetto *p, struct event *x, int64_t time)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	packet.has_timestamp = true;
	packet.timestamp = (uint64_t)time;
	packet.track_event = &x->e;
	gt_perfetto_put(p, &packet);
}

static void change(void *arg, const struct gt_change *c)
{
	struct gt_perfetto *p = arg;
	begin(p);
	thread_track(p, c->thread);
	gt_perfetto_until(p, c->time);
	gt_perfetto_sched(p, c);
}

static void generation(void *arg, const struct gt_gen *g)
{
	gt_perfetto_switches(arg, g);
}

static void wait_begin(void *arg, const struct gt_wait *w)
{
	struct gt_perfetto *p = arg;
	struct event x;
	char buf[GT_LABEL_MAX];
	begin(p);
	init_event(&x, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN, thread_track(p, w->thread));
	set_name(p, &x, gt_wait_label(p->model, w, buf));
	set_stack(p, &x, w->stack);
	if (w->kind == GT_WAIT_BLOCK)
		note_text(&x, "reason", gt_model_text(p->model, w->reason));
	note_u64(&x, "g", gt_model_thread(p->model, w->thread)->g);
	put_event(p, &x, w->begin);
}

/* An instant on the waker's track, where the arrow starts. Its number, or 0. */
static uint64_t put_wake(struct gt_perfetto *p, const struct gt_wait *w)
{
	const uint32_t waker = gt_model_find(p->model, w->waker_g);
	if (waker == GT_NO_THREAD)
		return 0;
	struct event x;
	char buf[GT_LABEL_MAX];
	init_event(&x, PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT, thread_track(p, waker));
	set_name(p, &x, "wake");
	set_stack(p, &x, w->waker_stack);
	note_text(&x, "wakes", gt_model_label(p->model, w->thread, buf));
	x.flow = ++p->n_flows;
	x.e.n_flow_ids = 1;
	x.e.flow_ids = &x.flow;
	put_event(p, &x, w->end);
	return x.flow;
}

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct gt_perfetto *p = arg;
	struct event x;
	char waker[GT_LABEL_MAX], holder[GT_LABEL_MAX];
	init_event(&x, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END, thread_uuid(w->thread));
	x.flow = put_wake(p, w);
	x.e.n_terminating_flow_ids = x.flow != 0;
	x.e.terminating_flow_ids = &x.flow;
	if (w->waker_g != 0)
		note_text(&x, "waker",
			  gt_model_label(p->model, gt_model_find(p->model, w->waker_g), waker));
	if (w->holder_g != 0)
		note_text(&x, "holder",
			  gt_model_label(p->model, gt_model_find(p->model, w->holder_g), holder));
	if (w->object != 0) {
		Perfetto__DebugAnnotation *n = note(&x, "lock");
		n->has_pointer_value = true;
		n->pointer_value = w->object;
	}
	if (w->is_open)
		note_text(&x, "end", "the trace ended first");
	put_event(p, &x, w->end);
}

static void sample(void *arg, const struct gt_sample *s)
{
	struct gt_perfetto *p = arg;
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	Perfetto__PerfSample x = PERFETTO__PERF_SAMPLE__INIT;
	begin(p);
	x.has_cpu = x.has_pid = x.has_tid = true;
	x.pid = (uint32_t)gt_model_process(p->model)->pid;
	x.tid = s->thread != GT_NO_THREAD ? (uint32_t)gt_model_thread(p->model, s->thread)->tid
					  : x.pid;
	x.has_callstack_iid = s->stack != 0;
	x.callstack_iid = gt_perfetto_stack(p, s->stack);
	packet.has_timestamp = true;
	packet.timestamp = (uint64_t)s->time;
	packet.perf_sample = &x;
	gt_perfetto_put(p, &packet);
}

static void metric(void *arg, const struct gt_metric *v)
{
	struct gt_perfetto *p = arg;
	struct event x;
	begin(p);
	/* names are few literals: their addresses tell them apart */
	const uint64_t key[2] = { METRIC_ROW, (uint64_t)(uintptr_t)v->name };
	bool is_new;
	const uint64_t uuid = row_uuid(gt_keymap_put(p->rows, key, sizeof(key), &is_new));
	if (is_new)
		named_track(p, uuid, v->name, PROCESS_UUID, true);
	init_event(&x, PERFETTO__TRACK_EVENT__TYPE__TYPE_COUNTER, uuid);
	x.e.has_counter_value = true;
	x.e.counter_value = (int64_t)v->value;
	put_event(p, &x, v->time);
}

/* The track of a span: below its thread, or below the process. */
static uint64_t span_track(struct gt_perfetto *p, const struct gt_span *s)
{
	const uint64_t key[2] = { s->kind, s->id };
	bool is_new;
	const uint64_t uuid = row_uuid(gt_keymap_put(p->rows, key, sizeof(key), &is_new));
	if (!is_new)
		return uuid;
	char name[64];
	const char *word = gt_span_word(s->kind);
	const bool is_of_thread = s->kind == GT_SPAN_REGION || s->kind == GT_SPAN_ASSIST;
	const uint32_t thread = is_of_thread ? gt_model_find(p->model, s->id) : GT_NO_THREAD;
	if (s->id == 0 || is_of_thread)
		snprintf(name, sizeof(name), "%s", word);
	else
		snprintf(name, sizeof(name), "%s %llu", word, (unsigned long long)s->id);
	return named_track(p, uuid, name,
			   thread != GT_NO_THREAD ? thread_track(p, thread) : PROCESS_UUID, false);
}

static void span(void *arg, const struct gt_span *s)
{
	struct gt_perfetto *p = arg;
	struct event x;
	begin(p);
	init_event(&x,
		   s->is_begin ? PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN
			       : PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END,
		   span_track(p, s));
	if (s->is_begin) {
		set_name(p, &x,
			 s->name != 0 ? gt_model_text(p->model, s->name) : gt_span_word(s->kind));
		set_stack(p, &x, s->stack);
	}
	put_event(p, &x, s->time);
}

static void mark(void *arg, const struct gt_mark *k)
{
	struct gt_perfetto *p = arg;
	struct event x;
	begin(p);
	init_event(&x, PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT,
		   k->thread != GT_NO_THREAD ? thread_track(p, k->thread) : PROCESS_UUID);
	set_name(p, &x, gt_model_text(p->model, k->key));
	set_stack(p, &x, k->stack);
	note_text(&x, "text", gt_model_text(p->model, k->text));
	if (k->task != 0)
		note_u64(&x, "task", k->task);
	put_event(p, &x, k->time);
}

int gt_export_perfetto(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = {
		.generation = generation,
		.change = change,
		.wait_begin = wait_begin,
		.wait_end = wait_end,
		.sample = sample,
		.metric = metric,
		.span = span,
		.mark = mark,
	};
	struct gt_keymap rows = { 0 };
	struct gt_perfetto p = { .out = out, .rows = &rows };
	p.model = gt_model_new(&calls, &p);
	const int rc = gt_model_read(p.model, &x->in, out, err);
	gt_perfetto_until(&p, gt_model_process(p.model)->end);
	for (uint32_t i = 0; i < gt_model_n_threads(p.model); i++) {
		begin(&p);
		put_thread(&p, i);
	}
	gt_perfetto_free(&p);
	gt_keymap_free(&rows);
	gt_model_free(p.model);
	return rc;
}
