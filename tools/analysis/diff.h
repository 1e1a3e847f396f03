/*
 * Two traces of one program, side by side: where more was waited for than before. Rows are call
 * sites and calls that carry the same names in both; addresses, thread ids and inode numbers differ
 * from run to run and are no part of a name.
 */
#ifndef GT_DIFF_H
#define GT_DIFF_H

#include "tools/analysis/answer.h"

/* What a figure is of. */
enum gt_diff_per {
	GT_PER_RUN,    /* the whole trace */
	GT_PER_SECOND, /* of traced time */
	GT_PER_CALL,   /* a wait, a timed call */
};

struct gt_diff_row {
	bool is_call;                    /* a counter of a call; else a place where was waited */
	enum gt_class class;             /* of a place; GT_N_CLASSES where a call's is not known */
	const char *kind, *lock, *place; /* a call: `place` is its name. As long as the diff */
	uint64_t n[2], ns[2];            /* waits, or timed calls, in either trace */
	uint64_t count[2];               /* the same with those calls that were not timed */
	double value[2];                 /* ns per ... */
	double growth;                   /* value[1] - value[0] */
	bool is_over;                    /* it grew beyond the limit */
};

struct gt_diff_limit {
	bool is_there;
	double share;   /* of value[0]; 0 = */
	double ns;      /* absolute */
	uint64_t least; /* less growth than that is noise */
};

struct gt_diff_side {
	const char *path;
	uint64_t duration_ns, threads;
	uint64_t class_ns[GT_N_CLASSES];
	struct gt_doubts doubts;
};

struct gt_diff_private;

struct gt_diff {
	struct gt_diff_side side[2];
	struct gt_diff_row *rows; /* places (contention and I/O before the others), then calls; of
				    each what grew most first */
	size_t n_rows, cap;
	size_t n_over;
	struct gt_diff_private *priv;
};

/* `depth`: frames of a stack that make a place, the innermost ones; 0 = all. */
void gt_diff_init(struct gt_diff *d, unsigned depth);
void gt_diff_free(struct gt_diff *d);

/* Reads side 0, then side 1; says on stderr what is wrong. False: it cannot be compared. */
bool gt_diff_read(struct gt_diff *d, unsigned side, const struct gt_input *in);

/* Figures, order, and what is over the limit. */
void gt_diff_finish(struct gt_diff *d, enum gt_diff_per per, const struct gt_diff_limit *limit);

#endif
