/*
 * Where a dispatched call goes on (sud.c). The signal handler has moved sp below the caller's red
 * zone and left the caller's pc there, so that the frame looks like that of a function which the
 * caller has called, and stacks are walked through it, by us and by libgcc at a cancellation. On
 * the way back everything is as the kernel leaves it: rax the result, rcx the pc, r11 the flags.
 */
#include "preload/sud.h"

#include <cpuid.h>
#include <errno.h>

uint64_t gt_sud_vector_bytes;
uint32_t gt_sud_vector_mask;

#define FRAME "\t.cfi_def_cfa %rsp, 136\n\t.cfi_offset %rip, -136\n"

/* Nothing between entry and return but the call: no other register, no word of the stack. */
__asm__(".text\n"
	".hidden gt_sud_pass\n"
	".globl gt_sud_pass\n"
	".type gt_sud_pass, @function\n"
	"gt_sud_pass:\n"
	"\t.cfi_startproc\n" FRAME "\tsyscall\n"
	"\tmovq (%rsp), %rcx\n"
	"\tleaq 136(%rsp), %rsp\n"
	"\t.cfi_def_cfa %rsp, 0\n"
	"\t.cfi_register %rip, %rcx\n"
	"\tjmp *%rcx\n"
	"\t.cfi_endproc\n"
	".size gt_sud_pass, .-gt_sud_pass\n");

/*
 * N.B. the kernel keeps vector registers over a call, and code relies on it; C code spoils them.
 * The name is what stacks show.
 */
#define PUSH(reg, at) "\tpushq %" #reg "\n\t.cfi_def_cfa_offset " #at "\n"
#define KEEP(reg, at) PUSH(reg, at) "\t.cfi_offset %" #reg ", -" #at "\n"
#define POP(reg)      "\tpopq %" #reg "\n\t.cfi_adjust_cfa_offset -8\n"
__asm__(".text\n"
	".hidden system_call\n"
	".globl system_call\n"
	".type system_call, @function\n"
	"system_call:\n"
	"\t.cfi_startproc\n" FRAME "\tpushfq\n\t.cfi_def_cfa_offset 144\n"
	"\tcld\n" PUSH(rax, 152) PUSH(rdi, 160) PUSH(rsi, 168) PUSH(rdx, 176) PUSH(r10, 184) PUSH(
		r8, 192) PUSH(r9, 200) KEEP(rbx, 208) KEEP(rbp, 216) KEEP(r12,
									  224) KEEP(r13,
										    232) KEEP(r14,
											      240)
		KEEP(r15,
		     248) "\tmovq %rsp, %rbp\n"
			  "\t.cfi_def_cfa_register %rbp\n"
			  "\tsubq gt_sud_vector_bytes(%rip), %rsp\n"
			  "\tandq $-64, %rsp\n"
			  "\txorl %eax, %eax\n" /* the header of the area */
			  "\tmovq %rax, 512(%rsp)\n\tmovq %rax, 520(%rsp)\n\tmovq %rax, 528(%rsp)\n"
			  "\tmovq %rax, 536(%rsp)\n\tmovq %rax, 544(%rsp)\n\tmovq %rax, 552(%rsp)\n"
			  "\tmovq %rax, 560(%rsp)\n\tmovq %rax, 568(%rsp)\n"
			  "\tmovl gt_sud_vector_mask(%rip), %eax\n"
			  "\txorl %edx, %edx\n"
			  "\txsave64 (%rsp)\n"
			  "\tmovq %rbp, %rdi\n"
			  "\tcall gt_sud_call\n"
			  "\tmovq %rax, 96(%rbp)\n" /* struct gt_sud_regs, rax */
			  "\tmovl gt_sud_vector_mask(%rip), %eax\n"
			  "\txorl %edx, %edx\n"
			  "\txrstor64 (%rsp)\n"
			  "\tmovq %rbp, %rsp\n"
			  "\t.cfi_def_cfa_register %rsp\n" POP(r15) POP(r14) POP(r13) POP(r12) POP(
				  rbp) POP(rbx) POP(r9) POP(r8) POP(r10) POP(rdx) POP(rsi) POP(rdi)
				  POP(rax) "\tmovq (%rsp), %r11\n"
					   "\tpopfq\n\t.cfi_adjust_cfa_offset -8\n"
					   "\t.cfi_restore %rbx\n\t.cfi_restore "
					   "%rbp\n\t.cfi_restore %r12\n\t.cfi_restore %r13\n"
					   "\t.cfi_restore %r14\n\t.cfi_restore %r15\n"
					   "\tmovq (%rsp), %rcx\n"
					   "\tleaq 136(%rsp), %rsp\n"
					   "\t.cfi_def_cfa %rsp, 0\n"
					   "\t.cfi_register %rip, %rcx\n"
					   "\tjmp *%rcx\n"
					   "\t.cfi_endproc\n"
					   ".size system_call, .-system_call\n");

/*
 * Calls that make a task, or that come back only if they fail: GT_SUD_SITES places, 64 bytes each,
 * one for each place in the program that makes such calls, whose address lies in gt_sud_sites. The
 * child comes back here too, on whatever stack and thread pointer: it touches neither, and goes
 * straight on. The caller has its selector put up again. No flag is changed, hence jrcxz.
 */
