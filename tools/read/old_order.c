/*
 * The order of an old trace's events and their times, as Go 1.19 has them (src/internal/trace/
 * order.go, parser.go: removeFutile).
 *
 * Go 1.5 numbers all events. Later ones have counters for each goroutine: the events of a processor
 * are in order, and one comes next if its goroutine stands where it says; of those that may come
 * the earliest.
 *
 * N.B. Where Go leaves the order open (events of one time, numbers used twice) it is that
 * of processors, and of the file.
 */
#include "tools/lib/mem.h"
#include "tools/read/grow.h"
#include "tools/read/old_priv.h"

#include <stdlib.h>
#include <string.h>

enum { DEAD, RUNNABLE, RUNNING, WAITING };

#define NO_SEQ    UINT64_MAX       /* any; and: as it was */
#define PLUS_ONE  (UINT64_MAX - 1) /* one more than it was */
#define UNORDERED UINT64_MAX       /* the event may come at any time */
#define GARBAGE   (UINT64_MAX - 1) /* the collector's counter */

struct step {
	uint64_t g;
	struct {
		uint64_t seq;
		int status;
	} from, to;
};

struct goroutine {
	uint64_t seq;
	int status;
	uint32_t waiting; /* first of the processors that wait for a change of it */
};

struct merge {
	struct gt_old *o;
	uint32_t *head;         /* by processor: its next event */
	uint32_t *next;         /* by processor: next one that waits for the same goroutine */
	struct step *step;      /* by processor: of its next event */
	uint32_t *heap, n_heap; /* processors whose event may come */
	struct gt_idmap g_ids;
	struct goroutine *gs;
	uint32_t n_gs, cap_gs;
};

/* ---------------------------------------------------------------- sorting */

static int by_seq(const void *a, const void *b, void *arg)
{
	const struct gt_old_event *events = arg;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const int64_t x = events[i].seq, y = events[k].seq;
	if (x == y && events[i].proc != events[k].proc)
		return events[i].proc < events[k].proc ? -1 : 1;
	return x < y ? -1 : x > y ? 1 : i < k ? -1 : i > k;
}

static int by_time(const void *a, const void *b, void *arg)
{
	const struct gt_old_event *events = arg;
	const int64_t x = events[*(const uint32_t *)a].time, y = events[*(const uint32_t *)b].time;
	return x < y ? -1 : x > y ? 1 : by_seq(a, b, arg);
}

static void sort(struct gt_old *o, uint32_t *list, uint32_t n, bool is_by_time)
{
	qsort_r(list, n, sizeof(*list), is_by_time ? by_time : by_seq, o->events);
}

static int check_times(const struct gt_old *o)
{
	for (uint32_t i = 1; i < o->n_order; i++) {
		if (gt_old_event(o, i)->time < gt_old_event(o, i - 1)->time)
			return gt_err_set(o->err, GT_ERR_ORDER, gt_old_event(o, i)->offset,
					  "%s: time stamps out of order",
					  gt_old_name(gt_old_event(o, i)->type));
	}
	return 0;
}

/* ---------------------------------------------------------------- Go 1.5 */

static int order_by_number(struct gt_old *o)
{
	for (uint32_t i = 0; i < o->n_events; i++) {
		struct gt_old_event *e = &o->events[i];
		o->order[o->n_order++] = i;
		if (e->type != GT_OLD_GoSysExit)
			continue;
		/* It was written when the thread had a processor again. */
		e->seq = (int64_t)e->args[1];
		if (e->args[2] != 0)
			e->time = (int64_t)e->args[2];
	}
	sort(o, o->order, o->n_order, false);
	return check_times(o);
}

/* ---------------------------------------------------------------- later ones */

static struct step make(uint64_t g, uint64_t seq, int from, uint64_t to_seq, int to)
{
	return (struct step){ g, { seq, from }, { to_seq, to } };
}

