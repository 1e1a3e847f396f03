/* What depends on the terminal: colour and progress. Nothing of it is ever written to a file or a
 * pipe. */
#ifndef GT_TERM_H
#define GT_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * May `out` have colour? `when` is "auto", "always" or "never" (--color). auto: only a terminal,
 * not with NO_COLOR set to anything (no-color.org), not with TERM=dumb.
 */
bool gt_term_has_color(FILE *out, const char *when);

/* Columns of a terminal, or what COLUMNS says; 0 = neither, or a dumb one. */
unsigned gt_term_width(FILE *out);

/*
 * A bar on stderr for long work, only on a terminal and only after a second. Zero-initialised with
 * a title; update as often as you like; end removes it.
 */
struct gt_progress {
	const char *title;
	bool is_off, is_shown;
	uint64_t start_ns, last_ns;
};

void gt_progress_update(struct gt_progress *p, uint64_t done, uint64_t total);
void gt_progress_end(struct gt_progress *p);

#endif
