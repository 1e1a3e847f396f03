/*
 * How long a lock was held. The trace tells of waits and of those who let waiters go, not of locks
 * taken at once. What follows from that:
 *
 * 1. Whoever waited for a lock has it from the end of that wait.
 * 2. Whoever is named as holder when a wait begins has it since then at least.
 * 3. As long as somebody waits for it every release is told. So what is known of the holder is good
 * until the last waiter has gone; then it is forgotten (epoch).
 * 4. Two waits that one release ended (a rwlock's readers) tell of it once.
 *
 * What a holder did meanwhile is what its last RECENT waits tell; before those it is not known.
 */
#include "tools/analysis/locks.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

#define RECENT 64 /* waits of a thread that are remembered */

struct recent {
	int64_t begin, end;
	struct gt_object_id id;
	uint32_t object;
	enum gt_class class;
	gt_stack_id stack;
};

struct history {
	struct recent waits[RECENT]; /* a ring; next: the oldest, once it is full */
	uint64_t n;
};

/* Since when a thread has a lock, in an epoch of the lock. */
struct hold {
	int64_t since;
	uint32_t epoch;
	bool is_there, is_exact;
};

struct gt_locks_private {
	struct gt_keymap objects, sites, givers, doings, holds;
	struct gt_keymap pairs; /* (table, row, thread): to count threads */
	size_t cap_objects, cap_sites, cap_givers, cap_doings, cap_holds, cap_threads;
	struct hold *hold_of;
	struct history **histories; /* by thread */
	size_t n_threads;
};

enum table { OBJECTS, SITES, GIVERS };

/* True for the first time that this thread is seen at a row. */
static bool is_first(struct gt_locks *l, enum table table, size_t row, uint32_t thread)
{
	const uint64_t key[3] = { table, row, thread };
	bool is_new;
	gt_keymap_put(&l->priv->pairs, key, sizeof(key), &is_new);
	return is_new;
}

/* Descriptors that threads of a program talk to each other by. Others, sockets above all, come and
 * go: they are told apart by stack only. */
static bool is_known_object(const struct gt_locks *l, const struct gt_object_id *id)
{
	const char *name = gt_model_text(l->answer.model, id->name);
	if (id->why == GT_WHY_NONE)
		return false;
	if (*name == '\0')
		return id->why != GT_WHY_JOIN && gt_address_local(id->address) >= 1 << 20;
	return strncmp(name, "pipe:", 5) == 0 || strstr(name, "eventfd") != NULL;
}

static struct gt_wait as_shown(struct gt_locks *l, const struct gt_wait *wait)
{
	struct gt_wait w = *wait;
	w.stack = gt_answer_look(&l->answer, w.stack);
	w.waker_stack = gt_answer_look(&l->answer, w.waker_stack);
	return w;
}

static uint32_t put_object(struct gt_locks *l, const struct gt_wait *w)
{
	struct gt_locks_private *p = l->priv;
	struct {
		struct gt_object_id id;
		uint32_t class, reason;
	} key;
	memset(&key, 0, sizeof(key));
	key.id = gt_object_of(w);
	key.class = gt_answer_class(&l->answer, w);
	if (!is_known_object(l, &key.id)) {
		key.id.address = key.id.name = 0;
		key.reason = key.id.why == GT_WHY_NONE ? w->reason : 0;
	}
	bool is_new;
	const size_t i = gt_keymap_put(&p->objects, &key, sizeof(key), &is_new);
	if (is_new) {
		l->objects = gt_mem_grow(l->objects, i, &p->cap_objects, sizeof(*l->objects));
		l->objects[i] = (struct gt_lock_object){ .id = key.id,
							 .class = key.class,
							 .stack = w->stack };
		l->n_objects = i + 1;
	}
	return (uint32_t)i;
}

static struct gt_lock_site *put_site(struct gt_locks *l, uint32_t object, gt_stack_id stack)
{
	const uint32_t key[2] = { object, stack };
	bool is_new;
	const size_t i = gt_keymap_put(&l->priv->sites, key, sizeof(key), &is_new);
	if (is_new) {
		l->sites = gt_mem_grow(l->sites, i, &l->priv->cap_sites, sizeof(*l->sites));
		l->sites[i] = (struct gt_lock_site){ .object = object, .stack = stack };
		l->n_sites = i + 1;
	}
	return &l->sites[i];
}

