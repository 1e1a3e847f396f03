/*
 * An old trace's events told in the new format.
 *
 * The old format says less of threads and processors than readers of the new one want to know, and
 * is less strict where an event may stand. Rules:
 *
 * - Goroutines that nobody creates before anything else happens were there when the trace began.
 * - A call that did not block lasts 1 ns, as in Go's own converter (tracev1.go). One that did keeps
 *   its processor until that is needed, and its thread to its end.
 * - Events of nobody are told on a thread of their own.
 * - What has no place (a collection that begins while no goroutine runs, a message of one that does
 *   not run) is left out and counted.
 */
#include "tools/read/old_tell.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

uint32_t gt_old_goroutine(struct gt_old_teller *w, uint64_t id)
{
	uint32_t i = gt_idmap_get(&w->g_ids, id);
	if (i != GT_NO_INDEX)
		return i;
	i = (uint32_t)w->n_gs++;
	w->gs = gt_mem_grow(w->gs, i, &w->cap_gs, sizeof(*w->gs));
	/* N.B. the one id that readers take for none */
	w->gs[i] = (struct gt_old_goroutine){ .id = id == GT_NO_ID ? 1ULL << 62 : id,
					      .m = GT_OLD_NONE };
	gt_idmap_put(&w->g_ids, id, i);
	return i;
}

gt_stack gt_old_stack(struct gt_old_teller *w, const struct gt_old_event *e)
{
	return (gt_stack){ gt_old_put_stack(w->t, e->stack) };
}

gt_str gt_old_text(struct gt_old_teller *w, const char *t)
{
	return (gt_str){ gt_old_put_text(w->t, t, strlen(t)) };
}

uint32_t gt_old_place(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t g = e->g == 0 ? GT_OLD_NONE : gt_old_goroutine(w, e->g);
	return m != GT_OLD_NONE && w->s.ms[m].g == g ? m : GT_OLD_NONE;
}

/* ---------------------------------------------------------------- goroutines */

static void run(struct gt_old_teller *w, uint32_t g, uint32_t m)
{
	w->gs[g].state = G_RUNNING;
	w->gs[g].m = m;
	w->s.ms[m].g = g;
	w->runner = m;
}

static void stop_running(struct gt_old_teller *w, uint32_t g, enum gt_old_gstate to)
{
	w->s.ms[w->gs[g].m].g = GT_OLD_NONE;
	w->gs[g].m = GT_OLD_NONE;
	w->gs[g].state = to;
}

static void begin_call(struct gt_old_teller *w, uint32_t g, gt_stack at)
{
	const uint32_t m = w->gs[g].m, p = w->s.ms[m].p;
	SAY(w, m, now, GoSyscallBegin, ++w->s.ps[p].seq, at);
	w->s.ps[p].state = GT_OLD_P_SYSCALL;
}

/* The call is over, its processor gone. */
static void end_call(struct gt_old_teller *w, uint32_t g)
{
	const uint32_t m = w->gs[g].m;
	if (w->s.ms[m].p != GT_OLD_NONE)
		gt_old_steal_p(&w->s, w->s.ms[m].p, false);
	SAY(w, m, now, GoSyscallEndBlocked);
	stop_running(w, g, G_RUNNABLE);
	gt_old_release(&w->s, m);
}

static gt_stack start_of(struct gt_old_teller *w, const struct gt_old_event *create)
{
	return (gt_stack){ w->o->version < 7 ? gt_old_put_pc(w->t, create->args[1])
					     : gt_old_put_stack(w->t, create->args[1]) };
}

static void be_calling(struct gt_old_teller *w, uint32_t g, uint32_t m)
{
	w->gs[g].state = G_CALLING;
	w->gs[g].m = m;
	w->s.ms[m].g = g;
}

