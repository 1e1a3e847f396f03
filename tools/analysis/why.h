/*
 * Why a thread waited: from its wait to who had what it wanted, to what that one did meanwhile, and
 * so on to the end. Reads the file twice: first to find the wait, then to see what all threads did
 * in that time. Memory: a wait of each thread, then those of the second reading that took at least
 * 1/GT_WHY_FINE of the time asked for.
 */
#ifndef GT_WHY_H
#define GT_WHY_H

#include "tools/analysis/answer.h"

#define GT_WHY_FINE  2000
#define GT_WHY_LINKS 32
#define GT_WHY_HELD  64

struct gt_why_question {
	const char *thread; /* name, tid, or "g12"; NULL = whoever waited longest for a lock */
	bool has_time, is_absolute;
	int64_t time; /* of the trace's clock, or since its start */
};

/* Who had a lock, in its order. */
struct gt_why_holder {
	uint32_t thread;
	int64_t from, to;   /* within the wait */
	gt_stack_id let_go; /* 0 = not known */
};

/* Why the chain ends. */
enum gt_why_end {
	GT_WHY_END_RAN,     /* the last one ran, or was ready to */
	GT_WHY_END_TIME,    /* it slept, or its time was over: nobody else is to blame */
	GT_WHY_END_LATE,    /* it was let go long before it ran */
	GT_WHY_END_UNKNOWN, /* the trace does not say who ended it */
	GT_WHY_END_CIRCLE,  /* a thread of the chain again: a deadlock while it lasts */
	GT_WHY_END_LONG,    /* GT_WHY_LINKS */
};

/* A thread and its wait. */
struct gt_why_link {
	uint32_t thread;
	struct gt_wait wait;
	enum gt_class class;
	int64_t from, to; /* the part that the chain is about */
	uint64_t ran_ns;  /* of the part asked for: outside of waits; 0 for the first link */
	uint64_t part_ns; /* its length */
	uint64_t late_ns; /* at its end it was let go already, and did not run yet */
	struct gt_why_holder holders[GT_WHY_HELD];
	size_t n_holders;
	bool is_cut;   /* there were more holders */
	uint32_t next; /* who is to blame, or GT_NO_THREAD */
};

struct gt_why {
	struct gt_answer answer;
	struct gt_why_question question;
	struct gt_why_link links[GT_WHY_LINKS];
	size_t n_links;
	uint32_t last; /* who ran at the end of the chain, for GT_WHY_END_RAN */
	uint64_t last_ran_ns, last_part_ns;
	enum gt_why_end end;
	char *complaint;  /* there is no such thread, it did not wait then: no links */
	uint32_t n_alike; /* threads that fit the question */
	struct gt_why_private *priv;
};

void gt_why_init(struct gt_why *y);
void gt_why_free(struct gt_why *y);

/* Answers y->question. As gt_answer_read(). */
int gt_why_read(struct gt_why *y, const char *verb, const struct gt_input *in);

#endif
