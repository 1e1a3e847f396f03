/* What of a trace a verb looks at: options that all readers have. */
#ifndef GT_FOCUS_H
#define GT_FOCUS_H

#include "tools/lib/args.h"

struct gt_focus {
	uint64_t from_ns, to_ns; /* since the start of the trace; to_ns 0 = to its end */
	const char *thread;      /* "4002" a tid, "g7" a goroutine; NULL = all */
};

/* Rows of a verb's table of options for the struct gt_focus `f`. */
#define GT_FOCUS_OPTS(f)                                                                           \
	{ 0,                                                                                       \
	  "from",                                                                                  \
	  GT_OPT_DURATION,                                                                         \
	  &(f).from_ns,                                                                            \
	  "TIME",                                                                                  \
	  "from there, since the start of the trace (1.5s)" },                                     \
	{                                                                                          \
		0, "to", GT_OPT_DURATION, &(f).to_ns, "TIME", "up to there"                        \
	}
#define GT_FOCUS_THREAD_OPT(f)                                                                     \
	{                                                                                          \
		0, "thread", GT_OPT_TEXT, &(f).thread, "TID|gN", "only this thread or goroutine"   \
	}

/*
 * Are the words sensible? Otherwise says what is wrong with them, for `verb`, and returns false;
 * *tid and *g become what --thread says, UINT64_MAX = not said.
 */
bool gt_focus_check(const struct gt_focus *f, const char *verb, uint64_t *tid, uint64_t *g);

static inline bool gt_focus_is_all(const struct gt_focus *f)
{
	return f->from_ns == 0 && f->to_ns == 0;
}

#endif
