/* What the parts of merge share. */
#ifndef GT_MERGE_PRIV_H
#define GT_MERGE_PRIV_H

#include "tools/merge/merge.h"
#include "tools/read/trace.h"

#define NONE UINT32_MAX

/* A goroutine of the merged trace: one life of a thread. Its number there is its place + 1. */
struct merge_g {
	uint32_t source;
	uint32_t m; /* thread that it was on last, or NONE */
	enum gt_state state;
	bool is_live;
	uint64_t seq;       /* its counter in this generation */
	uint64_t told;      /* the generation whose records shall name it */
	gt_out_stack stack; /* where it was last */
	gt_out_text label;  /* "redis-server[12] bio_aof" */
	gt_out_text shown;  /* the one that an event told last */
	gt_out_text start;
	uint64_t tid; /* in the trace; 0 = not known yet */
	uint64_t born, died;
	int64_t since; /* its present wait, in the clock of its file */
};

struct merge_p {
	enum gt_pstatus status; /* 0: not in the file yet */
	uint32_t m;             /* that has it, or had it last */
	uint64_t seq, told;
	uint32_t source;
	bool is_free; /* its process has ended */
};

/* A thread; its place is that of its stream. */
struct merge_m {
	uint64_t tid;
	uint32_t g, p; /* that it has now, or NONE */
	uint32_t source;
};

/* A WAIT or EXPIRED record, which has to stand in the generation of its event. */
struct merge_note {
	uint64_t g; /* of the source */
	int64_t time;
	uint64_t address, why, holder, flags;
	gt_out_text name;
	bool is_taken;
};

/* A WAKE or SWITCH record. */
struct merge_timed {
	int64_t time; /* of the trace */
	uint8_t kind;
	uint64_t address, why, field[5];
	gt_out_text name;
	gt_out_stack stack;
};

struct merge_module {
	uint64_t start, end, offset;
	gt_out_text path, build_id;
};

/* How a goroutine or processor of the source was when that began. */
struct merge_first {
	bool is_p;
	uint64_t id, m, status;
	gt_out_stack stack;
};

struct merge_notes {
	struct merge_note *list; /* by g, then time */
	size_t n, cap;
};

struct merge_input {
	struct gt_merge_source *source;
	uint32_t index;
	struct gt_trace *trace;
	const struct gt_gen *gen;
	struct gt_ordered ev;
	enum { MERGE_UNBORN, MERGE_LIVE, MERGE_ENDED } stage;
	uint64_t ended_in; /* generation */
	int64_t next_time; /* of the trace: of what comes next */
	int64_t last_time; /* of its last event */
	struct gt_idmap gs, ps, ms, tasks;
	uint32_t *stack_of; /* of this generation, + 1 */
	struct {
		uint64_t id;
		gt_out_text text;
	} texts[64]; /* of this generation: asked for lately */
	size_t cap_stacks;
	struct merge_first *firsts;
	size_t n_firsts, cap_firsts;
	struct merge_notes waits, expiries;
	struct merge_timed *timed; /* by time, from next_timed on */
	size_t n_timed, cap_timed, next_timed;
	struct merge_module *modules;
	size_t n_modules, cap_modules;
	char *name, *prefix; /* "redis-server", "redis-server[12]" */
	uint64_t heap, goal;
};

struct merge {
	struct gt_merge *job;
	struct gt_out *out;
	struct merge_input *inputs;
	size_t n;
	struct merge_g *gs;
	struct merge_p *ps;
	struct merge_m *ms;
	size_t n_gs, n_ps, n_ms, cap_gs, cap_ps, cap_ms;
	struct gt_idmap by_tid; /* taken numbers of threads -> ms[] */
	uint64_t tasks;         /* numbers given */
	uint64_t *cpus;         /* by machine */
	uint64_t procs_told;    /* the generation that has its ProcsChange */
	struct gt_keymap settings;
};

