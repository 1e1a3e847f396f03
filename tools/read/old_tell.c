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
#include "tools/lib/mem.h"
#include "tools/read/old_stream.h"

#include <stdlib.h>
#include <string.h>

enum gstate { G_NEW, G_RUNNABLE, G_RUNNING, G_WAITING, G_CALLING, G_GONE };

struct goroutine {
	uint64_t id, seq;
	enum gstate state;
	uint32_t m;        /* where it runs or is in a call */
	bool is_calling;   /* the begin of its call was told, the end of its running not yet */
	bool is_assisting; /* was told */
	bool has_lost_region;
};

struct teller {
	struct gt_old *o;
	struct gt_old_streams s;
	struct gt_old_tables *t;
	struct gt_idmap g_ids, tasks;
	struct goroutine *gs;
	size_t n_gs, cap_gs;
	struct gt_old_event **samples;
	uint64_t *sample_times;
	size_t n_samples, cap_samples, cap_sample_times;
	uint32_t nobody;        /* thread of events of nobody */
	uint32_t runner;        /* where a goroutine was started last */
	uint64_t gc_seq, procs; /* procs: to be told as soon as there is a place; 0 = none */
	uint64_t procs_stack, told_procs;
	bool is_collecting, is_init;
	uint64_t left_out;
};

#define SAY(w, m, time, name, ...)                                                                 \
	gt_w_##name(gt_old_batch(&(w)->s, m), gt_old_##time(&(w)->s) __VA_OPT__(, ) __VA_ARGS__)

static uint32_t goroutine(struct teller *w, uint64_t id)
{
	uint32_t i = gt_idmap_get(&w->g_ids, id);
	if (i != GT_NO_INDEX)
		return i;
	i = (uint32_t)w->n_gs++;
	w->gs = gt_mem_grow(w->gs, i, &w->cap_gs, sizeof(*w->gs));
	/* N.B. the one id that readers take for none */
	w->gs[i] = (struct goroutine){ .id = id == GT_NO_ID ? 1ULL << 62 : id, .m = GT_OLD_NONE };
	gt_idmap_put(&w->g_ids, id, i);
	return i;
}

static gt_stack stack(struct teller *w, const struct gt_old_event *e)
{
	return (gt_stack){ gt_old_put_stack(w->t, e->stack) };
}

static gt_str text(struct teller *w, const char *t)
{
	return (gt_str){ gt_old_put_text(w->t, t, strlen(t)) };
}

/* The thread of the event's processor, if it is bound to the event's goroutine. */
static uint32_t place(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t g = e->g == 0 ? GT_OLD_NONE : goroutine(w, e->g);
	return m != GT_OLD_NONE && w->s.ms[m].g == g ? m : GT_OLD_NONE;
}

/* Any thread that runs a goroutine: the event's processor's, or another. */
static uint32_t host(const struct teller *w, const struct gt_old_event *e)
{
	const uint32_t at[2] = { w->s.ps[e->proc].m, w->runner };
	for (int i = 0; i < 2; i++) {
		const struct gt_old_thread *m = at[i] != GT_OLD_NONE ? &w->s.ms[at[i]] : NULL;
		if (m != NULL && m->g != GT_OLD_NONE && m->p != GT_OLD_NONE)
			return at[i];
	}
	return GT_OLD_NONE;
}

/* ---------------------------------------------------------------- goroutines */

static void run(struct teller *w, uint32_t g, uint32_t m)
{
	w->gs[g].state = G_RUNNING;
	w->gs[g].m = m;
	w->s.ms[m].g = g;
	w->runner = m;
}

static void stop_running(struct teller *w, uint32_t g, enum gstate to)
{
	w->s.ms[w->gs[g].m].g = GT_OLD_NONE;
	w->gs[g].m = GT_OLD_NONE;
	w->gs[g].state = to;
}

static void begin_call(struct teller *w, uint32_t g, gt_stack at)
{
	const uint32_t m = w->gs[g].m, p = w->s.ms[m].p;
	SAY(w, m, now, GoSyscallBegin, ++w->s.ps[p].seq, at);
	w->s.ps[p].state = GT_OLD_P_SYSCALL;
}

/* The call is over, its processor gone. */
static void end_call(struct teller *w, uint32_t g)
{
	const uint32_t m = w->gs[g].m;
	if (w->s.ms[m].p != GT_OLD_NONE)
		gt_old_steal_p(&w->s, w->s.ms[m].p, false);
	SAY(w, m, now, GoSyscallEndBlocked);
	stop_running(w, g, G_RUNNABLE);
	gt_old_release(&w->s, m);
}

