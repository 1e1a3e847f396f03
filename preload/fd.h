/*
 * What a descriptor is: does a read or write of it wait for somebody, or come back at once? Looked
 * up at the first wait on it, unless the program has put itself into a sandbox, and again by the
 * writer every 50 ms, as it may have become another.
 */
#ifndef GT_FD_H
#define GT_FD_H

#include "preload/hook_types.h"

/* How a wait of `ns` on `fd` is told; in a sandbox what is not known is judged by its length.
 * Context: any host thread. */
enum gt_form gt_fd_form(int fd, uint64_t ns);
/* The same for a wait that is still going on, without a look. Context: writer. */
enum gt_form gt_fd_form_guess(int fd);

/* The descriptor of a wait on `object`, or -1: its form does not go by one. */
static inline int gt_fd_of(enum gt_form form, uint64_t object)
{
	return form == GT_FORM_FD ? (int)object : -1;
}

/* The descriptor may be another one now. Context: any. */
void gt_fd_forget(int fd);

/* Looks up the descriptors that were used since the last time. Context: writer.
 */
void gt_fd_refresh(int host_pid);

#endif
