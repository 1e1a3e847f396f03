/* Shared by strict.c (events) and strict_gen.c (generations and tables). */
#ifndef GT_READ_STRICT_PRIV_H
#define GT_READ_STRICT_PRIV_H

#include "tools/read/strict.h"

#define TOLD_MAX 20 /* findings of one kind */

/* Kinds of findings: of each only the first few are told. */
enum gt_rule {
	GT_RULE_STATE,   /* a state that does not follow from the one before */
	GT_RULE_BINDING, /* one G and one P per M */
	GT_RULE_TIME,
	GT_RULE_CLOCK,
	GT_RULE_FRAME,
	GT_RULE_LABEL,
	GT_RULE_TASK,
	GT_RULE_RANGE,
	GT_RULE_U1,
	GT_RULE_U2,
	GT_RULE_U3,
	GT_RULE_U4,
	GT_RULE_U5,
	GT_RULE_U6,
	GT_RULE_ROOT,   /* names of goroutines */
	GT_RULE_STATUS, /* each live G in each generation */
	GT_RULE_UNIT,
	GT_RULE_STAMP,
	GT_RULE_BATCHES,
	GT_RULE_GENERATION,
	GT_RULE_VERSION,
	GT_RULES
};

struct gt_vm {
	uint64_t id;
	uint64_t g, p; /* GT_NO_ID = none */
};

struct gt_vg {
	uint64_t id;
	uint64_t serial; /* of the generation with its last status */
	uint32_t m;      /* index of the thread that it is bound to, GT_NO_INDEX = none */
	uint32_t hint;   /* index of the thread that it was bound to last, perhaps */
	uint32_t n_ranges;
	uint8_t state;
	bool is_alive, has_assist;
};

struct gt_vp {
	uint64_t id;
	uint32_t m;
	uint8_t state;
};

struct gt_strict {
	gt_finding_fn *fn;
	void *user;
	uint32_t told[GT_RULES];

	struct gt_idmap g_ids, p_ids, m_ids, seen_tasks;
	struct gt_vg *gs;
	struct gt_vp *ps;
	struct gt_vm *ms;
	uint32_t n_gs, n_ps, n_ms, cap_gs, cap_ps, cap_ms;
	uint32_t *free_gs;
	uint32_t n_free, cap_free;
	uint32_t n_alive;
	uint32_t n_stated; /* of these, with a status in this generation */

	uint64_t serial; /* generations so far */
	uint64_t gen_number, gen_offset;
	int64_t last_time;
	bool has_procs; /* a ProcsChange was seen */

	bool has_clock; /* of the generation before */
	int64_t wall_sec;
	uint64_t wall_nsec, mono;
	int64_t trace_ns;

	uint64_t n_back; /* of g->back: told */
	uint64_t
		known_reasons; /* bit i: string i of the generation is a reason that viewers know */
	uint8_t *seen_stacks;  /* bit per stack of the generation: checked */
	uint32_t cap_seen;
};

void gt_strict_find(struct gt_strict *s, enum gt_rule rule, enum gt_severity severity,
		    uint64_t offset, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Closes the books of the generation before, then looks at `g` as a whole. */
int gt_strict_gen(struct gt_strict *s, const struct gt_gen *g);
void gt_strict_gen_end(struct gt_strict *s);

/* What is left at the end of the file: tables of a generation that never became whole. */
void gt_strict_tail(struct gt_strict *s, const struct gt_gen *g);

/* A batch that begins too early. */
void gt_strict_back(struct gt_strict *s, const struct gt_gen_back *b);

/* The frames of a stack that an event names. */
void gt_strict_stack(struct gt_strict *s, const struct gt_gen *g, uint64_t id, uint64_t offset);

#endif
