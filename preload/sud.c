/*
 * System calls that no hook sees, by Syscall User Dispatch: the kernel sends SIGSYS for each call
 * of a thread that is armed, unless the call is made in our own text or the thread's selector says
 * otherwise. Our handler does not make the call: it changes the interrupted registers so that the
 * thread goes on in sud_entry.c, which makes the call on the thread's own stack and with its own
 * signal mask, as if it had been called from there. So restarts, cancellation, jumps and the stacks
 * of other handlers are as ever.
 *
 * Invariants
 *
 * 1. While the selector is up SIGSYS is not blocked. Otherwise the kernel ends the program. So
 * rt_sigprocmask is done by us (sud_signal.c), and whoever raises the selector where somebody else
 * may have changed the mask unblocks it first.
 * 2. In handlers of the program the selector is down: we stand in front of each of them
 * (sud_signal.c). Otherwise one that blocks SIGSYS, or runs on a small alternate stack, would be
 * the program's end.
 * 3. While a hook's real function runs the selector is down (gt_wait_begin). Otherwise a wait would
 * be told twice, and would cost more.
 * 4. A call that makes a thread or a process is made where it stands, with the selector down, and
 * so is one that changes what the dispatch needs. Otherwise the child would come back into our
 * frame, on another stack.
 * 5. The kernel reads the selector until the thread is disarmed: before its record is given up.
 * 6. The handler runs with all signals blocked, touches the stack in one word below the red zone
 * only, and takes no lock that can be held by a thread that waits.
 *
 * Corner cases
 *
 * - A stack that is small or unknown, an alternate stack that is small, a tracer: the dispatch ends
 * in all threads, counted. On a stack that is not the thread's own (coroutine, Go) calls are passed
 * on without a wait.
 * - The program uses SIGSYS, or blocks it: sud_signal.c. It uses the dispatch itself: ours ends.
 * - A call by int 0x80, and tasks made from more than GT_SUD_SITES places: the selector stays down
 * until the thread's next hooked wait.
 */
#include "preload/sud.h"

#include "preload/boot.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/hook.h"
#include "preload/log.h"
#include "preload/note.h"
#include "preload/number.h"
#include "preload/real.h"
#include "preload/stack.h"
#include "preload/sys.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>

/* Newer than the headers of older distributions. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define DISPATCH_OFF 0
#define DISPATCH_ON  1
#define BY_DISPATCH  2 /* si_code of ours: SYS_USER_DISPATCH */
#define SET_FS       0x1002
#define FROM_64_BIT  (AUDIT_ARCH_X86_64)

#define LEAST_STACK   (64u << 10)
#define CALL_BYTES    (8u << 10) /* of stack for a call that waits, besides the vector registers */
#define HANDLER_BYTES 2048u      /* of an alternate stack, besides the kernel's frame */

static bool is_open;

/* ---- up and down ---- */

static uint64_t change_mask(int how)
{
	const uint64_t bit = GT_SIGSYS_BIT;
	uint64_t old = 0;
	GT_SYS4(SYS_rt_sigprocmask, how, &bit, &old, 8);
	return old;
}

void gt_sud_unblock(struct gt_thread *t)
{
	t->sud.is_blocked = (change_mask(SIG_UNBLOCK) & GT_SIGSYS_BIT) != 0;
}

static void set_selector(struct gt_thread *t, uint8_t value)
{
	__atomic_store_n(&t->sud.selector, value, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);
}

/* N.B. another thread may be stopping the dispatch just now. */
__attribute__((target("general-regs-only"))) static void put_up(struct gt_thread *t)
{
	set_selector(t, 1);
	if (!__atomic_load_n(&t->sud.is_armed, __ATOMIC_RELAXED))
		set_selector(t, 0);
}

uint8_t gt_sud_lower_slow(struct gt_thread *t)
{
	struct gt_sud *s = &t->sud;
	const uint8_t was = s->selector ? GT_SUD_ON : s->is_owed ? GT_SUD_OWED : GT_SUD_OFF;
	s->is_owed = 0;
	if (was == GT_SUD_ON) {
		set_selector(t, 0);
		if (s->is_blocked)
			change_mask(SIG_BLOCK);
	}
	return was;
}

/* N.B. where a call was made past us, so may others have been: masks and handlers are looked at. */
void gt_sud_raise(struct gt_thread *t, uint8_t was)
{
	if (was == GT_SUD_OFF || !t->sud.is_armed)
		return;
	if (was == GT_SUD_OWED || t->sud.is_blocked)
		gt_sud_unblock(t);
	if (was == GT_SUD_OWED)
		gt_sud_wrap_all();
	put_up(t);
}

