/*
 * Puts the events of a generation in order and checks them: the rules of Go's reader (O1 to O10,
 * C7), with the same verdict and the same order.
 */
#ifndef GT_READ_ORDER_H
#define GT_READ_ORDER_H

#include "tools/read/batch.h"
#include "tools/read/gen.h"

/* States of a goroutine and (RUNNING, IDLE) of a processor, as viewers see them. */
enum gt_state {
	GT_STATE_UNKNOWN,   /* before its first mention in the first generation */
	GT_STATE_NOT_EXIST, /* before its creation, after its end */
	GT_STATE_RUNNABLE,
	GT_STATE_RUNNING,
	GT_STATE_WAITING,
	GT_STATE_SYSCALL,
	GT_STATE_IDLE,
};

enum gt_subject { GT_SUBJECT_NONE, GT_SUBJECT_G, GT_SUBJECT_P };

/*
 * An event in its place. `id` is that of the wire, with three additions: GT_EV_Sync stands at the
 * start of each generation; GT_EV_CPUSample (args[0] = stack) for CPU samples; and GoSwitch,
 * GoSwitchDestroy and GoDestroySyscall are followed or preceded by the plain events they stand for
 * (is_made_up).
 */
struct gt_ordered {
	uint8_t id; /* enum gt_event */
	uint8_t nargs;
	uint8_t subject;  /* enum gt_subject: what changes its state, if something does */
	uint8_t from, to; /* enum gt_state */
	bool is_made_up;  /* not in the file: implied by the event before or after it */
	int64_t time;     /* ns, strictly increasing over the whole file */
	uint64_t m, p,
		g; /* who did it: thread, processor, goroutine BEFORE the event; GT_NO_ID = none */
	uint64_t who; /* the subject's id */
	uint64_t args[GT_MAX_ARGS];
	uint64_t offset;     /* in the file */
	uint64_t parent;     /* UserTaskBegin, UserTaskEnd: parent of the task; GT_NO_ID = none */
	struct gt_text name; /* UserTaskEnd: name of the task, empty when its begin is not known;
				STWEnd: its kind. Until the next call */
};

struct gt_order;

struct gt_order *gt_order_new(void);
void gt_order_free(struct gt_order *o);

/*
 * Starts generation `g`, which must be the one that follows the one before and must stay until all
 * its events were taken; notes in g->back what it meets. Returns 0 or -gt_err_code.
 */
int gt_order_begin(struct gt_order *o, struct gt_gen *g, struct gt_err *err);

/* The next event: 1; 0 when the generation is at its end; -gt_err_code with *err, and then nothing
 * more comes. */
int gt_order_next(struct gt_order *o, struct gt_ordered *ev, struct gt_err *err);

/* Stack id of the event: where its own goroutine was; 0 = none. */
static inline uint64_t gt_ordered_stack(const struct gt_ordered *ev)
{
	const unsigned place = gt_event_shapes[ev->id].stack;
	return place ? ev->args[place - 1] : 0;
}

/* Stack id that belongs to the subject: differs from the above for GoCreate (start routine). */
static inline uint64_t gt_ordered_subject_stack(const struct gt_ordered *ev)
{
	switch (ev->id) {
	case GT_EV_GoCreate:
	case GT_EV_GoCreateBlocked:
		return ev->args[1];
	case GT_EV_GoStop:
	case GT_EV_GoBlock:
	case GT_EV_GoSyscallBegin:
	case GT_EV_GoStatusStack:
		return gt_ordered_stack(ev);
	default:
		return 0;
	}
}

/* String id of the reason of GoBlock and GoStop; 0 otherwise. */
uint64_t gt_ordered_reason(const struct gt_ordered *ev);

const char *gt_state_name(enum gt_state s);

#endif