static struct gt_lock_giver *put_giver(struct gt_locks *l, uint32_t object, gt_stack_id stack,
				       uint32_t thread)
{
	const uint32_t key[2] = { object, stack };
	bool is_new;
	const size_t i = gt_keymap_put(&l->priv->givers, key, sizeof(key), &is_new);
	if (is_new) {
		l->givers = gt_mem_grow(l->givers, i, &l->priv->cap_givers, sizeof(*l->givers));
		l->givers[i] = (struct gt_lock_giver){ .object = object,
						       .stack = stack,
						       .thread = thread };
		l->n_givers = i + 1;
	}
	l->givers[i].threads += is_first(l, GIVERS, i, thread);
	return &l->givers[i];
}

static void put_doing(struct gt_locks *l, size_t giver, const struct recent *r, uint64_t ns)
{
	const uint32_t key[4] = { (uint32_t)giver, r->object, r->stack, r->class };
	bool is_new;
	const size_t i = gt_keymap_put(&l->priv->doings, key, sizeof(key), &is_new);
	if (is_new) {
		l->doings = gt_mem_grow(l->doings, i, &l->priv->cap_doings, sizeof(*l->doings));
		l->doings[i] = (struct gt_lock_doing){
			.giver = (uint32_t)giver,
			.id = r->id,
			.object = r->object,
			.class = r->class,
			.stack = r->stack,
		};
		l->n_doings = i + 1;
	}
	l->doings[i].ns += ns;
}

/* ---------------------------------------------------------------- what a thread did */

static struct history *history_of(struct gt_locks *l, uint32_t thread)
{
	struct gt_locks_private *p = l->priv;
	while (p->n_threads <= thread) {
		p->histories = gt_mem_grow(p->histories, p->n_threads, &p->cap_threads,
					   sizeof(*p->histories));
		p->histories[p->n_threads++] = NULL;
	}
	if (p->histories[thread] == NULL) {
		p->histories[thread] = gt_mem_resize(NULL, 1, sizeof(struct history));
		p->histories[thread]->n = 0;
	}
	return p->histories[thread];
}

static void remember(struct gt_locks *l, const struct gt_wait *w, uint32_t object)
{
	struct history *h = history_of(l, w->thread);
	h->waits[h->n++ % RECENT] = (struct recent){
		.begin = w->begin,
		.end = w->end,
		.id = l->objects[object].id,
		.object = object,
		.class = l->objects[object].class,
		.stack = w->stack,
	};
}

/* Splits [begin, end) of a giver's thread into its waits and the rest. */
static void tell_doings(struct gt_locks *l, size_t giver, uint32_t thread, int64_t begin,
			int64_t end)
{
	const struct history *h = history_of(l, thread);
	const uint64_t n = h->n < RECENT ? h->n : RECENT;
	for (uint64_t i = 0; i < n; i++) {
		const struct recent *r = &h->waits[i];
		const int64_t from = r->begin > begin ? r->begin : begin;
		const int64_t to = r->end < end ? r->end : end;
		if (to > from)
			put_doing(l, giver, r, (uint64_t)(to - from));
	}
	const int64_t oldest = h->n > RECENT ? h->waits[h->n % RECENT].begin : begin;
	if (oldest > begin)
		l->givers[giver].unknown_ns += (uint64_t)((oldest < end ? oldest : end) - begin);
}

/* ---------------------------------------------------------------- holders */

static struct hold *hold_of(struct gt_locks *l, uint32_t object, uint64_t g)
{
	const uint64_t key[2] = { object, g };
	bool is_new;
	const size_t i = gt_keymap_put(&l->priv->holds, key, sizeof(key), &is_new);
	if (is_new) {
		l->priv->hold_of =
			gt_mem_grow(l->priv->hold_of, i, &l->priv->cap_holds, sizeof(struct hold));
		l->priv->hold_of[i] = (struct hold){ 0 };
	}
	struct hold *h = &l->priv->hold_of[i];
	if (h->epoch != l->objects[object].epoch)
		*h = (struct hold){ .epoch = l->objects[object].epoch };
	return h;
}

