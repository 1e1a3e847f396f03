/* The model, shared by model.c (tables) and walk.c (events). */
#ifndef GT_MODEL_PRIV_H
#define GT_MODEL_PRIV_H

#include "tools/analysis/model.h"
#include "tools/lib/keymap.h"
#include "tools/read/trace.h"

/* Number of something of a generation -> number of the same in the file, + 1; 0 = not yet asked. */
struct gt_model_cache {
	uint32_t *of;
	size_t cap;
};

struct gt_model {
	const struct gt_model_calls *calls; /* none before the part that is asked for */
	const struct gt_model_calls *all_calls;
	void *arg;
	struct gt_focus focus; /* of which threads are told */
	int64_t from, to;      /* the part that is asked for; none: INT64_MIN, INT64_MAX */

	struct gt_keymap texts, frames, stacks; /* keys are the bytes themselves */
	struct gt_model_cache gen_frames, gen_stacks;
	struct gt_idmap threads_by_g;
	struct gt_model_thread *threads;
	size_t n_threads, cap_threads;
	struct gt_keymap modules; /* keys are struct gt_model_module */
	struct gt_model_process process;
	struct gt_keymap spans; /* (kind, id) -> index into open[] */
	uint32_t *open;         /* how many of them are open */
	size_t cap_open;
	struct gt_keymap types; /* of objects: id -> index into type_of[] */
	struct gt_alloc *type_of;
	size_t cap_types;

	struct gt_blame *blame;
	const struct gt_gen *gen; /* being walked */
	bool has_start, is_muted, is_late;
};

gt_stack_id gt_model_put_stack(struct gt_model *m, uint64_t id_in_gen);
gt_text_id gt_model_put_gen_text(struct gt_model *m, uint64_t id_in_gen);
struct gt_model_thread *gt_model_put_thread(struct gt_model *m, uint64_t g);

/* A generation begins: its records are read. */
void gt_model_enter(struct gt_model *m, const struct gt_gen *g);

void gt_walk_event(struct gt_model *m, const struct gt_ordered *ev);
void gt_walk_end(struct gt_model *m);

/*
 * A part of the time [m->from, m->to]: muted before it, gt_walk_event() begins it. Events behind it
 * are late; gt_walk_cut() says that the trace goes on behind it.
 */
void gt_walk_mute(struct gt_model *m);
void gt_walk_late(struct gt_model *m, const struct gt_ordered *ev);
void gt_walk_cut(struct gt_model *m);

#endif
