/*
 * Which wake ended which wait
 *
 * 1. A wake may have ended a wait only if it is of the same object, by another thread, and lies
 * inside the wait.
 * 2. A mutex: the last one. Whoever gets it is let go by the unlock before; its next unlock is its
 * own. So for a rwlock, where only a writer's unlock lets readers go.
 * 3. A barrier, a broadcast: the first one after the begin; it lets all go.
 * 4. A signal, a post, a futex wake, a write: each lets so many go as it says, the oldest first. Is
 * more than one thread among those that are left, nobody knows which it was: the waker is unknown.
 * The oldest is used up all the same, so that later waits are told apart again.
 * 5. A join: the end of the thread, if it lies inside the wait.
 * 6. A wait whose time was over has no waker.
 *
 * Pipes have two descriptors: their names ("pipe:[123]") tell that they are one object. An eventfd
 * is known by its number.
 */
#include "tools/analysis/blame.h"

#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/read/idmap.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
/* A wait's event may be moved behind others of its thread that were written at the same time. */
#define SLACK_NS 10000

struct wake {
	int64_t time;
	uint64_t g;
	uint32_t stack;
	uint32_t left; /* how many it may still let go */
	uint32_t count;
	bool is_reader;
};

struct object {
	struct wake *wakes; /* by time */
	size_t n, cap;
	uint32_t n_open; /* waits on it */
	int64_t oldest;  /* no open wait began before */
};

/* A wait on it that is told by the present generation. */
struct wait {
	uint64_t g;
	int64_t time;
	uint32_t object; /* index into numbers[] */
	uint32_t flags;
	uint64_t holder;
	bool is_taken; /* by a wait: the next one, moments later, is another */
};

/* An object's number in this generation. */
struct number {
	uint32_t object;
	uint32_t name;
	uint64_t address;
	uint8_t why;
};

struct thread {
	uint64_t g, tid;
	int64_t born, died; /* died 0 = not yet */
	uint32_t older;     /* of the same tid */
	/* its open wait */
	bool is_waiting, is_expired;
	int64_t since;
	uint32_t object; /* NONE: not known */
	struct gt_blamed open;
};

struct expiry {
	uint64_t g;
	int64_t time;
};

struct gt_blame {
	gt_stack_number *stack;
	void *arg;
	struct gt_keymap keys; /* (class, address or name) -> index into objects[] */
	struct object *objects;
	size_t cap_objects;
	struct gt_keymap names;

	struct gt_idmap by_number; /* of this generation */
	struct number *numbers;
	size_t n_numbers, cap_numbers;
	struct wait *waits; /* by g, then time */
	size_t n_waits, cap_waits;
	struct expiry *expiries; /* the same order */
	size_t n_expiries, cap_expiries;

	struct gt_idmap by_g, by_tid;
	struct thread *threads;
	size_t n_threads, cap_threads;
};

struct gt_blame *gt_blame_new(gt_stack_number *stack, void *arg)
{
	struct gt_blame *r = gt_mem_resize(NULL, 1, sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->stack = stack;
	r->arg = arg;
	gt_keymap_put(&r->names, "", 0, NULL); /* 0 */
	return r;
}

void gt_blame_free(struct gt_blame *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->keys.n; i++)
		free(r->objects[i].wakes);
	free(r->objects);
	free(r->numbers);
	free(r->waits);
	free(r->expiries);
	free(r->threads);
	gt_keymap_free(&r->keys);
	gt_keymap_free(&r->names);
	gt_idmap_free(&r->by_number);
	gt_idmap_free(&r->by_g);
	gt_idmap_free(&r->by_tid);
	free(r);
}

/* ---------------------------------------------------------------- records */

static struct thread *thread_of(struct gt_blame *r, uint64_t g)
{
	const uint32_t i = gt_idmap_get(&r->by_g, g);
	return i == GT_NO_INDEX ? NULL : &r->threads[i];
}

static struct thread *put_thread(struct gt_blame *r, uint64_t g)
{
	struct thread *t = thread_of(r, g);
	if (t != NULL)
		return t;
	r->threads = gt_mem_grow(r->threads, r->n_threads, &r->cap_threads, sizeof(*r->threads));
	t = &r->threads[r->n_threads];
	*t = (struct thread){ .g = g, .older = NONE, .object = NONE };
	gt_idmap_put(&r->by_g, g, (uint32_t)r->n_threads++);
	return t;
}

