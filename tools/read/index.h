/*
 * Where the generations of a file lie and when they were: FILE.idx, so that a part of a big file is
 * opened without reading the rest. The index is a convenience: what it says is checked against the
 * file's size, time and bytes, and where it cannot be read or written nothing is lost but time.
 */
#ifndef GT_READ_INDEX_H
#define GT_READ_INDEX_H

#include "tools/lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_INDEX_MIN_BYTES (32 << 20) /* smaller files are read as fast as an index */

struct gt_index_gen {
	uint64_t number, offset, end; /* of the file */
	int64_t start_ns;             /* smallest time of a batch */
	int64_t end_ns;               /* newest event; only with has_events */
	uint64_t batches, events;     /* the latter likewise */
};

struct gt_index {
	struct gt_index_gen *gens;
	size_t n, cap;
	bool has_events; /* somebody has read all events and counted */
	uint64_t event_count[256], event_bytes[256];
};

/*
 * The index of `path`: from FILE.idx when that is fresh, else from the headers of its batches (few
 * milliseconds), and then FILE.idx is written if the file is big. Generations behind a damage are
 * not in it. False when there is none: no regular file, a file that is still being written.
 */
bool gt_index_open(struct gt_index *x, const char *path);

/* Only what FILE.idx says; false when it is not there or stale. */
bool gt_index_load(struct gt_index *x, const char *path);

/* Writes FILE.idx if the file is big; what fails is not said. */
void gt_index_save(const struct gt_index *x, const char *path);

struct gt_index_gen *gt_index_add(struct gt_index *x);

/* Generations that can hold events of [from, to], ns of the trace clock: *first to *last; false
 * when there are none. */
bool gt_index_find(const struct gt_index *x, int64_t from, int64_t to, size_t *first, size_t *last);

void gt_index_free(struct gt_index *x);

#endif
