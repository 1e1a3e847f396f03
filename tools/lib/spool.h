/*
 * Many growing sequences of bytes, as one a thread, in one unnamed temporary file: for formats
 * that want a thread's data in one piece although a trace tells of all threads at once. Memory:
 * GT_SPOOL_CHUNK a sequence.
 */
#ifndef GT_SPOOL_H
#define GT_SPOOL_H

#include "tools/lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_SPOOL_CHUNK 512

struct gt_spool;

/* NULL, with errno, when there can be no temporary file. */
struct gt_spool *gt_spool_new(void);
void gt_spool_free(struct gt_spool *s);

/* Appends to sequence `seq`; sequences come into being as they are named. */
void gt_spool_put(struct gt_spool *s, uint32_t seq, const void *bytes, size_t len);

/* Has the file failed (a full disk)? errno of the first failure, or 0. */
int gt_spool_failed(const struct gt_spool *s);

/* Says in *err what gt_spool_new() (s = NULL) or a spool failed of; returns -GT_ERR_IO. */
int gt_spool_complain(const struct gt_spool *s, struct gt_err *err);

/* Length of a sequence. */
uint64_t gt_spool_len(const struct gt_spool *s, uint32_t seq);

/* Reads a sequence from its start. No gt_spool_put() to it meanwhile. */
struct gt_spool_reader {
	struct gt_spool *spool;
	uint32_t seq;
	uint64_t pos;
	uint64_t slot; /* of the chunk at pos */
	bool is_loaded;
	uint8_t chunk[GT_SPOOL_CHUNK];
};

struct gt_spool_reader gt_spool_read(struct gt_spool *s, uint32_t seq);

/* The next `len` bytes; false at the end (nothing is read then), or when the file fails. */
bool gt_spool_get(struct gt_spool_reader *r, void *bytes, size_t len);

#endif
