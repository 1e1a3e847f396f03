/*
 * Puts the events of a generation in order.
 *
 * Every thread's batches are one stream, in file order. A cursor stands in front of each stream's
 * next event; a heap holds the cursors by time. The earliest event is tried against the state of
 * goroutines, processors and threads (rules.c); if it has to wait for something that another thread
 * does, the other cursors are tried by time. What was applied is checked for its string and stack
 * ids, gets a time after that of its predecessor, and goes out.
 *
 * Invariants
 *
 * 1. The heap is the same as in Go's reader (internal/trace/batchcursor.go, reader.go), step by
 * step: also among events of one time the same comes first. Otherwise some files pass in one reader
 * only.
 * 2. State of G, P, M and tasks outlives generations; pointers into a gt_gen do not. Texts that are
 * still needed are copied when gt_order_next() returns 0. Otherwise a region's name dangles.
 * 3. An event is applied whole or not at all, except when the trace fails. Otherwise an event that
 * waits is applied twice.
 *
 * Corner cases
 *
 * - Two generations with the same number: readers take the second for the first one again.
 * - A cursor whose time is 0 starts anew from the batch's time, as in Go's reader.
 * - Times that do not fit into 63 bits wrap; nothing here relies on them.
 */
#include "tools/read/order_priv.h"

#include "tools/read/gen_priv.h"
#include "tools/read/grow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct gt_order *gt_order_new(void)
{
	return calloc(1, sizeof(struct gt_order));
}

void gt_order_free(struct gt_order *o)
{
	if (!o)
		return;
	gt_annot_free(o);
	gt_idmap_free(&o->g_ids);
	gt_idmap_free(&o->p_ids);
	gt_idmap_free(&o->m_ids);
	gt_idmap_free(&o->task_ids);
	free(o->cursors);
	free(o->heap);
	free(o->scratch);
	free(o->gs);
	free(o->ps);
	free(o->ms);
	free(o->tasks);
	free(o->free_gs);
	free(o->free_tasks);
	free(o->touched_gs);
	free(o->new_tasks);
	free(o);
}

static int no_memory(struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
}

/* ---------------------------------------------------------------- cursors */

