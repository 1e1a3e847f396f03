/*
 * What can be saved of a file that was cut off: all whole generations, and the unfinished one,
 * closed.
 *
 * The library's writer puts the sync batch first and names and stacks in front of the events that
 * use them, so that whatever was written of a generation can be read; it lacks its end, the
 * statuses of threads that were silent, and what other threads had not handed over yet. Where an
 * event cannot be without something that is missing (a thread starts whose creation was lost) its
 * thread is cut there.
 */
#ifndef GT_RECOVER_H
#define GT_RECOVER_H

#include "tools/lib/err.h"
#include "tools/recover/tail.h"

struct gt_recovery {
	size_t n_whole;       /* whole, valid generations */
	uint64_t whole_bytes; /* of the file: header and these generations */
	uint64_t file_bytes;
	bool is_complete; /* there was nothing to repair */

	bool is_closed; /* the unfinished generation is in `image`, behind a file header */
	struct gt_image image;
	uint64_t read_events, kept_events; /* of the unfinished generation */
	uint64_t read_bytes;               /* of its whole batches */

	int64_t start_ns, end_ns; /* trace clock: first batch, last kept event */
	struct gt_err damage;     /* where reading stopped, and why */
};

/* Reads `path`. False, with *err, when it cannot be read at all. gt_recovery_free() in any case. */
bool gt_recover(struct gt_recovery *r, const char *path, struct gt_err *err);

void gt_recovery_free(struct gt_recovery *r);

#endif
