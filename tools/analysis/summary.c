#include "tools/analysis/summary.h"

#include "tools/lib/mem.h"
#include "tools/lib/term.h"
#include "tools/read/batch.h"
#include "tools/read/gen.h"
#include "tools/read/index.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

struct gt_sum_private {
	struct gt_focus focus;
	struct gt_keymap texts; /* every text once: equal pointers are equal texts */
	struct gt_keymap threads, calls, metrics, modules, configs, sources;
	size_t cap_gens, cap_threads, cap_calls, cap_metrics, cap_modules, cap_configs, cap_sources;
	const struct gt_gen *gen; /* being added */
	struct gt_index index;    /* n = 0: none */
	size_t next;              /* generation of the index */
};

/* The text of a string id of the generation, kept. N.B. as a C string: what follows a zero byte is
 * cut. */
static const char *text(struct gt_summary *s, uint64_t id)
{
	const struct gt_text t = gt_gen_text(s->priv->gen, id);
	const size_t i = gt_keymap_put(&s->priv->texts, t.p, t.len, NULL);
	return s->priv->texts.keys[i].bytes;
}

/*
 * The entry for `key` in one of the arrays: found, or added with all bytes zero.
 */
#define ENTRY(s, list, key)                                                                        \
	entry(&(s)->priv->list, &(s)->list, &(s)->n_##list, &(s)->priv->cap_##list,                \
	      sizeof(*(s)->list), &(key), sizeof(key))

static void *entry(struct gt_keymap *map, void *list, size_t *n, size_t *cap, size_t size,
		   const void *key, size_t len)
{
	bool is_new;
	char *items;
	memcpy(&items, list, sizeof(items)); /* `list` points to a pointer of any type */
	const size_t i = gt_keymap_put(map, key, len, &is_new);
	if (is_new) {
		items = gt_mem_grow(items, *n, cap, size);
		memset(items + i * size, 0, size);
		memcpy(list, &items, sizeof(items));
		(*n)++;
	}
	return items + i * size;
}

static void add_process(struct gt_summary *s, const struct gt_rec_value *r)
{
	s->has_process = true;
	s->process = (struct gt_sum_process){
		.pid = r->field[0],
		.ppid = r->field[1],
		.exe = text(s, r->field[2]),
		.cmdline = text(s, r->field[3]),
		.host = text(s, r->field[4]),
		.version = text(s, r->field[5]),
		.cpus = r->field[6],
	};
}

static void add_thread(struct gt_summary *s, const struct gt_rec_value *r)
{
	const uint64_t key[] = { r->field[0], r->field[1] };
	struct gt_sum_thread *t = ENTRY(s, threads, key);
	t->tid = r->field[0];
	t->g = r->field[1];
	t->p = r->field[2];
	/* Later generations know more; what they do not know is not forgotten. */
	const char *name = text(s, r->field[3]), *start = text(s, r->field[4]);
	if (t->name == NULL || name[0] != '\0')
		t->name = name;
	if (t->start == NULL || start[0] != '\0')
		t->start = start;
	if (r->field[5] != 0)
		t->born_ns = r->field[5];
	if (r->field[6] != 0)
		t->died_ns = r->field[6];
}

static void add_call(struct gt_summary *s, struct gt_rec_value *r)
{
	const char *name = text(s, r->field[2]);
	const uint64_t key[] = { r->field[0], r->field[1], (uint64_t)(uintptr_t)name };
	struct gt_sum_call *c = ENTRY(s, calls, key);
	c->tid = r->field[0];
	c->g = r->field[1];
	c->name = name;
	c->count += r->field[3];
	c->waits += r->field[4];
	c->total_ns += r->field[5];
	if (r->field[6] > c->max_ns)
		c->max_ns = r->field[6];
	uint64_t bucket, n;
	while (gt_rec_bucket(r, &bucket, &n))
		c->buckets[bucket < GT_BUCKETS ? bucket : GT_BUCKETS - 1] += n;
}

static void add_metric(struct gt_summary *s, const struct gt_rec_value *r)
{
	const char *name = text(s, r->field[1]);
	struct gt_sum_metric *m = ENTRY(s, metrics, name);
	m->name = name;
	m->value += r->field[2];
}

static void add_module(struct gt_summary *s, const struct gt_rec_value *r)
{
	const char *path = text(s, r->field[3]);
	const uint64_t key[] = { r->field[0], r->field[1], r->field[2], (uint64_t)(uintptr_t)path };
	struct gt_sum_module *m = ENTRY(s, modules, key);
	*m = (struct gt_sum_module){ r->field[0], r->field[1], r->field[2], path,
				     text(s, r->field[4]) };
}