static gt_stack start_of(struct teller *w, const struct gt_old_event *create)
{
	return (gt_stack){ w->o->version < 7 ? gt_old_put_pc(w->t, create->args[1])
					     : gt_old_put_stack(w->t, create->args[1]) };
}

static void be_calling(struct teller *w, uint32_t g, uint32_t m)
{
	w->gs[g].state = G_CALLING;
	w->gs[g].m = m;
	w->s.ms[m].g = g;
}

/* It was there when the trace began. */
static void exist(struct teller *w, uint32_t g, enum gt_gstatus status, gt_stack start)
{
	static const enum gstate states[] = {
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

static void create(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->args[0]);
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
		SAY(w, m, now, GoCreateBlocked, (gt_g){ w->gs[g].id }, start, stack(w, e));
		w->gs[g].state = G_WAITING;
	} else {
		const uint32_t m = gt_old_ready(&w->s, e->proc);
		SAY(w, m, now, GoCreate, (gt_g){ w->gs[g].id }, start, stack(w, e));
		w->gs[g].state = G_RUNNABLE;
	}
}

static void start(struct teller *w, uint32_t g, uint32_t p)
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

static void start_with_label(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g);
	const gt_str label = { gt_old_put_string(w->t, e->args[2]) };
	start(w, g, e->proc);
	if (label.v != 0)
		SAY(w, w->gs[g].m, soon, GoLabel, label);
}

/* Waiting or in a call, but not right after its creation: it got there without our seeing it. */
static void be_elsewhere(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g), p = w->o->n_procs;
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

static void leave(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g), m = w->gs[g].m;
	if (e->type == GT_OLD_GoSysBlock) {
		if (!w->gs[g].is_calling)
			begin_call(w, g, (gt_stack){ 0 });
		w->gs[g].is_calling = false;
		w->gs[g].state = G_CALLING;
	} else if (e->type == GT_OLD_GoEnd) {
		SAY(w, m, now, GoDestroy);
		stop_running(w, g, G_GONE);
	} else if (e->type == GT_OLD_GoSched || e->type == GT_OLD_GoPreempt) {
		SAY(w, m, now, GoStop, text(w, reason_of(e->type)), stack(w, e));
		stop_running(w, g, G_RUNNABLE);
	} else {
		SAY(w, m, now, GoBlock, text(w, reason_of(e->type)), stack(w, e));
		stop_running(w, g, G_WAITING);
	}
}

static void unblock(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->args[0]), m = place(w, e);
	if (w->gs[g].state == G_CALLING)
		end_call(w, g);
	else
		SAY(w, m != GT_OLD_NONE ? m : w->nobody, now, GoUnblock, (gt_g){ w->gs[g].id },
		    ++w->gs[g].seq, stack(w, e));
	w->gs[g].state = G_RUNNABLE;
}

static void call(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g), m = w->gs[g].m;
	begin_call(w, g, stack(w, e));
	if (e->next != GT_OLD_NO_EVENT && gt_old_event(w->o, e->next)->type == GT_OLD_GoSysBlock) {
		w->gs[g].is_calling = true;
		return;
	}
	SAY(w, m, soon, GoSyscallEnd);
	w->s.ps[w->s.ms[m].p].state = GT_OLD_P_RUNNING;
}

/* It goes on at once, on the processor that it has kept: then that is told by one event. */
static bool goes_on(const struct teller *w, const struct gt_old_event *e, uint32_t i, uint32_t g)
{
	const struct gt_old_event *next = i + 1 < w->o->n_order ? gt_old_event(w->o, i + 1) : NULL;
	return next != NULL && next->type == GT_OLD_GoStart && next->g == e->g &&
	       next->time == e->time && w->s.ps[next->proc].m == w->gs[g].m;
}

