/*
 * Turns the frames of a generation into what people read: names demangled, files and lines, and a
 * frame for each inlined function. For `gtrace symbolize`, and for readers on the fly
 * (gt_trace_set_filter).
 */
#ifndef GT_SYMBOL_RESOLVE_H
#define GT_SYMBOL_RESOLVE_H

#include "tools/read/gen.h"

/* PCs of inlined functions are made up, above what a program can have on x86-64. */
#define GT_MADE_UP_PC (1ULL << 48)

struct gt_resolver;

/* With lines, or only with names demangled. One for a whole trace: it remembers what it found. */
struct gt_resolver *gt_resolver_new(bool has_lines);

/* N.B. generations that were resolved point to texts of the resolver. NULL is fine. */
void gt_resolver_free(struct gt_resolver *r);

/*
 * Resolves all frames of `g`. A frame keeps its PC; inlined functions come before it in every
 * stack, as far as the limit of 128 frames allows. What cannot be found stays as it is; so does
 * what was resolved before. Returns 0 or -GT_ERR_MEMORY. A gt_gen_filter.
 */
int gt_resolve(void *resolver, struct gt_gen *g, struct gt_err *err);

/* Of all frames so far, each PC counted once a file. */
struct gt_resolved {
	size_t n_pcs, n_lines, n_inlined;
};
struct gt_resolved gt_resolver_counts(const struct gt_resolver *r);

/* Calls tell(arg, path, why) for each file that pcs lie in and that gave no lines. */
void gt_resolver_missing(struct gt_resolver *r,
			 void (*tell)(void *arg, const char *path, const char *why), void *arg);

#endif
