/* Telling an old trace anew: old_tell.c (goroutines, processors) and old_notes.c (all else). */
#ifndef GT_READ_OLD_TELL_H
#define GT_READ_OLD_TELL_H

#include "tools/read/old_stream.h"

enum gt_old_gstate { G_NEW, G_RUNNABLE, G_RUNNING, G_WAITING, G_CALLING, G_GONE };

struct gt_old_goroutine {
	uint64_t id, seq;
	enum gt_old_gstate state;
	uint32_t m;        /* where it runs or is in a call */
	bool is_calling;   /* the begin of its call was told, the end of its running not yet */
	bool is_assisting; /* was told */
	bool has_lost_region;
};

struct gt_old_teller {
	struct gt_old *o;
	struct gt_old_streams s;
	struct gt_old_tables *t;
	struct gt_idmap g_ids, tasks;
	struct gt_old_goroutine *gs;
	size_t n_gs, cap_gs;
	struct gt_old_event **samples;
	uint64_t *sample_times;
	size_t n_samples, cap_samples, cap_sample_times;
	uint32_t nobody;        /* thread of events of nobody */
	uint32_t runner;        /* where a goroutine was started last */
	uint64_t gc_seq, procs; /* procs: to be told as soon as there is a place; 0 = none */
	uint64_t procs_stack, told_procs;
	bool is_collecting, is_init;
	uint64_t left_out;
};

/* Writes an event on thread m; `time`: now, or soon. */
#define SAY(w, m, time, name, ...)                                                                 \
	gt_w_##name(gt_old_batch(&(w)->s, m), gt_old_##time(&(w)->s) __VA_OPT__(, ) __VA_ARGS__)

/* Index of the goroutine, made if need be. */
uint32_t gt_old_goroutine(struct gt_old_teller *w, uint64_t id);

gt_stack gt_old_stack(struct gt_old_teller *w, const struct gt_old_event *e);
gt_str gt_old_text(struct gt_old_teller *w, const char *t);

/* The thread of the event's processor, if it is bound to the event's goroutine. */
uint32_t gt_old_place(struct gt_old_teller *w, const struct gt_old_event *e);

/* Event i, unless it is one of goroutines or processors: those are not looked at. */
void gt_old_note(struct gt_old_teller *w, struct gt_old_event *e, uint32_t i);

#endif
