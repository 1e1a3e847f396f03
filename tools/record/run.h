/* Runs the program under gtrace: environment, signals, status. */
#ifndef GT_RUN_H
#define GT_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gt_env {
	const char *name, *value; /* value NULL: leave as it is */
};

struct gt_run {
	char **argv;
	const struct gt_env *env; /* ends with a NULL name */

	pid_t pid;           /* out */
	int status;          /* out: as from wait() */
	uint64_t elapsed_ns; /* out: from the start of the program to its end */
};

/*
 * Runs argv and waits for its end. Returns 0, or -errno when it could not be started (nothing has
 * been run then).
 *
 * The program keeps the terminal and gets Ctrl-C itself; signals sent to gtrace alone are passed on
 * to it. gtrace becomes a subreaper, so that the library's writer, an orphan when the program ends,
 * comes to it.
 */
int gt_run(struct gt_run *r);

/*
 * Waits until the writers of ended programs are done, at most `limit_ns`; true when all are.
 * `is_busy` says whether a file is still being written (may be NULL).
 */
bool gt_run_wait_for_writers(uint64_t limit_ns, bool (*is_busy)(void *arg), void *arg);

/* Ends this process as the program ended: the same exit status or the same signal, without a core
 * file. */
__attribute__((noreturn)) void gt_run_exit_like(int status);

#endif
