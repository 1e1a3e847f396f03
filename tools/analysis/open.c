#include "tools/analysis/summary.h"
#include "tools/cmd.h"
#include "tools/lib/busy.h"
#include "tools/lib/quantity.h"

#include <inttypes.h>
#include <stdio.h>

static void say_error(const struct gt_summary *s, const char *verb, const char *path)
{
	fprintf(stderr, "gtrace %s: ", verb);
	gt_err_print(&s->err, path, stderr);
}

static void say_what_is_left(const struct gt_summary *s, const char *verb, const char *path)
{
	char text[GT_QUANTITY_TEXT];
	fprintf(stderr, "gtrace %s: only the first %zu generation%s (%s) could be read\n", verb,
		s->n_gens, s->n_gens == 1 ? "" : "s", gt_size_print(text, s->whole_bytes));
	if (s->err.code == GT_ERR_TRUNCATED)
		fprintf(stderr,
			"gtrace %s: the file was cut off; to save what can be saved: gtrace "
			"recover %s\n",
			verb, path);
}

int gt_summary_open(struct gt_summary *s, const char *verb, const char *path,
		    const struct gt_focus *focus, bool *is_growing)
{
	*is_growing = gt_busy_wait(path);
	const bool is_read = gt_summary_read(s, path, focus);
	if (*is_growing && (s->err.code == GT_ERR_TRUNCATED || s->err.code == GT_ERR_NONE)) {
		fprintf(stderr,
			"gtrace %s: %s is still being written: these are its first %zu "
			"generations\n",
			verb, path, s->n_gens);
		return GT_EXIT_OK;
	}
	*is_growing = false;
	if (s->err.code == GT_ERR_NONE)
		return GT_EXIT_OK;
	say_error(s, verb, path);
	if (!is_read)
		return GT_EXIT_USAGE;
	say_what_is_left(s, verb, path);
	return GT_EXIT_FINDINGS;
}
