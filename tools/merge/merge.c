/*
 * Several ordered traces become one: always the earliest of what comes next in all files. Events of
 * different processes have nothing to do with each other, so any order by time is good; within a
 * file the order is the one that its reader found.
 *
 * Files have their generations at different times. The merged trace has its own: one ends when it
 * is long or big enough and there is a moment in which nothing happens, so that the statuses of the
 * next one have room (a time of their own each).
 *
 * Invariants
 *
 * 1. No two events have the same time. Otherwise readers move the later one, and who measures the
 * merged trace does not get what was measured. Where two files do have an event of one time, the
 * second is moved, and that is counted.
 * 2. Memory is bounded by one generation of each file and of the output.
 */
#include "tools/lib/term.h"
#include "tools/merge/merge_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GEN_BYTES (16 << 20)
#define PATIENCE  4 /* times as long or big: then without a gap */

static void begin(struct merge *g, int64_t start, int64_t next)
{
	gt_out_begin(g->out, start, g->job->wall_off);
	const int64_t more = 2 * (int64_t)gt_merge_status_events(g) + 2;
	gt_merge_statuses(g, g->out->last + more < next);
}

static void end(struct merge *g)
{
	gt_merge_put_tables(g);
	gt_out_end(g->out);
}

/* Before an event at `time`: is the generation long enough, and is there room for another one? */
static void cut(struct merge *g, int64_t time)
{
	const int64_t len = time - g->out->start;
	const int64_t most = (int64_t)g->job->period_ns;
	const uint64_t bytes = g->out->gen_bytes;
	/* N.B. some readers want events in the first generation. */
	if ((len < most && bytes < GEN_BYTES) || g->out->events == 0)
		return;
	const int64_t need = gt_merge_status_events(g) + 2;
	const bool has_room = time - g->out->last > need;
	if (!has_room && len < PATIENCE * most && bytes < PATIENCE * GEN_BYTES)
		return;
	end(g);
	const int64_t room = 2 * need < time - g->out->last ? 2 * need : need;
	begin(g, has_room ? time - room : g->out->last + 1, time);
}

static void put_timed(struct merge *g, int64_t time)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->inputs[i].stage == MERGE_LIVE)
			gt_merge_put_timed(g, &g->inputs[i], time);
}

static bool is_last(const struct merge *g)
{
	size_t left = 0;
	for (size_t i = 0; i < g->n; i++)
		left += g->inputs[i].stage != MERGE_ENDED;
	return left == 1;
}

/* Reads on; a file that ends, or is damaged, ends its process. */
static void advance(struct merge *g, struct merge_input *in)
{
	struct gt_err err = { .code = GT_ERR_NONE };
	if (gt_minput_next(g, in, &err) > 0)
		return;
	in->source->err = err;
	in->next_time = INT64_MAX;
	put_timed(g, in->last_time);
	gt_merge_put_timed(g, in, INT64_MAX);
	if (is_last(g))
		gt_merge_end_all(g, in->last_time);
	else
		gt_merge_end(g, in, in->last_time);
	in->stage = MERGE_ENDED;
	in->ended_in = g->out->number;
	in->heap = in->goal = 0;
	gt_trace_close(in->trace);
	in->trace = NULL;
}

static int live(struct merge *g, struct merge_input *in, struct gt_err *err)
{
	in->stage = MERGE_LIVE;
	in->trace = gt_trace_open(in->source->path, err);
	if (in->trace == NULL)
		return -(int)err->code;
	gt_trace_set_silent(in->trace);
	in->last_time = g->out->last;
	do
		advance(g, in);
	while (in->stage == MERGE_LIVE && in->ev.id == GT_EV_Sync);
	gt_merge_names(g, in, in->next_time);
	return 0;
}

static struct merge_input *earliest(struct merge *g, int64_t *second)
{
	struct merge_input *first = &g->inputs[0];
	*second = INT64_MAX;
	for (size_t i = 1; i < g->n; i++) {
		struct merge_input *in = &g->inputs[i];
		const int64_t later =
			in->next_time < first->next_time ? first->next_time : in->next_time;
		first = in->next_time < first->next_time ? in : first;
		*second = later < *second ? later : *second;
	}
	return first->next_time != INT64_MAX ? first : NULL;
}