/* It was there when the trace began. */
static void exist(struct gt_old_teller *w, uint32_t g, enum gt_gstatus status, gt_stack start)
{
	static const enum gt_old_gstate states[] = {
		[GT_G_RUNNABLE] = G_RUNNABLE, [GT_G_SYSCALL] = G_CALLING, [GT_G_WAITING] = G_WAITING
	};
	const bool is_calling = status == GT_G_SYSCALL;
	const uint32_t m = is_calling ? gt_old_free_thread(&w->s, GT_NO_ID) : w->nobody;
	const gt_g id = { w->gs[g].id };
	SAY(w, m, now, GoStatusStack, id, is_calling ? (gt_m){ w->s.ms[m].id } : GT_NO_M, status,
	    start);
	w->gs[g].state = states[status];
	if (is_calling)
		be_calling(w, g, m);
}

static void create(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->args[0]);
	struct gt_old_event *next = e->next != GT_OLD_NO_EVENT ? gt_old_event(w->o, e->next) : NULL;
	const gt_stack start = start_of(w, e);
	const uint8_t then = next != NULL ? next->type : 0;
	if (then == GT_OLD_GoWaiting || then == GT_OLD_GoInSyscall)
		next->type = 0; /* is told here */
	if (w->is_init && e->g == 0) {
		exist(w, g,
		      then == GT_OLD_GoWaiting     ? GT_G_WAITING
		      : then == GT_OLD_GoInSyscall ? GT_G_SYSCALL
						   : GT_G_RUNNABLE,
		      start);
	} else if (then == GT_OLD_GoInSyscall) {
		const uint32_t m = gt_old_free_thread(&w->s, GT_NO_ID);
		SAY(w, m, now, GoCreateSyscall, (gt_g){ w->gs[g].id });
		be_calling(w, g, m);
	} else if (then == GT_OLD_GoWaiting) {
		const uint32_t m = gt_old_ready(&w->s, e->proc);
		SAY(w, m, now, GoCreateBlocked, (gt_g){ w->gs[g].id }, start, gt_old_stack(w, e));
		w->gs[g].state = G_WAITING;
	} else {
		const uint32_t m = gt_old_ready(&w->s, e->proc);
		SAY(w, m, now, GoCreate, (gt_g){ w->gs[g].id }, start, gt_old_stack(w, e));
		w->gs[g].state = G_RUNNABLE;
	}
}

static void start(struct gt_old_teller *w, uint32_t g, uint32_t p)
{
	const uint32_t m = gt_old_ready(&w->s, p);
	SAY(w, m, now, GoStart, (gt_g){ w->gs[g].id }, ++w->gs[g].seq);
	run(w, g, m);
	if (w->procs == 0)
		return;
	SAY(w, m, soon, ProcsChange, w->procs, (gt_stack){ w->procs_stack });
	w->told_procs = w->procs;
	w->procs = 0;
}

static void start_with_label(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g);
	const gt_str label = { gt_old_put_string(w->t, e->args[2]) };
	start(w, g, e->proc);
	if (label.v != 0)
		SAY(w, w->gs[g].m, soon, GoLabel, label);
}

/* Waiting or in a call, but not right after its creation: it got there without our seeing it. */
static void be_elsewhere(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g), p = w->o->n_procs;
	start(w, g, p);
	if (e->type == GT_OLD_GoInSyscall) {
		begin_call(w, g, (gt_stack){ 0 });
		w->gs[g].state = G_CALLING;
	} else {
		SAY(w, w->gs[g].m, now, GoBlock, (gt_str){ 0 }, (gt_stack){ 0 });
		stop_running(w, g, G_WAITING);
	}
}