static struct step step_of(const struct gt_old_event *e)
{
	const uint64_t g = e->args[0], seq = e->args[1];
	switch (e->type) {
	case GT_OLD_GoCreate:
		return make(g, 0, DEAD, 1, RUNNABLE);
	case GT_OLD_GoWaiting:
	case GT_OLD_GoInSyscall:
		return make(e->g, 1, RUNNABLE, 2, WAITING);
	case GT_OLD_GoStart:
	case GT_OLD_GoStartLabel:
		return make(e->g, seq, RUNNABLE, seq + 1, RUNNING);
	case GT_OLD_GoStartLocal:
		return make(e->g, NO_SEQ, RUNNABLE, PLUS_ONE, RUNNING);
	case GT_OLD_GoSched:
	case GT_OLD_GoPreempt:
		return make(e->g, NO_SEQ, RUNNING, NO_SEQ, RUNNABLE);
	case GT_OLD_GoUnblock:
	case GT_OLD_GoSysExit:
		return make(g, seq, WAITING, seq + 1, RUNNABLE);
	case GT_OLD_GoUnblockLocal:
	case GT_OLD_GoSysExitLocal:
		return make(g, NO_SEQ, WAITING, PLUS_ONE, RUNNABLE);
	case GT_OLD_GCStart:
		return make(GARBAGE, g, DEAD, g + 1, DEAD);
	case GT_OLD_GoEnd:
	case GT_OLD_GoStop:
		return make(UNORDERED, 0, 0, 0, 0);
	default:
		if (gt_old_is_leave(e->type))
			return make(e->g, NO_SEQ, RUNNING, NO_SEQ, WAITING);
		return make(UNORDERED, 0, 0, 0, 0);
	}
}

/* N.B. The pointer is valid until the next call. */
static struct goroutine *goroutine(struct merge *m, uint64_t id)
{
	uint32_t i = gt_idmap_get(&m->g_ids, id);
	if (i == GT_NO_INDEX) {
		i = m->n_gs;
		if (!gt_grow(&m->gs, &m->cap_gs, (uint64_t)i + 1, sizeof(*m->gs)) ||
		    !gt_idmap_put(&m->g_ids, id, i))
			return NULL;
		m->gs[m->n_gs++] = (struct goroutine){ .waiting = GT_NO_INDEX };
	}
	return &m->gs[i];
}

static bool is_ready(const struct goroutine *g, const struct step *s)
{
	return s->g == UNORDERED ||
	       ((s->from.seq == NO_SEQ || s->from.seq == g->seq) && s->from.status == g->status);
}

static bool is_before(const struct merge *m, uint32_t a, uint32_t b)
{
	const int64_t x = m->o->events[m->head[a]].time, y = m->o->events[m->head[b]].time;
	return x < y || (x == y && a < b);
}

