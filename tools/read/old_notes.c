/*
 * Events of an old trace that tell of no goroutine's state: the collector, numbers, tasks, regions,
 * messages, samples. Most of them need a goroutine in the new format, and the same one at the end.
 */
#include "tools/lib/mem.h"
#include "tools/read/old_tell.h"

/* Any thread that runs a goroutine: the event's processor's, or another. */
static uint32_t host(const struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t at[2] = { w->s.ps[e->proc].m, w->runner };
	for (int i = 0; i < 2; i++) {
		const struct gt_old_thread *m = at[i] != GT_OLD_NONE ? &w->s.ms[at[i]] : NULL;
		if (m != NULL && m->g != GT_OLD_NONE && m->p != GT_OLD_NONE)
			return at[i];
	}
	return GT_OLD_NONE;
}

static void collect(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t m = host(w, e);
	if (e->type == GT_OLD_GCStart && m != GT_OLD_NONE) {
		SAY(w, m, now, GCBegin, ++w->gc_seq, gt_old_stack(w, e));
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
static bool stays(const struct gt_old_teller *w, uint64_t g, uint32_t i, uint32_t end)
{
	for (; i < end; i++) {
		const struct gt_old_event *e = gt_old_event(w->o, i);
		if (e->g == g && gt_old_is_leave(e->type))
			return false;
	}
	return true;
}

/* The new format wants begin and end on one goroutine. */
static void stop_world(struct gt_old_teller *w, const struct gt_old_event *e, uint32_t i)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t g = m != GT_OLD_NONE ? w->s.ms[m].g : GT_OLD_NONE;
	if (g == GT_OLD_NONE || e->next == GT_OLD_NO_EVENT || w->gs[g].state != G_RUNNING ||
	    !stays(w, w->gs[g].id, i, e->next)) {
		w->left_out++;
		return;
	}
	gt_old_event(w->o, e->next)->args[2] = g + 1ULL;
	SAY(w, m, now, STWBegin, gt_old_text(w, stw_kind(w->o->version, e->args[0])),
	    (gt_stack){ 0 });
}

static void start_world(struct gt_old_teller *w, const struct gt_old_event *e)
{
	if (e->args[2] != 0)
		SAY(w, w->gs[e->args[2] - 1].m, now, STWEnd);
	else
		w->left_out++;
}

static void sweep(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t m = w->s.ps[e->proc].m;
	const uint32_t at = m != GT_OLD_NONE ? m : gt_old_ready(&w->s, e->proc);
	if (e->type == GT_OLD_GCSweepStart)
		SAY(w, at, now, GCSweepBegin, gt_old_stack(w, e));
	else
		SAY(w, at, now, GCSweepEnd, e->args[0], e->args[1]);
}

static void assist(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g), m = gt_old_place(w, e);
	const bool is_start = e->type == GT_OLD_GCMarkAssistStart;
	if (m == GT_OLD_NONE || e->g == 0 || w->gs[g].is_assisting == is_start) {
		w->left_out++;
		return;
	}
	w->gs[g].is_assisting = is_start;
	if (is_start)
		SAY(w, m, now, GCMarkAssistBegin, gt_old_stack(w, e));
	else
		SAY(w, m, now, GCMarkAssistEnd);
}

static void metric(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t bound = w->s.ps[e->proc].m;
	if (e->type == GT_OLD_Gomaxprocs) {
		const uint32_t m = host(w, e);
		if (m != GT_OLD_NONE) {
			SAY(w, m, now, ProcsChange, e->args[0], gt_old_stack(w, e));
			w->told_procs = e->args[0];
			return;
		}
		w->procs = e->args[0];
		w->procs_stack = gt_old_stack(w, e).v;
		return;
	}
	const uint32_t m = bound != GT_OLD_NONE ? bound : gt_old_ready(&w->s, e->proc);
	if (e->type == GT_OLD_HeapAlloc)
		SAY(w, m, now, HeapAlloc, e->args[0]);
	else
		SAY(w, m, now, HeapGoal, e->args[0]);
}

/* ---------------------------------------------------------------- the program's own */

static void task(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t at = gt_old_place(w, e),
		       m = at != GT_OLD_NONE && e->g != 0 ? at : host(w, e);
	const bool is_known = gt_idmap_get(&w->tasks, e->args[0]) != GT_NO_INDEX;
	const bool is_begin = e->type == GT_OLD_UserTaskCreate;
	if (m == GT_OLD_NONE || (is_begin && is_known)) {
		w->left_out++;
	} else if (is_begin) {
		gt_idmap_put(&w->tasks, e->args[0], 0);
		SAY(w, m, now, UserTaskBegin, (gt_task){ e->args[0] }, (gt_task){ e->args[1] },
		    (gt_str){ gt_old_put_string(w->t, e->args[2]) }, gt_old_stack(w, e));
	} else {
		gt_idmap_remove(&w->tasks, e->args[0]);
		SAY(w, m, now, UserTaskEnd, (gt_task){ e->args[0] }, gt_old_stack(w, e));
	}
}

/* Of a pair of which one has no place both are left out, and all of the goroutine after that. */
static void region(struct gt_old_teller *w, struct gt_old_event *e)
{
	const uint32_t g = gt_old_goroutine(w, e->g), m = gt_old_place(w, e);
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
		SAY(w, m, now, UserRegionBegin, (gt_task){ e->args[0] }, name, gt_old_stack(w, e));
	else
		SAY(w, m, now, UserRegionEnd, (gt_task){ e->args[0] }, name, gt_old_stack(w, e));
}

static void message(struct gt_old_teller *w, const struct gt_old_event *e)
{
	const uint32_t m = gt_old_place(w, e);
	if (m == GT_OLD_NONE || e->g == 0) {
		w->left_out++;
		return;
	}
	SAY(w, m, now, UserLog, (gt_task){ e->args[0] },
	    (gt_str){ gt_old_put_string(w->t, e->args[1]) },
	    (gt_str){ gt_old_put_inline(w->t, e->args[2]) }, gt_old_stack(w, e));
}

static void sample(struct gt_old_teller *w, struct gt_old_event *e)
{
	w->samples = gt_mem_grow(w->samples, w->n_samples, &w->cap_samples, sizeof(*w->samples));
	w->sample_times = gt_mem_grow(w->sample_times, w->n_samples, &w->cap_sample_times,
				      sizeof(*w->sample_times));
	w->samples[w->n_samples] = e;
	w->sample_times[w->n_samples++] = gt_old_now(&w->s).v;
}

void gt_old_note(struct gt_old_teller *w, struct gt_old_event *e, uint32_t i)
{
	switch (e->type) {
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
		break;
	}
}