static const char *reason_of(uint8_t type)
{
	static const char *const reasons[] = {
		[GT_OLD_GoStop] = "forever",
		[GT_OLD_GoSched] = "runtime.Gosched",
		[GT_OLD_GoPreempt] = "preempted",
		[GT_OLD_GoSleep] = "sleep",
		[GT_OLD_GoBlock] = "",
		[GT_OLD_GoBlockSend] = "chan send",
		[GT_OLD_GoBlockRecv] = "chan receive",
		[GT_OLD_GoBlockSelect] = "select",
		[GT_OLD_GoBlockSync] = "sync",
		[GT_OLD_GoBlockCond] = "sync.(*Cond).Wait",
		[GT_OLD_GoBlockNet] = "network",
		[GT_OLD_GoBlockGC] = "GC mark assist wait for work",
	};
	return reasons[type];
}

static void leave(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g), m = w->gs[g].m;
	if (e->type == GT_OLD_GoSysBlock) {
		if (!w->gs[g].is_calling)
			begin_call(w, g, (gt_stack){ 0 });
		w->gs[g].is_calling = false;
		w->gs[g].state = G_CALLING;
	} else if (e->type == GT_OLD_GoEnd) {
		SAY(w, m, now, GoDestroy);
		stop_running(w, g, G_GONE);
	} else if (e->type == GT_OLD_GoSched || e->type == GT_OLD_GoPreempt) {
		SAY(w, m, now, GoStop, gt_old_text(w, reason_of(e->type)), gt_old_stack(w, e));
		stop_running(w, g, G_RUNNABLE);
	} else {
		SAY(w, m, now, GoBlock, gt_old_text(w, reason_of(e->type)), gt_old_stack(w, e));
		stop_running(w, g, G_WAITING);
	}
}

static void unblock(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->args[0]), m = gt_old_place(w, e);
	if (w->gs[g].state == G_CALLING)
		end_call(w, g);
	else
		SAY(w, m != GT_OLD_NONE ? m : w->nobody, now, GoUnblock, (gt_g){ w->gs[g].id },
		    ++w->gs[g].seq, gt_old_stack(w, e));
	w->gs[g].state = G_RUNNABLE;
}

static void call(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g), m = w->gs[g].m;
	begin_call(w, g, gt_old_stack(w, e));
	if (e->next != GT_OLD_NO_EVENT && gt_old_event(w->o, e->next)->type == GT_OLD_GoSysBlock) {
		w->gs[g].is_calling = true;
		return;
	}
	SAY(w, m, soon, GoSyscallEnd);
	w->s.ps[w->s.ms[m].p].state = GT_OLD_P_RUNNING;
}

/* It goes on at once, on the processor that it has kept: then that is told by one event. */
static bool goes_on(const struct gt_old_teller *w, const struct gt_old_event *e, uint32_t i,
		    uint32_t g)
{
	const struct gt_old_event *next = i + 1 < w->o->n_order ? gt_old_event(w->o, i + 1) : NULL;
	return next != NULL && next->type == GT_OLD_GoStart && next->g == e->g &&
	       next->time == e->time && w->s.ps[next->proc].m == w->gs[g].m;
}

static void exit_call(struct gt_old_teller *w, const struct gt_old_event *e, uint32_t i)
{
	const uint32_t g = gt_old_goroutine(w, e->g), m = w->gs[g].m;
	if (w->gs[g].state != G_CALLING) {
		SAY(w, w->nobody, now, GoUnblock, (gt_g){ w->gs[g].id }, ++w->gs[g].seq,
		    (gt_stack){ 0 });
		w->gs[g].state = G_RUNNABLE;
	} else if (goes_on(w, e, i, g)) {
		SAY(w, m, now, GoSyscallEnd);
		w->s.ps[w->s.ms[m].p].state = GT_OLD_P_RUNNING;
		run(w, g, m);
		gt_old_event(w->o, i + 1)->type = 0; /* is told */
	} else {
		end_call(w, g);
	}
}

/* ---------------------------------------------------------------- processors */

static void start_proc(struct gt_old_teller *w, const struct gt_old_event *e)
{
	struct gt_old_p *p = &w->s.ps[e->proc];
	p->thread = e->args[0];
	if (p->m == GT_OLD_NONE)
		gt_old_start_p(&w->s, e->proc, true);
}

