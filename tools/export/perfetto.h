/* Packets of a Perfetto trace: what is interned, and who runs on which made-up CPU. */
#ifndef GT_EXPORT_PERFETTO_H
#define GT_EXPORT_PERFETTO_H

#include "tools/export/export.h"
#include "tools/lib/keymap.h"

/* Which of the model's things have been told: a byte each. */
struct gt_told {
	uint8_t *is;
	size_t cap;
};

struct Perfetto__TracePacket; /* schema/perfetto.proto */

struct gt_perfetto {
	struct gt_model *model;
	FILE *out;
	bool has_begun;
	struct gt_told frames, stacks, texts[4]; /* texts by enum gt_intern */
	struct gt_told threads, modules;
	struct gt_keymap *rows; /* (kind, id) of spans, metrics -> number */
	uint64_t n_flows;
	int64_t now;      /* newest time of a change */
	uint32_t *cpus;   /* thread on each made-up CPU, GT_NO_THREAD = free */
	uint32_t *cpu_of; /* of each thread + 1, 0 = none */
	uint8_t *runs;    /* of each thread: it has a CPU, as far as waits tell */
	size_t n_cpus, cap_cpus, n_cpu_of, cap_cpu_of, cap_runs;

	/* Switches of the generation that were not told yet, and who is which tid now. */
	struct gt_perfetto_switch *switches;
	size_t n_switches, cap_switches, next_switch;
	struct gt_keymap tids;
	uint32_t *thread_of;
	size_t cap_thread_of;
};

/* A SWITCH record (records.def). */
struct gt_perfetto_switch {
	int64_t time;
	uint64_t tid, what;
	size_t order;
};

enum gt_intern { GT_INTERN_NAME, GT_INTERN_FUNCTION, GT_INTERN_SOURCE, GT_INTERN_PATH };

/* Writes a packet; what it lacks of its sequence is filled in. */
void gt_perfetto_put(struct gt_perfetto *p, struct Perfetto__TracePacket *packet);

/* Was it told before? It is from now on. */
bool gt_perfetto_told(struct gt_told *t, size_t i);

/* The iid of a name of events, or of a stack with all it consists of; 0 = none. */
uint64_t gt_perfetto_name(struct gt_perfetto *p, const char *name);
uint64_t gt_perfetto_stack(struct gt_perfetto *p, gt_stack_id id);

/* sched_switch and sched_waking of a thread's new state. */
void gt_perfetto_sched(struct gt_perfetto *p, const struct gt_change *c);

/* Takes the generation's SWITCH records; tells of those up to a time. */
void gt_perfetto_switches(struct gt_perfetto *p, const struct gt_gen *g);
void gt_perfetto_until(struct gt_perfetto *p, int64_t time);

void gt_perfetto_free(struct gt_perfetto *p);

#endif
