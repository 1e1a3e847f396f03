/*
 * Corner cases
 *
 * A wake may be told generations before the wait's end. Its stack's id means nothing by then: a
 * stack's number has the generation in its upper bits.
 */
#include "tools/export/go_edges.h"

#include "tools/analysis/blame.h"
#include "tools/lib/mem.h"
#include "tools/read/trace.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BITS 24

struct gt_go_edges {
	struct gt_trace *trace;
	struct gt_blame *blame;
	struct gt_go_edge *edges;
	size_t n, cap;
	const struct gt_gen *gen;
	int64_t start; /* of this generation */
	bool is_good;  /* its clock counts ns */
	bool is_done;  /* nothing more comes */
	bool has_next; /* the trace is at the Sync of the next generation */
};

static uint32_t tag_of(const struct gt_gen *g)
{
	return (uint32_t)(g->index << STACK_BITS);
}

static uint32_t number_of(void *arg, uint64_t id)
{
	const struct gt_go_edges *e = arg;
	if (id >= 1U << STACK_BITS || gt_gen_stack(e->gen, id) == NULL)
		return 0;
	return tag_of(e->gen) | (uint32_t)id;
}

static uint64_t stack_of(const struct gt_go_edges *e, uint32_t number)
{
	const uint32_t id = number & ((1U << STACK_BITS) - 1);
	return number == (tag_of(e->gen) | id) ? id : 0;
}

struct gt_go_edges *gt_go_edges_open(const char *path)
{
	struct gt_err err;
	struct gt_trace *t = strcmp(path, "-") != 0 ? gt_trace_open(path, &err) : NULL;
	if (t == NULL)
		return NULL;
	gt_trace_set_silent(t);
	struct gt_go_edges *e = gt_mem_resize(NULL, 1, sizeof(*e));
	*e = (struct gt_go_edges){ .trace = t, .gen = gt_trace_gen(t) };
	e->blame = gt_blame_new(number_of, e);
	return e;
}

void gt_go_edges_close(struct gt_go_edges *e)
{
	if (e == NULL)
		return;
	gt_blame_free(e->blame);
	gt_trace_close(e->trace);
	free(e->edges);
	free(e);
}

static bool is_wait(enum gt_state s)
{
	return s == GT_STATE_WAITING || s == GT_STATE_SYSCALL;
}

static void add(struct gt_go_edges *e, const struct gt_ordered *ev, const struct gt_blamed *b)
{
	if (ev->id != GT_EV_GoUnblock || ev->g != GT_NO_ID || b->waker_g == 0 ||
	    b->waker_tid == 0 || b->waker_time <= e->start || !e->is_good)
		return; /* with a G of its own it stands in its waker's stream already */
	e->edges = gt_mem_grow(e->edges, e->n, &e->cap, sizeof(*e->edges));
	e->edges[e->n++] = (struct gt_go_edge){
		.offset = ev->offset,
		.waker_g = b->waker_g,
		.waker_tid = b->waker_tid,
		.time = (uint64_t)b->waker_time,
		.stack = stack_of(e, b->waker_stack),
	};
}

/* As the walk of all other formats does it (walk.c). */
static void change(struct gt_go_edges *e, const struct gt_ordered *ev)
{
	struct gt_blamed b;
	if (ev->subject != GT_SUBJECT_G || ev->from == ev->to)
		return;
	if (is_wait(ev->from)) {
		gt_blame_end(e->blame, ev->who, ev->time, &b);
		add(e, ev, &b);
	}
	if (is_wait(ev->to))
		gt_blame_begin(e->blame, ev->who, ev->time, &b);
}

static void enter(struct gt_go_edges *e)
{
	struct gt_err err;
	e->is_good = e->gen->freq_hz == 1000000000;
	e->start = gt_gen_ns(e->gen, e->gen->min_time);
	gt_blame_generation(e->blame, e->gen, &err); /* damaged records: what could be read */
}

/* Its events up to the next generation, or to the end; false: something is wrong with them. */
static bool read_events(struct gt_go_edges *e)
{
	struct gt_ordered ev;
	struct gt_err err;
	int rc;
	e->has_next = false;
	while ((rc = gt_trace_next(e->trace, &ev, &err)) > 0) {
		if (ev.id == GT_EV_Sync) {
			e->has_next = true;
			return true;
		}
		change(e, &ev);
	}
	e->is_done = true;
	return rc == 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct gt_go_edge *x = a, *y = b;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct gt_go_edge *gt_go_edges_next(struct gt_go_edges *e, size_t *n)
{
	e->n = *n = 0;
	if (!e->has_next && !e->is_done)
		read_events(e); /* up to the first Sync */
	if (!e->has_next)
		return NULL;
	enter(e);
	if (!read_events(e))
		return NULL;
	if (e->n > 1)
		qsort(e->edges, e->n, sizeof(*e->edges), by_offset);
	*n = e->n;
	return e->edges;
}