static void stop_proc(struct gt_old_teller *w, const struct gt_old_event *e)
{
	struct gt_old_p *p = &w->s.ps[e->proc];
	const uint32_t m = p->m;
	if (p->state == GT_OLD_P_SYSCALL) {
		gt_old_steal_p(&w->s, e->proc, true);
	} else if (m != GT_OLD_NONE) {
		SAY(w, m, now, ProcStop);
		p->state = GT_OLD_P_IDLE;
		p->m = GT_OLD_NONE;
		w->s.ms[m].p = GT_OLD_NONE;
		gt_old_release(&w->s, m);
	}
}

/* ---------------------------------------------------------------- all of it */

static void tell(struct gt_old_teller *w, struct gt_old_event *e, uint32_t i)
{
	switch (e->type) {
	case GT_OLD_GoCreate:
		create(w, e);
		break;
	case GT_OLD_GoStart:
		start(w, gt_old_goroutine(w, e->g), e->proc);
		break;
	case GT_OLD_GoStartLabel:
		start_with_label(w, e);
		break;
	case GT_OLD_GoWaiting:
	case GT_OLD_GoInSyscall:
		be_elsewhere(w, e);
		break;
	case GT_OLD_GoUnblock:
		unblock(w, e);
		break;
	case GT_OLD_GoSysCall:
		call(w, e);
		break;
	case GT_OLD_GoSysExit:
		exit_call(w, e, i);
		break;
	case GT_OLD_ProcStart:
		start_proc(w, e);
		break;
	case GT_OLD_ProcStop:
		stop_proc(w, e);
		break;
	default:
		if (gt_old_is_leave(e->type))
			leave(w, e);
		else
			gt_old_note(w, e, i);
		break;
	}
}

/* Events that come before any goroutine runs. */
static bool is_init(uint8_t type)
{
	return type == GT_OLD_GoCreate || type == GT_OLD_GoWaiting || type == GT_OLD_GoInSyscall ||
	       type == GT_OLD_ProcStart || type == GT_OLD_CPUSample || type == 0;
}

/* The last events were left out, but waits that are open last until then: the state of a goroutine
 * is told once more. */
static void tell_end(struct gt_old_teller *w)
{
	static const enum gt_gstatus words[] = { [G_RUNNABLE] = GT_G_RUNNABLE,
						 [G_RUNNING] = GT_G_RUNNING,
						 [G_WAITING] = GT_G_WAITING,
						 [G_CALLING] = GT_G_SYSCALL };
	for (size_t i = 0; i < w->n_gs; i++) {
		const struct gt_old_goroutine *g = &w->gs[i];
		if (g->state == G_NEW || g->state == G_GONE)
			continue;
		const uint32_t m = g->m != GT_OLD_NONE ? g->m : w->nobody;
		SAY(w, m, now, GoStatus, (gt_g){ g->id }, (gt_m){ w->s.ms[m].id },
		    g->is_calling ? GT_G_SYSCALL : words[g->state]);
		return;
	}
}

static void tell_all(struct gt_old_teller *w, uint64_t base)
{
	w->nobody = gt_old_free_thread(&w->s, GT_NO_ID);
	w->s.ms[w->nobody].g = GT_OLD_NONE - 1; /* never free */
	for (uint32_t i = 0; i < w->o->n_order; i++) {
		struct gt_old_event *e = gt_old_event(w->o, i);
		w->s.at = base + (uint64_t)(e->time > 0 ? e->time : 0);
		w->is_init &= is_init(e->type);
		tell(w, e, i);
	}
	w->left_out += w->procs != 0 && w->procs != w->told_procs;
	if (w->s.at > w->s.now)
		tell_end(w);
}

