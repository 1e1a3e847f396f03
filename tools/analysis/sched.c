#include "tools/analysis/sched.h"

#include "encoder/section.h"
#include "tools/lib/mem.h"

#include <stdlib.h>

void gt_sched_add(struct gt_sched *s, int64_t time, uint64_t tid, uint64_t cpu, uint64_t what)
{
	s->records = gt_mem_grow(s->records, s->n_records, &s->cap_records, sizeof(*s->records));
	s->records[s->n_records] = (struct gt_sched_record){ time, tid, cpu, what, s->n_records };
	s->n_records++;
}

/* By time; what is of one time stays in its order (a CPU's records are in order in the file). */
static int by_time(const void *a, const void *b)
{
	const struct gt_sched_record *x = a, *y = b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static struct gt_sched_thread *thread_of(struct gt_sched *s, const struct gt_sched_record *r)
{
	bool is_new;
	const size_t i = gt_keymap_put(&s->tids, &r->tid, sizeof(r->tid), &is_new);
	if (is_new)
		s->newest = gt_mem_grow(s->newest, i, &s->cap_newest, sizeof(*s->newest));
	if (is_new || s->threads[s->newest[i]].state == GT_SWITCH_GONE) {
		s->threads =
			gt_mem_grow(s->threads, s->n_threads, &s->cap_threads, sizeof(*s->threads));
		s->threads[s->n_threads] = (struct gt_sched_thread){
			.tid = r->tid, .first_ns = r->time, .last_ns = r->time, .cpu = r->cpu
		};
		s->newest[i] = s->n_threads++;
	}
	return &s->threads[s->newest[i]];
}

/* The time since its last record belongs to the state that the thread was in. */
static void pass_time(const struct gt_sched *s, struct gt_sched_thread *t, int64_t time)
{
	const int64_t begin = t->last_ns > s->from ? t->last_ns : s->from;
	const int64_t end = s->to != 0 && time > s->to ? s->to : time;
	const uint64_t ns = end > begin ? (uint64_t)(end - begin) : 0;
	if (t->state == GT_SWITCH_IN)
		t->on_ns += ns;
	else if (t->state == GT_SWITCH_PREEMPTED)
		t->ready_ns += ns;
	else if (t->state == GT_SWITCH_OUT)
		t->wait_ns += ns;
	t->last_ns = time;
}

static void apply(struct gt_sched *s, const struct gt_sched_record *r)
{
	struct gt_sched_thread *t = thread_of(s, r);
	const bool gets = r->what == GT_SWITCH_IN, had = t->state == GT_SWITCH_IN;
	const bool is_in = r->time >= s->from && (s->to == 0 || r->time <= s->to);
	if (t->state != 0 && gets == had && r->what != GT_SWITCH_GONE) {
		t->gaps += is_in; /* nobody knows what it was between these two */
		t->last_ns = r->time;
	}
	pass_time(s, t, r->time);
	t->state = (uint8_t)r->what;
	if (gets && is_in) {
		t->switches++;
		t->moves += t->cpu != r->cpu;
	}
	t->preempted += is_in && r->what == GT_SWITCH_PREEMPTED;
	t->cpu = r->cpu;
}

void gt_sched_end_generation(struct gt_sched *s)
{
	if (s->n_records > 1)
		qsort(s->records, s->n_records, sizeof(*s->records), by_time);
	for (size_t i = 0; i < s->n_records; i++) {
		const uint64_t what = s->records[i].what;
		if (what >= GT_SWITCH_OUT && what <= GT_SWITCH_GONE)
			apply(s, &s->records[i]);
	}
	s->n_records = 0;
}

void gt_sched_finish(struct gt_sched *s, int64_t end)
{
	for (size_t i = 0; i < s->n_threads; i++) {
		if (end > s->threads[i].last_ns && s->threads[i].state != GT_SWITCH_GONE)
			pass_time(s, &s->threads[i], end);
	}
}

void gt_sched_free(struct gt_sched *s)
{
	gt_keymap_free(&s->tids);
	free(s->newest);
	free(s->threads);
	free(s->records);
	*s = (struct gt_sched){ .n_threads = 0 };
}
