/* What every exporter gets and does. */
#ifndef GT_EXPORT_H
#define GT_EXPORT_H

#include "tools/analysis/model.h"

#include <stdbool.h>
#include <stdio.h>

/* The words of the command line that exporters understand. */
struct gt_export {
	struct gt_input in;     /* the trace; --lines, --debug-dir */
	const char *go_version; /* --go-version "1.22" and so on; NULL = the newest */
	bool is_raw;            /* --raw, of go: GoUnblocks stay where they are */
	const char *dir;        /* formats that are a folder: where it is, empty, already made */
};

/*
 * Writes all of the trace to `out`. Returns 0 or -gt_err_code with *err; what came before a damage
 * of the trace is then written and the output is whole as far as it goes. Errors of `out` are the
 * caller's to find (ferror).
 */
typedef int gt_export_fn(const struct gt_export *x, FILE *out, struct gt_err *err);

/* clang-format off */
#define GT_FORMAT(name, function, extension, help) gt_export_fn function;
#include "tools/export/formats.def"
#undef GT_FORMAT
/* clang-format on */

#endif
