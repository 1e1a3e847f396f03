/*
 * System calls made past libc, and libc's own: registers, flags, vectors, the red zone and the
 * stack are afterwards as the kernel leaves them; masks, handlers, jumps and coroutines around
 * them.
 */
#include "tests/same/see.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

/* ---- registers ---- */

struct regs {
	uint64_t rbx, rbp, r12, r13, r14, r15, rdi, rsi, rdx, r10, r8, r9, rax, rcx, r11, flags;
	uint64_t red[16], after, sp;
};

/* Makes call `nr` with a known value in every register and in the red zone; says what is left. */
__attribute__((noinline)) static void call_with(struct regs *r)
{
	__asm__ volatile(
		"pushq %%rbx\n\tpushq %%rbp\n\tpushq %%r12\n\tpushq %%r13\n\tpushq %%r14\n\tpushq "
		"%%r15\n\t"
		"pushq %%rdi\n\t" /* the struct, and below it the red zone */
		"movq 6*8(%%rdi), %%rax\n\tmovq %%rax, -8(%%rsp)\n\t"
		"movq %%rsp, 33*8(%%rdi)\n\t"
		"movq %%rdi, %%r11\n\t"
		"xorl %%ecx, %%ecx\n"
		"1:\tmovq 16*8(%%r11,%%rcx,8), %%rax\n\tmovq %%rcx, %%rbx\n\tnegq %%rbx\n\t"
		"movq %%rax, -8(%%rsp,%%rbx,8)\n\tincq %%rcx\n\tcmpq $16, %%rcx\n\tjne 1b\n\t"
		"movq 0*8(%%r11), %%rbx\n\tmovq 1*8(%%r11), %%rbp\n\tmovq 2*8(%%r11), %%r12\n\t"
		"movq 3*8(%%r11), %%r13\n\tmovq 4*8(%%r11), %%r14\n\tmovq 5*8(%%r11), %%r15\n\t"
		"movq 6*8(%%r11), %%rdi\n\tmovq 7*8(%%r11), %%rsi\n\tmovq 8*8(%%r11), %%rdx\n\t"
		"movq 9*8(%%r11), %%r10\n\tmovq 10*8(%%r11), %%r8\n\tmovq 11*8(%%r11), %%r9\n\t"
		"movq 12*8(%%r11), %%rax\n\t"
		"cmpb $200, %%al\n\tstc\n\t" /* some flags */
		"syscall\n"
		"2:\tmovq %%rdi, %%xmm15\n\t" /* two registers are free only now */
		"movq (%%rsp), %%rdi\n\t"
		"movq %%rcx, 13*8(%%rdi)\n\tmovq %%r11, 14*8(%%rdi)\n\t"
		"movq %%rax, 12*8(%%rdi)\n\t"
		"movq %%rbx, 0*8(%%rdi)\n\tmovq %%rbp, 1*8(%%rdi)\n\tmovq %%r12, 2*8(%%rdi)\n\t"
		"movq %%r13, 3*8(%%rdi)\n\tmovq %%r14, 4*8(%%rdi)\n\tmovq %%r15, 5*8(%%rdi)\n\t"
		"movq %%xmm15, %%rax\n\tmovq %%rax, 6*8(%%rdi)\n\tmovq %%rsi, 7*8(%%rdi)\n\t"
		"movq %%rdx, 8*8(%%rdi)\n\tmovq %%r10, 9*8(%%rdi)\n\tmovq %%r8, 10*8(%%rdi)\n\t"
		"movq %%r9, 11*8(%%rdi)\n\t"
		"leaq 2b(%%rip), %%rax\n\tmovq %%rax, 32*8(%%rdi)\n\t"
		"movq %%rdi, %%rdx\n\txorl %%ecx, %%ecx\n"
		"3:\tmovq %%rcx, %%rbx\n\tnegq %%rbx\n\tmovq -8(%%rsp,%%rbx,8), %%rax\n\t"
		"movq %%rax, 16*8(%%rdx,%%rcx,8)\n\tincq %%rcx\n\tcmpq $16, %%rcx\n\tjne 3b\n\t"
		"subq %%rsp, 33*8(%%rdx)\n\t"
		"pushfq\n\tpopq %%rax\n\t" /* (spoilt by the loop; r11 tells) */
		"popq %%rdi\n\t"
		"popq %%r15\n\tpopq %%r14\n\tpopq %%r13\n\tpopq %%r12\n\tpopq %%rbp\n\tpopq %%rbx"
		: "+D"(r)
		:
		: "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm15", "memory", "cc");
}

