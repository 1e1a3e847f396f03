/* System calls by number: why they wait, and what must be done before them. */
#include "preload/number.h"

#include "preload/boot.h"
#include "preload/fd.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>

/* Newer than the headers of older distributions. */
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef SYS_io_uring_enter
#define SYS_io_uring_enter 426
#endif
#ifndef SYS_io_pgetevents
#define SYS_io_pgetevents 333
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define URING_GETEVENTS 1 /* IORING_ENTER_GETEVENTS; older headers lack linux/io_uring.h */

static bool futex_waits(long op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return true;
	default:
		return false;
	}
}

/* Calls that programs seldom make. */
static enum gt_why why_of_rare(long nr, long b, long c, long d)
{
	switch (nr) {
	case SYS_io_uring_enter:
		return c > 0 && (d & URING_GETEVENTS) ? GT_WHY_AIO : GT_WHY_SYSCALL;
	case SYS_io_getevents:
	case SYS_io_pgetevents:
		return b > 0 ? GT_WHY_AIO : GT_WHY_SYSCALL;
	case SYS_msgrcv:
	case SYS_msgsnd:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_mq_timedreceive:
	case SYS_mq_timedsend:
		return GT_WHY_IPC;
	case SYS_pause:
	case SYS_rt_sigtimedwait:
	case SYS_rt_sigsuspend:
		return GT_WHY_SIGNAL;
	default:
		return GT_WHY__;
	}
}

static bool futex_wakes(long op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_WAKE_OP:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return true;
	default:
		return false;
	}
}

enum gt_why gt_why_of_number(long nr, long b, long c, long d)
{
	switch (nr) {
	case SYS_futex:
		return futex_waits(b) ? GT_WHY_FUTEX : GT_WHY__;
	case SYS_futex_waitv:
	case SYS_futex_wait:
		return GT_WHY_FUTEX;
	case SYS_read:
	case SYS_readv:
		return GT_WHY_READ;
	case SYS_write:
	case SYS_writev:
		return GT_WHY_WRITE;
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_preadv:
	case SYS_pwritev:
	case SYS_preadv2:
	case SYS_pwritev2:
		return GT_WHY_FILE;
	case SYS_recvfrom:
	case SYS_recvmmsg:
		return d & MSG_DONTWAIT ? GT_WHY_SYSCALL : GT_WHY_RECV;
	case SYS_recvmsg:
		return c & MSG_DONTWAIT ? GT_WHY_SYSCALL : GT_WHY_RECV;
	case SYS_sendto:
	case SYS_sendmmsg:
		return d & MSG_DONTWAIT ? GT_WHY_SYSCALL : GT_WHY_SEND;
	case SYS_sendmsg:
		return c & MSG_DONTWAIT ? GT_WHY_SYSCALL : GT_WHY_SEND;
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
		return GT_WHY_CONNECT;
#ifdef SYS_poll
	case SYS_poll:
		return (int)c == 0 ? GT_WHY_POLLNOW : GT_WHY_POLL;
	case SYS_select:
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
		return nr != SYS_select && (int)d == 0 ? GT_WHY_POLLNOW : GT_WHY_POLL;
	case SYS_ppoll:
	case SYS_pselect6:
	case SYS_epoll_pwait2:
		return GT_WHY_POLL;
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
		return GT_WHY_SLEEP;
	case SYS_wait4:
		return c & WNOHANG ? GT_WHY_SYSCALL : GT_WHY_CHILD;
	case SYS_waitid:
		return d & WNOHANG ? GT_WHY_SYSCALL : GT_WHY_CHILD;
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_sync:
	case SYS_syncfs:
		return GT_WHY_FSYNC;
	case SYS_msync:
	case SYS_sync_file_range:
		return GT_WHY_FSYNC;
	case SYS_open:
	case SYS_creat:
	case SYS_openat:
	case SYS_openat2:
	case SYS_close:
		return GT_WHY_OPEN;
	case SYS_fallocate:
	case SYS_ftruncate:
	case SYS_copy_file_range:
		return GT_WHY_FILE;
	case SYS_flock:
		return b & (LOCK_NB | LOCK_UN) ? GT_WHY__ : GT_WHY_FLOCK;
	case SYS_fcntl:
		return b == F_SETLKW || b == F_OFD_SETLKW ? GT_WHY_FLOCK : GT_WHY__;
	case SYS_sendfile:
	case SYS_vmsplice:
		return GT_WHY_WRITE;
	case SYS_splice:
	case SYS_tee:
		return GT_WHY_READ;
	case SYS_ioctl:
	case SYS_ptrace:
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
		return GT_WHY_SYSCALL;
	case SYS_getrandom:
		return c & GRND_NONBLOCK ? GT_WHY_SYSCALL : GT_WHY_OTHER;
	default:
		return why_of_rare(nr, b, c, d);
	}
}

bool gt_number_wakes(long nr, long b)
{
	return nr == SYS_futex && futex_wakes(b);
}

void gt_before_number(long nr, long a, long b)
{
	switch (nr) {
	case SYS_close:
		gt_fd_forget((int)a);
		break;
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
		gt_fd_forget((int)b);
		break;
	case SYS_seccomp:
		gt_enter_sandbox(a == SECCOMP_SET_MODE_STRICT);
		break;
	case SYS_prctl:
		if (a == PR_SET_SECCOMP)
			gt_enter_sandbox(b == SECCOMP_MODE_STRICT);
		break;
	case SYS_execve:
	case SYS_execveat:
	case SYS_exit_group:
		gt_flush_before_end();
		break;
	default:
		break;
	}
}
