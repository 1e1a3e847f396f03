#include "preload/sys.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <time.h>

#ifndef __x86_64__
#error "only x86-64 so far"
#endif

#ifdef GT_TEST
/* Torture builds: called before each kernel call; a value other than 0 is returned instead of
 * making it. */
long (*gt_sys_fault)(long nr);
#endif

int gt_is_sandboxed;

long gt_sys(long nr, long a, long b, long c, long d, long e, long f)
{
#ifdef GT_TEST
	const long fault = gt_sys_fault ? gt_sys_fault(nr) : 0;
	if (fault)
		return fault;
#endif
	long rc;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

/*
 * N.B. the child comes back on an empty stack, so it cannot return through C: it pops fn and arg,
 * which the parent put there, and ends by SYS_exit (this task only, not the group).
 */
long gt_sys_clone_task(unsigned long flags, void *stack_top, void *tls, void (*fn)(void *),
		       void *arg)
{
#ifdef GT_TEST
	const long fault = gt_sys_fault ? gt_sys_fault(SYS_clone) : 0;
	if (fault)
		return fault;
#endif
	void **sp = (void **)((uintptr_t)stack_top & ~(uintptr_t)15);
	*--sp = arg;
	*--sp = (void *)fn;
	long rc;
	register void *r10 __asm__("r10") = NULL;
	register void *r8 __asm__("r8") = tls;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "pop %%rdi\n\t"
			 "call *%%rax\n\t"
			 "mov %[sys_exit], %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(rc)
			 : "a"((long)SYS_clone), "D"(flags), "S"(sp), "d"(NULL), "r"(r10),
			   "r"(r8), [sys_exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return rc;
}

#define RESTORER 0x04000000ul /* SA_RESTORER */

void gt_sys_restorer(void);
__asm__(".text\n"
	".hidden gt_sys_restorer\n"
	".type gt_sys_restorer, @function\n"
	"gt_sys_restorer:\n\t"
	"mov $15, %eax\n\t" /* rt_sigreturn */
	"syscall\n\t"
	"ud2\n"
	".size gt_sys_restorer, .-gt_sys_restorer\n");

long gt_sys_sigaction(int sig, const struct gt_sigaction *new, struct gt_sigaction *old)
{
	struct gt_sigaction a = { .handler = NULL };
	if (new) {
		a = *new;
		a.flags |= RESTORER;
		a.restorer = gt_sys_restorer;
	}
	return GT_SYS4(SYS_rt_sigaction, sig, new ? &a : NULL, old, 8);
}

void gt_sys_sleep_ns(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	GT_SYS2(SYS_nanosleep, &ts, NULL);
}

void gt_sys_futex_wait(void *word, uint32_t value, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	GT_SYS4(SYS_futex, word, FUTEX_WAIT, value, &ts);
}

void gt_sys_futex_wake(void *word)
{
	GT_SYS3(SYS_futex, word, FUTEX_WAKE, 0x7fffffff);
}

long gt_sys_read_file(const char *path, char *buf, size_t cap)
{
	const long fd = GT_SYS4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return fd;
	size_t len = 0;
	while (len + 1 < cap) {
		const long n = GT_SYS3(SYS_read, fd, buf + len, cap - 1 - len);
		if (GT_SYS_FAILED(n) || n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = 0;
	GT_SYS1(SYS_close, fd);
	return (long)len;
}

void gt_sys_populate(uint64_t start, uint64_t bytes, bool is_for_writing)
{
	const uint64_t from = start & ~4095ull, upto = (start + bytes + 4095) & ~4095ull;
	/* MADV_POPULATE_READ, MADV_POPULATE_WRITE: newer than our headers may be */
	GT_SYS3(SYS_madvise, from, upto - from, is_for_writing ? 23 : 22);
}
