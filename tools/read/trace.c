#include "tools/read/trace.h"

#include "tools/lib/term.h"
#include "tools/read/file.h"
#include "tools/read/index.h"

#include <stdlib.h>

struct gt_trace {
	struct gt_file *file;
	struct gt_gen *gen;
	struct gt_order *order;
	gt_gen_filter *filter; /* NULL = none */
	void *filter_arg;
	bool is_inside; /* a generation is being read */
	bool is_done, is_cut;
	bool has_start;
	int64_t start_ns;      /* of the whole trace */
	struct gt_focus focus; /* all zero: everything */
	uint64_t end;          /* of the last generation wanted; UINT64_MAX = nobody knows */
	uint32_t events;       /* since the progress was shown */
	uint64_t shown;        /* place in the file that it shows */
	struct gt_progress bar;
};

static struct gt_trace *start(struct gt_file *f, struct gt_err *err)
{
	if (!f)
		return NULL;
	struct gt_trace *t = calloc(1, sizeof(*t));
	if (t) {
		t->file = f;
		t->end = UINT64_MAX;
		t->bar.title = "reading";
		t->gen = gt_gen_new();
		t->order = gt_order_new();
	} else {
		gt_file_close(f);
	}
	if (t && t->gen && t->order)
		return t;
	gt_trace_close(t);
	gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	return NULL;
}

struct gt_trace *gt_trace_open(const char *path, struct gt_err *err)
{
	return start(gt_file_open(path, err), err);
}

struct gt_trace *gt_trace_open_mem(const void *bytes, size_t len, struct gt_err *err)
{
	return start(gt_file_open_mem(bytes, len, err), err);
}

void gt_trace_close(struct gt_trace *t)
{
	if (!t)
		return;
	gt_order_free(t->order);
	gt_gen_free(t->gen);
	gt_file_close(t->file);
	free(t);
}

/* The next generation that is wanted, ready for its events: 1; 0 at the end; -code. */
static int next_generation(struct gt_trace *t, struct gt_err *err)
{
	if (gt_file_offset(t->file) >= t->end) {
		t->is_cut = true;
		return 0;
	}
	int rc = gt_gen_read(t->gen, t->file, err);
	if (rc <= 0)
		return rc;
	const int64_t start = gt_gen_ns(t->gen, t->gen->min_time);
	if (!t->has_start)
		t->start_ns = start;
	t->has_start = true;
	if (t->focus.to_ns && start > t->start_ns + (int64_t)t->focus.to_ns) {
		t->is_cut = true;
		return 0;
	}
	if (t->filter && t->filter(t->filter_arg, t->gen, err) < 0)
		return -GT_ERR_MEMORY;
	rc = gt_order_begin(t->order, t->gen, err);
	return rc < 0 ? rc : 1;
}

static void show_progress(struct gt_trace *t, uint64_t offset)
{
	t->events = 0;
	t->shown = offset > t->shown ? offset : t->shown;
	gt_progress_update(&t->bar, t->shown, gt_file_size(t->file));
}

int gt_trace_next(struct gt_trace *t, struct gt_ordered *ev, struct gt_err *err)
{
	while (!t->is_done) {
		int rc = t->is_inside ? gt_order_next(t->order, ev, err) : 0;
		if (rc > 0) {
			if (++t->events == 1 << 16)
				show_progress(t, ev->offset);
			return rc;
		}
		if (rc == 0)
			rc = next_generation(t, err);
		t->is_inside = rc > 0;
		if (rc > 0)
			continue;
		t->is_done = true;
		gt_progress_end(&t->bar);
		return rc;
	}
	return 0;
}

void gt_trace_set_focus(struct gt_trace *t, const char *path, const struct gt_focus *f)
{
	struct gt_index x;
	size_t first, last;
	t->focus = *f;
	if (gt_focus_is_all(f) || gt_file_old(t->file) != NULL || !gt_index_open(&x, path))
		return;
	t->has_start = true;
	t->start_ns = x.gens[0].start_ns;
	const int64_t from = t->start_ns + (f->reads_before ? 0 : (int64_t)f->from_ns);
	const int64_t to = f->to_ns ? t->start_ns + (int64_t)f->to_ns : INT64_MAX;
	if (!gt_index_find(&x, from, to, &first, &last))
		t->is_done = true;
	else if (gt_file_seek(t->file, x.gens[first].offset,
			      first ? x.gens[first - 1].number : 0) &&
		 last + 1 < x.n)
		t->end = x.gens[last].end; /* else up to what is wrong with the file */
	gt_index_free(&x);
}

bool gt_trace_is_cut(const struct gt_trace *t)
{
	return t->is_cut;
}

bool gt_trace_is_in_focus(const struct gt_trace *t, const struct gt_ordered *ev)
{
	const uint64_t since = (uint64_t)ev->time - (uint64_t)t->start_ns;
	return since >= t->focus.from_ns && (t->focus.to_ns == 0 || since <= t->focus.to_ns);
}

int64_t gt_trace_start(const struct gt_trace *t)
{
	return t->start_ns;
}

void gt_trace_set_silent(struct gt_trace *t)
{
	t->bar.is_off = true;
}

const struct gt_gen *gt_trace_gen(const struct gt_trace *t)
{
	return t->gen;
}

struct gt_file *gt_trace_file(struct gt_trace *t)
{
	return t->file;
}

void gt_trace_set_filter(struct gt_trace *t, gt_gen_filter *f, void *arg)
{
	t->filter = f;
	t->filter_arg = arg;
}