/* Two's complement addition: times may wrap. */
static int64_t add_time(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void enter_batch(struct gt_cursor *c, struct gt_gen *g)
{
	const struct gt_gen_batch *b = &g->batches[c->batch];
	c->p = b->data;
	c->end = b->data + b->size;
	c->end_offset = b->data_offset + b->size;
	c->last = 0;
	if (b->size == 0)
		return;
	if (c->has_units && b->time < c->units)
		g->back = (struct gt_gen_back){ g->back.n + 1, b->offset, b->m, b->time, c->units };
	c->units = b->time;
	c->has_units = true;
}

/* The next batch of the stream that is not empty: false at its end. */
static bool next_batch(struct gt_cursor *c, struct gt_gen *g)
{
	while (c->p == c->end) {
		c->batch = g->batches[c->batch].next;
		if (c->batch == GT_NO_BATCH)
			return false;
		enter_batch(c, g);
	}
	return true;
}

/* Decodes the cursor's next event: 1; 0 at the end of the stream; -code. */
static inline int cursor_next(struct gt_cursor *c, struct gt_gen *g, struct gt_err *err)
{
	if (c->p == c->end && !next_batch(c, g))
		return 0;
	if (c->last == 0)
		c->last = gt_gen_ns(g, g->batches[c->batch].time);
	const uint8_t *p = gt_event_decode(c->p, c->end, c->end_offset - (uint64_t)(c->end - c->p),
					   &c->ev, err);
	if (!p) {
		gt_err_prefix(err, "batch of thread %" PRId64, (int64_t)c->m);
		return -GT_ERR_FORMAT;
	}
	c->p = p;
	__builtin_prefetch(p + 3 * 64); /* there are more streams than the processor follows */
	c->units += c->ev.dt;
	c->ev.time = c->last = add_time(gt_gen_ns(g, c->ev.dt), c->last);
	return 1;
}

/* ---------------------------------------------------------------- heap, as in batchcursor.go */

static void swap(struct gt_heap_item *a, struct gt_heap_item *b)
{
	const struct gt_heap_item x = *a;
	*a = *b;
	*b = x;
}

static uint32_t sift_up(struct gt_heap_item *h, uint32_t i)
{
	while (i > 0 && h[(i - 1) / 2].time > h[i].time) {
		swap(&h[(i - 1) / 2], &h[i]);
		i = (i - 1) / 2;
	}
	return i;
}

/*
 * Moves a hole instead of swapping, first to the bottom and then up again to where x belongs: the
 * result is the same. N.B. An event that was taken is mostly followed by one that comes late, so
 * the way up is short; and how far down x goes nobody could guess.
 */
static inline void sift_down(struct gt_heap_item *h, uint32_t n, uint32_t i)
{
	const struct gt_heap_item x = h[i];
	const uint32_t top = i;
	uint32_t k = 2 * i + 1;
	if (k >= n || (h[k].time >= x.time && (k + 1 >= n || h[k + 1].time >= x.time)))
		return;
	for (; k + 1 < n; k = 2 * i + 1) {
		k += h[k + 1].time < h[k].time;
		h[i] = h[k];
		i = k;
	}
	if (k < n) {
		h[i] = h[k];
		i = k;
	}
	for (; i > top && h[(i - 1) / 2].time >= x.time; i = (i - 1) / 2)
		h[i] = h[(i - 1) / 2];
	h[i] = x;
}

static void heap_update(struct gt_order *o, uint32_t i)
{
	o->heap[i].time = o->heap[i].c->ev.time;
	if (sift_up(o->heap, i) == i)
		sift_down(o->heap, o->n_heap, i);
}

/* Go lifts the item to the root without looking at times, then removes the root. */
static void heap_remove(struct gt_order *o, uint32_t i)
{
	for (; i > 0; i = (i - 1) / 2)
		swap(&o->heap[(i - 1) / 2], &o->heap[i]);
	o->heap[0] = o->heap[--o->n_heap];
	if (o->n_heap)
		sift_down(o->heap, o->n_heap, 0);
}

/* Stable sort by time: insertion for few, as Go does, merging for many. */
static void sort_items(struct gt_heap_item *a, struct gt_heap_item *tmp, uint32_t n)
{
	if (n <= 12) {
		for (uint32_t i = 1; i < n; i++) {
			for (uint32_t j = i; j > 0 && a[j].time < a[j - 1].time; j--)
				swap(&a[j], &a[j - 1]);
		}
		return;
	}
	const uint32_t half = n / 2;
	sort_items(a, tmp, half);
	sort_items(a + half, tmp, n - half);
	if (a[half - 1].time <= a[half].time)
		return;
	memcpy(tmp, a, half * sizeof(*a));
	uint32_t i = 0, j = half, k = 0;
	while (i < half)
		a[k++] = j < n && a[j].time < tmp[i].time ? a[j++] : tmp[i++];
}

/* ---------------------------------------------------------------- generations */

int gt_order_begin(struct gt_order *o, struct gt_gen *g, struct gt_err *err)
{
	if (o->is_begun || o->failed.code)
		return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
				  "the generation before is not at its end");
	if (!gt_grow(&o->cursors, &o->cap_cursors, g->n_streams, sizeof(*o->cursors)) ||
	    !gt_grow(&o->heap, &o->cap_heap, g->n_streams, sizeof(*o->heap)) ||
	    !gt_grow(&o->scratch, &o->cap_scratch, g->n_streams, sizeof(*o->scratch)))
		return no_memory(err);
	o->gen = g;
	o->serial++;
	o->is_begun = true;
	o->n_heap = o->sample = o->q_n = 0;
	for (uint32_t i = 0; i < g->n_streams; i++) {
		struct gt_cursor *c = &o->cursors[i];
		*c = (struct gt_cursor){ .m = g->streams[i].m,
					 .batch = g->streams[i].first,
					 .m_index = GT_NO_INDEX };
		enter_batch(c, g);
		const int rc = cursor_next(c, g, &o->failed);
		if (rc < 0) {
			if (err)
				*err = o->failed;
			return rc;
		}
		if (rc == 0)
			continue;
		o->heap[o->n_heap] = (struct gt_heap_item){ c->ev.time, c };
		sift_up(o->heap, o->n_heap++);
	}
	struct gt_ordered *sync = &o->queue[0];
	*sync = (struct gt_ordered){ .id = GT_EV_Sync,
				     .time = gt_gen_ns(g, g->min_time),
				     .m = GT_NO_ID,
				     .p = GT_NO_ID,
				     .g = GT_NO_ID,
				     .offset = g->offset };
	o->q_first = 0;
	o->q_n = 1;
	return 0;
}

/* ---------------------------------------------------------------- events */

struct gt_ordered *gt_order_push(struct gt_order *o, const struct gt_try *t, uint8_t id)
{
	struct gt_ordered *ev = &o->queue[(o->q_first + o->q_n++) % GT_ORDER_QUEUE];
	*ev = (struct gt_ordered){ .id = id,
				   .nargs = gt_specs[id].nargs,
				   .is_made_up = true,
				   .time = t->ev->time,
				   .m = t->ctx.m,
				   .p = t->ctx.p,
				   .g = t->ctx.g,
				   .offset = t->ev->offset };
	return ev;
}

