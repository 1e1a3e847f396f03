/*
 * convert --to go1.5: the first format of Go's tracer, which numbers all events in one sequence.
 *
 * It knows processors that run goroutines; an event belongs to the goroutine that its processor
 * runs (0 = none, which may create and wake). Every processor's events are a stream of batches.
 *
 * Invariants
 *
 * 1. `runs` of a processor is what a parser of the old format makes of its events so far. Otherwise
 * it refuses: "p 3 is not running g 7".
 * 2. An event whose goroutine does not run there by these rules (in a call, on a thread without
 *    processor) goes to processor NOWHERE, which never runs any but for a moment.
 *
 * What the old format has no word for is left out: labels, tasks, regions, logs, CPU samples, stops
 * of the world, mark assists. A call always blocks (its length would be lost otherwise), and stacks
 * are bare addresses: viewers want the program, too.
 */
#include "encoder/section.h"
#include "tools/export/export.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/read/grow.h"
#include "tools/read/old.h"
#include "tools/read/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct { uint8_t n; bool has_stack; } shapes[64] = {
#define GT_OLD(id, name, since, old, from, args, stack) [id] = { old, stack },
#include "tools/read/old.def"
#undef GT_OLD
};
/* clang-format on */

#define NOWHERE    0 /* index of the processor that does not exist */
#define INITIAL    1 /* the same one, for what was there when the trace began: the first numbers */
#define FIRST_SEQ  (1ULL << 32)
#define BATCH_MAX  32768
#define EVENT_ROOM 64

struct proc {
	uint64_t id;
	uint64_t runs; /* goroutine, 0 = none */
	bool is_started, is_sweeping;
	uint64_t seq, time; /* of its last event */
	size_t len;
	uint8_t bytes[BATCH_MAX]; /* since its batch began */
};

struct writer {
	FILE *out;
	const struct gt_gen *gen;
	uint64_t seq, time;
	uint64_t n_initial, start;
	struct proc **procs;
	uint32_t n_procs, cap_procs;
	struct gt_idmap proc_ids;
	struct gt_idmap g_ids; /* index into g_names */
	uint64_t *g_names;     /* ids in the output: there nobody may come back from the dead */
	uint32_t n_gs, cap_gs;
	struct gt_keymap stacks; /* lists of PCs; their index + 1 is the id */
	uint64_t *stack_ids;     /* by index of the generation's stack: id + 1; 0 = not yet */
	uint32_t cap_stack_ids;
	bool is_in_gc;
	uint64_t cpus; /* told last */
	uint64_t told; /* time of the last event that was written */
	struct gt_err *err;
};

/* ---------------------------------------------------------------- bytes */

static void flush(struct writer *w, struct proc *p)
{
	fwrite(p->bytes, 1, p->len, w->out);
	p->len = 0;
}

/* A number of arguments stands in the two high bits: 2 to 4; more: their length in bytes follows.
 */
static uint8_t *put_args(uint8_t *q, enum gt_old_id id, const uint64_t *args, unsigned n)
{
	uint8_t body[EVENT_ROOM], *b = body;
	for (unsigned i = 0; i < n; i++)
		b = gt_varint_put(b, args[i]);
	*q++ = (uint8_t)(id | (n < 5 ? n - 2 : 3) << 6);
	if (n >= 5)
		q = gt_varint_put(q, (uint64_t)(b - body));
	memcpy(q, body, (size_t)(b - body));
	return q + (b - body);
}

static void begin_batch(struct writer *w, struct proc *p, uint64_t seq, uint64_t time)
{
	flush(w, p);
	const uint64_t args[] = { p->id, seq, time };
	p->len = (size_t)(put_args(p->bytes, GT_OLD_Batch, args, 3) - p->bytes);
	p->seq = seq;
	p->time = time;
}

/* The next event: up to two arguments and a stack, as its row says. */
static void put(struct writer *w, struct proc *p, enum gt_old_id id, uint64_t a, uint64_t b,
		uint64_t stack)
{
	const bool is_initial = p == w->procs[INITIAL];
	uint64_t *last = is_initial ? &w->n_initial : &w->seq;
	const uint64_t now = is_initial ? w->start : w->time;
	if (p->len == 0 || p->len + EVENT_ROOM > BATCH_MAX)
		begin_batch(w, p, *last, now);
	const uint64_t seq = ++*last;
	w->told = now > w->told ? now : w->told;
	uint64_t args[6] = { seq - p->seq, now - p->time, a, b, 0 };
	unsigned n = 2 + shapes[id].n;
	if (id == GT_OLD_GoSysExit) {
		args[3] = seq;
		args[4] = now;
	}
	if (shapes[id].has_stack)
		args[n++] = stack;
	p->seq = seq;
	p->time = now;
	p->len = (size_t)(put_args(p->bytes + p->len, id, args, n) - p->bytes);
}

