/*
 * Entries of hooks that return twice, or whose frame the kernel or libc looks at: they prepare and then jump, with the
 * stack as the caller left it (interposition.md 5.4, 2.3).
 */
#include <sys/syscall.h>

#ifdef __x86_64__
	.text
	.hidden gt_next_syscall
	.hidden gt_syscall

/* No arguments, and all registers that a call may spoil are free: only the return address must stay in place. */
.macro GT_VFORK name
	.hidden gt_next_\name
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	gt_next_\name
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.cfi_endproc
	.size \name, . - \name
.endm
	GT_VFORK vfork
	GT_VFORK __vfork

	.globl syscall
	.type syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	cmpl	$SYS_clone, %edi
	je	1f
	cmpl	$SYS_clone3, %edi
	je	1f
	cmpl	$SYS_vfork, %edi
	je	1f
	cmpl	$SYS_fork, %edi
	je	2f
	cmpl	$SYS_rt_sigreturn, %edi
	je	2f
	jmp	gt_syscall
1:	movl	$1, %eax
	jmp	3f
2:	xorl	%eax, %eax
3:	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movl	%eax, %edi
	call	gt_next_syscall
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.cfi_endproc
	.size syscall, . - syscall
/* The others: count, and go on with all arguments. */
.macro GT_TAIL name
	.hidden gt_next_\name
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	.irp reg, rdi, rsi, rdx, rcx, r8, r9
	pushq	%\reg
	.cfi_adjust_cfa_offset 8
	.endr
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	gt_next_\name
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	.irp reg, r9, r8, rcx, rdx, rsi, rdi
	popq	%\reg
	.cfi_adjust_cfa_offset -8
	.endr
	jmp	*%rax
	.cfi_endproc
	.size \name, . - \name
.endm
	GT_TAIL clone
	GT_TAIL __clone
	GT_TAIL dlopen
	GT_TAIL dlmopen
	GT_TAIL swapcontext
#else
#error "vfork and syscall need an entry for this machine"
#endif

	.section .note.GNU-stack, "", @progbits
