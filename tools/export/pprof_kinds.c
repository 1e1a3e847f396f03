/* The profiles: what counts, and whose stack it is charged to (see pprof.c). */
#include "tools/export/pprof.h"
#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

struct profile {
	struct gt_model *model;
	struct gt_pprof pprof;
	gt_text_id sync; /* the reason that locks have */

	/* heap: objects that live, by their number */
	struct gt_idmap live;
	struct gt_pprof_key *of; /* by index */
	uint64_t *bytes;
	uint32_t *free; /* indices that are free again */
	size_t n_live, n_free, cap_of, cap_bytes, cap_free;
};

/* A made-up frame where there is no stack: viewers show nothing otherwise. */
static gt_stack_id one_frame(struct profile *p, const char *name)
{
	return gt_model_put_frame_stack(p->model, name);
}

static void add_wait(struct profile *p, const struct gt_wait *w, gt_stack_id stack,
		     const char *state)
{
	struct gt_pprof_key key = gt_pprof_key(w->thread, stack);
	key.reason = w->reason;
	key.state = state;
	key.object = w->object;
	key.holder_g = w->holder_g;
	struct gt_pprof_sample *s = gt_pprof_add(&p->pprof, &key);
	s->value[0]++;
	s->value[1] += w->end - w->begin;
}

static void block(void *arg, const struct gt_wait *w)
{
	struct profile *p = arg;
	if (w->kind == GT_WAIT_BLOCK)
		add_wait(p, w, w->stack != 0 ? w->stack : one_frame(p, "[no stack]"), NULL);
}

static void mutex(void *arg, const struct gt_wait *w)
{
	struct profile *p = arg;
	if (w->kind == GT_WAIT_BLOCK && w->reason == p->sync)
		add_wait(p, w,
			 w->waker_stack != 0 ? w->waker_stack
					     : one_frame(p, "[releaser not known]"),
			 NULL);
}

static void offcpu(void *arg, const struct gt_wait *w)
{
	struct profile *p = arg;
	add_wait(p, w, w->stack != 0 ? w->stack : one_frame(p, "[no stack]"),
		 w->kind == GT_WAIT_CALL ? "syscall" : "waiting");
}

static void cpu(void *arg, const struct gt_sample *s)
{
	struct profile *p = arg;
	const struct gt_pprof_key key =
		gt_pprof_key(s->thread, s->stack != 0 ? s->stack : one_frame(p, "[no stack]"));
	struct gt_pprof_sample *v = gt_pprof_add(&p->pprof, &key);
	v->value[0]++;
	v->value[1] += (int64_t)gt_model_process(p->model)->sample_ns;
}

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE };

static void release(struct profile *p, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&p->live, id);
	if (i == GT_NO_INDEX)
		return;
	struct gt_pprof_sample *s = gt_pprof_add(&p->pprof, &p->of[i]);
	s->value[INUSE_OBJECTS]--;
	s->value[INUSE_SPACE] -= (int64_t)p->bytes[i];
	gt_idmap_remove(&p->live, id);
	p->free = gt_mem_grow(p->free, p->n_free, &p->cap_free, sizeof(*p->free));
	p->free[p->n_free++] = i;
}

static void keep(struct profile *p, const struct gt_alloc *a, const struct gt_pprof_key *key)
{
	size_t i = p->n_live;
	if (p->n_free > 0) {
		i = p->free[--p->n_free];
	} else {
		p->of = gt_mem_grow(p->of, i, &p->cap_of, sizeof(*p->of));
		p->bytes = gt_mem_grow(p->bytes, i, &p->cap_bytes, sizeof(*p->bytes));
		p->n_live++;
	}
	p->of[i] = *key;
	p->bytes[i] = a->bytes;
	gt_idmap_put(&p->live, a->id, (uint32_t)i);
}

static void heap(void *arg, const struct gt_alloc *a)
{
	struct profile *p = arg;
	/* An object is told of again by each generation. */
	if (a->is_old && gt_idmap_get(&p->live, a->id) != GT_NO_INDEX)
		return;
	release(p, a->id);
	if (a->is_free)
		return;
	const char *type = gt_model_text(p->model, a->type);
	const struct gt_pprof_key key =
		gt_pprof_key(a->is_old ? GT_NO_THREAD : a->thread,
			     one_frame(p, *type != '\0' ? type : "[type not known]"));
	struct gt_pprof_sample *s = gt_pprof_add(&p->pprof, &key);
	s->value[ALLOC_OBJECTS] += !a->is_old;
	s->value[ALLOC_SPACE] += a->is_old ? 0 : (int64_t)a->bytes;
	s->value[INUSE_OBJECTS]++;
	s->value[INUSE_SPACE] += (int64_t)a->bytes;
	keep(p, a, &key);
}

static const struct gt_pprof_type delay_types[] = { { "contentions", "count" },
						    { "delay", "nanoseconds" } };
static const struct gt_pprof_type offcpu_types[] = { { "waits", "count" },
						     { "offcpu", "nanoseconds" } };
static const struct gt_pprof_type cpu_types[] = { { "samples", "count" },
						  { "cpu", "nanoseconds" } };
static const struct gt_pprof_type heap_types[] = { { "alloc_objects", "count" },
						   { "alloc_space", "bytes" },
						   { "inuse_objects", "count" },
						   { "inuse_space", "bytes" } };

static int export(const struct gt_export *x, FILE *out, struct gt_err *err,
		  const struct gt_model_calls *calls, const struct gt_pprof_type *types, size_t n)
{
	struct profile p = { .pprof = { .types = types, .n_types = n } };
	p.model = gt_model_new(calls, &p);
	p.sync = gt_model_put_text(p.model, "sync", 4);
	const int rc = gt_model_read(p.model, &x->in, out, err);
	if (calls->sample != NULL)
		p.pprof.period = (int64_t)gt_model_process(p.model)->sample_ns;
	/* N.B. an empty profile is one, too: for go tool pprof it has to hold a message */
	struct gt_err later;
	const int written = gt_pprof_write(&p.pprof, p.model, out, rc < 0 ? &later : err);
	gt_pprof_free(&p.pprof);
	gt_idmap_free(&p.live);
	free(p.of);
	free(p.bytes);
	free(p.free);
	gt_model_free(p.model);
	return rc < 0 ? rc : written;
}

int gt_export_pprof_block(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .wait_end = block };
	return export(x, out, err, &calls, delay_types, 2);
}

int gt_export_pprof_mutex(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .wait_end = mutex };
	return export(x, out, err, &calls, delay_types, 2);
}

int gt_export_pprof_offcpu(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .wait_end = offcpu };
	return export(x, out, err, &calls, offcpu_types, 2);
}

int gt_export_pprof_cpu(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .sample = cpu };
	return export(x, out, err, &calls, cpu_types, 2);
}

int gt_export_pprof_heap(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .alloc = heap };
	return export(x, out, err, &calls, heap_types, 4);
}
