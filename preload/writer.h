/*
 * The background writer: full batches -> file, and whoever closes generations. How it runs and
 * ends: writer.c.
 */
#ifndef GT_WRITER_H
#define GT_WRITER_H

#include <stdint.h>

/*
 * Begins to start it: its output is being opened while the program gets ready. 0 or -ENOMEM.
 * `envp`: for the output's name. Context: boot and forked child, one thread; the arena is there.
 */
int gt_writer_begin(char *const envp[]);

/*
 * The program is ready to be traced. Waits (bounded) until the output is open. 0; or -errno, when
 * there is no output or no way to run: then there is nothing to trace for.
 */
int gt_writer_go(void);

/* Instead of gt_writer_go(): it will not be traced. No file is left. */
void gt_writer_cancel(void);

/* Asks for everything so far to be in the file, as whole generations, and waits at most `bound_ns`
 * for it. */
void gt_writer_flush(uint64_t bound_ns);

/* The output's path, as far as it was made up; for messages. */
const char *gt_writer_path(void);

/* Whether it made a round within the last second. */
int gt_writer_is_alive(void);

/* Does it share the fate of the process, so that somebody has to flush before the end? */
int gt_writer_needs_flush(void);

#endif