/* ---------------------------------------------------------------- processors, stacks */

static struct proc *proc(struct writer *w, uint64_t id)
{
	uint32_t i = id == GT_NO_ID ? NOWHERE : gt_idmap_get(&w->proc_ids, id);
	if (i != GT_NO_INDEX)
		return w->procs[i];
	i = w->n_procs;
	gt_grow(&w->procs, &w->cap_procs, (uint64_t)i + 1, sizeof(*w->procs));
	gt_idmap_put(&w->proc_ids, id, i);
	w->procs[i] = gt_mem_resize(NULL, 1, sizeof(struct proc));
	memset(w->procs[i], 0, offsetof(struct proc, bytes));
	/* Viewers want small numbers, and 0 is NOWHERE's. */
	w->procs[i]->id = i <= INITIAL ? 0 : i - INITIAL;
	w->n_procs++;
	return w->procs[i];
}

/* Id of a stack over the whole file; written when it is new. */
static uint64_t stack(struct writer *w, uint64_t id)
{
	const struct gt_gen_stack *s = id ? gt_gen_stack(w->gen, id) : NULL;
	if (s == NULL || s->n == 0)
		return 0;
	uint64_t *known = &w->stack_ids[s - w->gen->stacks];
	if (*known)
		return *known - 1;
	uint64_t pcs[GT_STACK_MAX];
	uint8_t body[(2 + GT_STACK_MAX) * GT_VARINT_MAX], *b = body;
	bool is_new;
	for (uint32_t i = 0; i < s->n; i++)
		pcs[i] = gt_gen_frame(w->gen, s, i)->pc;
	const uint64_t v1 = 1 + gt_keymap_put(&w->stacks, pcs, s->n * sizeof(pcs[0]), &is_new);
	*known = v1 + 1;
	if (!is_new)
		return v1;
	b = gt_varint_put(gt_varint_put(b, v1), s->n);
	for (uint32_t i = 0; i < s->n; i++)
		b = gt_varint_put(b, pcs[i]);
	uint8_t head[1 + GT_VARINT_MAX] = { GT_OLD_Stack | 3 << 6 };
	fwrite(head, 1, (size_t)(gt_varint_put(head + 1, (uint64_t)(b - body)) - head), w->out);
	fwrite(body, 1, (size_t)(b - body), w->out);
	return v1;
}

/* ---------------------------------------------------------------- events */

/* The event's processor if it runs the event's goroutine, else NOWHERE. */
static struct proc *place(struct writer *w, const struct gt_ordered *ev)
{
	struct proc *p = proc(w, ev->p);
	return p->runs == (ev->g == GT_NO_ID ? 0 : ev->g) ? p : w->procs[NOWHERE];
}

static void start_proc(struct writer *w, struct proc *p, uint64_t m)
{
	if (!p->is_started)
		put(w, p, GT_OLD_ProcStart, m == GT_NO_ID ? 0 : m, 0, 0);
	p->is_started = true;
}

static void go_start(struct writer *w, struct proc *p, uint64_t g)
{
	put(w, p, GT_OLD_GoStart, g, 0, 0);
	p->runs = g;
}

/* The goroutine leaves its processor. */
static void go_leave(struct writer *w, const struct gt_ordered *ev, enum gt_old_id id)
{
	struct proc *p = place(w, ev);
	put(w, p, id, 0, 0, stack(w, gt_ordered_stack(ev)));
	p->runs = 0;
}

static enum gt_old_id block_of(struct gt_text reason)
{
	static const struct {
		const char *reason;
		enum gt_old_id id;
	} blocks[] = {
		{ "chan send", GT_OLD_GoBlockSend },
		{ "chan receive", GT_OLD_GoBlockRecv },
		{ "select", GT_OLD_GoBlockSelect },
		{ "sync", GT_OLD_GoBlockSync },
		{ "sync.(*Cond).Wait", GT_OLD_GoBlockCond },
		{ "network", GT_OLD_GoBlockNet },
		{ "sleep", GT_OLD_GoSleep },
	};
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (strlen(blocks[i].reason) == reason.len &&
		    memcmp(blocks[i].reason, reason.p, reason.len) == 0)
			return blocks[i].id;
	}
	return GT_OLD_GoBlock;
}

/* PC of a stack's outermost frame, which is the start routine. */
static uint64_t start_pc(const struct writer *w, uint64_t id)
{
	const struct gt_gen_stack *s = id ? gt_gen_stack(w->gen, id) : NULL;
	return s != NULL && s->n ? gt_gen_frame(w->gen, s, s->n - 1)->pc : 0;
}