static void set_hold(struct gt_locks *l, uint32_t object, uint64_t g, int64_t since, bool is_exact)
{
	struct hold *h = hold_of(l, object, g);
	if (h->is_there)
		return;
	h->since = since;
	h->is_there = true;
	h->is_exact = is_exact;
}

static void wait_begin(void *arg, const struct gt_wait *wait)
{
	struct gt_locks *l = arg;
	const struct gt_wait shown = as_shown(l, wait), *const w = &shown;
	const uint32_t object = put_object(l, w);
	struct gt_lock_object *o = &l->objects[object];
	if (o->n_open++ == 0)
		o->epoch++;
	if (o->class == GT_CLASS_LOCK && w->holder_g != 0)
		set_hold(l, object, w->holder_g, w->begin, false);
}

/* The giver has had the lock, or has been waited for, from `begin` to `end`. */
static void add_time(struct gt_locks *l, struct gt_lock_giver *g, uint32_t thread, int64_t begin,
		     int64_t end, bool is_exact)
{
	const uint64_t ns = end > begin ? (uint64_t)(end - begin) : 0;
	g->times++;
	g->ns += ns;
	g->max_ns = ns > g->max_ns ? ns : g->max_ns;
	g->at_least += !is_exact;
	tell_doings(l, (size_t)(g - l->givers), thread, begin, end);
}

static void end_hold(struct gt_locks *l, uint32_t object, const struct gt_wait *w,
		     struct gt_lock_giver *g, uint32_t thread)
{
	struct gt_lock_object *o = &l->objects[object];
	struct hold *h = hold_of(l, object, w->waker_g);
	if (w->waker_time == o->last_release)
		return; /* told by another wait */
	o->last_release = w->waker_time;
	if (h->is_there)
		add_time(l, g, thread, h->since, w->waker_time, h->is_exact);
	else
		add_time(l, g, thread, w->begin > w->waker_time ? w->waker_time : w->begin,
			 w->waker_time, false);
	h->is_there = false;
}

static void blame(struct gt_locks *l, uint32_t object, const struct gt_wait *w)
{
	const struct gt_lock_object *o = &l->objects[object];
	const bool is_lock = o->class == GT_CLASS_LOCK;
	const uint64_t who = w->waker_g != 0 ? w->waker_g : is_lock ? w->holder_g : 0;
	const uint32_t thread = gt_model_find(l->answer.model, who);
	if (thread == GT_NO_THREAD)
		return;
	struct gt_lock_giver *g = put_giver(l, object, w->waker_stack, thread);
	g->waits++;
	g->waited_ns += (uint64_t)(w->end - w->begin);
	if (is_lock && w->waker_g != 0)
		end_hold(l, object, w, g, thread);
	else
		add_time(l, g, thread, w->begin, w->waker_g != 0 ? w->waker_time : w->end,
			 !is_lock);
}

static void count(struct gt_locks *l, uint32_t object, const struct gt_wait *w)
{
	struct gt_lock_object *o = &l->objects[object];
	struct gt_doubts *d = &l->answer.doubts;
	const bool has_end = !w->is_open && !w->is_expired;
	const bool has_giver = o->class == GT_CLASS_LOCK || w->why == GT_WHY_COND ||
			       w->why == GT_WHY_SEM || w->why == GT_WHY_FUTEX ||
			       w->why == GT_WHY_BARRIER || w->why == GT_WHY_JOIN;
	const bool no_holder = o->class == GT_CLASS_LOCK && w->holder_tid == 0 && w->readers == 0;
	const bool no_waker = has_giver && has_end && w->waker_g == 0;
	const uint64_t ns = (uint64_t)(w->end - w->begin);
	o->waits++;
	o->total_ns += ns;
	o->max_ns = ns > o->max_ns ? ns : o->max_ns;
	if (w->waker_g != 0 && w->waker_time < w->end)
		o->late_ns += (uint64_t)(w->end - w->waker_time);
	o->expired += w->is_expired;
	o->open += w->is_open;
	o->no_holder += no_holder;
	o->no_waker += no_waker;
	o->threads += is_first(l, OBJECTS, object, w->thread);
	d->n_waits++;
	d->no_holder += no_holder;
	d->no_waker += no_waker;
	d->cut += w->is_open;
	struct gt_lock_site *s = put_site(l, object, w->stack);
	s->total_ns += ns;
	s->expired += w->is_expired;
	s->threads += is_first(l, SITES, (size_t)(s - l->sites), w->thread);
	gt_hist_add(&s->hist, ns);
}

