/* State of the order checker, shared by order.c (merge), rules.c (G, P, M) and annot.c (tasks,
 * regions, ranges). */
#ifndef GT_READ_ORDER_PRIV_H
#define GT_READ_ORDER_PRIV_H

#include "tools/read/order.h"

/* A text of a generation that must outlive it: copied only when the generation ends. */
struct gt_kept_text {
	uint64_t id;     /* string id in generation `serial` */
	uint64_t serial; /* gt_order.serial when the id was valid */
	char *copy;      /* NULL while that generation is the present one */
	uint32_t len;    /* of copy */
};

struct gt_region {
	uint64_t task;
	struct gt_kept_text name;
};

/* A stretch of stop-the-world, mark assist (of a G) or sweep (of a P). */
struct gt_range {
	uint8_t begin; /* id of the begin event */
	struct gt_kept_text kind;
};

struct gt_ranges {
	struct gt_range *list;
	uint32_t n, cap;
};

/* Counters are valid only in the generation whose number they carry [O2]. */
struct gt_gstate {
	uint64_t id;
	uint64_t seq, seq_gen;
	uint8_t status;   /* enum gt_gstatus */
	uint8_t is_alive; /* else in the free list */
	uint64_t touched; /* serial of the last generation in which a region or range began */
	struct gt_region *regions; /* innermost last */
	uint32_t n_regions, cap_regions;
	struct gt_ranges ranges;
};

struct gt_pstate {
	uint64_t id;
	uint64_t seq, seq_gen;
	uint8_t status; /* enum gt_pstatus, or GT_P_ABANDONED */
	struct gt_ranges ranges;
};
#define GT_P_ABANDONED 4

/* Outlives generations and the thread itself [O7]. */
struct gt_mstate {
	uint64_t id;
	uint64_t g, p; /* GT_NO_ID = none */
};

struct gt_task_state {
	uint64_t id;
	uint64_t parent;
	struct gt_kept_text name;
	bool is_active;
};

/* The event that a thread wants to do next. */
struct gt_cursor {
	struct gt_event_rec ev; /* ev.time is the heap's key */
	const uint8_t *p, *end; /* rest of the present batch */
	uint64_t end_offset;    /* of `end` in the file */
	int64_t last;           /* time of the event before; 0 = take the batch's */
	uint64_t units;         /* the same as it stands in the file */
	uint64_t m;
	uint32_t batch;   /* index of the present batch, GT_NO_BATCH behind the last */
	uint32_t m_index; /* into gt_order.ms; GT_NO_INDEX until its first event */
	bool has_units;
};

struct gt_heap_item {
	int64_t time;
	struct gt_cursor *c;
};

/* Context of an event. */
struct gt_ctx {
	uint64_t m, p, g;
};

enum gt_gc { GT_GC_UNKNOWN, GT_GC_OFF, GT_GC_ON };

#define GT_ORDER_QUEUE 4 /* GoSwitch makes three events of one */

struct gt_order {
	struct gt_gen *gen;
	uint64_t serial;    /* counts generations, from 1 */
	uint64_t first_gen; /* number of the first one with events, 0 = not yet */
	int64_t last_time;
	bool is_begun;
	struct gt_err failed;

	struct gt_cursor *cursors;
	uint32_t cap_cursors;
	struct gt_heap_item *heap, *scratch;
	uint32_t n_heap, cap_heap, cap_scratch;
	uint32_t sample; /* next CPU sample */

	struct gt_ordered queue[GT_ORDER_QUEUE];
	uint32_t q_first, q_n;

	struct gt_idmap g_ids, p_ids, m_ids, task_ids;
	struct gt_gstate *gs;
	struct gt_pstate *ps;
	struct gt_mstate *ms;
	struct gt_task_state *tasks;
	uint32_t n_gs, n_ps, n_ms, n_tasks, cap_gs, cap_ps, cap_ms, cap_tasks;
	uint32_t *free_gs, *free_tasks;
	uint32_t n_free_gs, cap_free_gs, n_free_tasks, cap_free_tasks;

