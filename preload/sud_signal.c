/*
 * Signals of a program whose calls are dispatched (sud.c).
 *
 * The kernel calls our function first for every handler of the program: it takes the selector down,
 * calls the handler, and puts it back. What the program asks the kernel about its handlers and its
 * mask is answered as if that were not so.
 *
 * Invariants
 *
 * 1. A handler is put into the row that the kernel does not use at the moment, and then the kernel
 * is told to use it. Otherwise a signal that comes just then would run one handler with the flags
 * of another.
 * 2. Who changes a row or the kernel's entry holds the lock, with all signals blocked. Otherwise a
 * handler would wait for its own thread.
 * 3. Handlers end in gt_sud_restorer: the selector may be up by then, and libc's own rt_sigreturn
 * would be dispatched.
 * 4. Memory of the program's is touched only after the kernel has read or written it. Otherwise a
 * wrong pointer would be a crash instead of EFAULT.
 *
 * Corner cases
 *
 * - libc's own signals (cancellation, setuid) have their handlers to themselves.
 * - Within a handler the selector is down: one that it installs is found and taken over when it
 * returns, and if it asks who handles a signal it is told our function.
 * - SIGSYS is the program's for all that it can see: its handler gets what others send; a mask with
 * it is remembered. One that comes while it is blocked is held back until it is not; sigwait() and
 * signalfd() do not see it.
 */
#include "preload/sud.h"

#include "preload/stack.h"
#include "preload/sys.h"

#include <errno.h>
#include <string.h>

#define LAST_SIGNAL 64
#define N_ROWS      4
#define RESTORER    0x04000000ul /* SA_RESTORER */

typedef void handler_fn(int, siginfo_t *, void *);
typedef void restorer_fn(void);

static struct row {
	handler_fn *handler;
	restorer_fn *restorer;
} rows[LAST_SIGNAL + 1][N_ROWS];
static uint8_t newest[LAST_SIGNAL + 1];
static struct gt_sigaction sigsys; /* the program's */
static siginfo_t held;             /* the last one that came while it was blocked */
static _Atomic uint32_t lock;

static bool is_function(handler_fn *f)
{
	return (uintptr_t)f > 1; /* SIG_DFL, SIG_IGN */
}

static bool is_libcs_own(int sig)
{
	return sig == 32 || sig == 33;
}

static void take_lock(void)
{
	while (atomic_exchange_explicit(&lock, 1, memory_order_acquire))
		gt_sys_yield();
}

static void give_lock(void)
{
	atomic_store_explicit(&lock, 0, memory_order_release);
}

/* ---- in front of a handler ---- */

struct scope {
	struct gt_thread *t;
	uint8_t selector, place;
	bool is_over;
};

static void enter(struct scope *s)
{
	struct gt_sud *const sud = &s->t->sud;
	s->selector = sud->selector;
	s->is_over = false;
	__atomic_store_n(&sud->selector, 0, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);
	s->place = sud->n_handlers;
	if (s->place < GT_SUD_HANDLERS) {
		sud->handlers[s->place].sp = GT_FRAME();
		sud->handlers[s->place].selector = s->selector;
		sud->n_handlers++;
	}
}

/* By return, or by an exception or a cancellation: then nobody puts the mask back. */
static void leave(struct scope *s)
{
	struct gt_sud *const sud = &s->t->sud;
	if (sud->n_handlers > s->place)
		sud->n_handlers = s->place;
	if (!s->selector || s->t != gt_self || !sud->is_armed)
		return;
	if (s->is_over) {
		gt_sud_wrap_all();
		__atomic_store_n(&sud->selector, 1, __ATOMIC_RELAXED);
	} else {
		gt_sud_raise(s->t, GT_SUD_OWED);
	}
}

static void run(int sig, siginfo_t *info, void *context, unsigned row)
{
	struct scope s __attribute__((cleanup(leave))) = { .t = gt_self };
	enter(&s);
	rows[sig][row].handler(sig, info, context);
	/* it has changed what comes back, or it has forked, and this is the child */
	uint64_t *const mask = gt_sud_mask_of((ucontext_t *)context);
	struct gt_thread *const t = gt_self;
	if ((s.t == t ? s.selector : t->sud.selector) && (*mask & GT_SIGSYS_BIT)) {
		t->sud.is_blocked = 1;
		*mask &= ~GT_SIGSYS_BIT;
	}
	s.is_over = true;
}

