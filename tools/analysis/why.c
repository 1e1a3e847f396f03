/*
 * How the chain goes on
 *
 * 1. A lock: who let it go, one after the other, while the thread waited (releases that ended waits
 * for the same lock, in their order; the last one is the thread's own waker). Where none is told:
 * whoever had it at the begin. The next link is who had it longest, or at the time asked for.
 * 2. Anything else: who woke the thread.
 * 3. What that one did in this part of the time: its longest wait is the next link. If it ran
 * longer than that the chain ends.
 * 4. A thread that was let go may not run at once. If that took longest nobody is to blame but who
 * had the CPUs.
 */
#include "tools/analysis/why.h"

#include "tools/cmd.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Waits of a thread in the first reading. */
struct choice {
	struct gt_wait longest, lock, at; /* end 0 = none */
};

struct gt_why_private {
	struct choice *choices; /* by thread */
	size_t n_choices, cap_choices;
	int64_t from, to; /* second reading: of interest */
	struct gt_wait *waits;
	size_t n_waits, cap_waits;
};

/* ---------------------------------------------------------------- the first reading */

static struct choice *choice_of(struct gt_why_private *p, uint32_t thread)
{
	while (p->n_choices <= thread) {
		p->choices =
			gt_mem_grow(p->choices, p->n_choices, &p->cap_choices, sizeof(*p->choices));
		memset(&p->choices[p->n_choices++], 0, sizeof(*p->choices));
	}
	return &p->choices[thread];
}

static int64_t asked_time(const struct gt_why *y)
{
	return y->question.is_absolute
		       ? y->question.time
		       : y->question.time + gt_model_process(y->answer.model)->trace_start;
}

static void take_longer(struct gt_wait *have, const struct gt_wait *w)
{
	if (have->end == 0 || w->end - w->begin > have->end - have->begin)
		*have = *w;
}

static void choose(void *arg, const struct gt_wait *w)
{
	struct gt_why *y = arg;
	if (!gt_answer_is_wanted(&y->answer, w))
		return;
	struct choice *c = choice_of(y->priv, w->thread);
	const int64_t at = asked_time(y);
	take_longer(&c->longest, w);
	if (gt_answer_class(&y->answer, w) == GT_CLASS_LOCK)
		take_longer(&c->lock, w);
	if (y->question.has_time && w->begin <= at && w->end > at)
		c->at = *w;
}

/* ---------------------------------------------------------------- the second reading */

static void keep(void *arg, const struct gt_wait *w)
{
	struct gt_why *y = arg;
	struct gt_why_private *p = y->priv;
	const int64_t from = w->begin > p->from ? w->begin : p->from;
	const int64_t to = w->end < p->to ? w->end : p->to;
	if (to - from <= (p->to - p->from) / GT_WHY_FINE)
		return;
	p->waits = gt_mem_grow(p->waits, p->n_waits, &p->cap_waits, sizeof(*p->waits));
	p->waits[p->n_waits++] = *w;
}

static void generation(void *arg, const struct gt_gen *g)
{
	struct gt_why *y = arg;
	gt_answer_generation(&y->answer, g);
}

/* N.B. no generation(): what is lost is counted once */
static const struct gt_model_calls first = { .generation = generation, .wait_end = choose };
static const struct gt_model_calls second = { .wait_end = keep };

/* ---------------------------------------------------------------- who is asked about */

static bool is_number(const char *text, uint64_t *v)
{
	char *end;
	*v = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0';
}

/* 2 = by its name or tid, 1 = by its g */
static int fits(const struct gt_why *y, uint32_t thread)
{
	const struct gt_model *m = y->answer.model;
	const struct gt_model_thread *t = gt_model_thread(m, thread);
	const char *want = y->question.thread;
	char buf[GT_LABEL_MAX];
	uint64_t v;
	if (want == NULL || strcmp(gt_model_label(m, thread, buf), want) == 0)
		return 2;
	if (is_number(want, &v) && t->tid == v)
		return 2;
	if ((*want == 'g' || *want == 'G') && is_number(want + 1, &v) && t->g == v)
		return 2;
	return is_number(want, &v) && t->g == v;
}

static const struct gt_wait *wait_of(const struct gt_why *y, uint32_t thread)
{
	const struct choice *c = choice_of(y->priv, thread);
	const struct gt_wait *w = y->question.has_time         ? &c->at
				  : y->question.thread == NULL ? &c->lock
							       : &c->longest;
	return w->end != 0 ? w : NULL;
}