static void add_config(struct gt_summary *s, const struct gt_rec_value *r)
{
	const char *name = text(s, r->field[0]);
	struct gt_sum_config *c = ENTRY(s, configs, name);
	*c = (struct gt_sum_config){ name, text(s, r->field[1]) };
}

static void add_source(struct gt_summary *s, const struct gt_rec_value *r)
{
	struct gt_sum_source *x = ENTRY(s, sources, r->field[0]);
	*x = (struct gt_sum_source){ r->field[0],          r->field[1],
				     text(s, r->field[2]), text(s, r->field[3]),
				     text(s, r->field[4]), r->field[5],
				     r->field[6] };
}

static void add_records(struct gt_summary *s)
{
	struct gt_rec_iter it = gt_rec_first(s->priv->gen);
	struct gt_rec_value r;
	struct gt_err err;
	int rc;
	while ((rc = gt_rec_next(&it, &r, &err)) != 0) {
		if (rc < 0) { /* the next batch may be whole: go on, but say it */
			s->err = err;
			continue;
		}
		switch ((enum gt_rec)r.kind) {
		case GT_REC_PROCESS:
			add_process(s, &r);
			break;
		case GT_REC_THREAD:
			add_thread(s, &r);
			break;
		case GT_REC_CALL:
			add_call(s, &r);
			break;
		case GT_REC_METRIC:
			add_metric(s, &r);
			break;
		case GT_REC_MODULE:
			add_module(s, &r);
			break;
		case GT_REC_CONFIG:
			add_config(s, &r);
			break;
		case GT_REC_SOURCE:
			add_source(s, &r);
			break;
		case GT_REC_SWITCH:
			gt_sched_add(&s->sched, r.time, r.field[0], r.field[1], r.field[2]);
			break;
		default: /* a newer record: not for us */
			break;
		}
	}
}

/* Counts the events of a batch; false, with s->err, at one that cannot be read. */
static bool add_batch(struct gt_summary *s, struct gt_sum_gen *sum, const struct gt_gen_batch *b)
{
	const uint8_t *p = b->data, *const end = b->data + b->size;
	uint64_t units = b->time;
	while (p < end) {
		struct gt_event_rec ev;
		p = gt_event_decode(p, end, b->data_offset + (uint64_t)(p - b->data), &ev, &s->err);
		if (p == NULL)
			return false;
		units += ev.dt;
		s->event_count[ev.id]++;
		s->event_bytes[ev.id] += ev.size;
		sum->events++;
	}
	const int64_t ns = gt_gen_ns(s->priv->gen, units);
	if (ns > sum->end_ns)
		sum->end_ns = ns;
	return true;
}

static void add_clock(struct gt_summary *s, const struct gt_gen *g)
{
	if (s->n_gens > 0)
		return;
	s->start_ns = gt_gen_ns(g, g->min_time);
	const struct gt_focus *f = &s->priv->focus;
	if (f->reads_before && !gt_focus_is_all(f)) {
		s->sched.from = s->start_ns + (int64_t)f->from_ns;
		s->sched.to = f->to_ns != 0 ? s->start_ns + (int64_t)f->to_ns : 0;
	}
	s->has_clock = g->has_clock;
	if (g->has_clock) {
		const uint64_t wall = g->snap_sec * 1000000000 + g->snap_nsec;
		s->wall_start_ns = (int64_t)(wall - (uint64_t)gt_gen_ns(g, g->snap_time) +
					     (uint64_t)s->start_ns);
	}
}

static bool add_generation(struct gt_summary *s, const struct gt_gen *g)
{
	s->priv->gen = g;
	add_clock(s, g);
	struct gt_sum_gen sum = {
		.number = g->number,
		.offset = g->offset,
		.bytes = g->end - g->offset,
		.batches = g->n_batches + g->n_skipped,
		.start_ns = gt_gen_ns(g, g->min_time),
	};
	sum.end_ns = sum.start_ns;
	bool ok = true;
	for (uint32_t i = 0; ok && i < g->n_batches; i++)
		ok = add_batch(s, &sum, &g->batches[i]);
	const struct gt_index *x = &s->priv->index;
	if (g->n_skipped && s->priv->next < x->n) { /* counted by somebody before us */
		sum.events = x->gens[s->priv->next].events;
		sum.end_ns = x->gens[s->priv->next].end_ns;
	}
	s->priv->next++;
	s->n_strings += g->n_strings - 1;
	s->n_stacks += g->n_stacks - 1;
	s->n_samples += g->n_samples;
	add_records(s);
	gt_sched_end_generation(&s->sched);

	s->gens = gt_mem_grow(s->gens, s->n_gens, &s->priv->cap_gens, sizeof(*s->gens));
	s->gens[s->n_gens++] = sum;
	if (sum.end_ns > s->end_ns)
		s->end_ns = sum.end_ns;
	s->whole_bytes = g->end;
	return ok;
}