#define IN_FRONT(row)                                                                              \
	static void in_front_##row(int sig, siginfo_t *info, void *context)                        \
	{                                                                                          \
		run(sig, info, context, row);                                                      \
	}
IN_FRONT(0)
IN_FRONT(1)
IN_FRONT(2)
IN_FRONT(3)

static handler_fn *const in_front[N_ROWS] = { in_front_0, in_front_1, in_front_2, in_front_3 };

/* ---- what the kernel has, what the program sees ---- */

static bool is_ours(const struct gt_sigaction *a)
{
	uint64_t text, bytes;
	gt_stack_our_text(&text, &bytes);
	return (uint64_t)a->handler - text < bytes;
}

static long kernel_sigaction(long sig, const void *new, void *old)
{
	return GT_SYS4(SYS_rt_sigaction, sig, new, old, 8);
}

/*
 * The row of handler `f`: the one that it has had before, or the next. N.B. one function of ours
 * for one of the program's, as long as it has no more than N_ROWS for the signal: a handler that
 * asks for another one gets ours (see above), and may put that back.
 */
static unsigned row_for(int sig, handler_fn *f)
{
	for (unsigned row = 0; row < N_ROWS; row++)
		if (rows[sig][row].handler == f)
			return row;
	return (newest[sig] + 1u) % N_ROWS;
}

/* `a` becomes one that calls us first. Returns the row. Under the lock. */
static unsigned put_in_front(int sig, struct gt_sigaction *a)
{
	const unsigned row = row_for(sig, a->handler);
	rows[sig][row] = (struct row){ a->handler, a->flags & RESTORER ? a->restorer : NULL };
	a->handler = in_front[row];
	a->flags |= RESTORER;
	a->restorer = gt_sud_restorer;
	return row;
}

/* What the kernel has said of a handler becomes what the program has said. */
static void take_away(int sig, struct gt_sigaction *a)
{
	for (unsigned row = 0; row < N_ROWS; row++)
		if (a->handler == in_front[row]) {
			a->handler = rows[sig][row].handler;
			a->restorer = rows[sig][row].restorer;
			a->flags &= a->restorer ? ~0ul : ~RESTORER;
			return;
		}
}

static bool needs_us(int sig, const struct gt_sigaction *a)
{
	return is_function(a->handler) && !is_ours(a) && !is_libcs_own(sig) && sig != SIGSYS;
}