static long check_call(const char *what, long nr, long a, long b, long c, long d, long e, long f)
{
	struct regs r = { .rbx = 0x1111, .rbp = 0x2222, .r12 = 0x3333, .r13 = 0x4444 };
	r.r14 = 0x5555;
	r.r15 = 0x6666;
	r.rdi = (uint64_t)a;
	r.rsi = (uint64_t)b;
	r.rdx = (uint64_t)c;
	r.r10 = (uint64_t)d;
	r.r8 = (uint64_t)e;
	r.r9 = (uint64_t)f;
	r.rax = (uint64_t)nr;
	for (unsigned i = 0; i < 16; i++)
		r.red[i] = 0xabcd0000 + i;
	call_with(&r);
	bool is_red = true;
	for (unsigned i = 0; i < 16; i++)
		is_red = is_red && r.red[i] == 0xabcd0000 + i;
	printf("%s: saved %d args %d pc %d flags %llx sp %lld red %d\n", what,
	       r.rbx == 0x1111 && r.rbp == 0x2222 && r.r12 == 0x3333 && r.r13 == 0x4444 &&
		       r.r14 == 0x5555 && r.r15 == 0x6666,
	       r.rdi == (uint64_t)a && r.rsi == (uint64_t)b && r.rdx == (uint64_t)c &&
		       r.r10 == (uint64_t)d && r.r8 == (uint64_t)e && r.r9 == (uint64_t)f,
	       r.rcx == r.after, (unsigned long long)r.r11 & 0xcd5, (long long)r.sp, is_red);
	return (long)r.rax;
}

/* Vector registers hold data over a call. */
__attribute__((target("avx"), noinline)) static int keeps_vectors(int fd, char *c)
{
	const __m256d x = _mm256_set_pd(1.5, 2.5, 3.5, 4.5);
	__m256d y = x;
	long rc = SYS_read;
	register __m256d high __asm__("ymm9") = x;
	__asm__ volatile("syscall"
			 : "+a"(rc), "+x"(y), "+x"(high)
			 : "D"(fd), "S"(c), "d"(1L)
			 : "rcx", "r11", "memory");
	const __m256d same =
		_mm256_and_pd(_mm256_cmp_pd(x, y, _CMP_EQ_OQ), _mm256_cmp_pd(x, high, _CMP_EQ_OQ));
	return rc == 1 && _mm256_movemask_pd(same) == 15;
}

static void *writes_later(void *arg)
{
	prog_sleep_ms(20);
	CHECK(write(*(int *)arg, "xy", 2) == 2);
	return NULL;
}

static void registers(void)
{
	int p[2];
	char c[2];
	uint32_t word = 7;
	pthread_t t;
	CHECK(!pipe(p));
	CHECK(check_call("getpid", SYS_getpid, 1, 2, 3, 4, 5, 6) == getpid());
	printf("%ld\n", check_call("bad close", SYS_close, -1, 2, 3, 4, 5, 6));
	printf("%ld\n", check_call("bad number", 100000, 1, 2, 3, 4, 5, 6));
	printf("%ld\n", check_call("futex", SYS_futex, (long)&word, FUTEX_WAIT, 8, 0, 0, 0));
	CHECK(!pthread_create(&t, NULL, writes_later, &p[1]));
	printf("%ld\n", check_call("read", SYS_read, p[0], (long)c, 1, 4, 5, 6));
	printf("%ld\n", check_call("read", SYS_read, p[0], (long)c, 1, 4, 5, 6));
	CHECK(!pthread_join(t, NULL));
	if (!__builtin_cpu_supports("avx"))
		return;
	CHECK(!pthread_create(&t, NULL, writes_later, &p[1]));
	printf("vectors %d", keeps_vectors(p[0], c));
	printf(" %d\n", keeps_vectors(p[0], c));
	CHECK(!pthread_join(t, NULL));
}

/* ---- masks ---- */

static unsigned long kernel_mask(void)
{
	unsigned long mask = 0;
	long rc = SYS_rt_sigprocmask;
	register long r10 __asm__("r10") = 8;
	__asm__ volatile("syscall"
			 : "+a"(rc)
			 : "D"(SIG_BLOCK), "S"(0), "d"(&mask), "r"(r10)
			 : "rcx", "r11", "memory");
	return mask;
}

static void masks(void)
{
	sigset_t all, old, none;
	sigfillset(&all);
	sigemptyset(&none);
	SEE(sigprocmask(SIG_BLOCK, &all, &old));
	printf("blocked before %d, now %lx\n", sigismember(&old, SIGSYS), kernel_mask());
	printf("with everything blocked\n");
	fflush(stdout);
	SEE(pthread_sigmask(SIG_SETMASK, NULL, &old));
	printf("SIGSYS %d SIGKILL %d\n", sigismember(&old, SIGSYS), sigismember(&old, SIGKILL));
	kill(getpid(), SIGUSR1);
	SEE(sigpending(&old));
	printf("pending %d\n", sigismember(&old, SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	SEE(sigprocmask(SIG_UNBLOCK, &all, NULL));
	printf("now %lx\n", kernel_mask());
	SEE(sigprocmask(77, &all, NULL));
	SEE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
	SEE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, 8, 8));
	SEE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, NULL, 4));
	signal(SIGUSR1, SIG_DFL);
}

/* ---- handlers ---- */

static int n_calls;

static void talks(int sig)
{
	static const char text[] = "in a handler\n";
	long rc = SYS_write;
	__asm__ volatile("syscall"
			 : "+a"(rc)
			 : "D"(1), "S"(text), "d"(sizeof(text) - 1)
			 : "rcx", "r11", "memory");
	printf("signal %d, call %d, mask %lx\n", sig, ++n_calls, kernel_mask());
	fflush(stdout);
}

