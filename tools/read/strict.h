/*
 * What is wrong with a trace that Go's reader takes: errors that Go's validator or `go tool trace`
 * would run into (they break a file as much as the reader's), and warnings about files that show
 * badly (U1 to U7).
 */
#ifndef GT_READ_STRICT_H
#define GT_READ_STRICT_H

#include "tools/read/order.h"

enum gt_severity { GT_WARNING, GT_ERROR };

/* Gets each finding; `err` is valid during the call. */
typedef void gt_finding_fn(void *user, enum gt_severity severity, const struct gt_err *err);

struct gt_strict;

struct gt_strict *gt_strict_new(gt_finding_fn *fn, void *user);
void gt_strict_free(struct gt_strict *s);

/*
 * Feed it every event in order, with its generation; then end it once, when the file was read to
 * its end. Returns 0 or -GT_ERR_MEMORY.
 */
int gt_strict_event(struct gt_strict *s, const struct gt_gen *g, const struct gt_ordered *ev);
void gt_strict_end(struct gt_strict *s, const struct gt_gen *last);

#endif
