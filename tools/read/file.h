/*
 * A trace file as a sequence of wire batches. Reads with read(2) into one buffer, so pipes work and
 * memory does not grow with the file.
 */
#ifndef GT_READ_FILE_H
#define GT_READ_FILE_H

#include "tools/lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_NO_ID UINT64_MAX /* "none" among ids of threads, goroutines and processors */

enum gt_batch_kind {
	GT_BATCH_EVENTS,  /* timed events of thread `m` */
	GT_BATCH_STRINGS, /* tables; `m` means nothing */
	GT_BATCH_STACKS,
	GT_BATCH_SAMPLES,
	GT_BATCH_SYNC,
	GT_BATCH_RECORDS, /* gtrace's own records: experiment 1, first byte 'g' */
	GT_BATCH_OPAQUE,  /* any other experimental batch */
	GT_BATCH_END,     /* end of a generation; only `gen` and `offset` are set */
};

struct gt_wire_batch {
	enum gt_batch_kind kind;
	uint8_t experiment;   /* 0 = an ordinary batch */
	uint64_t gen;         /* generation number */
	uint64_t m;           /* thread id; GT_NO_ID = none */
	uint64_t time;        /* in units of the trace clock */
	const uint8_t *data;  /* owned by the file, valid until its next call; NULL = skipped */
	uint32_t size;        /* bytes of data, at most 65536 */
	uint64_t offset;      /* of the batch in the file */
	uint64_t data_offset; /* of data[0] in the file */
};

struct gt_file;

/* Opens `path`, or standard input for "-", and reads the header. NULL and *err when that fails. */
struct gt_file *gt_file_open(const char *path, struct gt_err *err);

/* The same over memory, which must stay until gt_file_close(). */
struct gt_file *gt_file_open_mem(const void *bytes, size_t len, struct gt_err *err);

/* NULL is fine. */
void gt_file_close(struct gt_file *f);

/* Minor version of the header: 22, 23, 25 or 26. */
int gt_file_version(const struct gt_file *f);

/*
 * A file in the format of Go 1.5 to 1.21 is read whole, put in order and checked when it is opened;
 * what is read here is made of it (old.h), and offsets are not the file's. NULL for any other.
 */
struct gt_file_old {
	int version;       /* 5 to 21 */
	uint64_t bytes;    /* of the file */
	uint64_t left_out; /* events that have no place in the new format */
};
const struct gt_file_old *gt_file_old(const struct gt_file *f);

/* Bytes of the file before the next batch. */
uint64_t gt_file_offset(const struct gt_file *f);

/* Size of the file in bytes if it is a regular file, otherwise 0. For progress and estimates. */
uint64_t gt_file_size(const struct gt_file *f);

/*
 * Goes to `offset`, where a generation begins; `before` is the number of the one before it, 0 =
 * nobody knows. False when the file cannot be sought in.
 */
bool gt_file_seek(struct gt_file *f, uint64_t offset, uint64_t before);

/* From now on batches of events are passed over without reading them, where the file can be sought
 * in. */
void gt_file_skip_events(struct gt_file *f);

/*
 * The next batch or end-of-generation mark. Returns 1, or 0 at the end of the file, or -gt_err_code
 * with *err. Files before 1.26 have no marks: they are made up where the generation number changes
 * and at the end of the file. A batch that is not whole is GT_ERR_TRUNCATED.
 */
int gt_file_next(struct gt_file *f, struct gt_wire_batch *b, struct gt_err *err);

/*
 * Did gt_file_next() fail at a batch that may be the first one of the next generation? Before 1.26,
 * where nothing marks the end of a generation, the open one is then whole as far as anybody can
 * tell: Go's reader delivers it before it reports the error.
 */
bool gt_file_failed_behind(const struct gt_file *f);

#endif
