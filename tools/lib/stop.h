/* Ctrl-C: a command that is stopped leaves no half file behind and ends with 130. */
#ifndef GT_STOP_H
#define GT_STOP_H

/*
 * From now on SIGINT, SIGTERM and SIGHUP remove the file of gt_stop_remove(), clear a progress bar
 * and end the process with 128 + their number. Signals that are ignored stay so. Calling it again
 * does nothing.
 */
void gt_stop_init(void);

/* The file to remove, until the next call; NULL = none. The text is copied. */
void gt_stop_remove(const char *path);

#endif
