#include "tools/read/trace.h"

#include "tools/read/file.h"

#include <stdlib.h>

struct gt_trace {
	struct gt_file *file;
	struct gt_gen *gen;
	struct gt_order *order;
	gt_gen_filter *filter; /* NULL = none */
	void *filter_arg;
	bool is_inside; /* a generation is being read */
	bool is_done;
};

static struct gt_trace *start(struct gt_file *f, struct gt_err *err)
{
	if (!f)
		return NULL;
	struct gt_trace *t = calloc(1, sizeof(*t));
	if (t) {
		t->file = f;
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

int gt_trace_next(struct gt_trace *t, struct gt_ordered *ev, struct gt_err *err)
{
	while (!t->is_done) {
		int rc = t->is_inside ? gt_order_next(t->order, ev, err) : 0;
		if (rc == 0) {
			rc = gt_gen_read(t->gen, t->file, err);
			t->is_inside = rc > 0;
			t->is_done = rc == 0;
			if (rc > 0 && t->filter)
				rc = t->filter(t->filter_arg, t->gen, err) < 0 ? -GT_ERR_MEMORY
									       : rc;
			if (rc > 0)
				rc = gt_order_begin(t->order, t->gen, err);
			if (rc == 0)
				continue;
		}
		t->is_done = rc < 0;
		return rc;
	}
	return 0;
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
