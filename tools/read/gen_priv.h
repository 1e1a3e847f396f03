/* What gen.c and tables.c share. */
#ifndef GT_READ_GEN_PRIV_H
#define GT_READ_GEN_PRIV_H

#include "tools/read/gen.h"

/* Copies of batches, in chunks that never move: texts and events point into them. */
struct gt_chunk {
	struct gt_chunk *next;
	size_t len, cap;
	uint8_t bytes[];
};

struct gt_gen_private {
	struct gt_chunk *chunks; /* newest first */
	size_t chunk_bytes;      /* sum of all cap */
	struct gt_idmap string_ids, stack_ids, pcs, ms;
	uint32_t cap_strings, cap_frames, cap_frame_of, cap_stacks, cap_samples;
	uint32_t cap_batches, cap_streams, cap_records, cap_opaque;
	bool has_freq;
};

/* A cursor over the data of a table batch. */
struct gt_bytes {
	const uint8_t *p, *end;
	uint64_t offset; /* of `end` in the file */
};

static inline uint64_t gt_bytes_offset(const struct gt_bytes *b)
{
	return b->offset - (uint64_t)(b->end - b->p);
}

/* Each reads the records of one batch, whose kind is known, into the tables: 0 or -code. */
int gt_gen_add_strings(struct gt_gen *g, struct gt_bytes b, struct gt_err *err);
int gt_gen_add_stacks(struct gt_gen *g, struct gt_bytes b, struct gt_err *err);
int gt_gen_add_samples(struct gt_gen *g, struct gt_bytes b, struct gt_err *err);
int gt_gen_add_sync(struct gt_gen *g, struct gt_bytes b, uint64_t batch_time, struct gt_err *err);

/* When all batches are there: names of frames, the clock, times and order of samples. */
int gt_gen_finish_tables(struct gt_gen *g, struct gt_err *err);

#endif
