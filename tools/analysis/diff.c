#include "tools/analysis/diff.h"

#include "tools/analysis/summary.h"
#include "tools/cmd.h"
#include "tools/lib/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Waits of one trace for one thing at one place. */
struct entry {
	struct gt_object_id id;
	enum gt_class class;
	gt_stack_id stack;
	uint64_t n, ns;
};

/* In a function: contention and I/O, or nothing to do. */
struct waited {
	uint64_t loss_ns, idle_ns;
};

struct gt_diff_private {
	unsigned depth;
	struct gt_keymap rows; /* class, kind, lock, place */
	struct gt_keymap texts;
	struct gt_keymap calls; /* function -> index into waited[] */
	struct waited *waited;
	size_t cap_waited;
	/* of the trace that is being read */
	struct gt_answer answer;
	struct gt_keymap entries;
	struct entry *list;
	size_t cap_list;
};

void gt_diff_init(struct gt_diff *d, unsigned depth)
{
	*d = (struct gt_diff){ .n_rows = 0 };
	d->priv = gt_mem_resize(NULL, 1, sizeof(*d->priv));
	*d->priv = (struct gt_diff_private){ .depth = depth };
}

void gt_diff_free(struct gt_diff *d)
{
	gt_keymap_free(&d->priv->rows);
	gt_keymap_free(&d->priv->texts);
	gt_keymap_free(&d->priv->calls);
	free(d->priv->waited);
	for (int i = 0; i < 2; i++) {
		gt_keymap_free(&d->side[i].doubts.names);
		free(d->side[i].doubts.values);
		free(d->side[i].doubts.hooks);
		free(d->side[i].doubts.min_wait);
	}
	free(d->priv);
	free(d->rows);
}

static const char *keep(struct gt_diff *d, const char *text)
{
	const size_t i = gt_keymap_put(&d->priv->texts, text, strlen(text), NULL);
	return d->priv->texts.keys[i].bytes;
}

/* ---------------------------------------------------------------- names that last */

/*
 * "cache_lock", "queue+0x28": as they are. A descriptor is what it stands for, without numbers that
 * the kernel gives: "pipe", "/var/log/x". An address is no name.
 */
static const char *name_of_lock(struct gt_diff *d, struct gt_object_id id)
{
	struct gt_answer *a = &d->priv->answer;
	const char *name = gt_model_text(a->model, id.name);
	char buf[600];
	if (*name != '\0') {
		snprintf(buf, sizeof(buf), "%s", name);
		buf[strcspn(buf, ":[")] = '\0';
		return keep(d, buf);
	}
	name = gt_answer_object(a, id);
	const bool has_name = strncmp(name, "0x", 2) != 0 && strncmp(name, "fd ", 3) != 0;
	return keep(d, has_name ? name : "-");
}

/* Clones of a function and its addresses without a name are told apart by what is in front. */
static const char *name_of_place(struct gt_diff *d, gt_stack_id stack)
{
	char buf[GT_LABEL_MAX];
	const unsigned max = d->priv->depth != 0 ? d->priv->depth : UINT32_MAX;
	return keep(d, gt_answer_stack(&d->priv->answer, stack, max, buf));
}

static struct gt_diff_row *put_row(struct gt_diff *d, const struct gt_diff_row *like)
{
	/* Texts are kept once: their addresses are as good as they are. */
	const void *key[] = { like->kind, like->lock, like->place,
			      (const void *)(uintptr_t)(like->class + 10 * like->is_call) };
	bool is_new;
	const size_t i = gt_keymap_put(&d->priv->rows, key, sizeof(key), &is_new);
	if (is_new) {
		d->rows = gt_mem_grow(d->rows, i, &d->cap, sizeof(*d->rows));
		d->rows[i] = *like;
		d->n_rows = i + 1;
	}
	return &d->rows[i];
}

/* ---------------------------------------------------------------- reading */

static void on_generation(void *arg, const struct gt_gen *g)
{
	struct gt_diff *d = arg;
	gt_answer_generation(&d->priv->answer, g);
}

static void on_wait(void *arg, const struct gt_wait *w)
{
	struct gt_diff *d = arg;
	struct gt_diff_private *p = d->priv;
	struct {
		struct gt_object_id id;
		uint32_t class, stack;
	} key;
	memset(&key, 0, sizeof(key));
	key.id = gt_object_of(w);
	key.class = gt_answer_class(&p->answer, w);
	key.stack = gt_answer_look(&p->answer, w->stack);
	bool is_new;
	const size_t i = gt_keymap_put(&p->entries, &key, sizeof(key), &is_new);
	if (is_new) {
		p->list = gt_mem_grow(p->list, i, &p->cap_list, sizeof(*p->list));
		p->list[i] = (struct entry){ key.id, key.class, key.stack, 0, 0 };
	}
	p->list[i].n++;
	p->list[i].ns += (uint64_t)(w->end - w->begin);
}

static struct waited *waited_in(struct gt_diff_private *p, const char *function)
{
	bool is_new;
	const size_t i = gt_keymap_put(&p->calls, function, strlen(function), &is_new);
	if (is_new) {
		p->waited = gt_mem_grow(p->waited, i, &p->cap_waited, sizeof(*p->waited));
		p->waited[i] = (struct waited){ 0 };
	}
	return &p->waited[i];
}

static const char *called_in(const struct gt_answer *a, gt_stack_id stack)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(a->model, stack, &n);
	return n > 0 ? gt_model_text(a->model, gt_model_frame(a->model, frames[0])->func) : "";
}