/* Is the frame at `frame` left by a jump to `target`? See heal.c; where it cannot be known: no. */
static bool is_left(const struct gt_thread *t, uint64_t frame, uint64_t target)
{
	const bool is_own = frame > t->stack_lo && frame < t->stack_hi;
	const bool is_target_own = target > t->stack_lo && target <= t->stack_hi;
	return is_own == is_target_own ? target > frame && (is_own || target - frame < (1u << 20))
				       : is_target_own;
}

void gt_sud_heal(struct gt_thread *t, uint64_t target)
{
	struct gt_sud *s = &t->sud;
	const uint8_t was_blocked = s->is_blocked;
	bool is_handler_left = false;
	while (s->n_handlers && is_left(t, s->handlers[s->n_handlers - 1].sp, target)) {
		s->n_handlers--;
		is_handler_left = true;
	}
	if (s->selector || s->n_handlers)
		return;
	gt_sud_raise(t, GT_SUD_OWED);
	if (is_handler_left) /* its own mask did not have it */
		s->is_blocked |= was_blocked;
}

/* ---- the calls ---- */

/* On the thread's own stack, called by its code so to speak. */
__attribute__((used)) long gt_sud_call(const struct gt_sud_regs *r)
{
	const long nr = (long)r->rax;
	struct gt_thread *const t = gt_on_in(GT_GROUP_io);
	if (!t)
		return gt_sud_raw(r);
	gt_before_number(nr, (long)r->rdi, (long)r->rsi);
	const enum gt_why why = gt_why_of_number(nr, (long)r->rsi, (long)r->rdx, (long)r->r10);
	if (why == GT_WHY__) { /* lets go who waits for a futex */
		gt_count(t, GT_CALL_system_call);
		const gt_ns when = gt_now();
		const long n = gt_sud_raw(r);
		if (n > 0)
			gt_wake(t, GT_WHY_FUTEX, r->rdi, (uint32_t)n, when,
				(uint64_t)__builtin_return_address(0));
		return n;
	}
	GT_WAIT_AS(t, GT_CALL_system_call, why, nr == SYS_sync ? (uint64_t)-1 : r->rdi,
		   why == GT_WHY_FUTEX || why == GT_WHY_POLL || why == GT_WHY_SLEEP);
	if (why == GT_WHY_READ)
		gt_w.key = gt_fd_watch((int)r->rdi);
	const long rc = gt_sud_raw(r);
	gt_w.is_expired = why == GT_WHY_FUTEX && rc == -ETIMEDOUT;
	return rc;
}

/* ---- the handler ---- */

/* The thread goes on at `there`, as if the caller had called it. */
static void go_on_at(greg_t *r, void (*there)(void))
{
	uint64_t *const sp = (uint64_t *)((uint64_t)r[REG_RSP] - GT_SUD_SKIP);
	*sp = (uint64_t)r[REG_RIP];
	r[REG_RSP] = (greg_t)sp;
	r[REG_RIP] = (greg_t)there;
}

/* The call is made with the selector down and the program's own mask: children inherit it. */
static void lower_for(struct gt_thread *t, ucontext_t *u)
{
	if (t->sud.is_blocked) /* children inherit it */
		*gt_sud_mask_of(u) |= GT_SIGSYS_BIT;
	t->sud.is_owed = t->sud.selector & t->sud.is_armed;
	set_selector(t, 0);
}

/* The call is made again where it stands; nobody comes back to raise the selector. */
static void make_it_there(struct gt_thread *t, ucontext_t *u)
{
	lower_for(t, u);
	u->uc_mcontext.gregs[REG_RIP] -= 2; /* syscall, int 0x80, sysenter */
}

