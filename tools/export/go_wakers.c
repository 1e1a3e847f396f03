/*
 * In a trace of ours the woken thread itself writes when its wait is over. Go's tools draw an arrow
 * from whoever writes it.
 *
 * Invariants
 *
 * 1. A GoUnblock moves to the time of the wake only: behind the last event before the wait's end,
 * and before the first event of the waker that is not older than the wake. Otherwise readers find
 * no order, or another one. No two of these three times are the same: Go's reader, where the
 * first one of several events of a time cannot come yet, does not try each of the others.
 * 2. It moves only to where the waker is the thread's goroutine. Otherwise the arrow comes from
 * nowhere, or from an earlier thread of that number.
 * 3. Statuses at the start of a stream say what was so since the generation began: they may be made
 * older, to stand before a GoUnblock. Nothing else changes its time.
 * 4. A stream that nothing is moved from or to keeps its bytes.
 *
 * Corner case: the time of a wake is that of the call, its wait or its thread's end may be told a
 * moment earlier. Then it goes before that event, with the event's time.
 */
#include "tools/export/go_wakers.h"

#include "encoder/event.h"
#include "tools/export/go_edges.h"
#include "tools/lib/mem.h"
#include "tools/read/batch.h"
#include "tools/read/idmap.h"

#include <stdlib.h>
#include <string.h>

#define SLACK_NS 10000
#define NONE     UINT32_MAX

struct batch {
	struct gt_wire_batch wire; /* without its data */
	size_t at;                 /* its data, in bytes[] */
	uint32_t next;             /* of the same stream */
};

struct stream {
	uint32_t first, last; /* batches */
	uint64_t lead;        /* the latest time of the statuses at its start */
	bool is_changed;
};

/* A GoUnblock on its way. */
struct move {
	struct gt_go_edge *edge;
	uint64_t args[3];
	uint32_t from, to; /* streams */
	uint64_t after;    /* time of the event before it, which it must be later than */
	uint64_t time;     /* new */
	uint64_t before;   /* offset of the event that it goes before; UINT64_MAX = the end */
};

struct gt_go_wakers {
	struct gt_go_edges *edges;
	struct gt_go_edge *edge; /* of this generation */
	size_t n_edges;
	uint8_t *bytes;
	size_t len, cap_bytes;
	struct batch *batches;
	size_t n_batches, cap_batches;
	struct gt_idmap by_m;
	struct stream *streams;
	size_t n_streams, cap_streams;
	struct move *moves; /* by stream and place */
	size_t n_moves, cap_moves;
	/* what is being written */
	struct gt_batch out;
	uint8_t mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
	gt_go_put *put;
	void *arg;
};

struct gt_go_wakers *gt_go_wakers_open(const char *path)
{
	struct gt_go_edges *e = gt_go_edges_open(path);
	if (e == NULL)
		return NULL;
	struct gt_go_wakers *w = gt_mem_resize(NULL, 1, sizeof(*w));
	memset(w, 0, sizeof(*w));
	w->edges = e;
	return w;
}

void gt_go_wakers_close(struct gt_go_wakers *w)
{
	if (w == NULL)
		return;
	gt_go_edges_close(w->edges);
	gt_idmap_free(&w->by_m);
	free(w->bytes);
	free(w->batches);
	free(w->streams);
	free(w->moves);
	free(w);
}

void gt_go_wakers_begin(struct gt_go_wakers *w)
{
	if (w == NULL)
		return;
	w->edge = gt_go_edges_next(w->edges, &w->n_edges);
	w->len = w->n_batches = w->n_streams = w->n_moves = 0;
	gt_idmap_clear(&w->by_m);
}

static void put_in_stream(struct gt_go_wakers *w, uint64_t m, uint32_t batch)
{
	const uint32_t i = gt_idmap_get(&w->by_m, m);
	if (i != GT_NO_INDEX) {
		w->batches[w->streams[i].last].next = batch;
		w->streams[i].last = batch;
		return;
	}
	w->streams = gt_mem_grow(w->streams, w->n_streams, &w->cap_streams, sizeof(*w->streams));
	w->streams[w->n_streams] = (struct stream){ batch, batch, UINT64_MAX, false };
	gt_idmap_put(&w->by_m, m, (uint32_t)w->n_streams++);
}

