/*
 * Processes: fork, exec, exit, and jumps out of a frame.
 *
 * Corner cases
 *
 * - The child of vfork runs on its parent's memory, thread record included: gt_on() knows it by its
 * pid and returns NULL, so that it passes straight through here too.
 * - exec may fail: tracing goes on then.
 */
#define GT_FILE_GROUP GT_GROUP_proc
#include "preload/boot.h"
#include "preload/hook.h"
#include "preload/memlock.h"
#include "preload/stack_walk.h"
#include "preload/sud.h"
#include "preload/sys.h"

#include "preload/real.h"
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include <alloca.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <unistd.h>

/* ---- new processes ---- */

#define GT_FORK(name)                                                                              \
	pid_t gt_hook_##name(void)                                                                 \
	{                                                                                          \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		const uint8_t was = t ? gt_sud_lower(t) : GT_SUD_OFF;                              \
		const pid_t pid = gt_real.name();                                                  \
		if (pid == 0)                                                                      \
			gt_child_of_fork();                                                        \
		else if (t)                                                                        \
			gt_sud_raise(t, was);                                                      \
		return pid;                                                                        \
	}

/* clang-format off */
GT_FORK(fork)
GT_FORK(__fork)
GT_FORK(_Fork)
/* clang-format on */

/*
 * For hook_asm.S: where to jump to. `vfork` and system calls that may share the caller's memory
 * with a child mark the thread, so that the child's hooks are known as such.
 */
#define GT_NEXT_VFORK(name)                                                                        \
	void *gt_next_##name(void);                                                                \
	void *gt_next_##name(void)                                                                 \
	{                                                                                          \
		gt_real_resolve();                                                                 \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		gt_before_vfork();                                                                 \
		return (void *)gt_real.name;                                                       \
	}

/* clang-format off */
GT_NEXT_VFORK(vfork)
GT_NEXT_VFORK(__vfork)
/* clang-format on */

void *gt_next_syscall(bool may_share);
void *gt_next_syscall(bool may_share)
{
	gt_real_resolve();
	struct gt_thread *const t = gt_on_in(GT_GROUP_io);
	if (t)
		gt_count(t, GT_CALL_syscall);
	if (may_share)
		gt_before_vfork();
	return (void *)gt_real.syscall;
}

/* N.B. a thread with thread-locals of its own does not share the record */
#define GT_NEXT_CLONE(name)                                                                        \
	void *gt_next_##name(int (*fn)(void *), void *stack, int fl);                              \
	void *gt_next_##name(int (*fn)(void *), void *stack, int fl)                               \
	{                                                                                          \
		(void)fn;                                                                          \
		(void)stack;                                                                       \
		gt_real_resolve();                                                                 \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		if ((fl & CLONE_VM) && !(fl & CLONE_SETTLS))                                       \
			gt_before_vfork();                                                         \
		return (void *)gt_real.name;                                                       \
	}

/* clang-format off */
GT_NEXT_CLONE(clone)
GT_NEXT_CLONE(__clone)
/* clang-format on */

/*
 * Functions of libc that look at their return address: dlopen finds $ORIGIN and the namespace of
 * its caller by it, swapcontext saves it. What is between entry and return cannot be seen, so they
 * are counted. N.B. RTLD_DEEPBIND is left as it is: such a library reaches libc past us, but it was
 * built so.
 */
