#include "preload/guard.h"

#include "preload/sys.h"

#include <signal.h>

static void *jump[5];
static volatile bool is_armed;

static void on_fault(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	if (info->si_code <= 0) /* somebody sent it: not ours to end by */
		return;
	if (is_armed) {
		is_armed = false;
		__builtin_longjmp(jump, 1);
	}
	const struct gt_sigaction die = { .handler = NULL };
	gt_sys_sigaction(sig, &die, NULL); /* the instruction faults again */
}

int gt_guard_init(void)
{
	const struct gt_sigaction a = { .handler = on_fault, .flags = SA_SIGINFO | SA_NODEFER };
	const uint64_t faults = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1);
	is_armed = false;
	long rc = gt_sys_sigaction(SIGSEGV, &a, NULL);
	if (!rc)
		rc = gt_sys_sigaction(SIGBUS, &a, NULL);
	if (!rc)
		rc = GT_SYS4(SYS_rt_sigprocmask, SIG_UNBLOCK, &faults, NULL, 8);
	return (int)rc;
}

/* N.B. a frame of its own for the jump to come back to: inlined, registers of the caller would be
 * lost */
__attribute__((noinline)) bool gt_guard_run(void (*fn)(void *), void *arg)
{
	if (__builtin_setjmp(jump))
		return false;
	is_armed = true;
	fn(arg);
	is_armed = false;
	return true;
}
