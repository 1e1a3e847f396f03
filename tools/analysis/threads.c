#include "tools/analysis/threads.h"

#include "encoder/section.h"
#include "tools/lib/mem.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

static void generation(void *arg, const struct gt_gen *g)
{
	struct gt_threads *t = arg;
	const struct gt_model_process *p = gt_model_process(t->answer.model);
	const struct gt_focus *f = &t->answer.focus;
	gt_answer_generation(&t->answer, g);
	t->sched.from = f->from_ns != 0 ? p->trace_start + (int64_t)f->from_ns : 0;
	t->sched.to = f->to_ns != 0 ? p->trace_start + (int64_t)f->to_ns : 0;
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	int rc;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc > 0 && r.kind == GT_REC_SWITCH)
			gt_sched_add(&t->sched, r.time, r.field[0], r.field[1], r.field[2]);
	}
	gt_sched_end_generation(&t->sched);
}

static struct gt_thread_times *times_of(struct gt_threads *t, uint32_t thread)
{
	while (t->n_threads <= thread) {
		t->threads =
			gt_mem_grow(t->threads, t->n_threads, &t->cap_threads, sizeof(*t->threads));
		memset(&t->threads[t->n_threads++], 0, sizeof(*t->threads));
	}
	return &t->threads[thread];
}

/* Two parts become one, until `end` lies in a part. */
static void widen(struct gt_threads *t, int64_t end)
{
	while (end > t->part_ns * GT_STRIP_LEN) {
		t->part_ns *= 2;
		for (size_t k = 0; k < t->n_threads; k++) {
			float(*s)[GT_N_DOINGS] = t->threads[k].strip;
			for (size_t i = 0; i < GT_STRIP_LEN; i++)
				for (size_t d = 0; d < GT_N_DOINGS; d++)
					s[i][d] = i < GT_STRIP_LEN / 2
							  ? s[2 * i][d] + s[2 * i + 1][d]
							  : 0;
		}
	}
}

/* Times count from the start of the trace. */
static void add(struct gt_threads *t, uint32_t thread, enum gt_doing what, int64_t begin,
		int64_t end)
{
	const int64_t start = gt_model_process(t->answer.model)->start;
	struct gt_thread_times *k = times_of(t, thread);
	begin = begin > start ? begin - start : 0;
	end -= start;
	if (end <= begin)
		return;
	k->ns[what] += (uint64_t)(end - begin);
	widen(t, end);
	while (begin < end) {
		const int64_t part = begin / t->part_ns, next = (part + 1) * t->part_ns;
		const int64_t stop = next < end ? next : end;
		k->strip[part < GT_STRIP_LEN ? part : GT_STRIP_LEN - 1][what] +=
			(float)(stop - begin);
		begin = stop;
	}
}

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct gt_threads *t = arg;
	struct gt_thread_times *k = times_of(t, w->thread);
	const bool is_call = w->kind == GT_WAIT_CALL;
	k->calls += is_call;
	k->waits += !is_call;
	t->answer.doubts.n_waits++;
	t->answer.doubts.cut += w->is_open;
	add(t, w->thread, is_call ? GT_DOING_CALL : (enum gt_doing)gt_answer_class(&t->answer, w),
	    w->begin, w->end);
}

/* A thread's mark is the time since which it runs. */
static bool is_running(enum gt_state s)
{
	return s == GT_STATE_RUNNING || s == GT_STATE_RUNNABLE;
}

static void change(void *arg, const struct gt_change *c)
{
	struct gt_threads *t = arg;
	struct gt_model_thread *m = gt_model_thread(t->answer.model, c->thread);
	times_of(t, c->thread);
	if (is_running(c->from) && !is_running(c->to))
		add(t, c->thread, GT_DOING_RUN, (int64_t)m->mark, c->time);
	if (is_running(c->to) && !is_running(c->from))
		m->mark = (uint64_t)c->time;
}

static const struct gt_model_calls calls = {
	.generation = generation,
	.change = change,
	.wait_end = wait_end,
};

void gt_threads_init(struct gt_threads *t)
{
	memset(t, 0, sizeof(*t));
	t->part_ns = 1000;
	gt_answer_init(&t->answer, &calls, t);
}

void gt_threads_free(struct gt_threads *t)
{
	gt_answer_free(&t->answer);
	gt_sched_free(&t->sched);
	free(t->threads);
}

int gt_threads_read(struct gt_threads *t, const char *verb, const struct gt_input *in)
{
	struct gt_input all = *in;
	all.has_others = true; /* a thread's tid may be told after its birth */
	const int status = gt_answer_read(&t->answer, verb, &all);
	const struct gt_model *m = t->answer.model;
	const int64_t end = gt_model_process(m)->end;
	for (uint32_t i = 0; i < gt_model_n_threads(m); i++) {
		struct gt_model_thread *k = gt_model_thread(m, i);
		times_of(t, i);
		if (is_running(k->state))
			add(t, i, GT_DOING_RUN, (int64_t)k->mark, end);
	}
	gt_sched_finish(&t->sched, end);
	return status;
}

bool gt_threads_sched(const struct gt_threads *t, uint64_t tid, uint64_t *on_ns, uint64_t *ready_ns)
{
	bool is_known = false;
	*on_ns = *ready_ns = 0;
	for (size_t i = 0; i < t->sched.n_threads; i++) {
		const struct gt_sched_thread *k = &t->sched.threads[i];
		if (k->tid != tid)
			continue;
		is_known = true;
		*on_ns += k->on_ns;
		*ready_ns += k->ready_ns;
	}
	return is_known;
}

void gt_threads_strip(const struct gt_threads *t, size_t thread, unsigned width, char *buf)
{
	static const char letters[] = "Li.zi#";
	const struct gt_model_process *p = gt_model_process(t->answer.model);
	const int64_t used = (p->end - p->start) / t->part_ns + 1;
	const size_t n = used < GT_STRIP_LEN ? (size_t)used : GT_STRIP_LEN;
	width = width < n ? width : (unsigned)n;
	for (unsigned i = 0; i < width; i++) {
		float sum[GT_N_DOINGS] = { 0 };
		for (size_t part = i * n / width; part < (i + 1) * n / width; part++)
			for (size_t d = 0; d < GT_N_DOINGS; d++)
				sum[d] += t->threads[thread].strip[part][d];
		size_t best = 0;
		for (size_t d = 1; d < GT_N_DOINGS; d++)
			best = sum[d] > sum[best] ? d : best;
		buf[i] = sum[best] > 0 ? letters[best] : ' ';
	}
	buf[width] = '\0';
}
