/*
 * gtrace's own records. Counters go into the generation in which theirs began; a WAIT or EXPIRED
 * into that of its event, a WAKE or SWITCH by its time; what describes (threads, modules, settings,
 * processes) is told by each generation.
 */
#include "tools/merge/merge_priv.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

#define SLACK_NS     10000 /* as in analysis/blame.c */
#define CPUS_MACHINE 4096  /* numbers of CPUs of a machine */

/* ---------------------------------------------------------------- taking them */

/* Objects of a generation by their numbers there. */
struct object {
	uint64_t address, why;
	gt_out_text name;
};

struct objects {
	struct gt_idmap by_id;
	struct object *list;
	size_t n, cap;
};

/* A pipe is known by its name, on its machine. */
static gt_out_text object_name(struct merge *g, struct merge_input *in, uint64_t id)
{
	const struct gt_text t = gt_gen_text(in->gen, id);
	if (in->source->machine == 0 || t.len < 5 || memcmp(t.p, "pipe:", 5) != 0)
		return gt_out_put_text(g->out, t.p, t.len);
	char *name = gt_mem_format("%.*s@%s", (int)t.len, t.p, in->source->host);
	const gt_out_text n = gt_out_put_text(g->out, name, strlen(name));
	free(name);
	return n;
}

static void take_object(struct merge *g, struct merge_input *in, struct objects *o,
			const struct gt_rec_value *r)
{
	if (gt_idmap_get(&o->by_id, r->field[0]) != GT_NO_INDEX)
		return;
	o->list = gt_mem_grow(o->list, o->n, &o->cap, sizeof(*o->list));
	o->list[o->n] = (struct object){ gt_minput_address(in, r->field[2]), r->field[1],
					 object_name(g, in, r->field[3]) };
	gt_idmap_put(&o->by_id, r->field[0], (uint32_t)o->n++);
}

static const struct object *find_object(const struct objects *o, uint64_t id)
{
	static const struct object none;
	const uint32_t i = gt_idmap_get(&o->by_id, id);
	return i == GT_NO_INDEX ? &none : &o->list[i];
}

static void take_note(struct merge_notes *n, const struct objects *o, const struct gt_rec_value *r)
{
	const struct object *x = find_object(o, r->field[1]);
	if (r->kind == GT_REC_WAIT && x->why == 0)
		return;
	n->list = gt_mem_grow(n->list, n->n, &n->cap, sizeof(*n->list));
	n->list[n->n++] = (struct merge_note){ .g = r->field[0],
					       .time = r->time,
					       .address = x->address,
					       .why = x->why,
					       .name = x->name,
					       .holder = r->field[2],
					       .flags = r->field[3] };
}

static struct merge_timed *put_timed(struct merge_input *in, const struct gt_rec_value *r)
{
	in->timed = gt_mem_grow(in->timed, in->n_timed, &in->cap_timed, sizeof(*in->timed));
	struct merge_timed *t = &in->timed[in->n_timed++];
	*t = (struct merge_timed){ .time = gt_minput_time(in, r->time), .kind = r->kind };
	return t;
}

static void take_wake(struct merge *g, struct merge_input *in, const struct objects *o,
		      const struct gt_rec_value *r)
{
	const struct object *x = find_object(o, r->field[1]);
	if (x->why == 0)
		return;
	const uint64_t id = gt_merge_g(g, in, r->field[0]) + 1;
	struct merge_timed *t = put_timed(in, r);
	t->address = x->address;
	t->why = x->why;
	t->name = x->name;
	t->stack = gt_minput_stack(g, in, r->field[3]);
	t->field[0] = id;
	t->field[2] = r->field[2];
	t->field[4] = r->field[4];
}

static void take_switch(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	const uint64_t tid = gt_merge_tid(g, in, r->field[0]);
	struct merge_timed *t = put_timed(in, r);
	t->field[0] = tid;
	t->field[1] = r->field[1] + (uint64_t)in->source->machine * CPUS_MACHINE;
	t->field[2] = r->field[2];
}