/* What a file tells next. */
static int step(struct merge *g, struct merge_input *in, struct gt_err *err)
{
	cut(g, in->next_time);
	if (in->stage == MERGE_UNBORN) {
		gt_merge_birth(g, in, in->next_time);
		return live(g, in, err);
	}
	put_timed(g, in->next_time);
	const int rc = gt_merge_copy(g, in, err);
	if (rc < 0) {
		gt_err_prefix(err, "%s", in->source->path);
		return rc;
	}
	advance(g, in);
	return 0;
}

static uint64_t sum_of_sizes(const struct merge *g, uint64_t *done)
{
	uint64_t size = 0;
	*done = 0;
	for (size_t i = 0; i < g->n; i++) {
		struct gt_file *f =
			g->inputs[i].trace != NULL ? gt_trace_file(g->inputs[i].trace) : NULL;
		if (f == NULL)
			continue;
		size += gt_file_size(f);
		*done += gt_file_offset(f);
	}
	return size;
}

static int run(struct merge *g, FILE *out, struct gt_err *err)
{
	struct gt_progress bar = { .title = "merging" };
	struct merge_input *in;
	int64_t second;
	int rc = 0;
	uint32_t n = 0;
	while (rc == 0 && (in = earliest(g, &second)) != NULL) {
		do {
			rc = step(g, in, err);
			uint64_t done;
			if ((++n & 0xffff) == 0) {
				const uint64_t all = sum_of_sizes(g, &done);
				gt_progress_update(&bar, done, all);
			}
		} while (rc == 0 && in->next_time <= second && in->next_time != INT64_MAX);
		if (rc == 0 && ferror(out))
			rc = gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write: %s",
					strerror(errno));
	}
	gt_progress_end(&bar);
	return rc;
}

/* Those that were there at the beginning, whatever comes first in each. */
static int start(struct merge *g, struct gt_err *err)
{
	int64_t first = INT64_MAX;
	int rc = 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct gt_merge_source *s = g->inputs[i].source;
		const int64_t t = s->start_ns + s->shift_ns;
		first = t < first ? t : first;
	}
	for (size_t i = 0; i < g->n; i++) {
		struct merge_input *in = &g->inputs[i];
		if (in->source->start_ns + in->source->shift_ns == first)
			gt_merge_be_there(g, in);
	}
	begin(g, first, first);
	for (size_t i = 0; rc == 0 && i < g->n; i++) {
		struct merge_input *in = &g->inputs[i];
		if (in->source->start_ns + in->source->shift_ns == first)
			rc = live(g, in, err);
	}
	return rc;
}

static void free_all(struct merge *g)
{
	for (size_t i = 0; i < g->n; i++)
		gt_minput_close(&g->inputs[i]);
	free(g->inputs);
	free(g->gs);
	free(g->ps);
	free(g->ms);
	free(g->cpus);
	gt_idmap_free(&g->by_tid);
	gt_keymap_free(&g->settings);
}

int gt_merge_write(struct gt_merge *m, FILE *out, struct gt_err *err)
{
	struct merge g = { .job = m, .out = &m->out, .n = m->n };
	int rc = 0;
	gt_out_init(&m->out, out);
	g.inputs = gt_mem_resize(NULL, m->n, sizeof(*g.inputs));
	g.cpus = gt_mem_resize(NULL, m->n, sizeof(*g.cpus));
	memset(g.inputs, 0, m->n * sizeof(*g.inputs));
	memset(g.cpus, 0, m->n * sizeof(*g.cpus));
	for (uint32_t i = 0; i < m->n; i++) {
		g.inputs[i].source = &m->sources[i];
		g.inputs[i].index = i;
		if (m->sources[i].cpus > g.cpus[m->sources[i].machine])
			g.cpus[m->sources[i].machine] = m->sources[i].cpus;
	}
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = gt_minput_open(&g, &g.inputs[i], err);
	if (rc == 0)
		rc = start(&g, err);
	if (rc == 0)
		rc = run(&g, out, err);
	if (rc == 0)
		end(&g);
	free_all(&g);
	gt_out_free(&m->out);
	return rc;
}