/* ---- input.c: one file, its numbers as those of the merged trace */
int gt_minput_open(struct merge *g, struct merge_input *in, struct gt_err *err);
void gt_minput_close(struct merge_input *in);
/* The next event: 1, 0 at the end, -code. A new generation's records are taken. */
int gt_minput_next(struct merge *g, struct merge_input *in, struct gt_err *err);
gt_out_text gt_minput_text(struct merge *g, struct merge_input *in, uint64_t id);
gt_out_stack gt_minput_stack(struct merge *g, struct merge_input *in, uint64_t id);
/* "redis-server[12] bio_aof" */
gt_out_text gt_minput_label(struct merge *g, struct merge_input *in, const char *name, size_t len);
static inline uint64_t gt_minput_address(const struct merge_input *in, uint64_t a)
{
	return a != 0 && a < UINT64_C(1) << 48 ? a | (uint64_t)in->index << 48 : a;
}
static inline int64_t gt_minput_time(const struct merge_input *in, int64_t t)
{
	return t + in->source->shift_ns;
}

/* ---- actors.c: goroutines, processors, threads. Each gives the place, made if need be. */
uint32_t gt_merge_g(struct merge *g, struct merge_input *in, uint64_t id);
uint32_t gt_merge_p(struct merge *g, struct merge_input *in, uint64_t id);
uint32_t gt_merge_m(struct merge *g, struct merge_input *in, uint64_t tid);
/* The thread's number in the trace. N.B. not g->ms[gt_merge_m()]: that may move the array. */
uint64_t gt_merge_tid(struct merge *g, struct merge_input *in, uint64_t tid);
uint64_t gt_merge_p_seq(struct merge *g, uint32_t p);
/* Tells that a processor is idle if this generation has not. */
void gt_merge_tell_p(struct merge *g, uint32_t p, uint32_t m, int64_t time);
void gt_merge_start_p(struct merge *g, uint32_t p, uint32_t m, int64_t time);
void gt_merge_start_g(struct merge *g, uint32_t i, uint32_t m, int64_t time);
/* How many events the next two write at most. */
unsigned gt_merge_birth_events(const struct merge_input *in);
/* A process that was there when the trace began: only its state is noted. */
void gt_merge_be_there(struct merge *g, struct merge_input *in);
/* A process that begins later. */
void gt_merge_birth(struct merge *g, struct merge_input *in, int64_t time);
/* Its threads end, its processors and thread numbers are free. */
void gt_merge_end(struct merge *g, struct merge_input *in, int64_t time);
/* The last event of the trace, if it is not there yet: files end with statuses, which are not
 * copied. */
void gt_merge_end_all(struct merge *g, int64_t time);
/* Statuses of all that live. */
unsigned gt_merge_status_events(const struct merge *g);
void gt_merge_statuses(struct merge *g, bool has_labels);
void gt_merge_label(struct merge *g, uint32_t i, int64_t time);
/* Labels of the threads of a process that begins, where there is time before `next`. */
void gt_merge_names(struct merge *g, const struct merge_input *in, int64_t next);
void gt_merge_procs(struct merge *g, uint32_t m, int64_t time);

/* ---- copy.c */
int gt_merge_copy(struct merge *g, struct merge_input *in, struct gt_err *err);

/* ---- records.c */
void gt_merge_take_records(struct merge *g, struct merge_input *in);
/* Those with a time up to this one. */
void gt_merge_put_timed(struct merge *g, struct merge_input *in, int64_t time);
void gt_merge_put_wait(struct merge *g, struct merge_input *in, uint64_t id, uint32_t i,
		       int64_t old, int64_t time);
void gt_merge_put_expiry(struct merge *g, struct merge_input *in, uint64_t id, uint32_t i,
			 int64_t old, int64_t time);
/* At the end of a generation: what each tells anew. */
void gt_merge_put_tables(struct merge *g);

#endif
