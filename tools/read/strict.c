/*
 * Checks of events, on top of those of order.c: what Go's validator and shared/oracle ask. This
 * file keeps states and bindings of its own, from what the ordered events say, as a viewer does.
 */
#include "encoder/event.h"
#include "tools/read/grow.h"
#include "tools/read/strict_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct gt_strict *gt_strict_new(gt_finding_fn *fn, void *user)
{
	struct gt_strict *s = calloc(1, sizeof(*s));
	if (s) {
		s->fn = fn;
		s->user = user;
	}
	return s;
}

void gt_strict_free(struct gt_strict *s)
{
	if (!s)
		return;
	gt_idmap_free(&s->g_ids);
	gt_idmap_free(&s->p_ids);
	gt_idmap_free(&s->m_ids);
	gt_idmap_free(&s->seen_tasks);
	free(s->gs);
	free(s->ps);
	free(s->ms);
	free(s->free_gs);
	free(s->seen_stacks);
	free(s);
}

void gt_strict_find(struct gt_strict *s, enum gt_rule rule, enum gt_severity severity,
		    uint64_t offset, const char *fmt, ...)
{
	if (++s->told[rule] > TOLD_MAX)
		return;
	struct gt_err err;
	va_list ap;
	va_start(ap, fmt);
	gt_err_vset(&err, GT_ERR_ORDER, offset, fmt, ap);
	va_end(ap);
	if (s->told[rule] == TOLD_MAX)
		gt_err_prefix(&err, "(the last one of its kind that is shown)");
	s->fn(s->user, severity, &err);
}

/* ---------------------------------------------------------------- state */

static bool is_tool_row(uint64_t id)
{
	return id >= 1000000 && id <= 1000005;
}

/* Index of thread `id`, made if need be; GT_NO_INDEX without memory. */
static uint32_t thread(struct gt_strict *s, uint64_t id, uint64_t offset)
{
	uint32_t i = gt_idmap_get(&s->m_ids, id);
	if (i != GT_NO_INDEX)
		return i;
	i = s->n_ms;
	if (!gt_grow(&s->ms, &s->cap_ms, (uint64_t)i + 1, sizeof(*s->ms)) ||
	    !gt_idmap_put(&s->m_ids, id, i))
		return GT_NO_INDEX;
	s->ms[s->n_ms++] = (struct gt_vm){ id, GT_NO_ID, GT_NO_ID };
	if (is_tool_row(id))
		gt_strict_find(s, GT_RULE_U4, GT_WARNING, offset,
			       "thread id %" PRIu64
			       " is a row number that go tool trace uses itself [U4]",
			       id);
	return i;
}

/* The goroutine, made if need be; NULL without memory. */
static struct gt_vg *goroutine(struct gt_strict *s, const struct gt_ordered *ev)
{
	const uint64_t id = ev->who;
	uint32_t i = gt_idmap_get(&s->g_ids, id);
	if (i != GT_NO_INDEX)
		return &s->gs[i];
	i = s->n_free ? s->free_gs[s->n_free - 1] : s->n_gs;
	if (!gt_grow(&s->gs, &s->cap_gs, (uint64_t)i + 1, sizeof(*s->gs)) ||
	    !gt_idmap_put(&s->g_ids, id, i))
		return NULL;
	if (s->n_free)
		s->n_free--;
	else
		s->n_gs++;
	s->n_alive++;
	s->gs[i] =
		(struct gt_vg){ .id = id, .m = GT_NO_INDEX, .state = ev->from, .is_alive = true };
	if (ev->from != GT_STATE_UNKNOWN && ev->from != GT_STATE_NOT_EXIST)
		gt_strict_find(s, GT_RULE_STATE, GT_ERROR, ev->offset,
			       "goroutine %" PRId64 " appears %s", (int64_t)id,
			       gt_state_name(ev->from));
	if (id == 0)
		gt_strict_find(s, GT_RULE_U4, GT_WARNING, ev->offset,
			       "goroutine id 0: a CPU sample cannot name it [U4]");
	if (is_tool_row(id))
		gt_strict_find(s, GT_RULE_U4, GT_WARNING, ev->offset,
			       "goroutine id %" PRIu64
			       " is a row number that go tool trace uses itself [U4]",
			       id);
	return &s->gs[i];
}

