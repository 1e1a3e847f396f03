/* A profile as `go tool pprof` reads it: samples are collected, then written at once. */
#ifndef GT_EXPORT_PPROF_H
#define GT_EXPORT_PPROF_H

#include "tools/export/export.h"
#include "tools/lib/keymap.h"

#define GT_PPROF_VALUES 4

struct gt_pprof_type {
	const char *type, *unit;
};

/* What makes a sample; its bytes are the key: start with gt_pprof_key(). */
struct gt_pprof_key {
	const char *state; /* one of few literals, or NULL */
	uint64_t object, holder_g;
	uint32_t thread; /* or GT_NO_THREAD */
	gt_stack_id stack;
	gt_text_id reason;
};

struct gt_pprof_sample {
	int64_t value[GT_PPROF_VALUES];
};

/* Zero-initialised but for the first three. */
struct gt_pprof {
	const struct gt_pprof_type *types; /* the last one is what viewers show first */
	size_t n_types;
	int64_t period; /* of a sampled profile; 0 = every one is there */
	struct gt_keymap keys;
	struct gt_pprof_sample *samples;
	size_t cap_samples;
};

struct gt_pprof_key gt_pprof_key(uint32_t thread, gt_stack_id stack);

/* The sample of a key; the pointer is valid until the next one. */
struct gt_pprof_sample *gt_pprof_add(struct gt_pprof *p, const struct gt_pprof_key *key);

int gt_pprof_write(struct gt_pprof *p, struct gt_model *m, FILE *out, struct gt_err *err);
void gt_pprof_free(struct gt_pprof *p);

#endif
