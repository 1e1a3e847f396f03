/*
 * What a descriptor is: does a read or write of it wait for somebody, or come back at once? Looked
 * up at the first wait on it, unless the program has put itself into a sandbox, and again by the
 * writer every 50 ms, as it may have become another.
 */
#ifndef GT_FD_H
#define GT_FD_H

#include "preload/hook_types.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

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

/* What is known of each descriptor; beyond these nothing is. */
#define GT_N_FDS 4096
struct gt_fd {
	_Atomic uint8_t kind;    /* enum fd_kind */
	_Atomic uint8_t used;    /* since the last refresh */
	_Atomic uint16_t key;    /* see gt_fd_watch() */
	_Atomic uint32_t closed; /* how often */
	_Atomic uint64_t pipe;   /* inode, the same for both ends; 0 = no pipe, or not known */
};
extern struct gt_fd gt_fds[GT_N_FDS];

static inline bool gt_fd_has_row(int fd)
{
	return (unsigned)fd < GT_N_FDS;
}

/*
 * A descriptor as an object of a wait: its number, and above it how often it was closed, so that
 * another file of the same number is not taken for it.
 */
static inline uint64_t gt_fd_object(int fd)
{
	const uint64_t n = gt_fd_has_row(fd)
				   ? atomic_load_explicit(&gt_fds[fd].closed, memory_order_relaxed)
				   : 0;
	return (uint32_t)fd | n << 32;
}

static inline int gt_object_fd(uint64_t object)
{
	return (int)(uint32_t)object;
}

/*
 * Pipes and eventfds, where one thread's write ends another's read: a reader is announced from its
 * begin to its end, and a writer asks whether there is one. gt_fd_watch() gives a key, 0 = neither
 * pipe nor eventfd, or not known in a sandbox. A key left behind by a jump only costs records.
 */
enum { GT_KEY_UNKNOWN, GT_KEY_NONE, GT_KEY_FIRST };
uint16_t gt_fd_watch_slow(int fd);
void gt_fd_unwatch_slow(uint16_t key);
bool gt_fd_is_watched_slow(int fd);

static inline bool gt_fd_is_plain(int fd)
{
	return gt_fd_has_row(fd) &&
	       atomic_load_explicit(&gt_fds[fd].key, memory_order_relaxed) == GT_KEY_NONE;
}

static inline uint16_t gt_fd_watch(int fd)
{
	return __builtin_expect(gt_fd_is_plain(fd), 1) ? 0 : gt_fd_watch_slow(fd);
}

static inline void gt_fd_unwatch(uint16_t key)
{
	if (__builtin_expect(key, 0))
		gt_fd_unwatch_slow(key);
}

static inline bool gt_fd_is_watched(int fd)
{
	return !gt_fd_is_plain(fd) && gt_fd_is_watched_slow(fd);
}

/* The descriptor may be another one now. Context: any. */
void gt_fd_forget(int fd);

/* Looks up the descriptors that were used since the last time. Context: writer.
 */
void gt_fd_refresh(int host_pid);

#endif