/* A goroutine comes into being, in whatever state. */
static int go_appear(struct writer *w, const struct gt_ordered *ev)
{
	const bool is_create = ev->from == GT_STATE_NOT_EXIST;
	const bool is_old = !is_create && ev->to != GT_STATE_RUNNING;
	struct proc *by = is_create ? place(w, ev) : w->procs[is_old ? INITIAL : NOWHERE];
	put(w, by, GT_OLD_GoCreate, ev->who, start_pc(w, gt_ordered_subject_stack(ev)),
	    is_create ? stack(w, gt_ordered_stack(ev)) : 0);
	if (ev->to == GT_STATE_WAITING)
		put(w, w->procs[is_old ? INITIAL : NOWHERE], GT_OLD_GoWaiting, ev->who, 0, 0);
	else if (ev->to == GT_STATE_SYSCALL)
		put(w, w->procs[is_old ? INITIAL : NOWHERE], GT_OLD_GoInSyscall, ev->who, 0, 0);
	else if (ev->to == GT_STATE_RUNNING && (ev->p == GT_NO_ID || proc(w, ev->p)->runs))
		return gt_err_set(w->err, GT_ERR_ORDER, ev->offset,
				  "goroutine %" PRId64 " runs on no processor: Go 1.5 cannot tell",
				  (int64_t)ev->who);
	else if (ev->to == GT_STATE_RUNNING)
		go_start(w, proc(w, ev->p), ev->who);
	return 0;
}

static void from_running(struct writer *w, const struct gt_ordered *ev)
{
	switch (ev->to) {
	case GT_STATE_WAITING:
		go_leave(w, ev, block_of(gt_gen_text(w->gen, gt_ordered_reason(ev))));
		break;
	case GT_STATE_RUNNABLE: {
		const struct gt_text t = gt_gen_text(w->gen, gt_ordered_reason(ev));
		const bool is_preempted = t.len == 9 && memcmp(t.p, "preempted", 9) == 0;
		go_leave(w, ev, is_preempted ? GT_OLD_GoPreempt : GT_OLD_GoSched);
		break;
	}
	case GT_STATE_SYSCALL:
		put(w, place(w, ev), GT_OLD_GoSysCall, 0, 0, stack(w, gt_ordered_stack(ev)));
		go_leave(w, ev, GT_OLD_GoSysBlock);
		break;
	case GT_STATE_NOT_EXIST:
		go_leave(w, ev, GT_OLD_GoEnd);
		break;
	default:
		break;
	}
}

static void from_syscall(struct writer *w, const struct gt_ordered *ev)
{
	struct proc *p = w->procs[NOWHERE];
	if (ev->to == GT_STATE_RUNNING)
		p = proc(w, ev->p);
	put(w, p, GT_OLD_GoSysExit, ev->who, 0, 0);
	if (ev->to != GT_STATE_RUNNABLE)
		go_start(w, p, ev->who);
	if (ev->to == GT_STATE_NOT_EXIST) {
		put(w, p, GT_OLD_GoEnd, 0, 0, 0);
		p->runs = 0;
	}
}

static int g_event(struct writer *w, const struct gt_ordered *ev)
{
	if (ev->from == GT_STATE_UNKNOWN || ev->from == GT_STATE_NOT_EXIST)
		return go_appear(w, ev);
	if (ev->from == ev->to)
		return 0;
	if (ev->from == GT_STATE_RUNNING)
		from_running(w, ev);
	else if (ev->from == GT_STATE_SYSCALL)
		from_syscall(w, ev);
	else if (ev->from == GT_STATE_WAITING)
		put(w, place(w, ev), GT_OLD_GoUnblock, ev->who, 0, stack(w, gt_ordered_stack(ev)));
	else if (ev->from == GT_STATE_RUNNABLE)
		go_start(w, proc(w, ev->p), ev->who);
	return 0;
}

static void p_event(struct writer *w, const struct gt_ordered *ev)
{
	struct proc *p = proc(w, ev->who);
	if (ev->to == GT_STATE_RUNNING) {
		start_proc(w, p, ev->m);
	} else if (p->is_started && p->runs == 0) {
		put(w, p, GT_OLD_ProcStop, 0, 0, 0);
		p->is_started = false;
	}
}