static bool is_loss(enum gt_class c)
{
	return c == GT_CLASS_LOCK || c == GT_CLASS_IO;
}

static void take_entries(struct gt_diff *d, unsigned side)
{
	struct gt_diff_private *p = d->priv;
	for (size_t i = 0; i < p->entries.n; i++) {
		const struct entry *e = &p->list[i];
		char kind[GT_LABEL_MAX];
		struct gt_diff_row *r = put_row(
			d,
			&(struct gt_diff_row){
				.class = e->class,
				.kind = keep(d, gt_answer_kind(&p->answer, &e->id, e->stack, kind)),
				.lock = name_of_lock(d, e->id),
				.place = name_of_place(d, e->stack),
			});
		r->n[side] += e->n;
		r->count[side] += e->n;
		r->ns[side] += e->ns;
		d->side[side].class_ns[e->class] += e->ns;
		struct waited *w = waited_in(p, called_in(&p->answer, e->stack));
		*(is_loss(e->class) ? &w->loss_ns : &w->idle_ns) += e->ns;
	}
}

/* The counters of all calls, also of those too short for an event. */
static bool take_calls(struct gt_diff *d, unsigned side, const struct gt_input *in)
{
	struct gt_summary s;
	bool is_growing;
	const int status = gt_summary_open(&s, "diff", in->path, &in->focus, &is_growing);
	size_t n = 0;
	struct gt_sum_call *calls = status == GT_EXIT_OK ? gt_summary_by_call(&s, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		struct gt_diff_row *r = put_row(d, &(struct gt_diff_row){
							   .is_call = true,
							   .class = GT_N_CLASSES,
							   .kind = "call",
							   .lock = "-",
							   .place = keep(d, calls[i].name),
						   });
		r->n[side] += gt_sum_call_timed(&calls[i]);
		r->count[side] += calls[i].count;
		r->ns[side] += calls[i].total_ns;
	}
	free(calls);
	gt_summary_free(&s);
	return status == GT_EXIT_OK;
}

/* The doubts outlive the answer. */
static void take_side(struct gt_diff_side *s, struct gt_answer *a, const char *path)
{
	const struct gt_model_process *p = gt_model_process(a->model);
	s->path = path;
	s->duration_ns = (uint64_t)(p->end - p->start);
	s->threads = gt_model_n_threads(a->model);
	s->doubts = a->doubts;
	a->doubts = (struct gt_doubts){ .hooks = NULL };
}

bool gt_diff_read(struct gt_diff *d, unsigned side, const struct gt_input *in)
{
	static const struct gt_model_calls calls = { .generation = on_generation,
						     .wait_end = on_wait };
	struct gt_diff_private *p = d->priv;
	p->entries = (struct gt_keymap){ 0 };
	p->list = NULL;
	p->cap_list = 0;
	gt_answer_init(&p->answer, &calls, d);
	bool ok = gt_answer_read(&p->answer, "diff", in) == GT_EXIT_OK;
	if (ok) {
		take_entries(d, side);
		take_side(&d->side[side], &p->answer, in->path);
		ok = take_calls(d, side, in);
	}
	gt_answer_free(&p->answer);
	gt_keymap_free(&p->entries);
	free(p->list);
	return ok;
}

/* ---------------------------------------------------------------- figures */

static double figure(const struct gt_diff *d, const struct gt_diff_row *r, int side,
		     enum gt_diff_per per)
{
	const double ns = (double)r->ns[side];
	if (per == GT_PER_CALL)
		return r->n[side] != 0 ? ns / (double)r->n[side] : 0;
	const uint64_t duration = d->side[side].duration_ns;
	if (per == GT_PER_SECOND)
		return duration != 0 ? ns * 1e9 / (double)duration : 0;
	return ns;
}

/*
 * Waiting for work, for a signal or for time to pass is no loss, and the counter of such a call
 * neither. A call that never waited long enough for an event counts.
 */
static bool is_judged(struct gt_diff *d, const struct gt_diff_row *r)
{
	if (!r->is_call)
		return is_loss(r->class);
	const struct waited *w = waited_in(d->priv, r->place);
	return w->loss_ns >= w->idle_ns;
}

static bool is_over(const struct gt_diff_row *r, const struct gt_diff_limit *l)
{
	if (!l->is_there || r->growth < (double)l->least || r->growth <= 0)
		return false;
	return l->share > 0 ? r->growth > l->share * r->value[0] : r->growth > l->ns;
}

static int by_growth(const void *a, const void *b)
{
	const struct gt_diff_row *x = a, *y = b;
	if (x->is_call != y->is_call)
		return x->is_call ? 1 : -1;
	if (!x->is_call && is_loss(x->class) != is_loss(y->class))
		return is_loss(x->class) ? -1 : 1;
	if (x->growth != y->growth)
		return x->growth < y->growth ? 1 : -1;
	const int place = strcmp(x->place, y->place);
	return place != 0 ? place : strcmp(x->lock, y->lock);
}

void gt_diff_finish(struct gt_diff *d, enum gt_diff_per per, const struct gt_diff_limit *limit)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		struct gt_diff_row *r = &d->rows[i];
		r->value[0] = figure(d, r, 0, per);
		r->value[1] = figure(d, r, 1, per);
		/* N.B. a place that is in one trace only has no figure per call to grow from */
		r->growth = r->value[1] - r->value[0];
		r->is_over = is_judged(d, r) && is_over(r, limit);
		d->n_over += r->is_over;
	}
	if (d->n_rows > 1)
		qsort(d->rows, d->n_rows, sizeof(*d->rows), by_growth);
}