static void wrap(int sig)
{
	const uint64_t all = ~0ull;
	uint64_t mask;
	struct gt_sigaction a;
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	take_lock();
	if (kernel_sigaction(sig, NULL, &a) == 0 && needs_us(sig, &a)) {
		const unsigned row = put_in_front(sig, &a);
		if (kernel_sigaction(sig, &a, NULL) == 0)
			newest[sig] = (uint8_t)row;
	}
	give_lock();
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

/* The kernel's entry for SIGSYS is ours; what was there is the program's. */
static void take_sigsys(void)
{
	const struct gt_sigaction ours = { .handler = gt_sud_on_signal,
					   .flags = SA_SIGINFO | SA_ONSTACK | RESTORER,
					   .restorer = gt_sud_restorer,
					   .mask = ~0ull };
	struct gt_sigaction old;
	if (kernel_sigaction(SIGSYS, &ours, &old) == 0 && old.handler != gt_sud_on_signal)
		sigsys = old;
}

void gt_sud_wrap_all(void)
{
	struct gt_sigaction a;
	take_sigsys();
	for (int sig = 1; sig <= LAST_SIGNAL; sig++)
		if (kernel_sigaction(sig, NULL, &a) == 0 && needs_us(sig, &a))
			wrap(sig);
}

/*
 * N.B. SIGSYS is ours for ever, also in a forked child, which finds the rest as its parent left it.
 */
void gt_sud_signals_open(void)
{
	give_lock();
	gt_sud_wrap_all();
}

void gt_sud_give_back(void)
{
	kernel_sigaction(SIGSYS, &sigsys, NULL);
}

/* ---- calls of the program ---- */

/* All signals are blocked: more of them cannot be, and the kernel only reads what it is told to. */
bool gt_sud_can_read(const void *p, size_t bytes)
{
	const char *const last = (const char *)p + bytes - 8;
	return GT_SYS4(SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8) == 0 &&
	       GT_SYS4(SYS_rt_sigprocmask, SIG_BLOCK, last, NULL, 8) == 0;
}

static long act_on(int sig, struct gt_sigaction *new, struct gt_sigaction *old)
{
	const unsigned row = new &&needs_us(sig, new) ? put_in_front(sig, new) : newest[sig];
	const long rc = kernel_sigaction(sig, new, old);
	if (rc == 0)
		newest[sig] = (uint8_t)row;
	if (rc == 0 && old)
		take_away(sig, old);
	return rc;
}

static long act_on_sigsys(const struct gt_sigaction *new, struct gt_sigaction *old)
{
	const struct gt_sigaction was = sigsys;
	if (old && kernel_sigaction(SIGSYS, NULL, old) != 0)
		return -EFAULT;
	if (new)
		sigsys = *new;
	if (old)
		*old = was;
	return 0;
}

long gt_sud_sigaction(long sig, const void *act, void *old)
{
	struct gt_sigaction new;
	if (sig < 1 || sig > LAST_SIGNAL)
		return kernel_sigaction(sig, act, old);
	if (act && !gt_sud_can_read(act, sizeof(new)))
		return -EFAULT;
	if (act)
		memcpy(&new, act, sizeof(new));
	take_lock();
	const long rc = sig == SIGSYS ? act_on_sigsys(act ? &new : NULL, old)
				      : act_on((int)sig, act ? &new : NULL, old);
	give_lock();
	return rc;
}

/* The signal that was held back may come now. */
static void let_held_come(struct gt_thread *t)
{
	t->sud.is_held = 0;
	GT_SYS4(SYS_rt_tgsigqueueinfo, gt_sys_getpid(), gt_sys_gettid(), SIGSYS, &held);
}

static int change(uint64_t *mask, long how, uint64_t set)
{
	switch (how) {
	case SIG_BLOCK:
		*mask |= set;
		return 0;
	case SIG_UNBLOCK:
		*mask &= ~set;
		return 0;
	case SIG_SETMASK:
		*mask = set;
		return 0;
	default:
		return -EINVAL;
	}
}

#define NEVER_BLOCKED (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))

long gt_sud_sigprocmask(struct gt_thread *t, ucontext_t *u, long how, const void *set, void *old)
{
	uint64_t *const mask = gt_sud_mask_of(u);
	const uint64_t was = *mask | (t->sud.is_blocked ? GT_SIGSYS_BIT : 0);
	uint64_t now = was, v;
	if (set) {
		if (!gt_sud_can_read(set, 8))
			return -EFAULT;
		memcpy(&v, set, 8);
		if (change(&now, how, v))
			return -EINVAL;
	}
	t->sud.is_blocked = (now & GT_SIGSYS_BIT) != 0;
	*mask = now & ~(GT_SIGSYS_BIT | NEVER_BLOCKED);
	if (t->sud.is_held && !t->sud.is_blocked)
		let_held_come(t);
	if (!old)
		return 0;
	const long rc = GT_SYS4(SYS_rt_sigprocmask, SIG_BLOCK, NULL, old, 8);
	if (rc == 0)
		memcpy(old, &was, 8);
	return rc;
}

/* ---- SIGSYS that others send ---- */

/* As if nobody had ever handled it: it comes again when we return, with the kernel's own action. */
static void die(void)
{
	const struct gt_sigaction none = { .handler = NULL };
	kernel_sigaction(SIGSYS, &none, NULL);
	GT_SYS3(SYS_tgkill, gt_sys_getpid(), gt_sys_gettid(), SIGSYS);
}

static void hand_over(struct gt_thread *t, int sig, siginfo_t *info, ucontext_t *u)
{
	const struct gt_sigaction a = sigsys;
	struct scope s __attribute__((cleanup(leave))) = { .t = t };
	uint64_t mask = *gt_sud_mask_of(u) | a.mask;
	if (!(a.flags & SA_NODEFER))
		mask |= GT_SIGSYS_BIT;
	if (a.flags & SA_RESETHAND)
		sigsys.handler = NULL;
	enter(&s);
	if (!gt_is_sandboxed)
		GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	a.handler(sig, info, u);
	s.is_over = true;
}

void gt_sud_foreign(struct gt_thread *t, int sig, siginfo_t *info, ucontext_t *u)
{
	const bool is_forced = info->si_code > 0; /* by a filter, or the program's own dispatch */
	const bool is_blocked = t->sud.is_armed && t->sud.is_blocked && t->sud.selector;
	if (is_function(sigsys.handler) && !is_blocked)
		hand_over(t, sig, info, u);
	else if (is_forced || (!sigsys.handler && !is_blocked))
		die();
	else if (is_blocked) {
		held = *info;
		t->sud.is_held = 1;
	}
}