static void heap_push(struct merge *m, uint32_t p)
{
	uint32_t i = m->n_heap++;
	for (; i > 0 && is_before(m, p, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = p;
}

static uint32_t heap_pop(struct merge *m)
{
	const uint32_t top = m->heap[0], p = m->heap[--m->n_heap];
	uint32_t i = 0;
	for (uint32_t k; (k = 2 * i + 1) < m->n_heap; i = k) {
		k += k + 1 < m->n_heap && is_before(m, m->heap[k + 1], m->heap[k]);
		if (!is_before(m, m->heap[k], p))
			break;
		m->heap[i] = m->heap[k];
	}
	m->heap[i] = p;
	return top;
}

/* The processor's next event may come, or waits for its goroutine. */
static bool offer(struct merge *m, uint32_t p)
{
	struct gt_old_event *e = &m->o->events[m->head[p]];
	m->step[p] = step_of(e);
	struct goroutine *g = goroutine(m, m->step[p].g);
	if (g == NULL)
		return false;
	if (!is_ready(g, &m->step[p])) {
		m->next[p] = g->waiting;
		g->waiting = p;
		return true;
	}
	/* "Local" mattered for the order only. */
	if (e->type == GT_OLD_GoStartLocal)
		e->type = GT_OLD_GoStart;
	else if (e->type == GT_OLD_GoUnblockLocal)
		e->type = GT_OLD_GoUnblock;
	else if (e->type == GT_OLD_GoSysExitLocal)
		e->type = GT_OLD_GoSysExit;
	heap_push(m, p);
	return true;
}

static bool offer_waiting(struct merge *m, uint64_t id)
{
	struct goroutine *g = goroutine(m, id);
	uint32_t p = g->waiting;
	g->waiting = GT_NO_INDEX;
	while (p != GT_NO_INDEX) {
		const uint32_t next = m->next[p];
		if (!offer(m, p))
			return false;
		p = next;
	}
	return true;
}

static int merge_next(struct merge *m)
{
	struct gt_old *o = m->o;
	const uint32_t p = heap_pop(m), i = m->head[p];
	const struct step s = m->step[p];
	struct goroutine *g = goroutine(m, s.g);
	if (!is_ready(g, &s))
		return gt_err_set(o->err, GT_ERR_ORDER, o->events[i].offset,
				  "%s: another event has the same place in the order",
				  gt_old_name(o->events[i].type));
	o->order[o->n_order++] = i;
	m->head[p] = o->events[i].next;
	bool ok = true;
	if (s.g != UNORDERED) {
		g->seq = s.to.seq == NO_SEQ ? g->seq : s.to.seq == PLUS_ONE ? g->seq + 1 : s.to.seq;
		g->status = s.to.status;
		ok = offer_waiting(m, s.g);
	}
	if (ok && m->head[p] != GT_OLD_NO_EVENT)
		ok = offer(m, p);
	return ok ? 0 : gt_old_no_memory(o);
}

/* Calls end earlier than their events say. */
static int set_exit_times(struct gt_old *o)
{
	struct gt_idmap ids = { 0 };
	int64_t *since = NULL;
	size_t n = 0, cap = 0;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < o->n_order; i++) {
		struct gt_old_event *e = gt_old_event(o, i);
		e->seq = i;
		const uint32_t k = gt_idmap_get(&ids, e->g);
		if (e->type == GT_OLD_GoSysBlock || e->type == GT_OLD_GoInSyscall) {
			if (k != GT_NO_INDEX) {
				since[k] = e->time;
				continue;
			}
			since = gt_mem_grow(since, n, &cap, sizeof(*since));
			since[n] = e->time;
			if (!gt_idmap_put(&ids, e->g, (uint32_t)n++))
				rc = gt_old_no_memory(o);
		} else if (e->type == GT_OLD_GoSysExit && e->args[2] != 0) {
			if (k == GT_NO_INDEX || since[k] == 0 || (int64_t)e->args[2] < since[k])
				rc = gt_err_set(o->err, GT_ERR_ORDER, e->offset,
						"GoSysExit: the call has not begun by then");
			e->time = (int64_t)e->args[2];
		}
	}
	gt_idmap_free(&ids);
	free(since);
	sort(o, o->order, o->n_order, true);
	return rc;
}

/* CPU samples are written late, in any order. */
static void sort_samples(struct gt_old *o, struct gt_old_proc *p)
{
	uint32_t *list = NULL;
	size_t n = 0, cap = 0;
	for (uint32_t i = p->first; i != GT_OLD_NO_EVENT; i = o->events[i].next) {
		list = gt_mem_grow(list, n, &cap, sizeof(*list));
		o->events[i].seq = (int64_t)n;
		list[n++] = i;
	}
	sort(o, list, (uint32_t)n, true);
	for (size_t k = 0; k < n; k++)
		o->events[list[k]].next = k + 1 < n ? list[k + 1] : GT_OLD_NO_EVENT;
	p->first = list[0];
	free(list);
}

static int order_by_counters(struct gt_old *o)
{
	struct merge m = { .o = o };
	int rc = 0;
	m.head = gt_mem_resize(NULL, o->n_procs, sizeof(*m.head));
	m.next = gt_mem_resize(NULL, o->n_procs, sizeof(*m.next));
	m.heap = gt_mem_resize(NULL, o->n_procs, sizeof(*m.heap));
	m.step = gt_mem_resize(NULL, o->n_procs, sizeof(*m.step));
	for (uint32_t p = 0; rc == 0 && p < o->n_procs; p++) {
		if (o->procs[p].first == GT_OLD_NO_EVENT)
			continue;
		if (o->procs[p].number == GT_OLD_PROFILE_P)
			sort_samples(o, &o->procs[p]);
		m.head[p] = o->procs[p].first;
		rc = offer(&m, p) ? 0 : gt_old_no_memory(o);
	}
	while (rc == 0 && m.n_heap > 0)
		rc = merge_next(&m);
	if (rc == 0 && o->n_order < o->n_events)
		rc = gt_err_set(o->err, GT_ERR_ORDER, GT_NO_OFFSET,
				"there is no consistent order of the events");
	gt_idmap_free(&m.g_ids);
	free(m.head);
	free(m.next);
	free(m.heap);
	free(m.step);
	free(m.gs);
	if (rc == 0)
		rc = check_times(o);
	return rc == 0 ? set_exit_times(o) : rc;
}

/* ---------------------------------------------------------------- times, futile wake-ups */

static void set_times(struct gt_old *o)
{
	const double ns = 1e9 / (double)o->freq_hz;
	o->first_ticks = gt_old_event(o, 0)->time;
	for (uint32_t i = 0; i < o->n_order; i++) {
		struct gt_old_event *e = gt_old_event(o, i);
		const double t =
			(double)(int64_t)((uint64_t)e->time - (uint64_t)o->first_ticks) * ns;
		/* N.B. What a 64-bit Intel processor makes of what does not fit, as for Go. */
		e->time = t < 9223372036854775808.0 && t >= -9223372036854775808.0 ? (int64_t)t
										   : INT64_MIN;
		if (e->type == GT_OLD_GoUnblock && gt_idmap_get(&o->timer_gs, e->g) != GT_NO_INDEX)
			e->p = GT_OLD_TIMER_P;
		if (e->type == GT_OLD_GoSysExit)
			e->p = GT_OLD_SYSCALL_P;
	}
}

/* How a goroutine came to run: events in a chain by `next`, the newest first. */
struct wakeup {
	uint32_t newest;
	bool is_futile;
};

static bool is_futile_block(uint8_t type)
{
	return type == GT_OLD_GoBlock || (type >= GT_OLD_GoBlockSend && type <= GT_OLD_GoBlockCond);
}

static void drop_chain(struct gt_old *o, uint32_t i)
{
	for (; i != GT_OLD_NO_EVENT; i = o->events[i].next)
		o->events[i].type = 0;
}

/* A goroutine that was woken, found its lock taken and waits again was not woken at all. */
static int remove_futile(struct gt_old *o)
{
	struct gt_idmap ids = { 0 };
	struct wakeup *list = NULL;
	uint32_t cap = 0, n = 0, kept = 0;
	bool ok = true;
	for (uint32_t i = 0; ok && i < o->n_order; i++) {
		struct gt_old_event *e = gt_old_event(o, i);
		const bool is_unblock = e->type == GT_OLD_GoUnblock;
		const bool is_block = is_futile_block(e->type);
		if (!is_unblock && !is_block && e->type != GT_OLD_GoStart &&
		    e->type != GT_OLD_GoPreempt && e->type != GT_OLD_FutileWakeup)
			continue;
		const uint64_t g = is_unblock ? e->args[0] : e->g;
		uint32_t k = gt_idmap_get(&ids, g);
		if (k == GT_NO_INDEX) {
			k = n++;
			ok = gt_grow(&list, &cap, n, sizeof(*list)) && gt_idmap_put(&ids, g, k);
			if (!ok)
				break;
			list[k] = (struct wakeup){ GT_OLD_NO_EVENT, false };
		}
		if (is_block && list[k].is_futile) {
			e->type = 0;
			drop_chain(o, list[k].newest);
		}
		if (is_block) {
			list[k] = (struct wakeup){ GT_OLD_NO_EVENT, false };
			continue;
		}
		e->next = is_unblock ? GT_OLD_NO_EVENT : list[k].newest;
		list[k].newest = o->order[i];
		list[k].is_futile |= e->type == GT_OLD_FutileWakeup;
	}
	for (uint32_t i = 0; i < o->n_order; i++) {
		if (gt_old_event(o, i)->type != 0)
			o->order[kept++] = o->order[i];
	}
	o->n_order = kept;
	gt_idmap_free(&ids);
	free(list);
	return ok ? 0 : gt_old_no_memory(o);
}

int gt_old_order(struct gt_old *o)
{
	o->order = gt_mem_resize(NULL, o->n_events, sizeof(*o->order));
	const int rc = o->version < 7 ? order_by_number(o) : order_by_counters(o);
	if (rc < 0)
		return rc;
	set_times(o);
	return remove_futile(o);
}
