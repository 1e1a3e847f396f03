/* A file, or a folder, that appears only when it is whole. */
#ifndef GT_REPLACE_H
#define GT_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

/* Are these two names of one file? */
bool gt_is_same_file(const char *a, const char *b);

/*
 * Creates PATH through a file of another name next to it: write(arg, out) fills it and returns 0,
 * or a negative number to leave everything as it was. What was at PATH becomes PATH.old if
 * `keep_old`. Returns what write() did, or -errno. A signal that ends the process (Ctrl-C) removes
 * what was begun; one file or folder at a time.
 */
int gt_replace_file(const char *path, bool keep_old, int (*write)(void *arg, FILE *out), void *arg);

/*
 * The same with a folder: write(arg, dir) gets the name of an empty one and makes plain files in
 * it.
 */
int gt_replace_dir(const char *path, bool keep_old, int (*write)(void *arg, const char *dir),
		   void *arg);

#endif