static struct gt_vp *processor(struct gt_strict *s, const struct gt_ordered *ev)
{
	const uint64_t id = ev->who;
	uint32_t i = gt_idmap_get(&s->p_ids, id);
	if (i != GT_NO_INDEX)
		return &s->ps[i];
	i = s->n_ps;
	if (!gt_grow(&s->ps, &s->cap_ps, (uint64_t)i + 1, sizeof(*s->ps)) ||
	    !gt_idmap_put(&s->p_ids, id, i))
		return NULL;
	s->ps[s->n_ps++] = (struct gt_vp){ .id = id, .m = GT_NO_INDEX, .state = ev->from };
	if (ev->from != GT_STATE_UNKNOWN && ev->from != GT_STATE_NOT_EXIST)
		gt_strict_find(s, GT_RULE_STATE, GT_ERROR, ev->offset,
			       "processor %" PRId64 " appears %s", (int64_t)id,
			       gt_state_name(ev->from));
	if (id == 0)
		gt_strict_find(s, GT_RULE_U3, GT_WARNING, ev->offset,
			       "processor id 0: go tool trace draws no wake-up arrows that start "
			       "on it [U3]");
	/* N.B. signed, as viewers take it */
	if ((int64_t)id > 10000)
		gt_strict_find(s, GT_RULE_U3, GT_WARNING, ev->offset,
			       "processor id %" PRIu64
			       ": go tool trace makes a row for every number up to it [U3]",
			       id);
	return &s->ps[i];
}

static void drop_goroutine(struct gt_strict *s, struct gt_vg *g)
{
	gt_idmap_remove(&s->g_ids, g->id);
	g->is_alive = false;
	s->n_alive--;
	s->n_stated -= g->serial == s->serial;
	if (gt_grow(&s->free_gs, &s->cap_free, (uint64_t)s->n_free + 1, sizeof(*s->free_gs)))
		s->free_gs[s->n_free++] = (uint32_t)(g - s->gs);
}

/* ---------------------------------------------------------------- transitions */

static bool is_executing(uint8_t state)
{
	return state == GT_STATE_RUNNING || state == GT_STATE_SYSCALL;
}

/* The subject (`what` `id`) is now on the event's thread; *held is what that thread holds, *bound
 * where the subject is. `hint` is where it was before. */
static int bind(struct gt_strict *s, const struct gt_ordered *ev, bool is_p, uint32_t *bound,
		uint32_t hint)
{
	const char *what = is_p ? "processor" : "goroutine";
	if (ev->m == GT_NO_ID) {
		gt_strict_find(s, GT_RULE_BINDING, GT_ERROR, ev->offset,
			       "%s %" PRId64 " runs on no thread", what, (int64_t)ev->who);
		return 0;
	}
	const bool is_there = hint < s->n_ms && s->ms[hint].id == ev->m;
	const uint32_t i = is_there ? hint : thread(s, ev->m, ev->offset);
	if (i == GT_NO_INDEX)
		return -GT_ERR_MEMORY;
	uint64_t *held = is_p ? &s->ms[i].p : &s->ms[i].g;
	if (*held != GT_NO_ID && *held != ev->who)
		gt_strict_find(s, GT_RULE_BINDING, GT_ERROR, ev->offset,
			       "thread %" PRId64 " holds %s %" PRId64 " and is given %" PRId64,
			       (int64_t)ev->m, what, (int64_t)*held, (int64_t)ev->who);
	*held = ev->who;
	*bound = i;
	return 0;
}

static void unbind(struct gt_strict *s, const struct gt_ordered *ev, bool is_p, uint32_t *bound)
{
	const char *what = is_p ? "processor" : "goroutine";
	if (*bound == GT_NO_INDEX) {
		gt_strict_find(s, GT_RULE_BINDING, GT_ERROR, ev->offset,
			       "%s %" PRId64 " stops, but was on no thread", what,
			       (int64_t)ev->who);
		return;
	}
	struct gt_vm *m = &s->ms[*bound];
	uint64_t *held = is_p ? &m->p : &m->g;
	if (*held != ev->who)
		gt_strict_find(s, GT_RULE_BINDING, GT_ERROR, ev->offset,
			       "%s %" PRId64 " stops on thread %" PRId64 ", which holds %" PRId64,
			       what, (int64_t)ev->who, (int64_t)m->id, (int64_t)*held);
	*held = GT_NO_ID;
	*bound = GT_NO_INDEX;
}

static void check_reason(struct gt_strict *s, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	static const char *const known[] = { "",
					     "sync",
					     "sync.(*Cond).Wait",
					     "network",
					     "select",
					     "sleep",
					     "chan send",
					     "chan receive",
					     "forever",
					     "preempted",
					     "system goroutine wait" };
	if (ev->from != GT_STATE_RUNNING || ev->to != GT_STATE_WAITING)
		return;
	const uint64_t id = gt_ordered_reason(ev), bit = id < 64 ? 1ULL << id : 0;
	if (s->known_reasons & bit)
		return;
	const struct gt_text t = gt_gen_text(gen, id);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i]) == t.len && memcmp(known[i], t.p, t.len) == 0) {
			s->known_reasons |= bit;
			return;
		}
	}
	gt_strict_find(s, GT_RULE_U5, GT_WARNING, ev->offset,
		       "block reason \"%.*s\": gotraceui has no state for it [U5]",
		       t.len < 64 ? (int)t.len : 64, t.p);
}

