/*
 * Who waited for what, where, for how long, and who had it meanwhile. Memory is bounded by the
 * distinct pairs of an object and a stack (and by the threads), not by the waits.
 */
#ifndef GT_LOCKS_H
#define GT_LOCKS_H

#include "tools/analysis/answer.h"
#include "tools/lib/hist.h"

#define GT_NO_OBJECT UINT32_MAX

/* A lock, a condition, a pipe ...: all that is waited for under one name. */
struct gt_lock_object {
	struct gt_object_id id;
	enum gt_class class;
	gt_stack_id stack; /* of its first wait: says what was called */
	uint64_t waits, total_ns, max_ns, expired, open, threads;
	uint64_t late_ns;             /* of total_ns: let go already, and not yet running */
	uint64_t no_holder, no_waker; /* waits */
	uint32_t n_open;              /* at present */
	uint32_t epoch; /* moves when nobody waits: what was known of holders is old */
	int64_t last_release;
};

/* Waits for one object with one stack. */
struct gt_lock_site {
	uint32_t object;
	gt_stack_id stack;
	uint64_t total_ns, expired, threads;
	struct gt_hist hist;
};

/* Those who let others go with one stack: who had a lock, who sent a signal. Stack 0 = where is not
 * known. */
struct gt_lock_giver {
	uint32_t object;
	gt_stack_id stack;
	uint32_t thread;           /* one of them */
	uint64_t threads;          /* how many */
	uint64_t waits, waited_ns; /* ended by it */
	uint64_t times, ns,
		max_ns;      /* it had the lock, or others waited for it, so often and long */
	uint64_t at_least;   /* times of which the begin was not seen: it was longer */
	uint64_t unknown_ns; /* of ns: what it did then was forgotten */
};

/* What a giver did meanwhile. */
struct gt_lock_doing {
	uint32_t giver;
	struct gt_object_id id;
	uint32_t object; /* index, or GT_NO_OBJECT */
	enum gt_class class;
	gt_stack_id stack;
	uint64_t ns;
};

struct gt_locks_private;

struct gt_locks {
	struct gt_answer answer;
	struct gt_lock_object *objects;
	struct gt_lock_site *sites;
	struct gt_lock_giver *givers;
	struct gt_lock_doing *doings;
	size_t n_objects, n_sites, n_givers, n_doings;
	struct gt_locks_private *priv;
};

void gt_locks_init(struct gt_locks *l);
void gt_locks_free(struct gt_locks *l);

/* As gt_answer_read(). */
int gt_locks_read(struct gt_locks *l, const char *verb, const struct gt_input *in);

/* The giver that explains most of an object's waits, or NULL. */
const struct gt_lock_giver *gt_locks_top_giver(const struct gt_locks *l, uint32_t object);

/* What a giver did most, or NULL: it ran. *ran_ns: how long it ran. */
const struct gt_lock_doing *gt_locks_top_doing(const struct gt_locks *l,
					       const struct gt_lock_giver *g, uint64_t *ran_ns);

/* "the thread owner (tid 12)", "8 threads (worker-1 ...)" */
const char *gt_locks_giver_name(const struct gt_locks *l, const struct gt_lock_giver *g,
				char buf[static GT_LABEL_MAX]);

/*
 * What to do first: sentences, the most important one first, each the caller's to free; *n of them,
 * at least one. (advice.c)
 */
char **gt_locks_advice(struct gt_locks *l, size_t *n);

#endif
