/*
 * Which clock a file has, and how all of them become one.
 *
 * libgtrace.so stamps events with CLOCK_MONOTONIC, and every generation tells what time of day that
 * was. The difference of the two is the moment when the host started: on one host it changes only
 * when somebody sets the clock, or by sleep. So files of one host name whose difference is the same
 * have one clock: nothing is moved, nothing is uncertain. All others are moved until their times of
 * day agree, which is as good as these are.
 *
 * The trace's clock is that of the host that started first. Otherwise times of others would be
 * negative.
 */
#include "tools/merge/merge.h"
#include "tools/read/gen.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

#define SAME_NS                                                                                    \
	50000000 /* reading both clocks takes some time, more when the CPU is taken away           \
		  */

static char *text_of(const struct gt_gen *g, uint64_t id)
{
	const struct gt_text t = gt_gen_text(g, id);
	return gt_mem_format("%.*s", (int)t.len, t.p);
}

static void free_texts(struct gt_merge_source *s)
{
	free(s->exe);
	free(s->host);
	free(s->cmdline);
	free(s->version);
}

/* The newest one tells most: a program may have changed its command line. */
static void learn_process(struct gt_merge_source *s, const struct gt_gen *g,
			  const struct gt_rec_value *r)
{
	free_texts(s);
	s->pid = r->field[0];
	s->ppid = r->field[1];
	s->exe = text_of(g, r->field[2]);
	s->cmdline = text_of(g, r->field[3]);
	s->host = text_of(g, r->field[4]);
	s->version = text_of(g, r->field[5]);
	s->cpus = r->field[6];
}

static int learn_records(struct gt_merge_source *s, const struct gt_gen *g, struct gt_err *err)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	int rc;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc > 0 && r.kind == GT_REC_PROCESS)
			learn_process(s, g, &r);
		if (rc > 0 && r.kind == GT_REC_SOURCE)
			return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
					  "it is a merged trace already; merge the files it was "
					  "made of");
	}
	return 0;
}

static void learn_clock(struct gt_merge_source *s, const struct gt_gen *g)
{
	if (g->index == 0)
		s->start_ns = gt_gen_ns(g, g->min_time);
	if (!g->has_clock)
		return;
	const int64_t wall = (int64_t)(g->snap_sec * 1000000000 + g->snap_nsec);
	const int64_t off = wall - gt_gen_ns(g, g->snap_time);
	if (!s->has_clock)
		s->wall_off = off;
	s->has_clock = true;
	const uint64_t wander = (uint64_t)llabs(off - s->wall_off);
	s->wander_ns = wander > s->wander_ns ? wander : s->wander_ns;
}

static int read_tables(struct gt_merge_source *s, struct gt_file *f, struct gt_gen *g,
		       struct gt_err *err)
{
	int rc, n = 0, bad = 0;
	gt_file_skip_events(f);
	while (bad == 0 && (rc = gt_gen_read(g, f, err)) > 0) {
		n++;
		learn_clock(s, g);
		bad = learn_records(s, g, err);
	}
	if (bad < 0 || (n == 0 && rc < 0))
		return bad < 0 ? bad : rc;
	if (n == 0)
		return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET, "it holds no generation");
	if (s->exe == NULL)
		return gt_err_set(
			err, GT_ERR_USAGE, GT_NO_OFFSET,
			"not written by libgtrace.so (no PROCESS record): a trace of a Go "
			"program, or converted to go 1.22, cannot be merged");
	return 0;
}

int gt_merge_add(struct gt_merge *m, const char *path, struct gt_err *err)
{
	struct gt_file *f = gt_file_open(path, err);
	if (f == NULL)
		return -(int)err->code;
	struct gt_gen *g = gt_gen_new();
	m->sources = gt_mem_grow(m->sources, m->n, &m->cap, sizeof(*m->sources));
	struct gt_merge_source *s = &m->sources[m->n++];
	*s = (struct gt_merge_source){ .path = gt_mem_text(path), .err = { .code = GT_ERR_NONE } };
	int rc = 0;
	if (gt_file_size(f) == 0)
		rc = gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
				"it is read twice, so it cannot be a pipe");
	else if (g == NULL)
		rc = gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	else
		rc = read_tables(s, f, g, err);
	gt_gen_free(g);
	gt_file_close(f);
	return rc;
}

static bool is_same_clock(const struct gt_merge_source *a, const struct gt_merge_source *b,
			  enum gt_merge_clock how)
{
	if (how != GT_CLOCK_AUTO)
		return how == GT_CLOCK_MONO;
	return strcmp(a->host, b->host) == 0 && llabs(a->wall_off - b->wall_off) < SAME_NS;
}

static uint32_t machine_of(const struct gt_merge *m, size_t i, enum gt_merge_clock how)
{
	uint32_t next = 0;
	for (size_t k = 0; k < i; k++) {
		if (is_same_clock(&m->sources[k], &m->sources[i], how))
			return m->sources[k].machine;
		next = m->sources[k].machine >= next ? m->sources[k].machine + 1 : next;
	}
	return next;
}

/* The first file of a machine speaks for its clock. */
static const struct gt_merge_source *speaker(const struct gt_merge *m, uint32_t machine)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->sources[i].machine == machine)
			return &m->sources[i];
	return NULL;
}

int gt_merge_set_clocks(struct gt_merge *m, enum gt_merge_clock how, struct gt_err *err)
{
	const struct gt_merge_source *ref = &m->sources[0];
	for (size_t i = 0; i < m->n; i++) {
		struct gt_merge_source *s = &m->sources[i];
		if (!s->has_clock && how != GT_CLOCK_MONO)
			return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
					  "%s does not say what time of day it was (an older "
					  "format); if all files are of one host: --clock mono",
					  s->path);
		s->machine = machine_of(m, i, how);
		const struct gt_merge_source *first = speaker(m, s->machine);
		ref = first->wall_off < ref->wall_off ? first : ref;
	}
	m->wall_off = ref->wall_off;
	for (size_t i = 0; i < m->n; i++) {
		struct gt_merge_source *s = &m->sources[i];
		const struct gt_merge_source *first = speaker(m, s->machine);
		if (s->machine == ref->machine)
			continue;
		s->shift_ns = first->wall_off - ref->wall_off;
		s->error_ns = first->wander_ns + ref->wander_ns + 1;
	}
	return 0;
}

void gt_merge_free(struct gt_merge *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->sources[i].path);
		free_texts(&m->sources[i]);
	}
	free(m->sources);
}