/* The longest of the waits that fit; NULL with a complaint. */
static const struct gt_wait *find_wait(struct gt_why *y)
{
	const uint32_t n = gt_model_n_threads(y->answer.model);
	const struct gt_wait *best = NULL;
	int how = 0;
	for (uint32_t i = 0; i < n; i++)
		how = fits(y, i) > how ? fits(y, i) : how;
	for (uint32_t i = 0; i < n && how > 0; i++) {
		if (fits(y, i) != how)
			continue;
		const struct gt_wait *w = wait_of(y, i);
		y->n_alike++;
		if (w != NULL && (best == NULL || w->end - w->begin > best->end - best->begin))
			best = w;
	}
	if (how == 0)
		y->complaint = gt_mem_format("there is no thread %s; gtrace threads lists them",
					     y->question.thread);
	else if (best == NULL && y->question.has_time)
		y->complaint = gt_mem_text("it did not wait at that time: it ran, or did not live; "
					   "without --at: its longest wait");
	else if (best == NULL)
		y->complaint = gt_mem_text(y->question.thread == NULL
						   ? "no thread waited for a lock; ask for a "
						     "thread: --thread NAME"
						   : "it never waited");
	return best;
}

/* ---------------------------------------------------------------- the chain */

static int64_t overlap(int64_t a, int64_t b, int64_t c, int64_t d)
{
	const int64_t from = a > c ? a : c, to = b < d ? b : d;
	return to > from ? to - from : 0;
}

static bool is_same_object(const struct gt_wait *a, const struct gt_wait *b)
{
	return a->why == b->why && a->object == b->object && a->name == b->name && a->object != 0;
}

static int by_release(const void *a, const void *b)
{
	const struct gt_wait *x = *(const struct gt_wait *const *)a;
	const struct gt_wait *y = *(const struct gt_wait *const *)b;
	return x->waker_time < y->waker_time ? -1 : x->waker_time > y->waker_time;
}

/* Rule 1: the waits for the same lock that a release within this wait ended; the caller's to free.
 */
static const struct gt_wait **releases(const struct gt_why *y, const struct gt_wait *w, size_t *n)
{
	const struct gt_why_private *p = y->priv;
	const struct gt_wait **all = gt_mem_resize(NULL, p->n_waits + 1, sizeof(*all));
	*n = 0;
	for (size_t i = 0; i < p->n_waits; i++) {
		const struct gt_wait *k = &p->waits[i];
		const bool is_own = k->thread == w->thread && k->begin == w->begin;
		if ((is_own || is_same_object(k, w)) && k->waker_g != 0 &&
		    k->waker_time > w->begin && k->waker_time <= w->end)
			all[(*n)++] = k;
	}
	if (*n > 1)
		qsort(all, *n, sizeof(const struct gt_wait *), by_release);
	return all;
}

static void add_holder(const struct gt_why *y, struct gt_why_link *l, uint64_t g, int64_t from,
		       int64_t to, gt_stack_id let_go)
{
	if (l->n_holders == GT_WHY_HELD) {
		l->is_cut = true;
		return;
	}
	l->holders[l->n_holders++] = (struct gt_why_holder){
		.thread = gt_model_find(y->answer.model, g),
		.from = from,
		.to = to,
		.let_go = let_go,
	};
}

static void find_holders(const struct gt_why *y, struct gt_why_link *l)
{
	size_t n;
	const struct gt_wait *w = &l->wait, **all = releases(y, w, &n);
	int64_t from = w->begin;
	uint64_t got = w->holder_g; /* who has it now, as far as it is known */
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && all[i]->waker_time == all[i - 1]->waker_time)
			continue; /* one release, two readers */
		add_holder(y, l, all[i]->waker_g, from, all[i]->waker_time, all[i]->waker_stack);
		from = all[i]->waker_time;
		got = gt_model_thread(y->answer.model, all[i]->thread)->g;
	}
	const bool is_own = n > 0 && all[n - 1]->waker_time == w->waker_time && w->waker_g != 0;
	if (!is_own && got != 0 && from < w->end)
		add_holder(y, l, got, from, w->end, 0);
	free(all);
}

/* Who is to blame for this link, and in which part of it. */
static uint32_t find_next(const struct gt_why *y, const struct gt_why_link *l, int64_t *from,
			  int64_t *to)
{
	const struct gt_wait *w = &l->wait;
	const int64_t at = asked_time(y);
	uint32_t next = GT_NO_THREAD;
	int64_t most = 0;
	const int64_t late = w->waker_g != 0 ? overlap(w->waker_time, w->end, l->from, l->to) : 0;
	*from = l->from;
	*to = l->to;
	if (late > (l->to - l->from) / 2)
		return GT_NO_THREAD;
	if (l->class != GT_CLASS_LOCK) {
		if (w->waker_g != 0 && w->waker_time < *to)
			*to = w->waker_time;
		return *to > *from ? gt_model_find(y->answer.model, w->waker_g) : GT_NO_THREAD;
	}
	for (size_t i = 0; i < l->n_holders; i++) {
		const struct gt_why_holder *h = &l->holders[i];
		const int64_t ns = overlap(h->from, h->to, l->from, l->to);
		const bool is_asked = y->question.has_time && h->from <= at && h->to > at;
		if (ns == 0 || (ns <= most && !is_asked))
			continue;
		next = h->thread;
		most = is_asked ? INT64_MAX : ns;
		*from = h->from > l->from ? h->from : l->from;
		*to = h->to < l->to ? h->to : l->to;
	}
	return next;
}