enum gt_adv gt_try_fail(struct gt_try *t, const char *fmt, ...)
{
	char text[360];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gt_err_set(t->err, GT_ERR_ORDER, t->ev->offset, "thread %" PRId64 ": %s: %s",
		   (int64_t)t->out->m, gt_event_name(t->ev->id), text);
	return GT_ADV_FAIL;
}

uint32_t gt_order_m(struct gt_order *o, uint64_t id)
{
	uint32_t i = gt_idmap_get(&o->m_ids, id);
	if (i != GT_NO_INDEX)
		return i;
	i = o->n_ms;
	if (!gt_grow(&o->ms, &o->cap_ms, (uint64_t)i + 1, sizeof(*o->ms)) ||
	    !gt_idmap_put(&o->m_ids, id, i))
		return GT_NO_INDEX;
	o->ms[o->n_ms++] = (struct gt_mstate){ id, GT_NO_ID, GT_NO_ID };
	return i;
}

/* Tries to apply the event of cursor `c`; *out is filled when that is done. */
static enum gt_adv apply(struct gt_order *o, struct gt_cursor *c, struct gt_ordered *out,
			 struct gt_err *err)
{
	if (o->first_gen == 0) /* N.B. the first one with events, as in Go's reader */
		o->first_gen = o->gen->number;
	struct gt_try t = { o, &c->ev, { c->m, GT_NO_ID, GT_NO_ID }, out, err };
	if (c->m != GT_NO_ID) {
		if (c->m_index == GT_NO_INDEX &&
		    (c->m_index = gt_order_m(o, c->m)) == GT_NO_INDEX) {
			no_memory(err);
			return GT_ADV_FAIL;
		}
		t.ctx.p = o->ms[c->m_index].p;
		t.ctx.g = o->ms[c->m_index].g;
	}
	out->id = c->ev.id;
	out->nargs = c->ev.nargs;
	out->subject = GT_SUBJECT_NONE;
	out->from = out->to = GT_STATE_UNKNOWN;
	out->is_made_up = false;
	out->time = c->ev.time;
	out->m = t.ctx.m;
	out->p = t.ctx.p;
	out->g = t.ctx.g;
	out->who = GT_NO_ID;
	out->name = (struct gt_text){ "", 0 };
	out->parent = GT_NO_ID;
	memcpy(out->args, c->ev.args, sizeof(out->args));
	out->offset = c->ev.offset;
	const enum gt_adv rc = gt_rules_apply(&t);
	if (rc == GT_ADV_DONE && c->m != GT_NO_ID) {
		o->ms[c->m_index].p = t.ctx.p;
		o->ms[c->m_index].g = t.ctx.g;
	}
	return rc;
}

/* Tries heap item i; when it could be applied its cursor goes on. */
static enum gt_adv try_item(struct gt_order *o, uint32_t i, struct gt_ordered *out,
			    struct gt_err *err)
{
	struct gt_cursor *c = o->heap[i].c;
	const enum gt_adv rc = apply(o, c, out, err);
	if (rc != GT_ADV_DONE)
		return rc;
	const int more = cursor_next(c, o->gen, err);
	if (more < 0)
		return GT_ADV_FAIL;
	if (more)
		heap_update(o, i);
	else
		heap_remove(o, i);
	return GT_ADV_DONE;
}

static void stuck(const struct gt_order *o, struct gt_err *err)
{
	char why[3][110];
	const uint32_t n = o->n_heap < 3 ? o->n_heap : 3;
	for (uint32_t i = 0; i < 3; i++) {
		why[i][0] = 0;
		if (i < n)
			gt_rules_explain(o, o->heap[i].c, why[i], sizeof(why[i]));
	}
	gt_err_set(err, GT_ERR_ORDER, o->heap[0].c->ev.offset,
		   "generation %" PRIu64
		   ": no thread can go on (failed to advance), %u wait: %s%s%s%s%s [O1]",
		   o->gen->number, o->n_heap, why[0], n > 1 ? "; " : "", why[1], n > 2 ? "; " : "",
		   why[2]);
}

/* The earliest event that can be applied. */
static int advance(struct gt_order *o, struct gt_ordered *out, struct gt_err *err)
{
	enum gt_adv rc = try_item(o, 0, out, err);
	if (rc == GT_ADV_WAIT) {
		/* N.B. A sorted array is a heap, and the order among equals must be Go's. */
		sort_items(o->heap, o->scratch, o->n_heap);
		for (uint32_t i = 1; rc == GT_ADV_WAIT && i < o->n_heap; i++)
			rc = try_item(o, i, out, err);
	}
	if (rc == GT_ADV_WAIT)
		stuck(o, err);
	return rc == GT_ADV_DONE ? 1 : -GT_ERR_ORDER;
}

