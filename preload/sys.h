/*
 * Our own kernel calls: raw, never through libc, so they touch neither errno nor the program's
 * wrappers, are no cancellation points and work in the writer, which has no libc thread state. All
 * return -errno.
 */
#ifndef GT_SYS_H
#define GT_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define GT_SYS_FAILED(rc) ((unsigned long)(rc) > -4096UL)

/* The program has put itself under a system call filter: its threads make no call of ours any more
 * (boot.c). */
extern int gt_is_sandboxed __attribute__((visibility("hidden")));

/* Every call of ours goes through here; test builds can make the Nth one fail. */
long gt_sys(long nr, long a, long b, long c, long d, long e, long f);

#define GT_SYS1(nr, a)          (gt_sys(nr, (long)(a), 0, 0, 0, 0, 0))
#define GT_SYS2(nr, a, b)       (gt_sys(nr, (long)(a), (long)(b), 0, 0, 0, 0))
#define GT_SYS3(nr, a, b, c)    (gt_sys(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0))
#define GT_SYS4(nr, a, b, c, d) (gt_sys(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0))
#define GT_SYS6(nr, a, b, c, d, e, f)                                                              \
	(gt_sys(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

/* Starts a task that runs fn(arg) on its own stack and thread pointer; returns its tid or -errno.
 * x86-64. */
long gt_sys_clone_task(unsigned long flags, void *stack_top, void *tls, void (*fn)(void *),
		       void *arg);

/* The kernel's own struct sigaction (x86-64). */
struct gt_sigaction {
	void (*handler)(int, siginfo_t *, void *); /* NULL: SIG_DFL */
	unsigned long flags;
	void (*restorer)(void); /* filled in */
	uint64_t mask;
};

/* Sets and gets; either may be NULL. 0 or -errno. For the caller's own table, past libc. */
long gt_sys_sigaction(int sig, const struct gt_sigaction *new, struct gt_sigaction *old);

static inline int gt_sys_getpid(void)
{
	return (int)gt_sys(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline int gt_sys_gettid(void)
{
	return (int)gt_sys(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static inline void gt_sys_yield(void)
{
	gt_sys(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* Sleeps about `ns`, or less when a signal comes. */
void gt_sys_sleep_ns(uint64_t ns);

/* Waits while *word == value, at most `ns`. Shared with other processes' wakes by the kernel (not
 * private). */
void gt_sys_futex_wait(void *word, uint32_t value, uint64_t ns);
void gt_sys_futex_wake(void *word);

/* The whole of a small file into buf (zero-terminated); bytes read or -errno. */
long gt_sys_read_file(const char *path, char *buf, size_t cap);

/*
 * Has the kernel map the pages of [start, start + bytes) now; nothing but time is lost where it
 * cannot (before Linux 5.14) or a page is not there.
 */
void gt_sys_populate(uint64_t start, uint64_t bytes, bool is_for_writing);

#endif
