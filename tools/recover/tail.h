/*
 * The generation that was being written when everything ended: its whole batches, to be shortened
 * until they make sense, and to be written out again with an end.
 */
#ifndef GT_TAIL_H
#define GT_TAIL_H

#include "tools/read/file.h"
#include "tools/recover/live.h"

struct gt_part {
	enum gt_batch_kind kind;
	uint8_t experiment;
	uint64_t m, time;
	uint8_t *data; /* owned */
	uint32_t size; /* bytes kept: a prefix of what was read; 0 = left out */
	uint64_t at;   /* of data[0] in the last image */
	uint32_t done; /* bytes of the events that the last order run delivered */
};

struct gt_tail {
	uint64_t gen;      /* its number */
	uint64_t min_time; /* of its batches, in units */
	struct gt_part *parts;
	size_t n_parts, cap;
	size_t *in_image; /* kept parts with events, as they stand in the last image */
	size_t n_in_image;
	uint64_t read_bytes; /* data and headers, as read */
	uint64_t events;     /* whole events as read */
};

/* Bytes being put together. */
struct gt_image {
	uint8_t *bytes;
	size_t len, cap;
};

/* Collects the batches of `path` from offset `from` to the next end of a generation, the end of the
 * file or damage. */
bool gt_tail_load(struct gt_tail *t, const char *path, uint64_t from, struct gt_err *err);

/* Leaves out what stands behind the first `size` bytes of part i in the stream of its thread. */
void gt_tail_cut(struct gt_tail *t, size_t i, uint32_t size);

/* The part with events that holds offset `at` of the last image, or n_parts. */
size_t gt_tail_find(const struct gt_tail *t, uint64_t at);

/* Any kept part there, for a table that is to blame; or n_parts. */
size_t gt_tail_find_any(const struct gt_tail *t, uint64_t at);

/* Kept events. */
uint64_t gt_tail_events(const struct gt_tail *t);

void gt_tail_free(struct gt_tail *t);

/*
 * The closed generation behind a file header: the parts that are kept, a status for each thread in
 * `live` that has none (with a stack of its outermost frame), a ProcsChange where `procs` is not 0
 * and there is none, and the end mark.
 */
void gt_tail_build(struct gt_tail *t, const struct gt_live *live, uint64_t procs,
		   struct gt_image *image);

/* Seals a batch of `size` bytes into the image; returns where its data begins there. */
uint64_t gt_image_batch(struct gt_image *image, const struct gt_tail *t, uint8_t experiment,
			uint64_t m, uint64_t time, const uint8_t *data, size_t size);

#endif