static void add_thread(struct gt_blame *r, const struct gt_rec_value *v)
{
	const uint64_t tid = v->field[0];
	struct thread *t = put_thread(r, v->field[1]);
	if (t->tid == 0 && tid != 0) {
		const uint32_t last = gt_idmap_get(&r->by_tid, tid);
		if (last != GT_NO_INDEX)
			gt_idmap_remove(&r->by_tid, tid);
		t->older = last == GT_NO_INDEX ? NONE : last;
		gt_idmap_put(&r->by_tid, tid, (uint32_t)(t - r->threads));
		t->tid = tid;
	}
	t->born = (int64_t)v->field[5];
	t->died = (int64_t)v->field[6];
}

/* Who had this tid then. */
static uint64_t g_of_tid(const struct gt_blame *r, uint64_t tid, int64_t time)
{
	const uint32_t last = gt_idmap_get(&r->by_tid, tid);
	for (uint32_t i = last == GT_NO_INDEX ? NONE : last; i != NONE; i = r->threads[i].older) {
		const struct thread *t = &r->threads[i];
		if (t->born <= time && (t->died == 0 || t->died >= time))
			return t->g;
	}
	return 0;
}

enum class { CLASS_FD = 1, CLASS_PIPE, CLASS_OTHER };

static uint32_t object_of(struct gt_blame *r, uint8_t why, uint64_t address, struct gt_text name)
{
	char key[80] = { CLASS_OTHER, (char)why };
	size_t len = 2 + sizeof(address);
	memcpy(key + 2, &address, sizeof(address));
	if (why == GT_WHY_READ || why == GT_WHY_WRITE) {
		const bool is_pipe = name.len > 5 && name.len < 60 && !memcmp(name.p, "pipe:", 5);
		key[0] = is_pipe ? CLASS_PIPE : CLASS_FD;
		key[1] = 0;
		if (is_pipe) {
			memcpy(key + 2, name.p, name.len);
			len = 2 + name.len;
		}
	}
	bool is_new;
	const size_t i = gt_keymap_put(&r->keys, key, len, &is_new);
	if (is_new) {
		r->objects = gt_mem_grow(r->objects, i, &r->cap_objects, sizeof(*r->objects));
		r->objects[i] = (struct object){ 0 };
	}
	return (uint32_t)i;
}

static void add_object(struct gt_blame *r, const struct gt_gen *g, const struct gt_rec_value *v)
{
	const uint64_t id = v->field[0];
	if (gt_idmap_get(&r->by_number, id) != GT_NO_INDEX || v->field[1] >= 256)
		return; /* a damaged file */
	const uint8_t why = (uint8_t)v->field[1];
	const struct gt_text name = gt_gen_text(g, v->field[3]);
	r->numbers = gt_mem_grow(r->numbers, r->n_numbers, &r->cap_numbers, sizeof(*r->numbers));
	r->numbers[r->n_numbers] = (struct number){
		.object = object_of(r, why, v->field[2], name),
		.name = (uint32_t)gt_keymap_put(&r->names, name.p, name.len, NULL),
		.address = v->field[2],
		.why = why,
	};
	gt_idmap_put(&r->by_number, id, (uint32_t)r->n_numbers++);
}

static void add_wait(struct gt_blame *r, const struct gt_rec_value *v)
{
	const uint32_t number = gt_idmap_get(&r->by_number, v->field[1]);
	if (number == GT_NO_INDEX)
		return;
	r->waits = gt_mem_grow(r->waits, r->n_waits, &r->cap_waits, sizeof(*r->waits));
	r->waits[r->n_waits++] = (struct wait){ v->field[0],           v->time,     number,
						(uint32_t)v->field[3], v->field[2], false };
}

static void add_wake(struct gt_blame *r, const struct gt_rec_value *v)
{
	const uint32_t number = gt_idmap_get(&r->by_number, v->field[1]);
	if (number == GT_NO_INDEX)
		return;
	struct object *o = &r->objects[r->numbers[number].object];
	o->wakes = gt_mem_grow(o->wakes, o->n, &o->cap, sizeof(*o->wakes));
	const uint32_t count = v->field[2] < UINT32_MAX ? (uint32_t)v->field[2] : UINT32_MAX;
	o->wakes[o->n++] = (struct wake){
		.time = v->time,
		.g = v->field[0],
		.stack = r->stack != NULL ? r->stack(r->arg, v->field[3]) : 0,
		.left = count,
		.count = count,
		.is_reader = v->field[4] & 1,
	};
}

