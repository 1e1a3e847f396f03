/*
 * Bodies of the GT_BLOCKING rows, one wait from entry to return, and of the GT_COUNTED ones.
 *
 * Variadic functions (open) are declared with the longest list of arguments. Forwarding a register
 * that the caller did not set is harmless: the real function does not read it then either. %al,
 * which a variadic call sets to the number of vector arguments, stays unset; it matters only to a
 * callee that saves vector registers, and then any value of it is safe.
 */
#include "preload/hook.h"

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

/* Locals have a prefix: rows name their parameters as they like. */
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args)                                                     \
	ret gt_hook_##name params                                                                            \
	{                                                                                                    \
		struct gt_thread *const gt_t = gt_on_in(GT_GROUP_##group);                                   \
		if (!gt_t)                                                                                   \
			return gt_real.name args;                                                            \
		const bool gt_now = GT_NOW_##name;                                                           \
		GT_WAIT_AS(gt_t, GT_CALL_##name, why_of(GT_WHY_##why, gt_now), GT_FIRST args,                \
		        is_sure(GT_WHY_##why, gt_now));                                                      \
		return gt_real.name args;                                                                    \
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
