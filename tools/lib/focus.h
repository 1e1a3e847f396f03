/* What of a trace a verb looks at: options that all readers have. */
#ifndef GT_FOCUS_H
#define GT_FOCUS_H

#include "tools/lib/args.h"

struct gt_focus {
	uint64_t from_ns, to_ns; /* since the start of the trace; to_ns 0 = to its end */
	const char *thread;      /* "4002" a tid, "g7" a goroutine; NULL = all */
	const char *lock;        /* name or address of what is waited for; NULL = all */

	/* Read what is before `from`, too: states and reasons are known from there only. */
	bool reads_before;

	/* Set by gt_focus_check(), of `thread`. Elsewhere all may be zero: all threads. */
	bool has_tid, has_g;
	uint64_t id; /* the tid, or the goroutine */
};

/* Rows of a verb's table of options for the struct gt_focus `f`. */
/* clang-format off */
#define GT_FOCUS_FROM_OPT(f)                                                                       \
	{ 0, "from", GT_OPT_DURATION, &(f).from_ns, "TIME",                                        \
	  "from there, since the start of the trace (1.5s)" }
#define GT_FOCUS_TO_OPT(f, name) { 0, name, GT_OPT_DURATION, &(f).to_ns, "TIME", "up to there" }
#define GT_FOCUS_OPTS(f)         GT_FOCUS_FROM_OPT(f), GT_FOCUS_TO_OPT(f, "to")
#define GT_FOCUS_THREAD_OPT(f)                                                                     \
	{ 0, "thread", GT_OPT_TEXT, &(f).thread, "TID|gN", "only this thread or goroutine" }
#define GT_FOCUS_LOCK_OPT(f)                                                                       \
	{ 0, "lock", GT_OPT_TEXT, &(f).lock, "NAME",                                               \
	  "only waits for it: its name or a part of that, its address, or fd 7" }
/* clang-format on */

/* Are the words sensible? Otherwise says what is wrong with them, for `verb`, and returns false. */
bool gt_focus_check(struct gt_focus *f, const char *verb);

/* No part of the time is asked for. */
static inline bool gt_focus_is_all(const struct gt_focus *f)
{
	return f->from_ns == 0 && f->to_ns == 0;
}

static inline bool gt_focus_has_thread(const struct gt_focus *f, uint64_t tid, uint64_t g)
{
	return f->has_tid ? f->id == tid : !f->has_g || f->id == g;
}

#endif
