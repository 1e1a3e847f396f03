/*
 * One pc -> how to find its caller: our own reader of .eh_frame. Takes no lock, allocates nothing,
 * makes no system call; under 1 KiB of stack. Judge: libgcc's unwinder
 * (tests/unit/test_core_stack.c).
 */
#ifndef GT_STACK_CFI_H
#define GT_STACK_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* Registers that a frame may be found by or may have saved, in the order of DWARF's numbers where
 * it matters. */
enum gt_reg { GT_RBX, GT_RBP, GT_R12, GT_R13, GT_R14, GT_R15, GT_N_SAVED, GT_RSP = GT_N_SAVED };

enum gt_rule_kind {
	GT_RULE_NONE,   /* no unwind data for this pc: the stack ends here */
	GT_RULE_END,    /* the data says that this is the outermost frame */
	GT_RULE_FRAME,  /* everything below is valid */
	GT_RULE_SIGNAL, /* the kernel's frame around a handler: all registers are in its ucontext */
	GT_RULE_FOREIGN, /* an expression, a table of another kind: beyond this reader */
};

struct gt_rule {
	uint8_t kind;       /* enum gt_rule_kind */
	uint8_t cfa_reg;    /* enum gt_reg; CFA = register + cfa_offset */
	uint8_t saved;      /* bit r: register r is saved at CFA + offset[r] * 8 */
	int8_t ra_offset;   /* the return address is at CFA + ra_offset * 8 */
	int32_t cfa_offset; /* bytes */
	int16_t offset[GT_N_SAVED];
};

/* Finds _dl_find_object, the loader's lock-free way from a pc to a module. Boot only. false: libc
 * is too old. */
bool gt_cfi_init(void);

/* The rule for `pc`: an address inside the call (return address - 1), or an exact pc. Context: any.
 */
void gt_cfi_find(uint64_t pc, struct gt_rule *rule);

#endif