static void check_states(struct gt_strict *s, const struct gt_ordered *ev, const char *what,
			 uint8_t was)
{
	if (ev->from != was)
		gt_strict_find(s, GT_RULE_STATE, GT_ERROR, ev->offset,
			       "%s %" PRId64 " leaves state %s, but was %s", what, (int64_t)ev->who,
			       gt_state_name(ev->from), gt_state_name(was));
	if (ev->to == GT_STATE_UNKNOWN)
		gt_strict_find(s, GT_RULE_STATE, GT_ERROR, ev->offset,
			       "%s %" PRId64 " gets no state [O10]", what, (int64_t)ev->who);
	else if (ev->from == GT_STATE_UNKNOWN && s->serial > 1)
		gt_strict_find(s, GT_RULE_STATE, GT_ERROR, ev->offset,
			       "%s %" PRId64 " appears by a status after the first generation [O4]",
			       what, (int64_t)ev->who);
}

static int g_transition(struct gt_strict *s, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	struct gt_vg *g = goroutine(s, ev);
	if (!g)
		return -GT_ERR_MEMORY;
	check_states(s, ev, "goroutine", g->state);
	if (ev->id == GT_EV_GoStatus || ev->id == GT_EV_GoStatusStack ||
	    ev->from == GT_STATE_NOT_EXIST) {
		s->n_stated += g->serial != s->serial;
		g->serial = s->serial;
	}
	if (ev->to == GT_STATE_NOT_EXIST && g->n_ranges)
		gt_strict_find(s, GT_RULE_RANGE, GT_ERROR, ev->offset,
			       "goroutine %" PRId64 " ends inside a range", (int64_t)g->id);
	if (ev->from == GT_STATE_UNKNOWN && ev->to == GT_STATE_RUNNING && ev->p == GT_NO_ID)
		gt_strict_find(s, GT_RULE_U1, GT_ERROR, ev->offset,
			       "goroutine %" PRId64 " is reported running before its thread has a "
			       "processor: go tool trace panics [U1]",
			       (int64_t)g->id);
	int rc = 0;
	if (is_executing(ev->to)) {
		rc = bind(s, ev, false, &g->m, g->hint);
		g->hint = g->m;
	} else if (is_executing(ev->from)) {
		unbind(s, ev, false, &g->m);
		check_reason(s, gen, ev);
	}
	if (ev->from != ev->to)
		g->state = ev->to;
	if (ev->from != ev->to && ev->to == GT_STATE_NOT_EXIST)
		drop_goroutine(s, g);
	return rc;
}

static int p_transition(struct gt_strict *s, const struct gt_ordered *ev)
{
	struct gt_vp *p = processor(s, ev);
	if (!p)
		return -GT_ERR_MEMORY;
	check_states(s, ev, "processor", p->state);
	p->state = ev->to;
	if (ev->to == GT_STATE_RUNNING)
		return bind(s, ev, true, &p->m, GT_NO_INDEX);
	if (ev->from == GT_STATE_RUNNING)
		unbind(s, ev, true, &p->m);
	return 0;
}

/* ---------------------------------------------------------------- annotations */

static bool see_task(struct gt_strict *s, uint64_t id, bool *was_seen)
{
	*was_seen = gt_idmap_get(&s->seen_tasks, id) != GT_NO_INDEX;
	return *was_seen || gt_idmap_put(&s->seen_tasks, id, 0);
}

static int check_task(struct gt_strict *s, const struct gt_ordered *ev)
{
	const uint64_t id = ev->args[0];
	bool was_seen = false;
	if (ev->id == GT_EV_UserTaskBegin && (id == 0 || id == GT_NO_ID))
		gt_strict_find(s, GT_RULE_TASK, GT_ERROR, ev->offset,
			       "task id %" PRId64 " is reserved [O9]", (int64_t)id);
	/* Regions of the background task, logs without a task. */
	if ((ev->id == GT_EV_UserRegionBegin && id == 0) ||
	    (ev->id == GT_EV_UserLog && id == GT_NO_ID))
		return 0;
	if (!see_task(s, id, &was_seen))
		return -GT_ERR_MEMORY;
	if (ev->id == GT_EV_UserTaskBegin && was_seen)
		gt_strict_find(s, GT_RULE_U6, GT_WARNING, ev->offset,
			       "task %" PRIu64 " begins after it was used before [U6]", id);
	return 0;
}

