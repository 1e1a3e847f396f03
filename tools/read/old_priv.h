/* What the steps from an old trace to a new one share: old_parse.c, old_order.c, old_check.c,
 * old_tell.c, old_tables.c. */
#ifndef GT_READ_OLD_PRIV_H
#define GT_READ_OLD_PRIV_H

#include "tools/read/file.h"
#include "tools/read/idmap.h"
#include "tools/read/old.h"

#define GT_OLD_NO_EVENT UINT32_MAX

/* Processors that the old parser makes up. */
enum { GT_OLD_TIMER_P = 1000001, GT_OLD_NET_P, GT_OLD_SYSCALL_P, GT_OLD_GC_P, GT_OLD_PROFILE_P };

struct gt_old_event {
	uint64_t offset; /* in the file */
	uint64_t g, stack, args[3];
	int64_t time;  /* ticks, then ns since the first event */
	int64_t seq;   /* what it is sorted by */
	int64_t p;     /* processor that the rules see */
	uint32_t proc; /* index of the processor whose batch it stands in */
	uint32_t next; /* in old_parse: of the same processor; then an event that belongs to it */
	uint8_t type;
	bool is_placed; /* a region's begin was told */
};

struct gt_old_proc {
	int64_t number;
	uint64_t g; /* its last goroutine, while batches are read */
	uint32_t first, last;
};

struct gt_old_bytes {
	uint64_t offset; /* in the file */
	uint64_t n;      /* bytes of a string, frames of a stack */
};

struct gt_old {
	const uint8_t *bytes;
	size_t len;
	int version;
	int64_t freq_hz;
	struct gt_old_event *events;
	uint32_t *order; /* indices of events; n_order of them */
	struct gt_old_proc *procs;
	struct gt_old_bytes *strings, *stacks;
	int64_t *batch_times;
	uint32_t n_events, n_order, n_procs, n_strings, n_stacks, n_batch_times;
	uint32_t cap_events, cap_procs, cap_strings, cap_stacks, cap_batch_times;
	struct gt_idmap proc_ids, string_ids, stack_ids, timer_gs;
	int64_t first_ticks; /* time of the first event */
	struct gt_err *err;
};

/* A number of the old formats: false at the end of the file or when it is too long. */
bool gt_old_number(const struct gt_old *o, uint64_t *offset, uint64_t *v);

/* Bytes -> events, strings, stacks. */
int gt_old_parse(struct gt_old *o);
/* -> order[], times in ns, without futile wake-ups. */
int gt_old_order(struct gt_old *o);
/* The rules; sets `next` of regions, stops of the world, calls and creations. */
int gt_old_check(struct gt_old *o);
/* -> the new format. */
int gt_old_tell(struct gt_old *o, uint8_t **out, size_t *out_len, uint64_t *left_out);

static inline int gt_old_no_memory(const struct gt_old *o)
{
	return gt_err_set(o->err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
}

/* Event i of the order. */
static inline struct gt_old_event *gt_old_event(const struct gt_old *o, uint32_t i)
{
	return &o->events[o->order[i]];
}

/* Does the goroutine leave its processor? */
static inline bool gt_old_is_leave(uint8_t type)
{
	return (type >= GT_OLD_GoEnd && type <= GT_OLD_GoBlock) ||
	       (type >= GT_OLD_GoBlockSend && type <= GT_OLD_GoBlockNet) ||
	       type == GT_OLD_GoSysBlock || type == GT_OLD_GoBlockGC;
}

const char *gt_old_name(uint8_t type);

/* Tables of the output. */
struct gt_old_tables;
struct gt_old_tables *gt_old_tables_new(const struct gt_old *o);
void gt_old_tables_free(struct gt_old_tables *t);
/* Ids in the output; 0 when there is no such thing. */
uint64_t gt_old_put_text(struct gt_old_tables *t, const char *text, size_t len);
uint64_t gt_old_put_string(struct gt_old_tables *t, uint64_t id);
uint64_t gt_old_put_inline(struct gt_old_tables *t, uint64_t offset);
uint64_t gt_old_put_stack(struct gt_old_tables *t, uint64_t id);
uint64_t gt_old_put_pc(struct gt_old_tables *t, uint64_t pc);
/* Writes them. */
void gt_old_write_tables(const struct gt_old_tables *t, uint64_t start,
			 void (*put)(void *arg, const void *bytes, size_t len), void *arg);

#endif