static void write_samples(struct gt_old_teller *w)
{
	const size_t cap = GT_BATCH_HEADER + GT_BATCH_MAX_DATA;
	const gt_ns begin = { w->s.start };
	struct gt_batch b = gt_batch_init(gt_mem_resize(NULL, 1, cap), cap, begin);
	const uint8_t *from;
	for (size_t i = 0; i < w->n_samples;) {
		gt_section_begin(&b, GT_EV_CPUSamples, begin);
		for (; i < w->n_samples; i++) {
			const struct gt_old_event *e = w->samples[i];
			const uint32_t p = gt_idmap_get(&w->o->proc_ids, (uint64_t)e->p);
			const gt_p id = { p == GT_NO_INDEX ? GT_NO_ID : w->s.ps[p].id };
			const gt_g g = { e->g == GT_NO_ID ? 0 : e->g };
			if (!gt_section_sample(&b, (gt_ns){ w->sample_times[i] }, GT_NO_M, id, g,
					       gt_old_stack(w, e)))
				break;
		}
		const size_t n = gt_batch_seal(b.mem, b.len, 0, 1, GT_NO_M, begin, &from);
		gt_old_put_bytes(&w->s, from, n);
	}
	free(b.mem);
}

static void write_head(struct gt_old_teller *w)
{
	static const char header[16] = "go 1.23 trace";
	uint8_t mem[GT_BATCH_HEADER + 1 + GT_VARINT_MAX];
	const uint8_t *from;
	mem[GT_BATCH_HEADER] = GT_EV_Frequency;
	const uint8_t *end = gt_varint_put(mem + GT_BATCH_HEADER + 1, 1000000000);
	gt_old_put_bytes(&w->s, header, sizeof(header));
	const size_t n = gt_batch_seal(mem, (size_t)(end - mem), 0, 1, GT_NO_M,
				       (gt_ns){ w->s.start }, &from);
	gt_old_put_bytes(&w->s, from, n);
}

/* Ticks since the first event -> ns, as gt_old_order() has it. */
static double ns_of(const struct gt_old *o, int64_t ticks)
{
	return (double)ticks * (1e9 / (double)o->freq_hz);
}

/* Time of the first event; anything that makes no sense is 1 s. */
static uint64_t base_of(const struct gt_old *o)
{
	const double ns = ns_of(o, o->first_ticks);
	if (ns < 2 || ns > (double)(1ULL << 61))
		return 1000000000;
	return o->freq_hz == 1000000000 ? (uint64_t)o->first_ticks : (uint64_t)ns;
}

/* The trace begins with its earliest batch, which may be before its first event. */
static uint64_t start_of_trace(const struct gt_old *o, uint64_t base)
{
	uint64_t start = base;
	for (uint32_t i = 0; i < o->n_batch_times; i++) {
		const double ns = ns_of(o, o->first_ticks) - ns_of(o, o->batch_times[i]);
		if (ns > 1 && ns <= 1e9 && ns < (double)base && base - (uint64_t)ns < start)
			start = base - (uint64_t)ns;
	}
	return start;
}

int gt_old_tell(struct gt_old *o, uint8_t **out, size_t *out_len, uint64_t *left_out)
{
	const uint64_t base = base_of(o);
	struct gt_old_teller w = { .o = o, .runner = GT_OLD_NONE, .is_init = true };
	w.t = gt_old_tables_new(o);
	gt_old_streams_init(&w.s, o);
	w.s.start = w.s.now = start_of_trace(o, base);
	write_head(&w);
	tell_all(&w, base);
	gt_old_flush(&w.s);
	write_samples(&w);
	gt_old_write_tables(w.t, w.s.start, gt_old_put_bytes, &w.s);
	*out = w.s.out;
	*out_len = w.s.len;
	*left_out = w.left_out;
	gt_old_streams_free(&w.s);
	gt_old_tables_free(w.t);
	gt_idmap_free(&w.g_ids);
	gt_idmap_free(&w.tasks);
	free(w.gs);
	free(w.samples);
	free(w.sample_times);
	return 0;
}
