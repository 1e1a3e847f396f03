/*
 * Bodies of the GT_BLOCKING rows, one wait from entry to return, and of the GT_COUNTED ones.
 *
 * Variadic functions (open) are declared with the longest list of arguments. Forwarding a register
 * that the caller did not set is harmless: the real function does not read it then either. %al,
 * which a variadic call sets to the number of vector arguments, stays unset; it matters only to a
 * callee that saves vector registers, and then any value of it is safe.
 */
#include "preload/hook.h"
#include "preload/note.h"

#include <sys/ipc.h>
#include <sys/random.h>

/*
 * Do the arguments say that the call will not wait? For most rows never: the constants are
 * overridden by macros of the same name where a row's arguments tell, in terms of these arguments.
 */
enum {
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) GT_NOW_##name = 0,
#define GT_CUSTOM(group, why, ret, name, params, args)
#define GT_ASM(group, why, ret, name, params, args)
#include "preload/hooks.def"
#undef GT_BLOCKING
	/* clang-format on */
};

#define GT_NOW_recv           (fl & MSG_DONTWAIT)
#define GT_NOW___recv_chk     (fl & MSG_DONTWAIT)
#define GT_NOW_recvfrom       (fl & MSG_DONTWAIT)
#define GT_NOW___recvfrom_chk (fl & MSG_DONTWAIT)
#define GT_NOW_recvmsg        (fl & MSG_DONTWAIT)
#define GT_NOW_recvmmsg       (fl & MSG_DONTWAIT)
#define GT_NOW_send           (fl & MSG_DONTWAIT)
#define GT_NOW___send         (fl & MSG_DONTWAIT)
#define GT_NOW_sendto         (fl & MSG_DONTWAIT)
#define GT_NOW_sendmsg        (fl & MSG_DONTWAIT)
#define GT_NOW_sendmmsg       (fl & MSG_DONTWAIT)
#define GT_NOW_msgrcv         (fl & IPC_NOWAIT)
#define GT_NOW_msgsnd         (fl & IPC_NOWAIT)
#define GT_NOW_splice         (fl & SPLICE_F_NONBLOCK)
#define GT_NOW_tee            (fl & SPLICE_F_NONBLOCK)
#define GT_NOW_vmsplice       (fl & SPLICE_F_NONBLOCK)
#define GT_NOW_getrandom      (fl & GRND_NONBLOCK)
#define GT_NOW_lio_listio     (mode == LIO_NOWAIT)
#define GT_NOW_lio_listio64   (mode == LIO_NOWAIT)
#define GT_NOW_getaddrinfo_a  (mode == GAI_NOWAIT)
#define GT_NOW___waitpid      (fl & WNOHANG)
#define GT_NOW_waitpid        (fl & WNOHANG)
#define GT_NOW_wait3          (fl & WNOHANG)
#define GT_NOW_wait4          (fl & WNOHANG)
#define GT_NOW_waitid         (fl & WNOHANG)
#define GT_NOW_usleep         (us == 0)
#define GT_NOW_sleep          (s == 0)
/*
 * Times behind a pointer are read only where libc itself reads them: nanosleep and epoll_pwait2
 * hand the pointer to the kernel, and a bad one is EFAULT, not a crash.
 */
#define GT_NOW_poll        (ms == 0)
#define GT_NOW___poll      (ms == 0)
#define GT_NOW___poll_chk  (ms == 0)
#define GT_NOW_ppoll       (to && to->tv_sec == 0 && to->tv_nsec == 0)
#define GT_NOW___ppoll_chk (to && to->tv_sec == 0 && to->tv_nsec == 0)
#define GT_NOW_select      (to && to->tv_sec == 0 && to->tv_usec == 0)
#define GT_NOW___select    (to && to->tv_sec == 0 && to->tv_usec == 0)
#define GT_NOW_pselect     (to && to->tv_sec == 0 && to->tv_nsec == 0)
#define GT_NOW_epoll_wait  (ms == 0)
#define GT_NOW_epoll_pwait (ms == 0)

/* How a call that will not wait is told, and which calls wait for sure when they may. */
static inline enum gt_why why_of(enum gt_why why, bool is_now)
{
	if (!is_now)
		return why;
	return why == GT_WHY_POLL ? GT_WHY_POLLNOW : GT_WHY_SYSCALL;
}
static inline bool is_sure(enum gt_why why, bool is_now)
{
	return !is_now && (why == GT_WHY_POLL || why == GT_WHY_SLEEP || why == GT_WHY_COND ||
			   why == GT_WHY_SIGNAL);
}

/* The first argument, 0 where there is none. */
#define GT_FIRST(first, ...) (first + 0)
#define GT_FD(first, ...)    ((int)(intptr_t)(first + 0))

/* A write into a pipe or eventfd that a thread of ours reads from lets that thread go. */
struct gt_waker {
	struct gt_thread *t; /* NULL: nobody reads */
	gt_ns when;
};

static inline struct gt_waker waker_of(struct gt_thread *t, int fd)
{
	if (fd < 0 || __builtin_expect(!gt_fd_is_watched(fd), 1))
		return (struct gt_waker){ NULL, { 0 } };
	return (struct gt_waker){ t, gt_now() };
}

static inline void wrote(const struct gt_waker *k, int fd, long result, uint64_t pc)
{
	if (__builtin_expect(k->t && result >= 0, 0))
		gt_wake(k->t, GT_WHY_WRITE, gt_fd_object(fd), 1, k->when, pc);
}

/* Locals have a prefix: rows name their parameters as they like. */
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args)                                                     \
	ret gt_hook_##name params                                                                            \
	{                                                                                                    \
		struct gt_thread *const gt_t = gt_on_in(GT_GROUP_##group);                                   \
		if (!gt_t)                                                                                   \
			return gt_real.name args;                                                            \
		const bool gt_is_now = GT_NOW_##name;                                                        \
		const int gt_written = GT_WHY_##why == GT_WHY_WRITE ? GT_FD args : -1;                       \
		const struct gt_waker gt_k = waker_of(gt_t, gt_written);                                     \
		ret gt_result;                                                                               \
		{                                                                                            \
			GT_WAIT_AS(gt_t, GT_CALL_##name, why_of(GT_WHY_##why, gt_is_now), GT_FIRST args,     \
			        is_sure(GT_WHY_##why, gt_is_now));                                           \
			if (GT_WHY_##why == GT_WHY_READ)                                                     \
				gt_w.key = gt_fd_watch(GT_FD args);                                          \
			gt_result = gt_real.name args;                                                       \
		}                                                                                            \
		if (GT_WHY_##why == GT_WHY_WRITE)                                                            \
			wrote(&gt_k, gt_written, (long)gt_result, (uint64_t)__builtin_return_address(0));    \
		return gt_result;                                                                            \
	}
#define GT_COUNTED(group, why, ret, name, params, args)                                                      \
	ret gt_hook_##name params                                                                            \
	{                                                                                                    \
		struct gt_thread *const gt_t = gt_on_in(GT_GROUP_##group);                                   \
		if (gt_t)                                                                                    \
			gt_count(gt_t, GT_CALL_##name);                                                      \
		return gt_real.name args;                                                                    \
	}
#include "preload/hooks.def"