static void wait_end(void *arg, const struct gt_wait *wait)
{
	struct gt_locks *l = arg;
	const struct gt_wait shown = as_shown(l, wait), *const w = &shown;
	const uint32_t object = put_object(l, w);
	if (gt_answer_is_wanted(&l->answer, wait)) {
		count(l, object, w);
		blame(l, object, w);
	}
	remember(l, w, object);
	struct gt_lock_object *o = &l->objects[object];
	o->n_open -= o->n_open > 0;
	if (o->class == GT_CLASS_LOCK && !w->is_expired && !w->is_open) {
		const uint64_t g = gt_model_thread(l->answer.model, w->thread)->g;
		hold_of(l, object, g)->is_there = false;
		set_hold(l, object, g, w->end, true);
	}
}

static void generation(void *arg, const struct gt_gen *g)
{
	struct gt_locks *l = arg;
	gt_answer_generation(&l->answer, g);
}

static const struct gt_model_calls calls = {
	.generation = generation,
	.wait_begin = wait_begin,
	.wait_end = wait_end,
};

/* ---------------------------------------------------------------- the whole */

void gt_locks_init(struct gt_locks *l)
{
	memset(l, 0, sizeof(*l));
	l->priv = gt_mem_resize(NULL, 1, sizeof(*l->priv));
	memset(l->priv, 0, sizeof(*l->priv));
	gt_answer_init(&l->answer, &calls, l);
}

void gt_locks_free(struct gt_locks *l)
{
	struct gt_locks_private *p = l->priv;
	gt_answer_free(&l->answer);
	for (size_t i = 0; i < l->n_sites; i++)
		gt_hist_free(&l->sites[i].hist);
	for (size_t i = 0; i < p->n_threads; i++)
		free(p->histories[i]);
	gt_keymap_free(&p->objects);
	gt_keymap_free(&p->sites);
	gt_keymap_free(&p->givers);
	gt_keymap_free(&p->doings);
	gt_keymap_free(&p->holds);
	gt_keymap_free(&p->pairs);
	free(p->hold_of);
	free(p->histories);
	free(p);
	free(l->objects);
	free(l->sites);
	free(l->givers);
	free(l->doings);
}

int gt_locks_read(struct gt_locks *l, const char *verb, const struct gt_input *in)
{
	struct gt_input all = *in;
	all.has_others = true; /* what holders did meanwhile */
	return gt_answer_read(&l->answer, verb, &all);
}

const struct gt_lock_giver *gt_locks_top_giver(const struct gt_locks *l, uint32_t object)
{
	const struct gt_lock_giver *best = NULL;
	for (size_t i = 0; i < l->n_givers; i++) {
		const struct gt_lock_giver *g = &l->givers[i];
		if (g->object == object && (best == NULL || g->ns > best->ns))
			best = g;
	}
	return best;
}

const struct gt_lock_doing *gt_locks_top_doing(const struct gt_locks *l,
					       const struct gt_lock_giver *g, uint64_t *ran_ns)
{
	const struct gt_lock_doing *best = NULL;
	uint64_t known = g->unknown_ns;
	for (size_t i = 0; i < l->n_doings; i++) {
		const struct gt_lock_doing *d = &l->doings[i];
		if (d->giver != (size_t)(g - l->givers))
			continue;
		known += d->ns;
		best = best == NULL || d->ns > best->ns ? d : best;
	}
	*ran_ns = g->ns > known ? g->ns - known : 0;
	return best != NULL && best->ns > *ran_ns ? best : NULL;
}

const char *gt_locks_giver_name(const struct gt_locks *l, const struct gt_lock_giver *g,
				char buf[static GT_LABEL_MAX])
{
	char name[GT_LABEL_MAX];
	const char *first = gt_answer_thread(&l->answer, g->thread, name);
	if (g->threads <= 1)
		snprintf(buf, GT_LABEL_MAX, "%s", first);
	else
		snprintf(buf, GT_LABEL_MAX, "%llu threads, among them %.*s",
			 (unsigned long long)g->threads, GT_LABEL_MAX - 60, first);
	return buf;
}
