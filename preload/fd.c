#include "preload/fd.h"

#include "preload/hot.h"
#include "preload/log.h"
#include "preload/sys.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* No disk cache or O_NONBLOCK call takes that long, most waits for a peer do. */
#define LONG_WAIT_NS 100000

enum fd_kind { FD_UNKNOWN, FD_CALL, FD_BLOCK };
struct gt_fd gt_fds[GT_N_FDS];
static GT_HOT_DATA _Atomic uint32_t is_any_used;

#define N_KEYS (1 << 12)
static _Atomic uint32_t watchers[N_KEYS];

/* A regular file, directory or block device comes back at once; everything else may wait for
 * somebody. */
static enum fd_kind kind_of(const struct stat *st, bool is_nonblocking)
{
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISBLK(st->st_mode))
		return FD_CALL;
	return is_nonblocking ? FD_CALL : FD_BLOCK;
}

/* By a thread of the program. */
static enum fd_kind look(int fd)
{
	struct stat st;
	const long flags = GT_SYS3(SYS_fcntl, fd, F_GETFL, 0);
	if (GT_SYS_FAILED(flags) || GT_SYS_FAILED(GT_SYS2(SYS_fstat, fd, &st)))
		return FD_UNKNOWN;
	return kind_of(&st, flags & O_NONBLOCK);
}

/* To be looked at again. N.B. only the first writes: others read these lines of the cache, too. */
static inline void mark_used(int fd)
{
	if (!atomic_load_explicit(&gt_fds[fd].used, memory_order_relaxed))
		atomic_store_explicit(&gt_fds[fd].used, 1, memory_order_relaxed);
	if (!atomic_load_explicit(&is_any_used, memory_order_relaxed))
		atomic_store_explicit(&is_any_used, 1, memory_order_relaxed);
}

static enum fd_kind known(int fd)
{
	if (!gt_fd_has_row(fd))
		return FD_UNKNOWN;
	mark_used(fd);
	return (enum fd_kind)atomic_load_explicit(&gt_fds[fd].kind, memory_order_relaxed);
}

static enum gt_form form_of(enum fd_kind kind, uint64_t ns)
{
	if (kind == FD_UNKNOWN)
		kind = ns < LONG_WAIT_NS ? FD_CALL : FD_BLOCK;
	return kind == FD_CALL ? GT_FORM_CALL : GT_FORM_BLOCK;
}

GT_HOT enum gt_form gt_fd_form(int fd, uint64_t ns)
{
	enum fd_kind kind = known(fd);
	if (kind == FD_UNKNOWN && fd >= 0 && !gt_is_sandboxed) {
		kind = look(fd);
		if (fd < GT_N_FDS)
			atomic_store_explicit(&gt_fds[fd].kind, (uint8_t)kind,
					      memory_order_relaxed);
	}
	return form_of(kind, ns);
}

enum gt_form gt_fd_form_guess(int fd)
{
	return form_of(known(fd), LONG_WAIT_NS);
}

void gt_fd_forget(int fd)
{
	if (!gt_fd_has_row(fd))
		return;
	atomic_store_explicit(&gt_fds[fd].kind, FD_UNKNOWN, memory_order_relaxed);
	atomic_store_explicit(&gt_fds[fd].key, GT_KEY_UNKNOWN, memory_order_relaxed);
	atomic_store_explicit(&gt_fds[fd].pipe, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&gt_fds[fd].closed, 1, memory_order_relaxed);
}

/* ---- pipes and eventfds ---- */

static uint16_t key_of(int fd, const struct stat *st)
{
	uint64_t id;
	if (S_ISFIFO(st->st_mode)) /* both ends have it */
		id = st->st_ino;
	else if (!(st->st_mode & S_IFMT)) /* an anonymous file: all have the same inode */
		id = (uint64_t)fd << 40;
	else
		return GT_KEY_NONE;
	return (uint16_t)(GT_KEY_FIRST + (id * 0x9e3779b97f4a7c15ull >> 52));
}

static uint16_t learn_key(int fd, const struct stat *st)
{
	const uint16_t k = key_of(fd, st);
	atomic_store_explicit(&gt_fds[fd].pipe, S_ISFIFO(st->st_mode) ? st->st_ino : 0,
			      memory_order_relaxed);
	atomic_store_explicit(&gt_fds[fd].key, k, memory_order_relaxed);
	return k;
}

GT_HOT static uint16_t key(int fd)
{
	if (!gt_fd_has_row(fd))
		return GT_KEY_NONE;
	const uint16_t k = atomic_load_explicit(&gt_fds[fd].key, memory_order_relaxed);
	struct stat st;
	if (k != GT_KEY_UNKNOWN || gt_is_sandboxed || GT_SYS_FAILED(GT_SYS2(SYS_fstat, fd, &st)))
		return k;
	mark_used(fd);
	return learn_key(fd, &st);
}

GT_HOT uint16_t gt_fd_watch_slow(int fd)
{
	const uint16_t k = key(fd);
	if (k < GT_KEY_FIRST)
		return 0;
	atomic_fetch_add_explicit(&watchers[k - GT_KEY_FIRST], 1, memory_order_relaxed);
	return k;
}

GT_HOT void gt_fd_unwatch_slow(uint16_t k)
{
	atomic_fetch_sub_explicit(&watchers[k - GT_KEY_FIRST], 1, memory_order_relaxed);
}

bool gt_fd_is_watched_slow(int fd)
{
	const uint16_t k = key(fd);
	return k >= GT_KEY_FIRST &&
	       atomic_load_explicit(&watchers[k - GT_KEY_FIRST], memory_order_relaxed);
}

/* "flags:\t0100002" in /proc/PID/fdinfo/FD, octal. */
static bool is_nonblocking_in(int pid, int fd)
{
	char path[48], text[128];
	gt_format(path, sizeof(path), "/proc/%u/fdinfo/%u", (uint64_t)pid, (uint64_t)fd);
	if (gt_sys_read_file(path, text, sizeof(text)) <= 0)
		return false;
	const char *p = strstr(text, "flags:");
	unsigned flags = 0;
	for (p = p ? p + 6 : ""; *p == '\t' || (*p >= '0' && *p <= '7'); p++)
		flags = *p == '\t' ? flags : flags * 8 + (unsigned)(*p - '0');
	return flags & O_NONBLOCK;
}

/* By the writer, which has descriptors of its own. */
static enum fd_kind look_in(int pid, int fd)
{
	char path[48];
	struct stat st;
	gt_format(path, sizeof(path), "/proc/%u/fd/%u", (uint64_t)pid, (uint64_t)fd);
	if (GT_SYS_FAILED(GT_SYS4(SYS_newfstatat, AT_FDCWD, path, &st, 0)))
		return FD_UNKNOWN;
	learn_key(fd, &st);
	return kind_of(&st, is_nonblocking_in(pid, fd));
}

void gt_fd_refresh(int host_pid)
{
	if (!atomic_exchange_explicit(&is_any_used, 0, memory_order_relaxed))
		return;
	for (int fd = 0; fd < GT_N_FDS; fd++) {
		if (!atomic_load_explicit(&gt_fds[fd].used, memory_order_relaxed))
			continue;
		atomic_store_explicit(&gt_fds[fd].used, 0, memory_order_relaxed);
		atomic_store_explicit(&gt_fds[fd].kind, (uint8_t)look_in(host_pid, fd),
				      memory_order_relaxed);
	}
}