bool gt_go_wakers_take(struct gt_go_wakers *w, const struct gt_wire_batch *b)
{
	if (w == NULL || w->n_edges == 0)
		return false;
	if (w->len + b->size > w->cap_bytes) {
		w->cap_bytes = 2 * (w->len + b->size);
		w->bytes = gt_mem_resize(w->bytes, w->cap_bytes, 1);
	}
	memcpy(w->bytes + w->len, b->data, b->size);
	w->batches = gt_mem_grow(w->batches, w->n_batches, &w->cap_batches, sizeof(*w->batches));
	w->batches[w->n_batches] = (struct batch){ *b, w->len, NONE };
	w->len += b->size;
	put_in_stream(w, b->m, (uint32_t)w->n_batches++);
	return true;
}

/* ---------------------------------------------------------------- a stream, event by event */

struct cursor {
	const struct gt_go_wakers *w;
	uint32_t batch;
	size_t pos; /* in its data */
	uint64_t time;
	struct gt_event_rec ev;
	uint64_t m, g; /* the thread, and its goroutine before the event; GT_NO_ID = none */
	bool is_lead;  /* a status, with nothing else before it */
};

static struct cursor start(const struct gt_go_wakers *w, uint32_t stream)
{
	const uint32_t i = w->streams[stream].first;
	const struct gt_wire_batch *b = &w->batches[i].wire;
	return (struct cursor){
		w, i, 0, b->time, { .id = GT_EV_ProcStatus }, b->m, GT_NO_ID, true
	};
}

static bool is_status(uint8_t id)
{
	return id == GT_EV_ProcStatus || id == GT_EV_GoStatus || id == GT_EV_GoStatusStack;
}

/* Whose turn it is on the thread behind the present event. */
static uint64_t g_behind(const struct cursor *c)
{
	const uint64_t *a = c->ev.args;
	switch (c->ev.id) {
	case GT_EV_GoStatus:
	case GT_EV_GoStatusStack:
		return a[1] == c->m && (a[2] == GT_G_RUNNING || a[2] == GT_G_SYSCALL) ? a[0] : c->g;
	case GT_EV_GoStart:
	case GT_EV_GoCreateSyscall:
		return a[0];
	case GT_EV_GoBlock:
	case GT_EV_GoStop:
	case GT_EV_GoDestroy:
	case GT_EV_GoDestroySyscall:
		return GT_NO_ID;
	default:
		return c->g;
	}
}

/* The next event; false at the end. The order of the trace was read before: nothing is damaged. */
static bool next(struct cursor *c)
{
	const struct batch *b = &c->w->batches[c->batch];
	while (c->pos == b->wire.size) {
		if (b->next == NONE)
			return false;
		c->batch = b->next;
		b = &c->w->batches[c->batch];
		c->pos = 0;
		c->time = b->wire.time;
	}
	struct gt_err err;
	const uint8_t *data = c->w->bytes + b->at, *end = data + b->wire.size;
	c->g = g_behind(c);
	if (gt_event_decode(data + c->pos, end, b->wire.data_offset + c->pos, &c->ev, &err) == NULL)
		return false;
	c->pos += c->ev.size;
	c->time += c->ev.dt;
	c->is_lead = c->is_lead && is_status(c->ev.id);
	return true;
}

/* ---------------------------------------------------------------- what moves, and to where */

static int edge_by_offset(const void *key, const void *edge)
{
	const uint64_t a = *(const uint64_t *)key, b = ((const struct gt_go_edge *)edge)->offset;
	return a < b ? -1 : a > b;
}

