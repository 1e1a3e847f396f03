/*
 * What a descriptor is: does a read or write of it wait for somebody, or come back at once? The
 * writer looks, never the program's threads: they might be in a sandbox where even fstat ends the
 * process.
 */
#ifndef GT_FD_H
#define GT_FD_H

#include "preload/hook_types.h"

/*
 * How a wait of `ns` on `fd` is told. What is not known yet is judged by its length, and looked up
 * for the next time. Context: any.
 */
enum gt_form gt_fd_form(int fd, uint64_t ns);

/* The descriptor may be another one now. Context: any. */
void gt_fd_forget(int fd);

/* Looks up the descriptors that were used since the last time. Context: writer; every 10 ms or so.
 */
void gt_fd_refresh(int host_pid);

#endif