static uint64_t moved(const struct merge_input *in, uint64_t time)
{
	return time != 0 ? (uint64_t)gt_minput_time(in, (int64_t)time) : 0;
}

static void take_thread(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	const uint32_t i = gt_merge_g(g, in, r->field[1]);
	const uint64_t tid = gt_merge_tid(g, in, r->field[0]);
	struct merge_g *o = &g->gs[i];
	struct gt_text name = gt_gen_text(in->gen, r->field[3]);
	if (r->field[4] != 0)
		o->start = gt_minput_text(g, in, r->field[4]);
	if (name.len == 0)
		name = gt_gen_text(in->gen, r->field[4]);
	if (name.len != 0)
		o->label = gt_minput_label(g, in, name.p, name.len);
	if (r->field[5] != 0)
		o->born = moved(in, r->field[5]);
	if (r->field[6] != 0)
		o->died = moved(in, r->field[6]);
	o->tid = tid;
	o->told = g->out->number;
}

static void copy_call(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	const uint32_t i = gt_merge_g(g, in, r->field[1]);
	const uint64_t field[] = { gt_merge_tid(g, in, r->field[0]),
				   i + 1,
				   gt_out_text_id(g->out, gt_minput_text(g, in, r->field[2])),
				   r->field[3],
				   r->field[4],
				   r->field[5],
				   r->field[6] };
	g->gs[i].told = g->out->number;
	gt_out_record(g->out, GT_REC_CALL, g->out->last, field, r->tail,
		      (size_t)(r->tail_end - r->tail));
}

static void copy_metric(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	const uint64_t tid = r->field[0];
	const uint64_t field[] = { tid != 0 ? gt_merge_tid(g, in, tid) : 0,
				   gt_out_text_id(g->out, gt_minput_text(g, in, r->field[1])),
				   r->field[2] };
	gt_out_record(g->out, GT_REC_METRIC, g->out->last, field, NULL, 0);
}

static void take_module(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	in->modules =
		gt_mem_grow(in->modules, in->n_modules, &in->cap_modules, sizeof(*in->modules));
	in->modules[in->n_modules++] = (struct merge_module){
		gt_minput_address(in, r->field[0]), gt_minput_address(in, r->field[1]), r->field[2],
		gt_minput_text(g, in, r->field[3]), gt_minput_text(g, in, r->field[4])
	};
}

/* What several processes have set differently stands with all its values. */
static void take_setting(struct merge *g, struct merge_input *in, const struct gt_rec_value *r)
{
	const gt_out_text key[] = { gt_minput_text(g, in, r->field[0]),
				    gt_minput_text(g, in, r->field[1]) };
	gt_keymap_put(&g->settings, key, sizeof(key), NULL);
}

static int note_order(const void *a, const void *b)
{
	const struct merge_note *x = a, *y = b;
	if (x->g != y->g)
		return x->g < y->g ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static int timed_order(const void *a, const void *b)
{
	const struct merge_timed *x = a, *y = b;
	return x->time < y->time ? -1 : x->time > y->time;
}

static void take(struct merge *g, struct merge_input *in, struct objects *o,
		 const struct gt_rec_value *r, bool *has_modules)
{
	switch ((enum gt_rec)r->kind) {
	case GT_REC_OBJECT:
		take_object(g, in, o, r);
		break;
	case GT_REC_WAIT:
		take_note(&in->waits, o, r);
		break;
	case GT_REC_EXPIRED:
		take_note(&in->expiries, o, r);
		break;
	case GT_REC_WAKE:
		take_wake(g, in, o, r);
		break;
	case GT_REC_SWITCH:
		take_switch(g, in, r);
		break;
	case GT_REC_THREAD:
		take_thread(g, in, r);
		break;
	case GT_REC_CALL:
		copy_call(g, in, r);
		break;
	case GT_REC_METRIC:
		copy_metric(g, in, r);
		break;
	case GT_REC_MODULE:
		if (!*has_modules)
			in->n_modules = 0;
		*has_modules = true;
		take_module(g, in, r);
		break;
	case GT_REC_CONFIG:
		take_setting(g, in, r);
		break;
	default: /* PROCESS: known */
		break;
	}
}

void gt_merge_take_records(struct merge *g, struct merge_input *in)
{
	struct gt_rec_iter it = gt_rec_first(in->gen);
	struct gt_rec_value r;
	struct objects o = { .n = 0 };
	bool has_modules = false;
	int rc;
	if (in->next_timed > 0)
		memmove(in->timed, in->timed + in->next_timed,
			(in->n_timed - in->next_timed) * sizeof(*in->timed));
	in->n_timed -= in->next_timed;
	in->next_timed = in->waits.n = in->expiries.n = 0;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc > 0)
			take(g, in, &o, &r, &has_modules);
	}
	gt_idmap_free(&o.by_id);
	free(o.list);
	if (in->waits.n > 1)
		qsort(in->waits.list, in->waits.n, sizeof(*in->waits.list), note_order);
	if (in->expiries.n > 1)
		qsort(in->expiries.list, in->expiries.n, sizeof(*in->expiries.list), note_order);
	if (in->n_timed > 1)
		qsort(in->timed, in->n_timed, sizeof(*in->timed), timed_order);
}

