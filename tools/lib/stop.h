/* Ctrl-C: a command that is stopped leaves no half file behind and ends with 130. */
#ifndef GT_STOP_H
#define GT_STOP_H

/*
 * From now on SIGINT, SIGTERM and SIGHUP remove what gt_stop_remove() names, clear a progress bar
 * and end the process with 128 + their number. Signals that are ignored, or have a handler, stay
 * so. Calling it again does nothing.
 */
void gt_stop_init(void);

/* The file or folder to remove, until the next call; NULL = none. The text is copied. Calls
 * gt_stop_init(). */
void gt_stop_remove(const char *path);

/* Removes a file, or a folder with its files. Context: any, also a signal handler. */
void gt_stop_remove_now(const char *path);

#endif
