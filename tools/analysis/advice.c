/*
 * What to do first about locks.
 *
 * 1. Contention: the object with the longest waits in all. If its holder itself waited for another
 * lock most of the time, that one is looked at, and so on: the last of the chain is what to change.
 * 2. Threads that are idle because who gives them work is too slow: it ran, slept, or waited for
 * I/O most of the time that they waited. (Is it idle itself there is nothing to do.)
 * 3. Neither: what most time went to, and that nothing stands out.
 */
#include "tools/analysis/locks.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ADVICE 4
#define MAX_CHAIN  16
#define FRAMES     4

static const char *object_name(struct gt_locks *l, uint32_t object)
{
	return gt_answer_object(&l->answer, l->objects[object].id);
}

/* The caller's to free. */
static char *full_name(struct gt_locks *l, struct gt_object_id id, gt_stack_id stack)
{
	char buf[GT_LABEL_MAX];
	return gt_mem_text(gt_answer_what(&l->answer, id, stack, buf));
}

static unsigned percent(uint64_t part, uint64_t of)
{
	return of == 0 ? 0 : (unsigned)(100.0 * (double)part / (double)of + 0.5);
}

/* Takes `head`. */
static char *say(char *head, const char *tail)
{
	char *all = gt_mem_format("%s%s", head, tail);
	free(head);
	return all;
}

/* What the threads lost: "mutex a: 3 threads waited 2.1s (12 times)". */
static char *loss(struct gt_locks *l, uint32_t object)
{
	const struct gt_lock_object *o = &l->objects[object];
	char a[GT_QUANTITY_TEXT];
	char *name = full_name(l, o->id, o->stack);
	char *text = gt_mem_format("%s: %" PRIu64 " thread%s waited %s in %" PRIu64 " wait%s", name,
				   o->threads, o->threads == 1 ? "" : "s",
				   gt_duration_print(a, o->total_ns), o->waits,
				   o->waits == 1 ? "" : "s");
	free(name);
	return text;
}

/* The holder did something else with the lock in its hands. */
static char *held_over(struct gt_locks *l, const struct gt_lock_giver *g,
		       const struct gt_lock_doing *d)
{
	char who[GT_LABEL_MAX], where[GT_LABEL_MAX], a[GT_QUANTITY_TEXT];
	char *what = full_name(l, d->id, d->stack);
	char *text = gt_mem_format(
		". Its holder %s waited itself for %u %% of the %s that it had it: %s, in %s. Let "
		"go of it before that",
		gt_locks_giver_name(l, g, who), percent(d->ns, g->ns), gt_duration_print(a, g->ns),
		what, gt_answer_stack(&l->answer, d->stack, FRAMES, where));
	free(what);
	return text;
}

static char *held_long(struct gt_locks *l, const struct gt_lock_object *o,
		       const struct gt_lock_giver *g, uint64_t ran_ns)
{
	char who[GT_LABEL_MAX], where[GT_LABEL_MAX], a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT];
	gt_locks_giver_name(l, g, who);
	gt_answer_stack(&l->answer, g->stack, FRAMES, where);
	gt_duration_print(a, g->ns / (g->times > 0 ? g->times : 1));
	if (o->threads > 2 && g->threads > 2)
		return gt_mem_format(
			". A convoy: they queue, each has it for %s and waits for %s "
			"(means), %u %% of that running. Do less under it, or split "
			"it; it is let go in %s",
			a, gt_duration_print(b, o->total_ns / (o->waits > 0 ? o->waits : 1)),
			percent(ran_ns, g->ns), where);
	return gt_mem_format(". Its holder %s ran for %u %% of the %s that it had it (%" PRIu64
			     " times, %s each): do less under it; it is let go in %s",
			     who, percent(ran_ns, g->ns), gt_duration_print(b, g->ns), g->times, a,
			     where);
}

/* The lock that an object's holder waits for most, or GT_NO_OBJECT. */
static uint32_t next_lock(struct gt_locks *l, uint32_t object)
{
	uint64_t ran;
	const struct gt_lock_giver *g = gt_locks_top_giver(l, object);
	const struct gt_lock_doing *d = g != NULL ? gt_locks_top_doing(l, g, &ran) : NULL;
	return d != NULL && d->class == GT_CLASS_LOCK && d->object != object ? d->object
									     : GT_NO_OBJECT;
}

/* Takes the text so far. */
static char *judge(struct gt_locks *l, uint32_t object, char *text)
{
	uint64_t ran;
	const struct gt_lock_giver *g = gt_locks_top_giver(l, object);
	if (g == NULL || g->ns == 0)
		return say(text, ". Who had it is not known");
	const struct gt_lock_doing *d = gt_locks_top_doing(l, g, &ran);
	char *more = d != NULL && d->class != GT_CLASS_LOCK
			     ? held_over(l, g, d)
			     : held_long(l, &l->objects[object], g, ran);
	text = say(text, more);
	free(more);
	const struct gt_lock_object *o = &l->objects[object];
	if (o->late_ns <= o->total_ns / 2)
		return text;
	more = gt_mem_format(
		". N.B. for %u %% of the time they were let go already, and had yet to run",
		percent(o->late_ns, o->total_ns));
	text = say(text, more);
	free(more);
	return text;
}

