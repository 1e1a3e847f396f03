/*
 * One generation of a trace in memory: its tables, its clock, and its event batches by thread.
 * Everything here lives until the next gt_gen_read() or gt_gen_free() on the same object.
 */
#ifndef GT_READ_GEN_H
#define GT_READ_GEN_H

#include "tools/lib/err.h"
#include "tools/read/file.h"
#include "tools/read/idmap.h"

/* Bytes of the file; not terminated by a zero. print with "%.*s", (int)t.len, t.p */
struct gt_text {
	const char *p;
	uint32_t len;
};

struct gt_gen_frame {
	uint64_t pc;
	uint64_t func, file; /* string ids; 0 = empty */
	uint64_t line;
};

struct gt_gen_stack {
	uint64_t id;
	uint32_t first; /* index into gt_gen.frame_of[]: frames, innermost first */
	uint32_t n;
};

struct gt_gen_sample {
	int64_t time;     /* ns */
	uint64_t m, p, g; /* GT_NO_ID = none */
	uint64_t stack;
	uint64_t offset; /* of the record in the file */
};

struct gt_gen_batch {
	const uint8_t *data;
	uint32_t size;
	uint32_t next; /* next batch of the same thread, in file order; GT_NO_BATCH = last */
	uint64_t m;
	uint64_t time;        /* units */
	uint64_t offset;      /* of the batch in the file */
	uint64_t data_offset; /* of data[0] */
	uint8_t experiment;
};
#define GT_NO_BATCH UINT32_MAX

/* All event batches of one thread. */
struct gt_gen_stream {
	uint64_t m;
	uint32_t first, last; /* indices into gt_gen.batches */
};

/* A batch that begins before the last event of its thread's batch before it. */
struct gt_gen_back {
	uint64_t n;      /* how many so far; the rest is of the last one */
	uint64_t offset; /* of the batch */
	uint64_t m, time, last;
};

struct gt_gen {
	uint64_t number;      /* as in the file */
	uint64_t index;       /* 0, 1, 2 ... in this file */
	int version;          /* of the file: 22, 23, 25, 26 */
	uint64_t offset;      /* of its first batch */
	uint64_t end;         /* of the byte behind it */
	uint64_t min_time;    /* smallest batch time, units */
	uint64_t freq_hz;     /* units per second */
	uint64_t min_stamp;   /* the same, batches of time 0 left out */
	uint64_t zero_offset; /* of the first batch of time 0, or GT_NO_OFFSET */
	double ns_per_unit;   /* as Go computes it */
	bool has_clock;
	uint64_t snap_time;           /* units */
	uint64_t snap_mono_ns;        /* CLOCK_MONOTONIC at snap_time */
	uint64_t snap_sec, snap_nsec; /* wall clock at snap_time */
	uint64_t clock_offset;        /* where the snapshot stands in the file */

	struct gt_text *strings; /* [0] is the empty string */
	uint32_t n_strings;
	uint64_t max_string;         /* largest id */
	struct gt_gen_frame *frames; /* one per PC */
	uint32_t n_frames;
	uint32_t *frame_of; /* indices into frames[], see gt_gen_stack */
	uint32_t n_frame_of;
	struct gt_gen_stack *stacks; /* [0] is the empty stack */
	uint32_t n_stacks;
	struct gt_gen_sample *samples; /* by time */
	uint32_t n_samples;

	struct gt_gen_batch *batches; /* events, then by `next` */
	uint32_t n_batches;
	uint32_t n_skipped; /* batches of events that were passed over (gt_file_skip_events) */
	struct gt_gen_stream *streams; /* in order of appearance */
	uint32_t n_streams;
	struct gt_gen_batch *records; /* gtrace's own record batches, in file order */
	uint32_t n_records;
	struct gt_gen_batch *opaque; /* other experimental batches */
	uint32_t n_opaque;

	struct gt_gen_back back; /* kept by the order checker as it goes */

	struct gt_gen_private *priv;
};

/* An empty object; NULL when there is no memory. */
struct gt_gen *gt_gen_new(void);
void gt_gen_free(struct gt_gen *g);

/*
 * Reads the next whole generation of `f` into `g`, forgetting what was there. Returns 1; 0 at the
 * end of the file; -gt_err_code with *err. A damaged or cut generation is never delivered in part,
 * except that a file before 1.26 does not tell whether its last one was cut.
 */
int gt_gen_read(struct gt_gen *g, struct gt_file *f, struct gt_err *err);

/* Text of string `id`; false, and the empty text, when there is no such string. Id 0 always exists.
 */
bool gt_gen_string(const struct gt_gen *g, uint64_t id, struct gt_text *t);

/* Stack `id`, or NULL when there is no such stack. Id 0 is the stack without frames. */
const struct gt_gen_stack *gt_gen_stack(const struct gt_gen *g, uint64_t id);

/* Frame i, 0 = innermost, of a stack of this generation. */
static inline const struct gt_gen_frame *gt_gen_frame(const struct gt_gen *g,
						      const struct gt_gen_stack *s, uint32_t i)
{
	return &g->frames[g->frame_of[s->first + i]];
}

/* Text of a string that is known to exist (of a frame, of an event that was delivered); otherwise
 * empty. */
static inline struct gt_text gt_gen_text(const struct gt_gen *g, uint64_t id)
{
	struct gt_text t;
	gt_gen_string(g, id, &t);
	return t;
}

int64_t gt_gen_ns_odd(const struct gt_gen *g, uint64_t units);

/* Units of the trace clock -> ns, truncated, exactly as Go's reader does it. */
static inline int64_t gt_gen_ns(const struct gt_gen *g, uint64_t units)
{
	/* In floating point this much is exact. */
	if (g->freq_hz == 1000000000 && units < 1ULL << 53)
		return (int64_t)units;
	return gt_gen_ns_odd(g, units);
}

#endif
