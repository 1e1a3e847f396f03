/*
 * A trace from its file to its ordered events: what most consumers want.
 *
 *     struct gt_trace *t = gt_trace_open(path, &err);
 *     while ((rc = gt_trace_next(t, &ev, &err)) > 0) {
 *             if (ev.id == GT_EV_Sync) ... gt_trace_gen(t) is a new generation; its records may be
 * read now
 *     }
 *     rc < 0: *err says what is wrong; all events up to there were delivered
 */
#ifndef GT_READ_TRACE_H
#define GT_READ_TRACE_H

#include "tools/lib/focus.h"
#include "tools/read/order.h"

struct gt_trace;

struct gt_trace *gt_trace_open(const char *path, struct gt_err *err);
struct gt_trace *gt_trace_open_mem(const void *bytes, size_t len, struct gt_err *err);
void gt_trace_close(struct gt_trace *t);

/* 1 and an event; 0 at the end of the file; -gt_err_code with *err, and then nothing more comes. */
int gt_trace_next(struct gt_trace *t, struct gt_ordered *ev, struct gt_err *err);

/* The generation that the last event belongs to; its tables change when GT_EV_Sync comes. */
const struct gt_gen *gt_trace_gen(const struct gt_trace *t);

/*
 * Delivers only the generations that can hold events of the focus, and opens only these where the
 * file can be sought in. To be called before the first gt_trace_next().
 */
void gt_trace_set_focus(struct gt_trace *t, const char *path, const struct gt_focus *f);

/* At the end: is there more of the trace, behind the focus? */
bool gt_trace_is_cut(const struct gt_trace *t);

/* Does an event lie in the focus? Without one: yes. */
bool gt_trace_is_in_focus(const struct gt_trace *t, const struct gt_ordered *ev);

/* Where the trace begins, ns; known after the first event. With a focus that is not where it began
 * to read. */
int64_t gt_trace_start(const struct gt_trace *t);

/* No progress bar, which a trace has where stderr is a terminal. */
void gt_trace_set_silent(struct gt_trace *t);

struct gt_file *gt_trace_file(struct gt_trace *t);

/*
 * Calls f(arg, g, err) with each generation before its first event comes out: it may change the
 * tables (edit.h). A negative result is an error of the trace.
 */
typedef int gt_gen_filter(void *arg, struct gt_gen *g, struct gt_err *err);
void gt_trace_set_filter(struct gt_trace *t, gt_gen_filter *f, void *arg);

#endif