static void talks_and_comes_again(int sig)
{
	struct sigaction a = { .sa_handler = talks_and_comes_again };
	sigfillset(&a.sa_mask);
	sigaction(sig, &a, NULL);
	talks(sig);
}

static void tells(int sig, siginfo_t *info, void *context)
{
	printf("signal %d from %d, code %d, context %d\n", sig, info->si_pid == getpid(),
	       info->si_code, ((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP] != 0);
}

static void handlers(void)
{
	struct sigaction a = { .sa_handler = talks }, old;
	sigfillset(&a.sa_mask);
	SEE(sigaction(SIGUSR1, &a, &old));
	printf("before %d\n", old.sa_handler == SIG_DFL);
	raise(SIGUSR1);
	SEE(sigaction(SIGUSR1, NULL, &old));
	printf("%d %d %x\n", old.sa_handler == talks, sigismember(&old.sa_mask, SIGSYS),
	       (unsigned)old.sa_flags & 0xffff);
	a.sa_handler = talks_and_comes_again;
	a.sa_flags = SA_RESETHAND;
	SEE(sigaction(SIGUSR1, &a, &old));
	printf("%d\n", old.sa_handler == talks);
	raise(SIGUSR1);
	raise(SIGUSR1);
	a = (struct sigaction){ .sa_sigaction = tells, .sa_flags = SA_SIGINFO | SA_NODEFER };
	SEE(sigaction(SIGUSR1, &a, &old));
	printf("%d\n", old.sa_handler == talks_and_comes_again);
	kill(getpid(), SIGUSR1);
	printf("signal() gives %d\n", signal(SIGUSR1, talks) == (void (*)(int))(uintptr_t)tells);
	raise(SIGUSR1);
	printf("signal() gives %d\n", signal(SIGUSR1, SIG_DFL) == talks);
	SEE(sigaction(SIGKILL, &a, NULL));
	SEE(sigaction(99, &a, NULL));
	SEE(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
	SEE(syscall(SYS_rt_sigaction, SIGUSR1, NULL, 8, 8));
	SEE(syscall(SYS_rt_sigaction, SIGSYS, 8, NULL, 8));
	SEE(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
}

static void waits_with_masks(void)
{
	sigset_t most, one;
	struct sigaction a = { .sa_handler = talks };
	sigfillset(&a.sa_mask);
	sigfillset(&most);
	sigdelset(&most, SIGUSR1);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigaction(SIGUSR1, &a, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	kill(getpid(), SIGUSR1);
	SEE_RC(sigsuspend(&most));
	kill(getpid(), SIGUSR1);
	SEE_RC(ppoll(NULL, 0, NULL, &most));
	kill(getpid(), SIGUSR1);
	SEE_RC(syscall(SYS_rt_sigsuspend, &most, 8));
	printf("now %lx\n", kernel_mask());
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	signal(SIGUSR1, SIG_DFL);
}

/* ---- jumps ---- */

static sigjmp_buf jump;

static void jumps(int sig)
{
	siglongjmp(jump, sig);
}

static void line_from_a_pipe(const char *what)
{
	int p[2];
	char line[20];
	CHECK(!pipe(p));
	FILE *f = fdopen(p[0], "r");
	CHECK(write(p[1], "a line\n", 7) == 7 && !close(p[1]));
	printf("%s: %s", what, fgets(line, sizeof(line), f));
	fclose(f);
}

static void out_of_handlers(bool is_elsewhere)
{
	static char elsewhere[64 << 10];
	const stack_t ss = { .ss_sp = elsewhere, .ss_size = sizeof(elsewhere) };
	struct sigaction a = { .sa_handler = jumps, .sa_flags = is_elsewhere ? SA_ONSTACK : 0 };
	sigfillset(&a.sa_mask);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &a, NULL);
	for (int i = 0; i < 3; i++) {
		const int with_mask = i != 1;
		if (!sigsetjmp(jump, with_mask)) {
			*(volatile int *)8 = 1;
			printf("never\n");
		}
		line_from_a_pipe("after a jump");
		printf("mask %lx\n", kernel_mask());
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
	}
	signal(SIGSEGV, SIG_DFL);
}

/* ---- coroutines ---- */

static ucontext_t here, there;

static void coroutine(void)
{
	for (int i = 0; i < 3; i++) {
		line_from_a_pipe("in a coroutine");
		swapcontext(&there, &here);
	}
}

static void coroutines(void)
{
	char *stack = malloc(32 << 10);
	getcontext(&there);
	there.uc_stack = (stack_t){ .ss_sp = stack, .ss_size = 32 << 10 };
	there.uc_link = &here;
	makecontext(&there, coroutine, 0);
	for (int i = 0; i < 3; i++) {
		swapcontext(&here, &there);
		line_from_a_pipe("outside");
	}
	free(stack);
}

int main(void)
{
	registers();
	masks();
	handlers();
	waits_with_masks();
	out_of_handlers(false);
	out_of_handlers(true);
	coroutines();
	return 0;
}