static void add_expiry(struct gt_blame *r, const struct gt_rec_value *v)
{
	r->expiries =
		gt_mem_grow(r->expiries, r->n_expiries, &r->cap_expiries, sizeof(*r->expiries));
	r->expiries[r->n_expiries++] = (struct expiry){ v->field[0], v->time };
}

static int by_g_and_time(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;
	if (x->g != y->g)
		return x->g < y->g ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static int expiry_order(const void *a, const void *b)
{
	const struct expiry *x = a, *y = b;
	if (x->g != y->g)
		return x->g < y->g ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static int wake_order(const void *a, const void *b)
{
	const struct wake *x = a, *y = b;
	return x->time < y->time ? -1 : x->time > y->time;
}

/* Wakes before every open wait are of no use any more. */
static void forget_old(struct gt_blame *r)
{
	for (size_t i = 0; i < r->keys.n; i++) {
		struct object *o = &r->objects[i];
		if (o->n_open == 0) {
			free(o->wakes);
			*o = (struct object){ 0 };
			continue;
		}
		size_t k = 0;
		while (k < o->n && o->wakes[k].time < o->oldest)
			k++;
		o->n -= k;
		if (k > 0)
			memmove(o->wakes, o->wakes + k, o->n * sizeof(*o->wakes));
	}
}

static void find_oldest(struct gt_blame *r)
{
	for (size_t i = 0; i < r->keys.n; i++)
		r->objects[i].oldest = INT64_MAX;
	for (size_t i = 0; i < r->n_threads; i++) {
		const struct thread *t = &r->threads[i];
		if (!t->is_waiting || t->object == NONE)
			continue;
		struct object *o = &r->objects[t->object];
		o->oldest = t->since < o->oldest ? t->since : o->oldest;
	}
}

int gt_blame_generation(struct gt_blame *r, const struct gt_gen *g, struct gt_err *err)
{
	find_oldest(r);
	forget_old(r);
	gt_idmap_clear(&r->by_number);
	r->n_numbers = r->n_waits = r->n_expiries = 0;
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value v;
	int rc, first = 0;
	struct gt_err later;
	while ((rc = gt_rec_next(&it, &v, first ? &later : err)) != 0) {
		if (rc < 0) {
			first = first ? first : rc;
			continue;
		}
		switch (v.kind) {
		case GT_REC_THREAD:
			add_thread(r, &v);
			break;
		case GT_REC_OBJECT:
			add_object(r, g, &v);
			break;
		case GT_REC_WAIT:
			add_wait(r, &v);
			break;
		case GT_REC_WAKE:
			add_wake(r, &v);
			break;
		case GT_REC_EXPIRED:
			add_expiry(r, &v);
			break;
		default:
			break;
		}
	}
	if (r->n_waits > 1)
		qsort(r->waits, r->n_waits, sizeof(*r->waits), by_g_and_time);
	if (r->n_expiries > 1)
		qsort(r->expiries, r->n_expiries, sizeof(*r->expiries), expiry_order);
	for (size_t i = 0; i < r->keys.n; i++)
		if (r->objects[i].n > 1)
			qsort(r->objects[i].wakes, r->objects[i].n, sizeof(struct wake),
			      wake_order);
	return first;
}

/* ---------------------------------------------------------------- waits */

/* The record of the wait of `g` that began at `time`, or a moment before. */
static struct wait *find_wait(const struct gt_blame *r, uint64_t g, int64_t time)
{
	size_t lo = 0, hi = r->n_waits;
	while (lo < hi) { /* first one behind */
		const size_t mid = (lo + hi) / 2;
		const struct wait *w = &r->waits[mid];
		if (w->g < g || (w->g == g && w->time <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	struct wait *w = lo > 0 ? &r->waits[lo - 1] : NULL;
	return w != NULL && w->g == g && !w->is_taken && time - w->time <= SLACK_NS ? w : NULL;
}

static bool is_expired(const struct gt_blame *r, uint64_t g, int64_t since, int64_t time)
{
	size_t lo = 0, hi = r->n_expiries;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		const struct expiry *e = &r->expiries[mid];
		if (e->g < g || (e->g == g && e->time <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct expiry *e = lo > 0 ? &r->expiries[lo - 1] : NULL;
	return e != NULL && e->g == g && e->time > since;
}

void gt_blame_begin(struct gt_blame *r, uint64_t g, int64_t time, struct gt_blamed *out)
{
	struct thread *t = put_thread(r, g);
	struct wait *w = find_wait(r, g, time);
	t->open = (struct gt_blamed){ .name = "" };
	t->is_waiting = true;
	t->is_expired = false;
	t->since = time;
	t->object = NONE;
	if (w != NULL) {
		w->is_taken = true;
		const struct number *n = &r->numbers[w->object];
		t->object = n->object;
		t->since = w->time;
		t->is_expired = w->flags & 4;
		r->objects[n->object].n_open++;
		t->open.why = n->why;
		t->open.address = n->address;
		t->open.name = r->names.keys[n->name].bytes;
		t->open.is_for_reading = w->flags & 1;
		if (w->flags & 2) {
			t->open.readers = w->holder;
		} else if (w->holder != 0) {
			t->open.holder_tid = w->holder;
			t->open.holder_g = g_of_tid(r, w->holder, w->time);
		}
	}
	*out = t->open;
}

/* How many wakes of `o` are at `time` or before. */
static size_t wakes_until(const struct object *o, int64_t time)
{
	size_t lo = 0, hi = o->n;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		if (o->wakes[mid].time <= time)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Rule 2. */
static struct wake *last_of(struct object *o, const struct thread *t, int64_t time)
{
	const bool is_rw = t->open.why == GT_WHY_RWLOCK;
	for (size_t i = wakes_until(o, time); i > 0; i--) {
		struct wake *k = &o->wakes[i - 1];
		if (k->time < t->since)
			break;
		if (k->g != t->g && !(is_rw && t->open.is_for_reading && k->is_reader))
			return k;
	}
	return NULL;
}

/* Rules 3 and 4. */
static struct wake *first_of(struct object *o, const struct thread *t, int64_t time)
{
	const bool is_for_all = t->open.why == GT_WHY_BARRIER;
	struct wake *first = NULL;
	bool is_sure = true;
	for (size_t i = wakes_until(o, t->since - 1); i < o->n && o->wakes[i].time <= time; i++) {
		struct wake *k = &o->wakes[i];
		if (k->g == t->g || (!is_for_all && k->left == 0))
			continue;
		if (first == NULL)
			first = k;
		is_sure = is_sure && k->g == first->g;
		if (is_for_all || first->count > 1)
			break;
	}
	if (first == NULL)
		return NULL;
	if (first->left > 0)
		first->left--;
	return is_sure ? first : NULL;
}

static void wake_by_end(const struct gt_blame *r, struct thread *t, int64_t time)
{
	const uint32_t i = gt_idmap_get(&r->by_g, t->open.holder_g);
	if (t->open.holder_g == 0 || i == GT_NO_INDEX)
		return;
	const struct thread *ended = &r->threads[i];
	if (ended->died < t->since || ended->died > time)
		return;
	t->open.waker_g = ended->g;
	t->open.waker_time = ended->died;
}

void gt_blame_end(struct gt_blame *r, uint64_t g, int64_t time, struct gt_blamed *out)
{
	struct thread *t = put_thread(r, g);
	*out = (struct gt_blamed){ .name = "" };
	if (!t->is_waiting)
		return;
	t->is_waiting = false;
	if (t->object == NONE)
		return;
	struct object *o = &r->objects[t->object];
	o->n_open--;
	if (t->open.holder_tid != 0 && t->open.holder_g == 0) /* its start was not told yet */
		t->open.holder_g = g_of_tid(r, t->open.holder_tid, t->since);
	t->open.is_expired = t->is_expired || is_expired(r, g, t->since, time);
	if (!t->open.is_expired) {
		const enum gt_why_id why = t->open.why;
		struct wake *k = why == GT_WHY_MUTEX || why == GT_WHY_RWLOCK ? last_of(o, t, time)
									     : first_of(o, t, time);
		if (k != NULL) {
			t->open.waker_g = k->g;
			t->open.waker_time = k->time;
			t->open.waker_stack = k->stack;
		} else if (why == GT_WHY_JOIN) {
			wake_by_end(r, t, time);
		}
		const struct thread *waker = thread_of(r, t->open.waker_g);
		t->open.waker_tid = waker != NULL ? waker->tid : 0;
	}
	*out = t->open;
}