#define GT_NEXT(name)                                                                              \
	void *gt_next_##name(void);                                                                \
	void *gt_next_##name(void)                                                                 \
	{                                                                                          \
		gt_real_resolve();                                                                 \
		struct gt_thread *const t = gt_on();                                               \
		if (t)                                                                             \
			gt_count(t, GT_CALL_##name);                                               \
		return (void *)gt_real.name;                                                       \
	}

/* clang-format off */
GT_NEXT(dlopen)
GT_NEXT(dlmopen)
GT_NEXT(swapcontext)
/* clang-format on */

/* ---- exec ---- */

/* This image of the process may be over. */
static void before_end(enum gt_call call)
{
	struct gt_thread *const t = gt_on_in(GT_GROUP_any);
	if (!t)
		return;
	if (gt_on())
		gt_count(t, call);
	gt_flush_before_end();
}

#define GT_EXEC(name, params, args)                                                                \
	int gt_hook_##name params                                                                  \
	{                                                                                          \
		before_end(GT_CALL_##name);                                                        \
		return gt_real.name args;                                                          \
	}

/* clang-format off */
GT_EXEC(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
GT_EXEC(execv, (const char *path, char *const argv[]), (path, argv))
GT_EXEC(execvp, (const char *file, char *const argv[]), (file, argv))
GT_EXEC(execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp))
GT_EXEC(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))
GT_EXEC(execveat, (int dir, const char *path, char *const argv[], char *const envp[], int fl), (dir, path, argv, envp, fl))
/* clang-format on */

/*
 * Arguments in a list become an array on the stack, as in libc: the child of vfork must not
 * allocate. Its size is the caller's affair, so no bound on our frame holds here.
 */
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstack-usage="
#endif

static size_t count_args(const char *arg, va_list *ap)
{
	size_t n = 0;
	for (const char *a = arg; a; a = va_arg(*ap, const char *))
		n++;
	return n;
}

/* Fills `argv` with `arg`, the rest of the list, and its NULL. */
static void collect_args(char **argv, const char *arg, va_list *ap)
{
	*argv = (char *)(uintptr_t)arg;
	while (*argv)
		*++argv = va_arg(*ap, char *);
}

/* `last` is evaluated behind the list: execle has its environment there. */
#define GT_EXECL(name, last, real_call)                                                            \
	int gt_hook_##name(const char *path, const char *arg, ...)                                 \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, arg);                                                                 \
		char **const argv = alloca((count_args(arg, &ap) + 1) * sizeof(*argv));            \
		va_end(ap);                                                                        \
		va_start(ap, arg);                                                                 \
		collect_args(argv, arg, &ap);                                                      \
		char **const envp __attribute__((unused)) = last;                                  \
		va_end(ap);                                                                        \
		before_end(GT_CALL_##name);                                                        \
		return gt_real.real_call;                                                          \
	}

/* clang-format off */
GT_EXECL(execl, NULL, execv(path, argv))
GT_EXECL(execlp, NULL, execvp(path, argv))
GT_EXECL(execle, va_arg(ap, char **), execve(path, argv, envp))
/* clang-format on */
#pragma GCC diagnostic pop

/* ---- the end ---- */

#define GT_END(name, params, args)                                                                 \
	__attribute__((noreturn)) void gt_hook_##name params                                       \
	{                                                                                          \
		before_end(GT_CALL_##name);                                                        \
		gt_real.name args;                                                                 \
		__builtin_unreachable();                                                           \
	}

/* clang-format off */
GT_END(exit, (int code), (code))
GT_END(_exit, (int code), (code))
GT_END(_Exit, (int code), (code))
GT_END(quick_exit, (int code), (code))
GT_END(abort, (void), ())
/* clang-format on */

/* ---- jumps ---- */

/* Stack pointer that a jmp_buf leads to; glibc keeps it rotated and xored (setjmp.S, PTR_MANGLE).
 */
static uint64_t target_of(const struct __jmp_buf_tag *env)
{
	uint64_t sp = (uint64_t)env->__jmpbuf[6], guard;
	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	sp = sp >> 17 | sp << 47;
	return sp ^ guard;
}

/* A handler may jump out of a wait, or out of the writing of an event. */
static void before_jump(enum gt_call call, uint64_t target)
{
	gt_thread_heal(target);
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, call);
}

#define GT_JUMP(name)                                                                              \
	__attribute__((noreturn)) void gt_hook_##name(struct __jmp_buf_tag *env, int v)            \
	{                                                                                          \
		before_jump(GT_CALL_##name, target_of(env));                                       \
		gt_real.name(env, v);                                                              \
		__builtin_unreachable();                                                           \
	}

/* clang-format off */
GT_JUMP(longjmp)
GT_JUMP(_longjmp)
GT_JUMP(siglongjmp)
GT_JUMP(__longjmp_chk)
/* clang-format on */

int gt_hook_setcontext(const ucontext_t *u)
{
	before_jump(GT_CALL_setcontext, (uint64_t)u->uc_mcontext.gregs[REG_RSP]);
	return gt_real.setcontext(u);
}

/* Code is unmapped, and other code may come to the same place: unwind rules learnt before are of no
 * use. */
int gt_hook_dlclose(void *lib)
{
	struct gt_thread *t = gt_on();
	if (t)
		gt_count(t, GT_CALL_dlclose);
	gt_rules_forget();
	const int rc = gt_real.dlclose(lib);
	gt_rules_forget();
	return rc;
}

/* N.B. who is traced would stop for its tracer at each dispatched call. */
long gt_hook_ptrace(long op, long pid, long addr, long data)
{
	struct gt_thread *const t = gt_on();
	if (op == PTRACE_TRACEME)
		gt_sud_stop();
	GT_WAIT(t, GT_CALL_ptrace, GT_WHY_SYSCALL, op);
	return gt_real.ptrace(op, pid, addr, data);
}

/* Forbids itself calls, or the clock: what we would do afterwards, we must not do any more. */
int gt_hook_prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct gt_thread *t = gt_on();
	if (t)
		gt_count(t, GT_CALL_prctl);
	if (op == PR_SET_SECCOMP || (op == PR_SET_TSC && a == PR_TSC_SIGSEGV))
		gt_enter_sandbox(op == PR_SET_TSC || a == SECCOMP_MODE_STRICT);
	const int rc = gt_real.prctl(op, a, b, c, d);
	if (t && op == PR_SET_NAME && rc == 0)
		gt_thread_set_name(t, (const char *)a);
	return rc;
}

/* The kernel counts what we have reserved, too. */
int gt_hook_mlockall(int flags)
{
	struct gt_thread *const t = gt_on();
	if (t)
		gt_count(t, GT_CALL_mlockall);
	const int was = errno;
	const int rc = gt_real.mlockall(flags);
	if (rc == 0 || errno != ENOMEM || !(flags & MCL_CURRENT) || gt_is_sandboxed ||
	    !gt_memlock_host(flags))
		return rc;
	errno = was;
	return 0;
}