/* ---------------------------------------------------------------- writing them */

void gt_merge_put_timed(struct merge *g, struct merge_input *in, int64_t time)
{
	for (; in->next_timed < in->n_timed; in->next_timed++) {
		struct merge_timed *t = &in->timed[in->next_timed];
		if (t->time > time)
			return;
		if (t->kind == GT_REC_WAKE) {
			t->field[1] = gt_out_object_id(g->out, t->address, t->why, t->name);
			t->field[3] = gt_out_stack_id(g->out, t->stack);
		}
		gt_out_record(g->out, t->kind, t->time, t->field, NULL, 0);
	}
}

/* The newest note of `g` that is not later than `time`; NULL when it was used. */
static struct merge_note *find(const struct merge_notes *n, uint64_t g, int64_t time)
{
	size_t lo = 0, hi = n->n;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		const struct merge_note *x = &n->list[mid];
		if (x->g < g || (x->g == g && x->time <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	struct merge_note *x = lo > 0 ? &n->list[lo - 1] : NULL;
	return x != NULL && x->g == g && !x->is_taken ? x : NULL;
}

/* The number in the trace of a thread that a file of this machine tells of. */
static uint64_t holder_tid(const struct merge *g, const struct merge_input *in, uint64_t tid)
{
	uint32_t i = gt_idmap_get(&in->ms, tid);
	for (size_t k = 0; i == GT_NO_INDEX && k < g->n; k++)
		if (g->inputs[k].source->machine == in->source->machine)
			i = gt_idmap_get(&g->inputs[k].ms, tid);
	return i != GT_NO_INDEX ? g->ms[i].tid : tid;
}

void gt_merge_put_wait(struct merge *g, struct merge_input *in, uint64_t id, uint32_t i,
		       int64_t old, int64_t time)
{
	struct merge_note *w = find(&in->waits, id, old);
	if (w == NULL || old - w->time > SLACK_NS)
		return;
	w->is_taken = true;
	const bool is_tid = (w->flags & 2) == 0 && w->holder != 0;
	const uint64_t field[] = { i + 1, gt_out_object_id(g->out, w->address, w->why, w->name),
				   is_tid ? holder_tid(g, in, w->holder) : w->holder, w->flags };
	gt_out_record(g->out, GT_REC_WAIT, time, field, NULL, 0);
}

void gt_merge_put_expiry(struct merge *g, struct merge_input *in, uint64_t id, uint32_t i,
			 int64_t old, int64_t time)
{
	struct merge_note *e = find(&in->expiries, id, old);
	if (e == NULL || e->time <= g->gs[i].since)
		return;
	e->is_taken = true;
	const uint64_t field[] = { i + 1 };
	gt_out_record(g->out, GT_REC_EXPIRED, time, field, NULL, 0);
}

static void put_sources(struct merge *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct gt_merge_source *s = g->inputs[i].source;
		const uint64_t field[] = {
			i + 1,
			s->pid,
			gt_out_text_id(g->out, gt_out_put_text(g->out, s->exe, strlen(s->exe))),
			gt_out_text_id(g->out, gt_out_put_text(g->out, s->host, strlen(s->host))),
			gt_out_text_id(g->out, gt_out_put_text(g->out, s->path, strlen(s->path))),
			(uint64_t)s->shift_ns,
			s->error_ns,
		};
		gt_out_record(g->out, GT_REC_SOURCE, g->out->start, field, NULL, 0);
	}
}

/* For readers that know of one process only: the first. */
static void put_process(struct merge *g)
{
	const struct gt_merge_source *s = g->inputs[0].source;
	const char *const texts[] = { s->exe, s->cmdline, s->host, s->version };
	uint64_t id[4], cpus = 0;
	for (int i = 0; i < 4; i++)
		id[i] = gt_out_text_id(g->out, gt_out_put_text(g->out, texts[i], strlen(texts[i])));
	for (size_t i = 0; i < g->n; i++)
		cpus += g->cpus[i];
	const uint64_t field[] = { s->pid, s->ppid, id[0], id[1], id[2], id[3], cpus };
	gt_out_record(g->out, GT_REC_PROCESS, g->out->start, field, NULL, 0);
}

static void put_threads(struct merge *g)
{
	for (size_t i = 0; i < g->n_gs; i++) {
		const struct merge_g *o = &g->gs[i];
		if (o->tid == 0 || (!o->is_live && o->told != g->out->number))
			continue;
		const uint32_t p = o->m != NONE ? g->ms[o->m].p : NONE;
		const uint64_t field[] = { o->tid,
					   i + 1,
					   p != NONE ? p + 1 : 0,
					   gt_out_text_id(g->out, o->label),
					   gt_out_text_id(g->out, o->start),
					   o->born,
					   o->died };
		gt_out_record(g->out, GT_REC_THREAD, g->out->start, field, NULL, 0);
	}
}

static void put_modules(struct merge *g, const struct merge_input *in)
{
	for (size_t i = 0; i < in->n_modules; i++) {
		const struct merge_module *m = &in->modules[i];
		const uint64_t field[] = { m->start, m->end, m->offset,
					   gt_out_text_id(g->out, m->path),
					   gt_out_text_id(g->out, m->build_id) };
		gt_out_record(g->out, GT_REC_MODULE, g->out->start, field, NULL, 0);
	}
}

static const gt_out_text *setting(const struct merge *g, size_t i)
{
	return (const void *)g->settings.keys[i].bytes;
}

static void put_settings(struct merge *g)
{
	for (size_t i = 0; i < g->settings.n; i++) {
		const gt_out_text name = setting(g, i)[0];
		char *value = gt_mem_text(gt_out_get_text(g->out, setting(g, i)[1]));
		bool is_first = true;
		for (size_t k = 0; k < g->settings.n; k++) {
			if (setting(g, k)[0] != name)
				continue;
			is_first = is_first && k >= i;
			if (k <= i)
				continue;
			char *more = gt_mem_format("%s / %s", value,
						   gt_out_get_text(g->out, setting(g, k)[1]));
			free(value);
			value = more;
		}
		const uint64_t field[] = { gt_out_text_id(g->out, name),
					   gt_out_text_id(g->out, gt_out_put_text(g->out, value,
										  strlen(value))) };
		if (is_first)
			gt_out_record(g->out, GT_REC_CONFIG, g->out->start, field, NULL, 0);
		free(value);
	}
}

void gt_merge_put_tables(struct merge *g)
{
	put_process(g);
	put_sources(g);
	put_threads(g);
	for (size_t i = 0; i < g->n; i++)
		if (g->inputs[i].stage == MERGE_LIVE || g->inputs[i].ended_in == g->out->number)
			put_modules(g, &g->inputs[i]);
	put_settings(g);
}