	/* Indices of Gs and tasks that hold a text of the present generation, perhaps. */
	uint32_t *touched_gs, *new_tasks;
	uint32_t n_touched_gs, cap_touched_gs, n_new_tasks, cap_new_tasks;
	char *dead_name; /* lent to the last event */

	uint64_t gc_seq;
	enum gt_gc gc;
};

/* What became of an attempt to apply an event. */
enum gt_adv {
	GT_ADV_FAIL = -1, /* the trace is broken, *err says why */
	GT_ADV_WAIT = 0,  /* not now: something of another thread must come first */
	GT_ADV_DONE = 1,
};

/* One attempt: the event, its context (changed in place to the one after it) and where errors go.
 */
struct gt_try {
	struct gt_order *o;
	const struct gt_event_rec *ev;
	struct gt_ctx ctx;
	struct gt_ordered
		*out; /* filled with the context before; the rules add subject, from, to */
	struct gt_err *err;
};

enum gt_adv gt_rules_apply(struct gt_try *t);
enum gt_adv gt_annot_apply(struct gt_try *t);

/* "thread 12: GoBlock: ..." */
enum gt_adv gt_try_fail(struct gt_try *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/* Words for enum gt_gstatus and gt_pstatus. */
const char *gt_g_status_word(uint64_t s);
const char *gt_p_status_word(uint64_t s);

/* Why an event that waits cannot be applied, for people. */
void gt_rules_explain(const struct gt_order *o, const struct gt_cursor *c, char *buf, size_t size);

enum gt_need { GT_NONE, GT_ANY, GT_ONE };

/* Says what of it the event's thread does not hold. */
enum gt_adv gt_try_lacks(struct gt_try *t, enum gt_need p, enum gt_need g) __attribute__((cold));

static inline bool gt_try_is_met(enum gt_need need, uint64_t held)
{
	return need == GT_ANY || (need == GT_ONE) == (held != GT_NO_ID);
}

/* Does the event's thread hold what the event needs? False: the error is set. */
static inline bool gt_try_needs(struct gt_try *t, enum gt_need p, enum gt_need g)
{
	if (t->ctx.m != GT_NO_ID && gt_try_is_met(p, t->ctx.p) && gt_try_is_met(g, t->ctx.g))
		return true;
	gt_try_lacks(t, p, g);
	return false;
}

/* Appends an event that is not in the file. */
struct gt_ordered *gt_order_push(struct gt_order *o, const struct gt_try *t, uint8_t id);

/* NULL when there is none. Pointers are valid until the next G or P is added. */
static inline struct gt_gstate *gt_order_g(const struct gt_order *o, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&o->g_ids, id);
	return i == GT_NO_INDEX ? NULL : &o->gs[i];
}

static inline struct gt_pstate *gt_order_p(const struct gt_order *o, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&o->p_ids, id);
	return i == GT_NO_INDEX ? NULL : &o->ps[i];
}

void gt_order_remove_g(struct gt_order *o, struct gt_gstate *g);

/* Index of the thread's state, made if need be; GT_NO_INDEX without memory. */
uint32_t gt_order_m(struct gt_order *o, uint64_t id);

/* When a generation ends: copies the texts that are still needed. */
bool gt_annot_keep_texts(struct gt_order *o);
void gt_annot_free_g(struct gt_gstate *g);
void gt_annot_free(struct gt_order *o);

static inline bool gt_is_first_gen(const struct gt_order *o)
{
	/* N.B. by number, as in Go's reader, although a file may use one twice. */
	return o->gen->number == o->first_gen;
}

static inline enum gt_adv gt_try_change(struct gt_try *t, enum gt_subject subject, uint64_t who,
					enum gt_state from, enum gt_state to)
{
	t->out->subject = subject;
	t->out->who = who;
	t->out->from = from;
	t->out->to = to;
	return GT_ADV_DONE;
}

#endif
