/* A trace as text or JSON lines, for people, grep and jq. */
#ifndef GT_READ_TEXT_H
#define GT_READ_TEXT_H

#include "tools/read/file.h"
#include "tools/read/order.h"

#include <stdio.h>

struct gt_dump;

/*
 * One line per event: absolute ns, seconds since the first event, thread as name/tid, goroutine,
 * event, arguments with their texts, change of state, stack. With is_json one JSON object per line,
 * the first one {"schema":"gtrace-dump/1"}. NULL without memory. `out` stays the caller's.
 */
struct gt_dump *gt_dump_new(FILE *out, bool is_json);
void gt_dump_free(struct gt_dump *d);

/*
 * Writes the next event, which belongs to `g`. With GT_EV_Sync come the generation's own records of
 * gtrace; damaged ones are told as lines that begin with "#" (JSON: objects with "error"). Returns
 * 0 or -GT_ERR_MEMORY.
 */
int gt_dump_event(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev);

/* Instead of gt_dump_event() for an event that is not to be written: names are learnt from it. */
int gt_dump_learn(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev);

/* What relative times count from; otherwise the first event that is written. */
void gt_dump_set_start(struct gt_dump *d, int64_t ns);

/*
 * Writes what stands in the file, batch by batch, in the syntax that tests/golden/asm.c reads.
 * Returns 0 at the end of the file, or -gt_err_code.
 */
int gt_dump_wire(FILE *out, struct gt_file *f, struct gt_err *err);

/* `len` bytes of text in quotes; quotes, control characters and bytes that are no UTF-8 are escaped
 * as in C. */
void gt_dump_quoted(FILE *out, const char *text, size_t len);

#endif