uint64_t gt_sud_sites[GT_SUD_SITES];
__asm__(".text\n"
	".hidden gt_sud_births\n"
	".globl gt_sud_births\n"
	".type gt_sud_births, @function\n"
	".p2align 6\n"
	"gt_sud_births:\n"
	".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	".p2align 6\n"
	"\tsyscall\n"
	"\tmovq %rax, %rcx\n"
	"\tjrcxz 1f\n"
	"\tleaq -128(%rsp), %rsp\n"
	"\tcall gt_sud_born\n"
	"\tleaq 128(%rsp), %rsp\n"
	"1:\tmovq gt_sud_sites + 8 * \\n(%rip), %rcx\n"
	"\tjmp *%rcx\n"
	".endr\n"
	".size gt_sud_births, .-gt_sud_births\n"
	"gt_sud_born:\n"
	"\tpushfq\n\tcld\n"
	"\tpushq %rax\n\tpushq %rdi\n\tpushq %rsi\n\tpushq %rdx\n\tpushq %r8\n"
	"\tpushq %r9\n\tpushq %r10\n\tpushq %r11\n\tpushq %rbp\n"
	"\tmovq %rsp, %rbp\n"
	"\tandq $-16, %rsp\n"
	"\tcall gt_sud_made\n"
	"\tmovq %rbp, %rsp\n"
	"\tpopq %rbp\n\tpopq %r11\n\tpopq %r10\n\tpopq %r9\n\tpopq %r8\n"
	"\tpopq %rdx\n\tpopq %rsi\n\tpopq %rdi\n\tpopq %rax\n"
	"\tpopfq\n"
	"\tret\n");

/* A function of its own: a cancellation in the call unwinds its caller, which cleans up. */
__asm__(".text\n"
	".hidden gt_sud_raw\n"
	".globl gt_sud_raw\n"
	".type gt_sud_raw, @function\n"
	"gt_sud_raw:\n"
	"\t.cfi_startproc\n"
	"\tmovq 48(%rdi), %r9\n"
	"\tmovq 56(%rdi), %r8\n"
	"\tmovq 64(%rdi), %r10\n"
	"\tmovq 72(%rdi), %rdx\n"
	"\tmovq 80(%rdi), %rsi\n"
	"\tmovq 96(%rdi), %rax\n"
	"\tmovq 88(%rdi), %rdi\n"
	"\tsyscall\n"
	"\tret\n"
	"\t.cfi_endproc\n"
	".size gt_sud_raw, .-gt_sud_raw\n");

/*
 * Ends the program's handlers: rt_sigreturn from where it is not dispatched. The bytes are those by
 * which debuggers know a signal frame; the unwind data says the same as libc's: CFA and registers
 * in the ucontext, to which sp points. N.B. the data begins one byte early: unwinders look up a
 * return address minus one.
 */
#define IN_CONTEXT(dwarf, lo, hi) "\t.cfi_escape 0x10, " #dwarf ", 3, 0x77, " #lo ", " #hi "\n"
__asm__(".text\n"
	".hidden gt_sud_restorer\n"
	".globl gt_sud_restorer\n"
	".type gt_sud_restorer, @function\n"
	"\t.cfi_startproc simple\n"
	"\t.cfi_signal_frame\n"
	"\t.cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06\n" /* CFA: the word at sp + 160 */
	IN_CONTEXT(8, 0xa8, 0x00) IN_CONTEXT(9, 0xb0, 0x00) IN_CONTEXT(10, 0xb8, 0x00) IN_CONTEXT(
		11, 0xc0, 0x00) IN_CONTEXT(12, 0xc8, 0x00) IN_CONTEXT(13, 0xd0, 0x00)
		IN_CONTEXT(14, 0xd8, 0x00) IN_CONTEXT(15, 0xe0, 0x00) IN_CONTEXT(5, 0xe8, 0x00)
			IN_CONTEXT(4, 0xf0, 0x00) IN_CONTEXT(6, 0xf8, 0x00) IN_CONTEXT(
				3, 0x80, 0x01) IN_CONTEXT(1, 0x88, 0x01) IN_CONTEXT(0, 0x90, 0x01)
				IN_CONTEXT(2, 0x98, 0x01) IN_CONTEXT(7, 0xa0, 0x01) IN_CONTEXT(
					16, 0xa8,
					0x01) "\tnop\n"
					      "\t.p2align 4\n"
					      "gt_sud_restorer:\n"
					      "\tmovq $15, %rax\n"
					      "\tsyscall\n"
					      "\tud2\n"
					      "\t.cfi_endproc\n"
					      ".size gt_sud_restorer, .-gt_sud_restorer\n");

/* SSE, AVX and the three parts of AVX-512: what code of ours may touch. */
#define VECTORS 0xe6u
#define OSXSAVE (1u << 27)

int gt_sud_find_vectors(void)
{
	uint32_t a, b, c, d, lo, hi;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE))
		return -ENOTSUP;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	gt_sud_vector_mask = lo & VECTORS;
	gt_sud_vector_bytes = 512 + 64;
	for (unsigned i = 2; i < 8; i++) {
		if (!(gt_sud_vector_mask >> i & 1) || !__get_cpuid_count(0xd, i, &a, &b, &c, &d))
			continue;
		if (a + b > gt_sud_vector_bytes)
			gt_sud_vector_bytes = a + b;
	}
	return 0;
}
