/* A file that appears only when it is whole. */
#ifndef GT_REPLACE_H
#define GT_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

/* Are these two names of one file? */
bool gt_is_same_file(const char *a, const char *b);

/*
 * Creates PATH through a file of another name next to it: write(arg, out) fills it and returns 0,
 * or a negative number to leave everything as it was. What was at PATH becomes PATH.old if
 * `keep_old`. Returns what write() did, or -errno.
 */
int gt_replace_file(const char *path, bool keep_old, int (*write)(void *arg, FILE *out), void *arg);

#endif
