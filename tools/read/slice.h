/*
 * A part of a trace: whole generations, copied byte by byte. Each names every live goroutine and
 * has its own tables, so that they are a trace by themselves, behind a header.
 */
#ifndef GT_READ_SLICE_H
#define GT_READ_SLICE_H

#include "tools/lib/err.h"
#include "tools/lib/focus.h"

#include <stdint.h>
#include <stdio.h>

struct gt_slice {
	uint64_t first, last, n;   /* numbers of generations, from 1; n: of the whole file */
	uint64_t offset, end;      /* of their bytes */
	int64_t start_ns, stop_ns; /* since the start of the trace: first batch, last event */
	uint64_t events;
	int version; /* of the file's header */
	struct gt_err
		rest; /* what is wrong behind them, if the file ends there; code 0 = nothing */
};

/*
 * Finds the generations of `path` that the other readers look at for this focus, and reads them:
 * they have to be a valid trace without the others. 0 or -gt_err_code with *err.
 */
int gt_slice_find(struct gt_slice *s, const char *path, const struct gt_focus *focus,
		  struct gt_err *err);

/* Writes header and generations. 0 or -gt_err_code with *err. */
int gt_slice_copy(const struct gt_slice *s, const char *path, FILE *out, struct gt_err *err);

#endif