/* Takes the index of a file that was read to its end, for the next time. */
static void save_index(const struct gt_summary *s, const char *path)
{
	struct gt_index x = { .has_events = true };
	for (size_t i = 0; i < s->n_gens; i++) {
		const struct gt_sum_gen *g = &s->gens[i];
		*gt_index_add(&x) =
			(struct gt_index_gen){ g->number,   g->offset, g->offset + g->bytes,
					       g->start_ns, g->end_ns, g->batches,
					       g->events };
	}
	memcpy(x.event_count, s->event_count, sizeof(x.event_count));
	memcpy(x.event_bytes, s->event_bytes, sizeof(x.event_bytes));
	gt_index_save(&x, path);
	gt_index_free(&x);
}

/* Goes to the first generation of the focus; *end is where the last one ends. False: there is
 * none. */
static bool seek(struct gt_summary *s, struct gt_file *f, const struct gt_focus *focus,
		 uint64_t *end)
{
	const struct gt_index *x = &s->priv->index;
	size_t first, last;
	if (x->n == 0)
		return true;
	const int64_t start = x->gens[0].start_ns;
	const int64_t to = focus->to_ns ? start + (int64_t)focus->to_ns : INT64_MAX;
	const int64_t from = start + (focus->reads_before ? 0 : (int64_t)focus->from_ns);
	if (!gt_index_find(x, from, to, &first, &last))
		return false;
	gt_file_seek(f, x->gens[first].offset, first ? x->gens[first - 1].number : 0);
	if (last + 1 < x->n)
		*end = x->gens[last].end;
	return true;
}

/* The whole file's events are known from its index. */
static void take_events(struct gt_summary *s, struct gt_file *f)
{
	const struct gt_index *x = &s->priv->index;
	memcpy(s->event_count, x->event_count, sizeof(x->event_count));
	memcpy(s->event_bytes, x->event_bytes, sizeof(x->event_bytes));
	gt_file_skip_events(f);
}

static void read_generations(struct gt_summary *s, struct gt_file *f, struct gt_gen *g,
			     uint64_t end)
{
	struct gt_progress bar = { .title = "reading" };
	while (gt_file_offset(f) < end && gt_gen_read(g, f, &s->err) > 0 && add_generation(s, g))
		gt_progress_update(&bar, gt_file_offset(f), s->file_bytes);
	gt_progress_end(&bar);
}

bool gt_summary_read(struct gt_summary *s, const char *path, const struct gt_focus *focus)
{
	*s = (struct gt_summary){ .err = { .code = GT_ERR_NONE } };
	s->process = (struct gt_sum_process){ .exe = "", .cmdline = "", .host = "", .version = "" };
	s->priv = gt_mem_resize(NULL, 1, sizeof(*s->priv));
	*s->priv = (struct gt_sum_private){ .gen = NULL };
	if (focus != NULL)
		s->priv->focus = *focus;
	struct gt_file *f = gt_file_open(path, &s->err);
	struct gt_gen *g = f != NULL ? gt_gen_new() : NULL;
	if (g == NULL) {
		gt_file_close(f);
		return false;
	}
	uint64_t end = UINT64_MAX;
	bool is_there = true;
	s->old = gt_file_old(f) != NULL ? *gt_file_old(f) : (struct gt_file_old){ 0 };
	s->version = s->old.version != 0 ? s->old.version : gt_file_version(f);
	s->file_bytes = gt_file_size(f);
	s->whole_bytes = gt_file_offset(f);
	const bool is_all = focus == NULL || gt_focus_is_all(focus);
	struct gt_index *x = &s->priv->index;
	const bool has_index = is_all ? gt_index_load(x, path) : gt_index_open(x, path);
	if (!is_all && !has_index)
		is_there = gt_err_set(&s->err, GT_ERR_USAGE, GT_NO_OFFSET,
				      "--from and --to need a file that can be sought in") == 0;
	else if (!is_all)
		is_there = seek(s, f, focus, &end);
	else if (has_index && x->has_events)
		take_events(s, f);
	if (is_there)
		read_generations(s, f, g, end);
	if (s->old.version != 0)
		s->file_bytes = s->whole_bytes = s->old.bytes;
	gt_sched_finish(&s->sched, end != UINT64_MAX && s->sched.to != 0 ? s->sched.to : s->end_ns);
	if (is_all && !(has_index && x->has_events) && s->err.code == GT_ERR_NONE)
		save_index(s, path);
	gt_index_free(x);
	gt_gen_free(g);
	gt_file_close(f);
	return true;
}