static char *about_lock(struct gt_locks *l, uint32_t object)
{
	uint32_t seen[MAX_CHAIN];
	size_t n = 0;
	char *text = loss(l, object);
	for (;;) {
		seen[n++] = object;
		const uint32_t next = next_lock(l, object);
		bool is_known = next == GT_NO_OBJECT || n == MAX_CHAIN;
		for (size_t i = 0; i < n && !is_known; i++)
			is_known = seen[i] == next;
		if (is_known)
			return judge(l, object, text);
		char *more = gt_mem_format(", whose holder waits for %s", object_name(l, next));
		text = say(text, more);
		free(more);
		object = next;
	}
}

/* Threads wait for work whose giver is at work: sets *busy_ns to the time that it was. */
static bool is_too_slow(const struct gt_locks *l, uint32_t object, uint64_t *busy_ns)
{
	const struct gt_lock_object *o = &l->objects[object];
	const struct gt_lock_giver *g = gt_locks_top_giver(l, object);
	const bool is_work = o->id.why == GT_WHY_COND || o->id.why == GT_WHY_SEM ||
			     o->id.why == GT_WHY_FUTEX ||
			     (o->id.why == GT_WHY_READ && o->class == GT_CLASS_IO);
	if (!is_work || g == NULL || g->ns == 0)
		return false;
	uint64_t ran, idle = g->unknown_ns;
	gt_locks_top_doing(l, g, &ran);
	for (size_t i = 0; i < l->n_doings; i++) {
		const struct gt_lock_doing *d = &l->doings[i];
		if (d->giver == (size_t)(g - l->givers) && d->class == GT_CLASS_IDLE)
			idle += d->ns;
	}
	*busy_ns = g->ns > idle ? g->ns - idle : 0;
	return *busy_ns > g->ns / 2;
}

static char *about_giver(struct gt_locks *l, uint32_t object)
{
	uint64_t ran;
	char who[GT_LABEL_MAX], where[GT_LABEL_MAX];
	const struct gt_lock_giver *g = gt_locks_top_giver(l, object);
	const struct gt_lock_doing *d = gt_locks_top_doing(l, g, &ran);
	char *text = loss(l, object), *more;
	gt_locks_giver_name(l, g, who);
	if (d != NULL) {
		char *what = full_name(l, d->id, d->stack);
		more = gt_mem_format(" for %s, which is too slow: %u %% of that time it waited "
				     "itself: %s, in %s",
				     who, percent(d->ns, g->ns), what,
				     gt_answer_stack(&l->answer, d->stack, FRAMES, where));
		free(what);
	} else {
		more = gt_mem_format(" for %s, which is too slow: %u %% of that time it ran; it "
				     "wakes them in %s",
				     who, percent(ran, g->ns),
				     gt_answer_stack(&l->answer, g->stack, FRAMES, where));
	}
	text = say(text, more);
	free(more);
	return text;
}

static uint32_t longest(const struct gt_locks *l, bool is_for_lock)
{
	uint32_t best = GT_NO_OBJECT;
	for (uint32_t i = 0; i < l->n_objects; i++) {
		uint64_t busy;
		const bool fits = is_for_lock ? l->objects[i].class == GT_CLASS_LOCK
					      : is_too_slow(l, i, &busy);
		if (fits &&
		    (best == GT_NO_OBJECT || l->objects[i].total_ns > l->objects[best].total_ns))
			best = i;
	}
	return best;
}

static char *nothing(const struct gt_locks *l)
{
	uint64_t ns[GT_N_CLASSES] = { 0 };
	char a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT], c[GT_QUANTITY_TEXT];
	for (size_t i = 0; i < l->n_objects; i++)
		ns[l->objects[i].class] += l->objects[i].total_ns;
	return gt_mem_format("Nothing: no lock was fought for. Threads waited %s for I/O, %s for "
			     "work or each other, and slept %s",
			     gt_duration_print(a, ns[GT_CLASS_IO]),
			     gt_duration_print(b, ns[GT_CLASS_IDLE]),
			     gt_duration_print(c, ns[GT_CLASS_SLEEP]));
}

char **gt_locks_advice(struct gt_locks *l, size_t *n)
{
	char **all = gt_mem_resize(NULL, MAX_ADVICE, sizeof(*all));
	const uint32_t lock = longest(l, true), giver = longest(l, false);
	const uint64_t by_lock = lock != GT_NO_OBJECT ? l->objects[lock].total_ns : 0;
	const uint64_t by_giver = giver != GT_NO_OBJECT ? l->objects[giver].total_ns : 0;
	*n = 0;
	/* Threads that fight are worse than threads that have nothing to do. */
	const bool is_lock_first = by_lock > by_giver / 8;
	if (by_lock > 0 && is_lock_first)
		all[(*n)++] = about_lock(l, lock);
	if (by_giver > 0)
		all[(*n)++] = about_giver(l, giver);
	if (by_lock > 0 && !is_lock_first && by_lock > by_giver / 100)
		all[(*n)++] = about_lock(l, lock);
	if (*n == 0)
		all[(*n)++] = nothing(l);
	return all;
}
