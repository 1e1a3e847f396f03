/*
 * The trace that merge writes: texts, stacks and objects that outlive generations, each told anew
 * by every generation that uses it; one stream of batches per thread; batches go to the file as
 * they fill up. Writes in the order of time.
 */
#ifndef GT_MERGE_OUT_H
#define GT_MERGE_OUT_H

#include "encoder/section.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"

#include <stdio.h>

/* Numbers of the whole file; 0 = "", none. */
typedef uint32_t gt_out_text;
typedef uint32_t gt_out_stack;

struct gt_out_frame {
	uint64_t pc, line;
	gt_out_text func, file;
};

/* Things that a generation tells when it first uses them. */
struct gt_out_used {
	struct gt_keymap keys;
	uint64_t *in; /* the generation that used it last */
	size_t cap_in;
	uint32_t *list; /* those of this generation; its place here + 1 is its id */
	uint32_t *place;
	size_t n, cap_list, cap_place;
};

struct gt_out_stream {
	struct gt_batch b; /* mem NULL: nothing yet */
	uint64_t m;
};

struct gt_out {
	FILE *file;
	uint64_t number;     /* of the present generation; 0 = none yet */
	int64_t start, last; /* its time; that of the newest event */
	uint64_t bytes;      /* of the file */
	uint64_t gen_bytes;  /* of this generation */
	uint64_t events;
	uint64_t moved,
		moved_ns; /* events that stand later than they were, and by how much in all */
	struct gt_out_used texts, stacks, objects;
	struct gt_keymap frames; /* keys are struct gt_out_frame */
	struct gt_keymap pcs;    /* of this generation: pc */
	uint32_t *frame_of_pc;
	size_t cap_pcs;
	struct gt_out_stream *streams;
	size_t n_streams, cap_streams;
	struct gt_batch records, samples;
	uint8_t *table_mem; /* of strings, stacks */
};

void gt_out_init(struct gt_out *o, FILE *file);
void gt_out_free(struct gt_out *o);

/* A generation at `start`, with its clock: wall_off = wall clock - trace clock. */
void gt_out_begin(struct gt_out *o, int64_t start, int64_t wall_off);
/* Writes what is left of it. */
void gt_out_end(struct gt_out *o);

/* Stream of the thread that the file shall call `m`. */
uint32_t gt_out_stream(struct gt_out *o, uint64_t m);

#define GT_OUT_NEXT INT64_MIN /* a time: right behind the event before */

/*
 * Appends an event, not before the one before it: no two events of the file have the same time, as
 * readers would move the second one.
 */
void gt_out_event(struct gt_out *o, uint32_t stream, int64_t time, uint8_t id, const uint64_t *args,
		  unsigned n);

/* The time that the next event gets that is wanted at `time`; counts if it is another. */
int64_t gt_out_time(struct gt_out *o, int64_t time);

gt_out_text gt_out_put_text(struct gt_out *o, const char *text, size_t len);
const char *gt_out_get_text(const struct gt_out *o, gt_out_text t);
gt_out_stack gt_out_put_stack(struct gt_out *o, const struct gt_out_frame *frames, uint32_t n);
/* The stack of the outermost frame of another one. */
gt_out_stack gt_out_start_of(struct gt_out *o, gt_out_stack s);
const char *gt_out_start_name(const struct gt_out *o, gt_out_stack s);

/* Ids in the present generation. */
uint64_t gt_out_text_id(struct gt_out *o, gt_out_text t);
uint64_t gt_out_stack_id(struct gt_out *o, gt_out_stack s);
/* Of a lock or descriptor; tells it by an OBJECT record when it is new. */
uint64_t gt_out_object_id(struct gt_out *o, uint64_t address, uint64_t why, gt_out_text name);

/* A record; field[] as in records.def, with ids of this generation. */
void gt_out_record(struct gt_out *o, uint8_t kind, int64_t time, const uint64_t *field,
		   const uint8_t *tail, size_t tail_len);
void gt_out_sample(struct gt_out *o, int64_t time, uint64_t m, uint64_t p, uint64_t g,
		   gt_out_stack stack);

#endif
