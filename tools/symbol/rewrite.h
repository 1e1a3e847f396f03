/* A trace again, with its stacks resolved. */
#ifndef GT_SYMBOL_REWRITE_H
#define GT_SYMBOL_REWRITE_H

#include "tools/symbol/resolve.h"

#include <stdio.h>

/*
 * Writes the trace in file `in` to `out`: batches of events, samples, clocks and records byte by
 * byte, strings and more of them, stacks with the same ids and the frames that `r` finds. Reads
 * `in` twice, so it cannot be a pipe. Returns 0 or -gt_err_code with *err; whole generations before
 * the damage are written even then.
 */
int gt_symbolize(const char *in, FILE *out, struct gt_resolver *r, struct gt_err *err);

#endif