static void add_move(struct gt_go_wakers *w, const struct cursor *c, uint32_t from, uint64_t after)
{
	struct gt_go_edge *e =
		bsearch(&c->ev.offset, w->edge, w->n_edges, sizeof(*e), edge_by_offset);
	const uint32_t to = e != NULL ? gt_idmap_get(&w->by_m, e->waker_tid) : GT_NO_INDEX;
	if (to == GT_NO_INDEX || to == from || e->time > c->time)
		return;
	const uint64_t time = e->time < c->time ? e->time : c->time - 1;
	if (time <= after)
		return;
	w->moves = gt_mem_grow(w->moves, w->n_moves, &w->cap_moves, sizeof(*w->moves));
	struct move *v = &w->moves[w->n_moves++];
	*v = (struct move){ .edge = e, .from = from, .to = to, .after = after, .time = time };
	v->args[0] = c->ev.args[0];
	v->args[1] = c->ev.args[1];
	v->args[2] = e->stack;
}

static void find_moves(struct gt_go_wakers *w)
{
	for (uint32_t i = 0; i < w->n_streams; i++) {
		uint64_t after = 0;
		for (struct cursor c = start(w, i); next(&c); after = c.is_lead ? 0 : c.time)
			if (c.ev.id == GT_EV_GoUnblock)
				add_move(w, &c, i, after);
	}
}

static int move_by_wake(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->edge->offset < y->edge->offset ? -1 : x->edge->offset > y->edge->offset;
}

static int move_by_place(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->before != y->before)
		return x->before < y->before ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

/* Room for it between two events of its waker, and are they of its waker? */
static bool fits(struct move *v, const struct cursor *last, const struct cursor *c, bool is_end)
{
	const uint64_t g = is_end ? g_behind(c) : c->g;
	if (last->ev.size == 0)
		return false; /* it would be the first one: without a status */
	if (g == v->edge->waker_g) {
		v->before = is_end ? UINT64_MAX : c->ev.offset;
		return true;
	}
	v->before = last->ev.offset;
	const bool is_near = last->time > v->after && v->time - last->time <= SLACK_NS;
	v->time = last->time;
	return is_near && g == GT_NO_ID && last->g == v->edge->waker_g;
}

static void place(struct gt_go_wakers *w, struct move *v, const struct cursor *last,
		  const struct cursor *c, bool is_end)
{
	if (!fits(v, last, c, is_end))
		return;
	struct stream *from = &w->streams[v->from], *to = &w->streams[v->to];
	/* Where statuses are older already this changes nothing. */
	if (v->after == 0 && v->time - 1 < from->lead)
		from->lead = v->time - 1;
	if (v->time < to->lead)
		to->lead = v->time;
	from->is_changed = to->is_changed = true;
	v->edge->is_moved = true;
}

/* Those of one stream, by the time of the wake. */
static void place_moves(struct gt_go_wakers *w, uint32_t stream, struct move *v, size_t n)
{
	size_t k = 0;
	struct cursor last = start(w, stream), c = last;
	for (; next(&c); last = c)
		for (; k < n && !c.is_lead && v[k].time <= c.time; k++)
			place(w, &v[k], &last, &c, false);
	for (; k < n; k++)
		place(w, &v[k], &last, &c, true);
}

static void keep_placed(struct gt_go_wakers *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->n_moves; i++)
		if (w->moves[i].edge->is_moved)
			w->moves[n++] = w->moves[i];
	w->n_moves = n;
}

static void plan(struct gt_go_wakers *w)
{
	find_moves(w);
	if (w->n_moves > 1)
		qsort(w->moves, w->n_moves, sizeof(*w->moves), move_by_wake);
	for (size_t i = 0, n; i < w->n_moves; i += n) {
		for (n = 1; i + n < w->n_moves && w->moves[i + n].to == w->moves[i].to;)
			n++;
		place_moves(w, w->moves[i].to, &w->moves[i], n);
	}
	keep_placed(w);
	if (w->n_moves > 1)
		qsort(w->moves, w->n_moves, sizeof(*w->moves), move_by_place);
}

/* ---------------------------------------------------------------- writing */