static void exit_call(struct teller *w, const struct gt_old_event *e, uint32_t i)
{
	const uint32_t g = goroutine(w, e->g), m = w->gs[g].m;
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

/* ---------------------------------------------------------------- processors, collector */

static void start_proc(struct teller *w, const struct gt_old_event *e)
{
	struct gt_old_p *p = &w->s.ps[e->proc];
	p->thread = e->args[0];
	if (p->m == GT_OLD_NONE)
		gt_old_start_p(&w->s, e->proc, true);
}

static void stop_proc(struct teller *w, const struct gt_old_event *e)
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

static void collect(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t m = host(w, e);
	if (e->type == GT_OLD_GCStart && m != GT_OLD_NONE) {
		SAY(w, m, now, GCBegin, ++w->gc_seq, stack(w, e));
		w->is_collecting = true;
	} else if (w->is_collecting) {
		SAY(w, m != GT_OLD_NONE ? m : w->nobody, now, GCEnd, ++w->gc_seq);
		w->is_collecting = false;
	} else {
		w->left_out++;
	}
}

static const char *stw_kind(int version, uint64_t kind)
{
	static const char *const kinds[] = {
		"",
		"GC mark termination",
		"GC sweep termination",
		"write heap dump",
		"goroutine profile",
		"goroutine profile cleanup",
		"all goroutine stack trace",
		"read mem stats",
		"AllThreadsSyscall",
		"GOMAXPROCS",
		"start trace",
		"stop trace",
		"CountPagesInUse (test)",
		"ReadMetricsSlow (test)",
		"ReadMemStatsSlow (test)",
		"PageCachePagesLeaked (test)",
		"ResetDebugLog (test)",
	};
	const uint64_t i = version < 21 ? kind + 1 : kind;
	return i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : "";
}

/* Does the goroutine run until event `end`? */
static bool stays(const struct teller *w, uint64_t g, uint32_t i, uint32_t end)
{
	for (; i < end; i++) {
		const struct gt_old_event *e = gt_old_event(w->o, i);
		if (e->g == g && gt_old_is_leave(e->type))
			return false;
	}
	return true;
}

/* The new format wants begin and end on one goroutine. */
static void stop_world(struct teller *w, const struct gt_old_event *e, uint32_t i)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t g = m != GT_OLD_NONE ? w->s.ms[m].g : GT_OLD_NONE;
	if (g == GT_OLD_NONE || e->next == GT_OLD_NO_EVENT || w->gs[g].state != G_RUNNING ||
	    !stays(w, w->gs[g].id, i, e->next)) {
		w->left_out++;
		return;
	}
	gt_old_event(w->o, e->next)->args[2] = g + 1ULL;
	SAY(w, m, now, STWBegin, text(w, stw_kind(w->o->version, e->args[0])), (gt_stack){ 0 });
}

static void start_world(struct teller *w, const struct gt_old_event *e)
{
	if (e->args[2] != 0)
		SAY(w, w->gs[e->args[2] - 1].m, now, STWEnd);
	else
		w->left_out++;
}

static void sweep(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t at = m != GT_OLD_NONE ? m : gt_old_ready(&w->s, e->proc);
	if (e->type == GT_OLD_GCSweepStart)
		SAY(w, at, now, GCSweepBegin, stack(w, e));
	else
		SAY(w, at, now, GCSweepEnd, e->args[0], e->args[1]);
}

static void assist(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g), m = place(w, e);
	const bool is_start = e->type == GT_OLD_GCMarkAssistStart;
	if (m == GT_OLD_NONE || e->g == 0 || w->gs[g].is_assisting == is_start) {
		w->left_out++;
		return;
	}
	w->gs[g].is_assisting = is_start;
	if (is_start)
		SAY(w, m, now, GCMarkAssistBegin, stack(w, e));
	else
		SAY(w, m, now, GCMarkAssistEnd);
}

static void metric(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t bound = w->s.ps[e->proc].m;
	if (e->type == GT_OLD_Gomaxprocs) {
		const uint32_t m = host(w, e);
		if (m != GT_OLD_NONE) {
			SAY(w, m, now, ProcsChange, e->args[0], stack(w, e));
			w->told_procs = e->args[0];
			return;
		}
		w->procs = e->args[0];
		w->procs_stack = stack(w, e).v;
		return;
	}
	const uint32_t m = bound != GT_OLD_NONE ? bound : gt_old_ready(&w->s, e->proc);
	if (e->type == GT_OLD_HeapAlloc)
		SAY(w, m, now, HeapAlloc, e->args[0]);
	else
		SAY(w, m, now, HeapGoal, e->args[0]);
}

/* ---------------------------------------------------------------- the program's own */

static void task(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t at = place(w, e), m = at != GT_OLD_NONE && e->g != 0 ? at : host(w, e);
	const bool is_known = gt_idmap_get(&w->tasks, e->args[0]) != GT_NO_INDEX;
	const bool is_begin = e->type == GT_OLD_UserTaskCreate;
	if (m == GT_OLD_NONE || (is_begin && is_known)) {
		w->left_out++;
	} else if (is_begin) {
		gt_idmap_put(&w->tasks, e->args[0], 0);
		SAY(w, m, now, UserTaskBegin, (gt_task){ e->args[0] }, (gt_task){ e->args[1] },
		    (gt_str){ gt_old_put_string(w->t, e->args[2]) }, stack(w, e));
	} else {
		gt_idmap_remove(&w->tasks, e->args[0]);
		SAY(w, m, now, UserTaskEnd, (gt_task){ e->args[0] }, stack(w, e));
	}
}

