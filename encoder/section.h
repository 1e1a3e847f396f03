/*
 * Table batches: strings, stacks, CPU samples, sync, gtrace's records. Each begins with
 * gt_section_begin(), is filled record by record, and is sealed like any other batch. All put
 * functions return false, and write nothing, when the batch has no room: seal it and begin another.
 * The memory of `b` must be good for more than a beginning, which takes up to 2 bytes of data.
 */
#ifndef GT_SECTION_H
#define GT_SECTION_H

#include "encoder/event.h"

#define GT_STRING_MAX 1024 /* bytes; readers refuse more */
#define GT_STACK_MAX  128  /* frames; readers refuse more */

struct gt_frame {
	uint64_t pc; /* never 0 */
	gt_str func;
	gt_str file;
	uint64_t line; /* never 0: readers' validators want one */
};

/* What a SWITCH record says (records.def). */
enum gt_switch { GT_SWITCH_OUT = 1, GT_SWITCH_PREEMPTED, GT_SWITCH_IN, GT_SWITCH_GONE };

/* Empties `b` and begins a table of `kind`: GT_EV_Strings, _Stacks, _CPUSamples or _Sync. */
void gt_section_begin(struct gt_batch *b, enum gt_event kind, gt_ns start);

/* As above, for a batch of gtrace's own records; seal it with GT_EXPERIMENT. */
void gt_section_begin_records(struct gt_batch *b, gt_ns start);

/* String `id` (not 0). Longer than GT_STRING_MAX: the first bytes are cut, the tail is kept. */
bool gt_section_string(struct gt_batch *b, gt_str id, const char *text, size_t len);

/* Stack `id` (not 0) of n frames, innermost first; n is cut to GT_STACK_MAX. */
bool gt_section_stack(struct gt_batch *b, gt_stack id, const struct gt_frame *frames, size_t n);

/* CPU sample at absolute `time`; p = UINT64_MAX and g = 0 mean none. */
bool gt_section_sample(struct gt_batch *b, gt_ns time, gt_m m, gt_p p, gt_g g, gt_stack stack);

/* The sync batch's two records: units per second, and three clocks at one instant. */
bool gt_section_sync(struct gt_batch *b, uint64_t freq_hz, gt_ns now, gt_ns mono, uint64_t wall_s,
		     uint64_t wall_ns);

/* CALL record with its histogram: n_buckets numbers, at most 64; those that are 0 are left out. */
bool gt_section_call(struct gt_batch *b, gt_ns now, gt_m tid, gt_g g, gt_str call, uint64_t count,
		     uint64_t waits, uint64_t total_ns, uint64_t max_ns, const uint64_t *buckets,
		     size_t n_buckets);

#endif
