/* How a verb that makes tables is asked for them: options that they have in common. */
#ifndef GT_FORM_H
#define GT_FORM_H

#include "tools/lib/args.h"

struct gt_form {
	bool is_json, is_csv;
	const char *color; /* "auto" unless it is said */
};

/* Rows of a verb's table of options for the struct gt_form `f`. */
/* clang-format off */
#define GT_FORM_JSON_OPT(f, schema)                                                                \
	{ 0, "json", GT_OPT_FLAG, &(f).is_json, NULL, "as JSON (schema " schema "), numbers exact" }
#define GT_FORM_OPTS(f, schema)                                                                    \
	GT_FORM_JSON_OPT(f, schema),                                                               \
	{ 0, "csv", GT_OPT_FLAG, &(f).is_csv, NULL, "as CSV, numbers exact" },                     \
	GT_FORM_COLOR_OPT(f)
#define GT_FORM_COLOR_OPT(f)                                                                       \
	{ 0, "color", GT_OPT_CHOICE, &(f).color, "auto|always|never", "colour on a terminal" }

/* For stacks: `has_lines`, `debug_dir`. */
#define GT_LINES_OPTS(x, help)                                                                     \
	{ 0, "lines", GT_OPT_FLAG, &(x).has_lines, NULL, help },                                   \
	{ 0, "debug-dir", GT_OPT_TEXT, &(x).debug_dir, "DIR",                                      \
	  "for --lines: look there, too, as in /usr/lib/debug" }
/* clang-format on */

#endif
