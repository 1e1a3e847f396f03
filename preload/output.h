/* The output file: its name, how it is opened, what happens when it cannot be written. Writer only.
 */
#ifndef GT_OUTPUT_H
#define GT_OUTPUT_H

#include "encoder/file.h"

#include <stdbool.h>
#include <stdint.h>

#define GT_PATH_MAX 4096

struct gt_output {
	struct gt_sink sink; /* first: the sink is the output */
	int fd;              /* -1: not open */
	bool is_regular;
	bool is_broken;   /* a write failed: nothing more is written */
	uint64_t written; /* bytes */
	uint64_t whole;   /* bytes up to the last complete generation */
	char path[GT_PATH_MAX];
};

/* What names are made of. `envp` is the program's environment at start. */
struct gt_name_parts {
	int pid;
	const char *exe; /* %e */
	uint64_t start_s;
	char *const *envp;
};

/*
 * Pattern (GTRACE_OUT) -> path for the `n`th try, from 1. A pattern without %n gets ".N" from the
 * second try on. 0 or -ENAMETOOLONG.
 */
int gt_output_name(char *path, const char *pattern, const struct gt_name_parts *parts, uint64_t n);

/*
 * Creates the file (never overwriting: an older one becomes .old, one of this run gets a number),
 * locks it, writes the header. A FIFO or device that exists is opened as it is. 0 or -errno.
 */
int gt_output_open(struct gt_output *o, const char *pattern, const struct gt_name_parts *parts);

/* All bytes written so far are whole generations. */
void gt_output_mark_whole(struct gt_output *o);

#endif