static void take_sample(struct gt_order *o, struct gt_ordered *out)
{
	const struct gt_gen_sample *s = &o->gen->samples[o->sample++];
	*out = (struct gt_ordered){ .id = GT_EV_CPUSample,
				    .nargs = 1,
				    .time = s->time,
				    .m = s->m,
				    .p = s->p,
				    .g = s->g,
				    .args = { s->stack },
				    .offset = s->offset };
}

static int bad_id(const struct gt_ordered *ev, const char *what, uint64_t id, struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_FORMAT, ev->offset,
			  "thread %" PRId64 ": %s names %s %" PRIu64 ", which does not exist [C7]",
			  (int64_t)ev->m, gt_event_name(ev->id), what, id);
}

static bool has_stack(const struct gt_gen_private *p, uint64_t id)
{
	return id == 0 || gt_idmap_get(&p->stack_ids, id) != GT_NO_INDEX;
}

static bool has_string(const struct gt_gen_private *p, uint64_t id)
{
	return id == 0 || gt_idmap_get(&p->string_ids, id) != GT_NO_INDEX;
}

/* The same for each argument, and says what is wrong. */
static int check_all_ids(const struct gt_order *o, const struct gt_ordered *ev, struct gt_err *err)
{
	const struct gt_spec *s = &gt_specs[ev->id];
	for (unsigned i = 0; i < ev->nargs; i++) {
		const uint64_t id = ev->args[i];
		const bool is_sample = ev->id == GT_EV_CPUSample;
		if ((is_sample || s->arg[i] == GT_ARG_stack) && !has_stack(o->gen->priv, id))
			return bad_id(ev, "stack", id, err);
		if (!is_sample && s->arg[i] == GT_ARG_str && !has_string(o->gen->priv, id))
			return bad_id(ev, "string", id, err);
	}
	return 0;
}

/* C7: every string and stack exists. */
static inline int check_ids(const struct gt_order *o, const struct gt_ordered *ev,
			    struct gt_err *err)
{
	const struct gt_event_shape s = gt_event_shapes[ev->id];
	if ((s.stack && !has_stack(o->gen->priv, ev->args[s.stack - 1])) ||
	    (s.str && !has_string(o->gen->priv, ev->args[s.str - 1])) || s.has_more)
		return check_all_ids(o, ev, err);
	return 0;
}

static int produce(struct gt_order *o, struct gt_ordered *ev, struct gt_err *err)
{
	int rc = 1;
	if (o->q_n) {
		*ev = o->queue[o->q_first];
		o->q_first = (o->q_first + 1) % GT_ORDER_QUEUE;
		o->q_n--;
	} else if (o->sample < o->gen->n_samples &&
		   (o->n_heap == 0 || o->gen->samples[o->sample].time < o->heap[0].time)) {
		take_sample(o, ev);
	} else if (o->n_heap) {
		rc = advance(o, ev, err);
	} else {
		return 0;
	}
	if (rc > 0 && ev->id != GT_EV_Sync)
		rc = check_ids(o, ev, err) < 0 ? -GT_ERR_FORMAT : 1;
	if (rc < 0)
		return rc;
	if (ev->time <= o->last_time)
		ev->time = add_time(o->last_time, 1);
	o->last_time = ev->time;
	return 1;
}

int gt_order_next(struct gt_order *o, struct gt_ordered *ev, struct gt_err *err)
{
	if (o->failed.code) {
		if (err)
			*err = o->failed;
		return -(int)o->failed.code;
	}
	if (!o->is_begun)
		return 0;
	if (o->dead_name) {
		free(o->dead_name);
		o->dead_name = NULL;
	}
	int rc = produce(o, ev, &o->failed);
	if (rc == 0) {
		o->is_begun = false;
		if (!gt_annot_keep_texts(o))
			rc = no_memory(&o->failed);
	}
	if (rc < 0) {
		rc = -(int)o->failed.code;
		if (err)
			*err = o->failed;
	}
	return rc;
}

/* ---------------------------------------------------------------- looking at events */

uint64_t gt_ordered_reason(const struct gt_ordered *ev)
{
	return ev->id == GT_EV_GoBlock || ev->id == GT_EV_GoStop ? ev->args[0] : 0;
}

const char *gt_state_name(enum gt_state s)
{
	static const char *const names[] = { "unknown", "nonexistent", "runnable", "running",
					     "waiting", "syscall",     "idle" };
	return s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}
