/* Where the library writes: the pattern of -o, and the files that came of it. */
#ifndef GT_OUTPUT_H
#define GT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gt_output_file {
	char *path;
	uint64_t size;
	dev_t dev;
	ino_t ino;
	bool is_of_pid; /* its name says that the program itself wrote it, not a child */
};

struct gt_output {
	char *pattern;                 /* absolute; only %p %e %n %% are left */
	struct gt_output_file *before; /* what was there at the start */
	size_t n_before;
	struct gt_output_file *files; /* what is there now and was not before; the largest first */
	size_t n_files;
};

/*
 * Prepares `pattern`: %h host, %t time, %q{VAR} environment are put in, %p pid, %e program, %n
 * number are left to the library; it is made absolute (a program that changes its directory and
 * forks keeps its files together) and missing directories are made. Returns NULL, or what is wrong
 * with it (the caller's to free).
 */
char *gt_output_init(struct gt_output *o, const char *pattern);

/*
 * Renames a finished file of exactly that name to FILE.old, so that this run's file gets the name.
 * The library does so too, but it has only time stamps to tell an earlier run from its own, and
 * leaves a file alone that is milliseconds old.
 */
void gt_output_set_aside(const struct gt_output *o);

/* Is the output a pipe or a device? Then no file appears. */
bool gt_output_is_stream(const struct gt_output *o);

/* Looks which files have appeared. `pid` is the program's. */
void gt_output_find(struct gt_output *o, pid_t pid);

void gt_output_free(struct gt_output *o);

#endif
