/*
 * The tables of the generation that is being written: strings, stacks, gtrace's own records. Writer
 * only.
 */
#ifndef GT_TABLES_H
#define GT_TABLES_H

#include "preload/advance.h"
#include "preload/output.h"

/* Memory for all tables. 0 or -ENOMEM. */
int gt_tables_init(struct gt_output *out);

/* Numbers on the wire: `wire_gen` stands for generation `gen`. */
void gt_tables_begin(uint64_t gen, uint64_t wire_gen);

/* Sync batch: the clocks as they were when the generation was published. */
void gt_tables_sync(const struct gt_stamp *s);

/*
 * Writes all stacks, names and strings that are new since the last flush, so that the file has them
 * before the events that use them. `is_final`: the generation is closed, everything is complete.
 */
void gt_tables_flush(bool is_final);

/* gtrace's own records of this generation: threads, calls, metrics; and the process with its
 * modules if `is_full`. */
void gt_tables_records(bool is_full);

/* Id of a string in the generation that is being written; 0 = the table is full. */
gt_str gt_tables_text(const char *text);

/* A batch with room for one record of any time of the generation (gt_r_*). */
struct gt_batch *gt_tables_log(void);

/* Fills gt_exe_path (boot.h). */
void gt_exe_find(void);

/* ---- CPU samples and switches ---- */

struct gt_sample {
	gt_ns time;
	gt_m m;
	gt_p p; /* UINT64_MAX = none */
	gt_g g;
	gt_stack stack;
};

int gt_tables_perf_init(void); /* memory; 0 or -ENOMEM */

/* Id of a stack in the generation that is being written. */
gt_stack gt_tables_stack(const uint64_t *pcs, size_t n);
void gt_tables_samples(const struct gt_sample *samples, size_t n);

/* A chunk of events or notes that a thread has handed over; it stays the caller's. */
void gt_tables_chunk(struct gt_chunk *c);

/* One batch of events, or of anything, under the wire number of the generation. */
void gt_tables_put(struct gt_batch *b, uint8_t experiment, gt_m m);

#endif