/* Of a pair of which one has no place both are left out, and all of the goroutine after that. */
static void region(struct teller *w, struct gt_old_event *e)
{
	const uint32_t g = goroutine(w, e->g), m = place(w, e);
	const gt_str name = { gt_old_put_string(w->t, e->args[2]) };
	const bool is_begin = e->args[1] == 0, has_begin = e->next != GT_OLD_NO_EVENT;
	const bool is_pair = is_begin || !has_begin || gt_old_event(w->o, e->next)->is_placed;
	if (m == GT_OLD_NONE || e->g == 0 || w->gs[g].has_lost_region || !is_pair) {
		w->gs[g].has_lost_region |= !is_begin && is_pair && has_begin;
		w->left_out++;
		return;
	}
	e->is_placed = true;
	if (is_begin)
		SAY(w, m, now, UserRegionBegin, (gt_task){ e->args[0] }, name, stack(w, e));
	else
		SAY(w, m, now, UserRegionEnd, (gt_task){ e->args[0] }, name, stack(w, e));
}

static void message(struct teller *w, const struct gt_old_event *e)
{
	const uint32_t m = place(w, e);
	if (m == GT_OLD_NONE || e->g == 0) {
		w->left_out++;
		return;
	}
	SAY(w, m, now, UserLog, (gt_task){ e->args[0] },
	    (gt_str){ gt_old_put_string(w->t, e->args[1]) },
	    (gt_str){ gt_old_put_inline(w->t, e->args[2]) }, stack(w, e));
}

static void sample(struct teller *w, struct gt_old_event *e)
{
	w->samples = gt_mem_grow(w->samples, w->n_samples, &w->cap_samples, sizeof(*w->samples));
	w->sample_times = gt_mem_grow(w->sample_times, w->n_samples, &w->cap_sample_times,
				      sizeof(*w->sample_times));
	w->samples[w->n_samples] = e;
	w->sample_times[w->n_samples++] = gt_old_now(&w->s).v;
}

/* ---------------------------------------------------------------- all of it */

static void tell(struct teller *w, struct gt_old_event *e, uint32_t i)
{
	switch (e->type) {
	case GT_OLD_GoCreate:
		create(w, e);
		break;
	case GT_OLD_GoStart:
		start(w, goroutine(w, e->g), e->proc);
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
	case GT_OLD_GCStart:
	case GT_OLD_GCDone:
		collect(w, e);
		break;
	case GT_OLD_GCSTWStart:
		stop_world(w, e, i);
		break;
	case GT_OLD_GCSTWDone:
		start_world(w, e);
		break;
	case GT_OLD_GCSweepStart:
	case GT_OLD_GCSweepDone:
		sweep(w, e);
		break;
	case GT_OLD_GCMarkAssistStart:
	case GT_OLD_GCMarkAssistDone:
		assist(w, e);
		break;
	case GT_OLD_Gomaxprocs:
	case GT_OLD_HeapAlloc:
	case GT_OLD_HeapGoal:
		metric(w, e);
		break;
	case GT_OLD_UserTaskCreate:
	case GT_OLD_UserTaskEnd:
		task(w, e);
		break;
	case GT_OLD_UserRegion:
		region(w, e);
		break;
	case GT_OLD_UserLog:
		message(w, e);
		break;
	case GT_OLD_CPUSample:
		sample(w, e);
		break;
	default:
		if (gt_old_is_leave(e->type))
			leave(w, e);
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
static void tell_end(struct teller *w)
{
	static const enum gt_gstatus words[] = { [G_RUNNABLE] = GT_G_RUNNABLE,
						 [G_RUNNING] = GT_G_RUNNING,
						 [G_WAITING] = GT_G_WAITING,
						 [G_CALLING] = GT_G_SYSCALL };
	for (size_t i = 0; i < w->n_gs; i++) {
		const struct goroutine *g = &w->gs[i];
		if (g->state == G_NEW || g->state == G_GONE)
			continue;
		const uint32_t m = g->m != GT_OLD_NONE ? g->m : w->nobody;
		SAY(w, m, now, GoStatus, (gt_g){ g->id }, (gt_m){ w->s.ms[m].id },
		    g->is_calling ? GT_G_SYSCALL : words[g->state]);
		return;
	}
}

static void tell_all(struct teller *w, uint64_t base)
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

static void write_samples(struct teller *w)
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
					       stack(w, e)))
				break;
		}
		const size_t n = gt_batch_seal(b.mem, b.len, 0, 1, GT_NO_M, begin, &from);
		gt_old_put_bytes(&w->s, from, n);
	}
	free(b.mem);
}

static void write_head(struct teller *w)
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
	struct teller w = { .o = o, .runner = GT_OLD_NONE, .is_init = true };
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