uint64_t gt_summary_pid(const char *path)
{
	struct gt_rec_value r;
	uint64_t pid = 0;
	struct gt_file *f = gt_file_open(path, NULL);
	struct gt_gen *g = f != NULL ? gt_gen_new() : NULL;
	if (g != NULL && gt_gen_read(g, f, NULL) > 0) {
		struct gt_rec_iter it = gt_rec_first(g);
		while (pid == 0 && gt_rec_next(&it, &r, NULL) > 0)
			pid = r.kind == GT_REC_PROCESS ? r.field[0] : 0;
	}
	gt_gen_free(g);
	gt_file_close(f);
	return pid;
}

void gt_summary_free(struct gt_summary *s)
{
	if (s->priv != NULL) {
		gt_keymap_free(&s->priv->texts);
		gt_keymap_free(&s->priv->threads);
		gt_keymap_free(&s->priv->calls);
		gt_keymap_free(&s->priv->metrics);
		gt_keymap_free(&s->priv->modules);
		gt_keymap_free(&s->priv->configs);
		gt_keymap_free(&s->priv->sources);
	}
	gt_sched_free(&s->sched);
	free(s->gens);
	free(s->threads);
	free(s->calls);
	free(s->metrics);
	free(s->modules);
	free(s->configs);
	free(s->sources);
	free(s->priv);
	*s = (struct gt_summary){ .err = { .code = GT_ERR_NONE } };
}

uint64_t gt_summary_metric(const struct gt_summary *s, const char *name)
{
	for (size_t i = 0; i < s->n_metrics; i++) {
		if (strcmp(s->metrics[i].name, name) == 0)
			return s->metrics[i].value;
	}
	return 0;
}

const char *gt_summary_hooks_off(const struct gt_summary *s)
{
	for (size_t i = 0; i < s->n_configs; i++)
		if (strcmp(s->configs[i].name, "GTRACE_HOOKS") == 0)
			return s->configs[i].value[0] == '-' ? s->configs[i].value : NULL;
	return NULL;
}

uint64_t gt_summary_events(const struct gt_summary *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < 256; i++)
		n += s->event_count[i];
	return n;
}

int gt_sum_call_order(const void *a, const void *b)
{
	const struct gt_sum_call *x = a, *y = b;
	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	const int by_name = strcmp(x->name, y->name);
	return by_name != 0 ? by_name : x->g < y->g ? -1 : x->g > y->g;
}

struct gt_sum_call *gt_summary_by_call(const struct gt_summary *s, size_t *n)
{
	struct gt_keymap names = { 0 };
	struct gt_sum_call *sums = NULL;
	size_t cap = 0;
	*n = 0;
	for (size_t i = 0; i < s->n_calls; i++) {
		const struct gt_sum_call *c = &s->calls[i];
		struct gt_sum_call *sum =
			entry(&names, &sums, n, &cap, sizeof(*sums), &c->name, sizeof(c->name));
		sum->name = c->name;
		sum->count += c->count;
		sum->waits += c->waits;
		sum->total_ns += c->total_ns;
		if (c->max_ns > sum->max_ns)
			sum->max_ns = c->max_ns;
		for (size_t b = 0; b < GT_BUCKETS; b++)
			sum->buckets[b] += c->buckets[b];
	}
	gt_keymap_free(&names);
	if (*n > 1)
		qsort(sums, *n, sizeof(*sums), gt_sum_call_order);
	return sums;
}

uint64_t gt_sum_call_timed(const struct gt_sum_call *c)
{
	uint64_t n = 0;
	for (size_t b = 0; b < GT_BUCKETS; b++)
		n += c->buckets[b];
	return n;
}

uint64_t gt_sum_call_quantile(const struct gt_sum_call *c, double q)
{
	const uint64_t timed = gt_sum_call_timed(c);
	if (timed == 0)
		return 0;
	const double exact = q * (double)timed;
	uint64_t rank = (uint64_t)exact;
	rank += (double)rank < exact; /* nearest rank, from 1 */
	uint64_t below = 0;
	for (size_t b = 0; b < GT_BUCKETS; b++) {
		below += c->buckets[b];
		if (below < rank || below == 0)
			continue;
		const uint64_t bound =
			b + 1 < GT_BUCKETS ? (UINT64_C(1) << (b + 1)) - 1 : UINT64_MAX;
		return bound < c->max_ns ? bound : c->max_ns;
	}
	return c->max_ns;
}