/* The number of the place that is for calls from `pc`; GT_SUD_SITES: there is none left. */
static unsigned site_of(uint64_t pc)
{
	for (unsigned i = 0; i < GT_SUD_SITES; i++) {
		uint64_t there = 0;
		if (__atomic_compare_exchange_n(&gt_sud_sites[i], &there, pc, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    there == pc)
			return i;
	}
	return GT_SUD_SITES;
}

/* Likewise, and then the selector is up again, not in the child. */
static void make_it_in_place(struct gt_thread *t, ucontext_t *u)
{
	greg_t *const r = u->uc_mcontext.gregs;
	const unsigned i = site_of((uint64_t)r[REG_RIP]);
	if (i == GT_SUD_SITES) {
		make_it_there(t, u);
		return;
	}
	lower_for(t, u);
	r[REG_RIP] = (greg_t)((uint64_t)gt_sud_births + i * GT_SUD_BIRTH_BYTES);
}

__attribute__((used, target("general-regs-only"))) void gt_sud_made(void)
{
	struct gt_thread *const t = gt_self;
	if (!t->sud.is_owed || !t->sud.is_armed)
		return;
	t->sud.is_owed = 0;
	if (t->sud.is_blocked)
		gt_sud_unblock(t);
	put_up(t);
}

static bool has_room(const struct gt_thread *t, uint64_t sp, uint64_t bytes)
{
	return sp <= t->stack_hi && sp > t->stack_lo && sp - t->stack_lo > bytes;
}

/* Is an alternate stack there, and too small for the kernel's frame and our handler? */
static bool is_too_small(const stack_t *ss)
{
	const uint64_t least = getauxval(AT_MINSIGSTKSZ);
	return !(ss->ss_flags & SS_DISABLE) &&
	       ss->ss_size < (least ? least : MINSIGSTKSZ) + HANDLER_BYTES;
}

/* Does the call take away what the dispatch needs, so that it must end first? */
static bool ends_dispatch(long nr, const greg_t *r)
{
	const stack_t *const ss = (const stack_t *)r[REG_RDI];
	switch (nr) {
	case SYS_arch_prctl: /* another thread pointer: our thread-local is gone */
		return r[REG_RDI] == SET_FS;
	case SYS_prctl:
		return r[REG_RDI] == PR_SET_SYSCALL_USER_DISPATCH && r[REG_RSI];
	case SYS_ptrace: /* its tracer would see a stop for each call */
		return r[REG_RDI] == PTRACE_TRACEME;
	case SYS_sigaltstack:
		return ss && gt_sud_can_read(ss, sizeof(*ss)) && is_too_small(ss);
	default:
		return false;
	}
}

/* Does it make a task or a new program, which inherit masks? */
static bool is_birth(long nr)
{
	return nr == SYS_clone || nr == SYS_clone3 || nr == SYS_fork || nr == SYS_vfork ||
	       nr == SYS_execve || nr == SYS_execveat;
}

/* Must the call be made where it stands? */
static bool stays(long nr, const greg_t *r)
{
	switch (nr) {
	case SYS_seccomp:
		return true;
	case SYS_prctl:
		return r[REG_RDI] == PR_SET_SECCOMP || r[REG_RDI] == PR_SET_TSC;
	case SYS_munmap: /* its own stack: the thread is about to end */
		return (uint64_t)r[REG_RSP] - (uint64_t)r[REG_RDI] <
		       (uint64_t)r[REG_RSI] + GT_SUD_SKIP;
	default:
		return false;
	}
}

/* Does it let others go? libc's own futexes are told by its functions, and those are hooked. */
static bool is_wake(const greg_t *r, long nr)
{
	return gt_number_wakes(nr, (long)r[REG_RSI]) && !gt_stack_is_libc((uint64_t)r[REG_RIP]);
}

static void pass_or_wait(struct gt_thread *t, greg_t *r, long nr)
{
	if (nr == SYS_exit_group)
		gt_before_number(nr, 0, 0);
	const enum gt_why why =
		gt_why_of_number(nr, (long)r[REG_RSI], (long)r[REG_RDX], (long)r[REG_R10]);
	if (why == GT_WHY__ && !is_wake(r, nr)) {
		go_on_at(r, gt_sud_pass);
		return;
	}
	const bool can_wait = has_room(t, (uint64_t)r[REG_RSP], CALL_BYTES + gt_sud_vector_bytes);
	GT_COUNT(syscalls_unseen, !can_wait);
	go_on_at(r, can_wait ? gt_sud_wait : gt_sud_pass);
}

/*
 * Something cannot be made safe. N.B. in all threads: one that is not dispatched may install a
 * handler that blocks SIGSYS, and another is interrupted by it.
 */
static void give_up(void)
{
	if (!is_open)
		return;
	GT_COUNT(syscalls_off, 1);
	gt_log(GT_LOG_INFO, "system calls beside libc are not seen any more");
	gt_sud_stop();
}

/*
 * The program is about to dispatch calls itself: SIGSYS is its own again. N.B. another thread may
 * be on its way to our handler: its signal has been sent, and comes within this time.
 */
static void leave_to_program(void)
{
	gt_sys_sleep_ns(5000000);
	gt_sud_give_back();
}

static void dispatch(struct gt_thread *t, ucontext_t *u)
{
	greg_t *const r = u->uc_mcontext.gregs;
	const long nr = (long)r[REG_RAX];
	switch (nr) {
	case SYS_rt_sigreturn: /* of a handler that we do not stand in front of */
		r[REG_RIP] = (greg_t)gt_sud_restorer;
		return;
	case SYS_rt_sigaction:
		if (r[REG_R10] != 8)
			break;
		r[REG_RAX] =
			gt_sud_sigaction(r[REG_RDI], (const void *)r[REG_RSI], (void *)r[REG_RDX]);
		return;
	case SYS_rt_sigprocmask:
		if (r[REG_R10] != 8)
			break;
		r[REG_RAX] = gt_sud_sigprocmask(t, u, r[REG_RDI], (const void *)r[REG_RSI],
						(void *)r[REG_RDX]);
		return;
	default:
		break;
	}
	if (ends_dispatch(nr, r)) {
		give_up();
		if (nr == SYS_prctl)
			leave_to_program();
		make_it_there(t, u);
	} else if (is_birth(nr)) {
		gt_before_number(nr, r[REG_RDI], r[REG_RSI]);
		make_it_in_place(t, u);
	} else if (stays(nr, r)) {
		gt_before_number(nr, r[REG_RDI], r[REG_RSI]);
		make_it_there(t, u);
	} else {
		pass_or_wait(t, r, nr);
	}
}

void gt_sud_on_signal(int sig, siginfo_t *info, void *context)
{
	struct gt_thread *const t = gt_self;
	ucontext_t *const u = (ucontext_t *)context;
	if (info->si_code != BY_DISPATCH)
		gt_sud_foreign(t, sig, info, u);
	else if (!t->sud.is_armed || (uint32_t)info->si_arch != FROM_64_BIT)
		make_it_there(t, u);
	else
		dispatch(t, u);
}

/* ---- arming ---- */

static void refuse(int rc)
{
	if (__atomic_exchange_n(&gt_counters[GT_COUNTER_syscalls_refused], (uint64_t)-rc,
				__ATOMIC_RELAXED))
		return;
	gt_log(GT_LOG_INFO, "system calls beside libc are not seen (errno %u)", (uint64_t)-rc);
}

/* Each dispatched call would be a stop for gdb or strace. */
static bool is_traced(void)
{
	char text[512];
	const char *at = gt_sys_read_file("/proc/self/status", text, sizeof(text)) > 0
				 ? strstr(text, "TracerPid:\t")
				 : NULL;
	return at && at[11] != '0';
}

void gt_sud_open(void)
{
	is_open = false;
	if (gt_cfg.syscalls != GT_SYSCALLS_ALL)
		return;
	const int rc = !gt_more.has_old_cancel ? -EOPNOTSUPP
		       : is_traced()           ? -EBUSY
					       : gt_sud_find_vectors();
	if (rc) {
		refuse(rc);
		return;
	}
	gt_sud_signals_open();
	is_open = true;
}

static bool is_fit(const struct gt_thread *t)
{
	stack_t ss = { .ss_flags = SS_DISABLE };
	GT_SYS2(SYS_sigaltstack, NULL, &ss);
	return t->stack_hi - t->stack_lo >= LEAST_STACK && !is_too_small(&ss);
}

void gt_sud_arm(struct gt_thread *t)
{
	if (!is_open || gt_is_sandboxed)
		return;
	memset(&t->sud, 0, sizeof(t->sud));
	if (!is_fit(t)) {
		give_up();
		return;
	}
	uint64_t text, bytes;
	gt_stack_our_text(&text, &bytes);
	const long rc = gt_sys(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_ON, (long)text,
			       (long)bytes, (long)&t->sud.selector, 0);
	if (rc) {
		refuse((int)rc);
		return;
	}
	t->sud.is_armed = 1;
	gt_sud_unblock(t);
	put_up(t);
}

void gt_sud_disarm(struct gt_thread *t)
{
	if (!t->sud.is_armed)
		return;
	set_selector(t, 0);
	t->sud.is_armed = 0;
	gt_sys(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_OFF, 0, 0, 0, 0);
	if (t->sud.is_blocked)
		change_mask(SIG_BLOCK);
}

/* N.B. the kernel goes on reading selectors; they stay down. */
void gt_sud_stop(void)
{
	if (!is_open)
		return;
	is_open = false;
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		__atomic_store_n(&t->sud.is_armed, 0, __ATOMIC_RELAXED);
		set_selector(t, 0);
	}
}