static void other_event(struct writer *w, const struct gt_ordered *ev)
{
	switch (ev->id) {
	case GT_EV_ProcsChange:
		w->cpus = ev->args[0];
		put(w, place(w, ev), GT_OLD_Gomaxprocs, ev->args[0], 0, stack(w, ev->args[1]));
		break;
	case GT_EV_HeapAlloc:
	case GT_EV_HeapGoal:
		put(w, place(w, ev), ev->id == GT_EV_HeapAlloc ? GT_OLD_HeapAlloc : GT_OLD_HeapGoal,
		    ev->args[0], 0, 0);
		break;
	case GT_EV_GCActive:
	case GT_EV_GCBegin:
		if (!w->is_in_gc)
			put(w, w->procs[NOWHERE], GT_OLD_GCStart, 0, 0,
			    stack(w, gt_ordered_stack(ev)));
		w->is_in_gc = true;
		break;
	case GT_EV_GCEnd:
		put(w, w->procs[NOWHERE], GT_OLD_GCDone, 0, 0, 0);
		w->is_in_gc = false;
		break;
	case GT_EV_GCSweepBegin:
		put(w, proc(w, ev->p), GT_OLD_GCSweepStart, 0, 0, stack(w, ev->args[0]));
		proc(w, ev->p)->is_sweeping = true;
		break;
	case GT_EV_GCSweepEnd:
		if (proc(w, ev->p)->is_sweeping)
			put(w, proc(w, ev->p), GT_OLD_GCSweepDone, 0, 0, 0);
		proc(w, ev->p)->is_sweeping = false;
		break;
	default:
		break;
	}
}

/* The goroutine's id in the output; a new one when an id is used again. */
static uint64_t g_name(struct writer *w, uint64_t g, bool is_created)
{
	const uint32_t i = g == GT_NO_ID ? GT_NO_INDEX : gt_idmap_get(&w->g_ids, g);
	if (i != GT_NO_INDEX && is_created)
		w->g_names[i] = (1ULL << 32) + w->seq;
	if (i != GT_NO_INDEX)
		return w->g_names[i];
	if (is_created &&
	    gt_grow(&w->g_names, &w->cap_gs, (uint64_t)w->n_gs + 1, sizeof(*w->g_names))) {
		gt_idmap_put(&w->g_ids, g, w->n_gs);
		w->g_names[w->n_gs++] = g;
	}
	return g;
}

static int new_generation(struct writer *w, const struct gt_gen *g)
{
	w->gen = g;
	if (!gt_grow(&w->stack_ids, &w->cap_stack_ids, g->n_stacks, sizeof(*w->stack_ids)))
		return gt_err_set(w->err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	memset(w->stack_ids, 0, g->n_stacks * sizeof(*w->stack_ids));
	return 0;
}

static int add(struct writer *w, const struct gt_trace *t, struct gt_ordered *ev)
{
	ev->g = g_name(w, ev->g, false);
	if (ev->subject == GT_SUBJECT_G)
		ev->who = g_name(w, ev->who, ev->from <= GT_STATE_NOT_EXIST);
	const bool is_first = w->time == 0;
	w->time = (uint64_t)ev->time;
	if (is_first) { /* says when the trace began */
		w->start = w->time;
		begin_batch(w, w->procs[INITIAL], 0, w->start);
	}
	if (ev->id == GT_EV_Sync)
		return new_generation(w, gt_trace_gen(t));
	if (ev->subject == GT_SUBJECT_G)
		return g_event(w, ev);
	if (ev->subject == GT_SUBJECT_P)
		p_event(w, ev);
	else
		other_event(w, ev);
	return 0;
}

static void finish(struct writer *w)
{
	/* Waits that are open end with the trace, and what ended that may have been left out. */
	if (w->cpus != 0 && w->time > w->told)
		put(w, w->procs[NOWHERE], GT_OLD_Gomaxprocs, w->cpus, 0, 0);
	for (uint32_t i = 0; i < w->n_procs; i++) {
		flush(w, w->procs[i]);
		free(w->procs[i]);
	}
	free(w->procs);
	free(w->stack_ids);
	free(w->g_names);
	gt_idmap_free(&w->g_ids);
	gt_idmap_free(&w->proc_ids);
	gt_keymap_free(&w->stacks);
}

int gt_export_go15(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	struct gt_trace *t = gt_trace_open(x->in.path, err);
	if (t == NULL)
		return -(int)err->code;
	gt_trace_set_focus(t, x->in.path, &x->in.focus); /* whole generations */
	static const char header[16] = "go 1.5 trace";
	const uint64_t frequency[] = { 1000000000, 0 };
	uint8_t bytes[EVENT_ROOM];
	struct writer w = { .out = out, .err = err, .seq = FIRST_SEQ };
	struct gt_ordered ev;
	int rc;
	fwrite(header, 1, sizeof(header), out);
	fwrite(bytes, 1, (size_t)(put_args(bytes, GT_OLD_Frequency, frequency, 2) - bytes), out);
	proc(&w, UINT64_MAX - 1); /* NOWHERE is the first */
	proc(&w, UINT64_MAX - 2);
	while ((rc = gt_trace_next(t, &ev, err)) > 0) {
		if ((rc = add(&w, t, &ev)) < 0)
			break;
	}
	finish(&w);
	gt_trace_close(t);
	return rc;
}
