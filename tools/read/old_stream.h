/*
 * Threads and processors of the new format, into whose streams an old trace's events are told.
 *
 * Invariants
 *
 * 1. Times of events increase strictly over all streams. Otherwise readers shift them, or merge the
 *    streams in another order than the old trace's.
 * 2. A processor that runs a goroutine is bound to a thread that does. A call keeps the processor
 *    until somebody else wants it (gt_old_ready); then it is stolen, and the goroutine keeps the
 *    thread.
 */
#ifndef GT_READ_OLD_STREAM_H
#define GT_READ_OLD_STREAM_H

#include "encoder/event.h"
#include "encoder/section.h"
#include "tools/read/old_priv.h"

#define GT_OLD_NONE UINT32_MAX

struct gt_old_thread {
	uint64_t id;
	uint32_t p, g; /* bound; GT_OLD_NONE */
	bool is_made_up, is_listed;
	struct gt_batch batch; /* mem NULL: nothing written yet */
};

enum gt_old_pstate { GT_OLD_P_NEW, GT_OLD_P_IDLE, GT_OLD_P_RUNNING, GT_OLD_P_SYSCALL };

struct gt_old_p {
	uint64_t id, seq;
	enum gt_old_pstate state;
	uint32_t m;
	uint64_t thread; /* that it was started on last; GT_NO_ID */
};

struct gt_old_streams {
	uint8_t *out;
	size_t len, cap;
	uint64_t now, at; /* time of the last event; of the present one */
	uint64_t start;
	struct gt_old_thread *ms;
	struct gt_old_p *ps;
	uint32_t *spare; /* made-up threads that were free */
	size_t n_ms, cap_ms, n_ps, n_spare, cap_spare;
	struct gt_idmap m_ids;
	uint64_t next_m; /* id of the next thread that is made up */
};

/* Processors as in `o`, and one more, the last, that the trace does not know. */
void gt_old_streams_init(struct gt_old_streams *s, const struct gt_old *o);
void gt_old_streams_free(struct gt_old_streams *s);
void gt_old_flush(struct gt_old_streams *s);
void gt_old_put_bytes(void *s, const void *bytes, size_t len);

/* The batch of thread m, with room for an event. */
struct gt_batch *gt_old_batch(struct gt_old_streams *s, uint32_t m);

/* The time for the next event: the present one's; for one that the old trace does not have, right
 * behind the last. */
gt_ns gt_old_now(struct gt_old_streams *s);
gt_ns gt_old_soon(struct gt_old_streams *s);

/* A thread without processor and goroutine: `id` if that is one, otherwise a made-up one. */
uint32_t gt_old_free_thread(struct gt_old_streams *s, uint64_t id);
/* Thread m may have become free. */
void gt_old_release(struct gt_old_streams *s, uint32_t m);

/* Starts processor p, which must be bound to none. `is_told`: the old trace says when. */
uint32_t gt_old_start_p(struct gt_old_streams *s, uint32_t p, bool is_told);
/* Takes it from the call that keeps it. */
void gt_old_steal_p(struct gt_old_streams *s, uint32_t p, bool is_told);
/* The thread of processor p, started and out of calls. */
uint32_t gt_old_ready(struct gt_old_streams *s, uint32_t p);

#endif
