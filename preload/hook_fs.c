/* Files: locks on them, and what changes the meaning of a descriptor number. */
#define GT_FILE_GROUP GT_GROUP_fs
#include "preload/hook.h"

#include <sys/file.h>
#include <unistd.h>

/* A call of which only some commands wait; the others are counted on the way. */
#define GT_SOMETIMES(name, waits, params, args)                                                    \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (!t)                                                                            \
			return gt_real.name args;                                                  \
		if (!(waits)) {                                                                    \
			gt_count(t, GT_CALL_##name);                                               \
			return gt_real.name args;                                                  \
		}                                                                                  \
		GT_WAIT(t, GT_CALL_##name, GT_WHY_FLOCK, fd);                                      \
		return gt_real.name args;                                                          \
	}

/* clang-format off */
GT_SOMETIMES(flock, !(op & (LOCK_NB | LOCK_UN)), (int fd, int op), (fd, op))
GT_SOMETIMES(lockf, op == F_LOCK, (int fd, int op, off_t n), (fd, op, n))
GT_SOMETIMES(lockf64, op == F_LOCK, (int fd, int op, off_t n), (fd, op, n))
/* clang-format on */

/*
 * The third argument is forwarded as a register, whatever its type or absence. F_SETFL may switch
 * between blocking and non-blocking, which is part of what is known of a descriptor.
 */
#define GT_FCNTL(name)                                                                             \
	int gt_hook_##name(int fd, int cmd, long arg)                                              \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (t && (cmd == F_SETLKW || cmd == F_OFD_SETLKW)) {                               \
			GT_WAIT(t, GT_CALL_##name, GT_WHY_FLOCK, fd);                              \
			return gt_real.name(fd, cmd, arg);                                         \
		}                                                                                  \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		if (cmd != F_SETFL)                                                                \
			return gt_real.name(fd, cmd, arg);                                         \
		const int rc = gt_real.name(fd, cmd, arg);                                         \
		gt_fd_forget(fd);                                                                  \
		return rc;                                                                         \
	}

/* clang-format off */
GT_FCNTL(fcntl)
GT_FCNTL(fcntl64)
GT_FCNTL(__fcntl)
/* clang-format on */

/* N.B. forgotten before the call: afterwards the number may already be somebody else's. */
#define GT_CLOSE(name)                                                                             \
	int gt_hook_##name(int fd)                                                                 \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		gt_fd_forget(fd);                                                                  \
		if (!t)                                                                            \
			return gt_real.name(fd);                                                   \
		GT_WAIT(t, GT_CALL_##name, GT_WHY_OPEN, fd);                                       \
		return gt_real.name(fd);                                                           \
	}

/* clang-format off */
GT_CLOSE(close)
GT_CLOSE(__close)
/* clang-format on */

#define GT_DUP(name, params, args)                                                                 \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		const int rc = gt_real.name args;                                                  \
		gt_fd_forget(to);                                                                  \
		return rc;                                                                         \
	}

/* clang-format off */
GT_DUP(dup2, (int fd, int to), (fd, to))
GT_DUP(__dup2, (int fd, int to), (fd, to))
GT_DUP(dup3, (int fd, int to, int fl), (fd, to, fl))
/* clang-format on */

/* ---- calls on all files, or on memory: no descriptor ---- */

void gt_hook_sync(void)
{
	struct gt_thread *const t = gt_on();
	if (!t) {
		gt_real.sync();
		return;
	}
	GT_WAIT(t, GT_CALL_sync, GT_WHY_FSYNC, -1);
	gt_real.sync();
}

int gt_hook_msync(void *p, size_t n, int fl)
{
	struct gt_thread *const t = gt_on();
	if (!t)
		return gt_real.msync(p, n, fl);
	GT_WAIT(t, GT_CALL_msync, GT_WHY_FSYNC, -1);
	return gt_real.msync(p, n, fl);
}
