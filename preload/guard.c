#include "preload/guard.h"

#include "preload/sys.h"

#include <signal.h>

/* The kernel's own struct sigaction (x86-64). */
struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
#define RESTORER 0x04000000ul /* SA_RESTORER */

void gt_guard_restorer(void);
__asm__(".text\n"
	".hidden gt_guard_restorer\n"
	".type gt_guard_restorer, @function\n"
	"gt_guard_restorer:\n\t"
	"mov $15, %eax\n\t" /* rt_sigreturn */
	"syscall\n\t"
	"ud2\n"
	".size gt_guard_restorer, .-gt_guard_restorer\n");

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
	const struct kernel_action die = { .restorer = gt_guard_restorer, .flags = RESTORER };
	GT_SYS4(SYS_rt_sigaction, sig, &die, NULL, 8); /* the instruction faults again */
}

int gt_guard_init(void)
{
	const struct kernel_action a = { on_fault, SA_SIGINFO | SA_NODEFER | RESTORER,
					 gt_guard_restorer, 0 };
	const uint64_t faults = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1);
	is_armed = false;
	long rc = GT_SYS4(SYS_rt_sigaction, SIGSEGV, &a, NULL, 8);
	if (!rc)
		rc = GT_SYS4(SYS_rt_sigaction, SIGBUS, &a, NULL, 8);
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
