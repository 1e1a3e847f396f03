/* gtrace's own records (records.def), read from the 'g' batches of a generation. */
#ifndef GT_READ_REC_H
#define GT_READ_REC_H

#include "encoder/event.h"
#include "tools/read/gen.h"

struct gt_rec_value {
	uint8_t kind; /* enum gt_rec; only kinds that records.def knows come out */
	int64_t time; /* ns */
	uint64_t m;   /* of the batch */
	uint64_t field[GT_REC_MAX_FIELDS]; /* in the order of gt_rec_specs[kind]; missing ones are 0
					    */
	const uint8_t *tail, *tail_end;    /* bytes behind the fields: CALL's (bucket, n) pairs */
	uint64_t offset;                   /* of the record in the file */
};

struct gt_rec_iter {
	const struct gt_gen *gen;
	uint32_t batch; /* index into gen->records */
	uint32_t pos;   /* in its data; 0 = batch not begun */
};

static inline struct gt_rec_iter gt_rec_first(const struct gt_gen *g)
{
	return (struct gt_rec_iter){ g, 0, 0 };
}

/*
 * The next record: 1; 0 at the end; -GT_ERR_FORMAT with *err for a damaged one, after which the
 * iteration goes on with the next batch. Kinds and versions that are not known are skipped.
 */
int gt_rec_next(struct gt_rec_iter *it, struct gt_rec_value *r, struct gt_err *err);

/* The next pair of a CALL record's histogram; false at its end. */
bool gt_rec_bucket(struct gt_rec_value *r, uint64_t *bucket, uint64_t *n);

#endif