static int flush(struct gt_go_wakers *w, const struct gt_wire_batch *like, struct gt_err *err)
{
	struct gt_wire_batch b = *like;
	b.data = w->mem + GT_BATCH_HEADER;
	b.size = (uint32_t)gt_batch_len(&w->out);
	b.time = w->out.start.v;
	return b.size > 0 ? w->put(w->arg, &b, err) : 0;
}

static int put_event(struct gt_go_wakers *w, const struct gt_wire_batch *like, uint64_t time,
		     const struct gt_event_rec *ev, struct gt_err *err)
{
	int rc = 0;
	if (!gt_batch_has_room(&w->out, GT_EVENT_MAX) || time < w->out.last.v) {
		rc = flush(w, like, err);
		w->out = gt_batch_init(w->mem, sizeof(w->mem), (gt_ns){ time });
	}
	uint8_t *p = gt_batch_event(&w->out, ev->id, (gt_ns){ time });
	for (unsigned i = 0; i < ev->nargs; i++)
		p = gt_varint_put(p, ev->args[i]);
	gt_batch_end(&w->out, p);
	return rc;
}

static int put_move(struct gt_go_wakers *w, const struct gt_wire_batch *like, const struct move *v,
		    struct gt_err *err)
{
	struct gt_event_rec ev = { .id = GT_EV_GoUnblock, .nargs = 3 };
	memcpy(ev.args, v->args, sizeof(v->args));
	return put_event(w, like, v->time, &ev, err);
}

static bool is_moved(const struct gt_go_wakers *w, const struct gt_event_rec *ev)
{
	if (ev->id != GT_EV_GoUnblock)
		return false;
	const struct gt_go_edge *e =
		bsearch(&ev->offset, w->edge, w->n_edges, sizeof(*e), edge_by_offset);
	return e != NULL && e->is_moved;
}

/* A stream with what moves to it, v[0..n), and without what moves from it. */
static int put_changed(struct gt_go_wakers *w, uint32_t stream, const struct move *v, size_t n,
		       struct gt_err *err)
{
	const uint64_t lead = w->streams[stream].lead;
	const struct gt_wire_batch *like = &w->batches[w->streams[stream].first].wire;
	struct cursor c = start(w, stream);
	size_t k = 0;
	int rc = 0;
	w->out = gt_batch_init(w->mem, sizeof(w->mem),
			       (gt_ns){ like->time < lead ? like->time : lead });
	while (rc >= 0 && next(&c)) {
		for (; rc >= 0 && k < n && v[k].before == c.ev.offset; k++)
			rc = put_move(w, like, &v[k], err);
		if (rc >= 0 && !is_moved(w, &c.ev))
			rc = put_event(w, like, c.is_lead && c.time > lead ? lead : c.time, &c.ev,
				       err);
	}
	for (; rc >= 0 && k < n; k++)
		rc = put_move(w, like, &v[k], err);
	return rc < 0 ? rc : flush(w, like, err);
}

static int put_same(struct gt_go_wakers *w, uint32_t stream, struct gt_err *err)
{
	int rc = 0;
	for (uint32_t i = w->streams[stream].first; rc >= 0 && i != NONE; i = w->batches[i].next) {
		struct gt_wire_batch b = w->batches[i].wire;
		b.data = w->bytes + w->batches[i].at;
		rc = w->put(w->arg, &b, err);
	}
	return rc;
}

int gt_go_wakers_end(struct gt_go_wakers *w, gt_go_put *put, void *arg, struct gt_err *err)
{
	if (w == NULL || w->n_streams == 0)
		return 0;
	w->put = put;
	w->arg = arg;
	plan(w);
	int rc = 0;
	size_t k = 0, n;
	for (uint32_t i = 0; rc >= 0 && i < w->n_streams; i++, k += n) {
		for (n = 0; k + n < w->n_moves && w->moves[k + n].to == i;)
			n++;
		rc = w->streams[i].is_changed ? put_changed(w, i, &w->moves[k], n, err)
					      : put_same(w, i, err);
	}
	return rc;
}