static void check_label(struct gt_strict *s, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	if (gt_gen_text(gen, ev->args[0]).len == 0)
		gt_strict_find(s, GT_RULE_LABEL, GT_ERROR, ev->offset, "empty label");
	if (gt_idmap_get(&s->g_ids, ev->g) == GT_NO_INDEX)
		gt_strict_find(s, GT_RULE_LABEL, GT_ERROR, ev->offset,
			       "label for goroutine %" PRId64 ", which does not exist",
			       (int64_t)ev->g);
}

/* Ranges of a goroutine that are open; of other things nobody asks. */
static void count_range(struct gt_strict *s, const struct gt_ordered *ev)
{
	const bool is_active = ev->id == GT_EV_GCMarkAssistActive;
	const uint32_t i = gt_idmap_get(&s->g_ids, is_active ? ev->args[0] : ev->g);
	if (ev->id == GT_EV_GCActive || ev->id == GT_EV_GCSweepActive || is_active)
		gt_strict_find(s, GT_RULE_RANGE, GT_WARNING, ev->offset,
			       "%s: gotraceui panics when such a range ends",
			       gt_event_name(ev->id));
	if (i == GT_NO_INDEX)
		return;
	struct gt_vg *g = &s->gs[i];
	switch (ev->id) {
	case GT_EV_GCMarkAssistActive:
	case GT_EV_GCMarkAssistBegin:
		g->n_ranges += !g->has_assist;
		g->has_assist = true;
		break;
	case GT_EV_GCMarkAssistEnd:
		g->n_ranges -= g->has_assist;
		g->has_assist = false;
		break;
	case GT_EV_STWBegin:
		g->n_ranges++;
		break;
	case GT_EV_STWEnd:
		g->n_ranges -= g->n_ranges > 0;
		break;
	default:
		break;
	}
}

static int annotation(struct gt_strict *s, const struct gt_gen *gen, const struct gt_ordered *ev)
{
	switch (ev->id) {
	case GT_EV_ProcsChange:
		s->has_procs = true;
		return 0;
	case GT_EV_GoLabel:
		check_label(s, gen, ev);
		return 0;
	case GT_EV_UserTaskBegin:
	case GT_EV_UserTaskEnd:
	case GT_EV_UserRegionBegin:
	case GT_EV_UserLog:
		return check_task(s, ev);
	default:
		if (ev->id >= GT_EV_STWBegin && ev->id <= GT_EV_GCMarkAssistEnd)
			count_range(s, ev);
		return 0;
	}
}

static void check_version(struct gt_strict *s, const struct gt_gen *g, const struct gt_ordered *ev)
{
	if ((g->version < 23 && ev->id >= GT_EV_GoSwitch && !ev->is_made_up) ||
	    (g->version < 25 && ev->id > 49 && ev->id < 128))
		gt_strict_find(s, GT_RULE_VERSION, GT_WARNING, ev->offset,
			       "%s is newer than the header go 1.%d", gt_event_name(ev->id),
			       g->version);
}

int gt_strict_event(struct gt_strict *s, const struct gt_gen *g, const struct gt_ordered *ev)
{
	if (s->last_time != 0 && ev->time <= s->last_time)
		gt_strict_find(s, GT_RULE_TIME, GT_ERROR, ev->offset,
			       "time does not increase: %" PRId64 " after %" PRId64, ev->time,
			       s->last_time);
	s->last_time = ev->time;
	if (ev->id == GT_EV_Sync)
		return gt_strict_gen(s, g);
	if (g->version < 25)
		check_version(s, g, ev);
	if (g->back.n != s->n_back) {
		s->n_back = g->back.n;
		gt_strict_back(s, &g->back);
	}
	const uint64_t stack = gt_ordered_stack(ev), subject_stack = gt_ordered_subject_stack(ev);
	gt_strict_stack(s, g, stack, ev->offset);
	if (subject_stack != stack)
		gt_strict_stack(s, g, subject_stack, ev->offset);
	if (ev->subject == GT_SUBJECT_G)
		return g_transition(s, g, ev);
	if (ev->subject == GT_SUBJECT_P)
		return p_transition(s, ev);
	return annotation(s, g, ev);
}

void gt_strict_end(struct gt_strict *s, const struct gt_gen *last)
{
	/* The reader ends with one more point in time. */
	if (s->last_time == INT64_MAX)
		gt_strict_find(s, GT_RULE_TIME, GT_ERROR, GT_NO_OFFSET,
			       "time does not increase at the end");
	gt_strict_gen_end(s);
	if (last->number)
		gt_strict_tail(s, last);
}