/* The longest wait of a thread in a part of the time, or the one at the time asked for; *waited_ns:
 * all of them. */
static const struct gt_wait *longest_in(const struct gt_why *y, uint32_t thread, int64_t from,
					int64_t to, int64_t *longest, int64_t *waited_ns)
{
	const struct gt_wait *best = NULL;
	const int64_t at = asked_time(y);
	*longest = *waited_ns = 0;
	for (size_t i = 0; i < y->priv->n_waits; i++) {
		const struct gt_wait *w = &y->priv->waits[i];
		const int64_t ns = w->thread == thread ? overlap(w->begin, w->end, from, to) : 0;
		*waited_ns += ns;
		const bool is_asked =
			ns > 0 && y->question.has_time && w->begin <= at && w->end > at;
		if (ns > *longest || is_asked) {
			*longest = is_asked ? to - from : ns;
			best = w;
		}
	}
	return best;
}

static struct gt_why_link *add_link(struct gt_why *y, const struct gt_wait *w, int64_t from,
				    int64_t to)
{
	struct gt_why_link *l = &y->links[y->n_links++];
	*l = (struct gt_why_link){
		.thread = w->thread,
		.wait = *w,
		.class = gt_answer_class(&y->answer, w),
		.from = from,
		.to = to,
		.late_ns = w->waker_g != 0 ? (uint64_t)(w->end - w->waker_time) : 0,
		.next = GT_NO_THREAD,
	};
	if (l->class == GT_CLASS_LOCK)
		find_holders(y, l);
	return l;
}

static bool is_in_chain(const struct gt_why *y, uint32_t thread)
{
	for (size_t i = 0; i < y->n_links; i++) {
		if (y->links[i].thread == thread)
			return true;
	}
	return false;
}

static enum gt_why_end end_of(const struct gt_why_link *l)
{
	if (l->late_ns > 0 &&
	    overlap(l->wait.waker_time, l->wait.end, l->from, l->to) > (l->to - l->from) / 2)
		return GT_WHY_END_LATE;
	return l->class == GT_CLASS_SLEEP || l->wait.is_expired ? GT_WHY_END_TIME
								: GT_WHY_END_UNKNOWN;
}

static enum gt_why_end follow(struct gt_why *y, const struct gt_wait *start)
{
	struct gt_why_link *l = add_link(y, start, start->begin, start->end);
	while (y->n_links < GT_WHY_LINKS) {
		int64_t from, to, longest, waited;
		const uint32_t next = find_next(y, l, &from, &to);
		if (next == GT_NO_THREAD)
			return end_of(l);
		l->next = next;
		if (is_in_chain(y, next))
			return GT_WHY_END_CIRCLE;
		const struct gt_wait *w = longest_in(y, next, from, to, &longest, &waited);
		const int64_t ran = to - from - waited;
		y->last = next;
		y->last_ran_ns = ran > 0 ? (uint64_t)ran : 0;
		y->last_part_ns = (uint64_t)(to - from);
		if (w == NULL || ran > longest)
			return GT_WHY_END_RAN;
		l = add_link(y, w, w->begin > from ? w->begin : from, w->end < to ? w->end : to);
		l->ran_ns = y->last_ran_ns;
		l->part_ns = y->last_part_ns;
	}
	return GT_WHY_END_LONG;
}

/* ---------------------------------------------------------------- the whole */

void gt_why_init(struct gt_why *y)
{
	memset(y, 0, sizeof(*y));
	y->priv = gt_mem_resize(NULL, 1, sizeof(*y->priv));
	memset(y->priv, 0, sizeof(*y->priv));
	gt_answer_init(&y->answer, &first, y);
}

void gt_why_free(struct gt_why *y)
{
	gt_answer_free(&y->answer);
	free(y->complaint);
	free(y->priv->choices);
	free(y->priv->waits);
	free(y->priv);
}

/* The same file again, with a model of its own: numbers of threads and stacks are the same, as
 * nothing of it depends on what is done with them. */
static int read_again(struct gt_why *y, const struct gt_wait *w, const struct gt_input *in)
{
	struct gt_model *before = y->answer.model;
	y->priv->from = w->begin;
	y->priv->to = w->end;
	y->answer.model = gt_model_new(&second, y);
	gt_model_free(before);
	return gt_model_read(y->answer.model, in, NULL, NULL);
}

int gt_why_read(struct gt_why *y, const char *verb, const struct gt_input *in)
{
	if (strcmp(in->path, "-") == 0) {
		fprintf(stderr, "gtrace %s: the file is read twice: it cannot be standard input\n",
			verb);
		return GT_EXIT_USAGE;
	}
	const int status = gt_answer_read(&y->answer, verb, in);
	if (status == GT_EXIT_USAGE)
		return status;
	const struct gt_wait *found = find_wait(y);
	if (found == NULL)
		return status;
	const struct gt_wait w = *found;
	read_again(y, &w, in);
	y->end = follow(y, &w);
	return status;
}
