/*
 * One pc -> how to find its caller: our own reader of .eh_frame. Takes no lock, allocates nothing,
 * makes no system call; under 1 KiB of stack. Judge: libgcc's unwinder
 * (tests/unit/test_core_stack.c).
 */
#ifndef GT_STACK_CFI_H
#define GT_STACK_CFI_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Registers that a frame may have saved; then those that it may be found by. The last ones are a
 * callee's to spoil: known in an interrupted function only (assembler uses them in its prologues),
 * never in a caller.
 */
enum gt_reg {
	GT_RBX,
	GT_RBP,
	GT_R12,
	GT_R13,
	GT_R14,
	GT_R15,
	GT_N_SAVED,
	GT_RSP = GT_N_SAVED,
	GT_RAX,
	GT_RDX,
	GT_RCX,
	GT_RSI,
	GT_RDI,
	GT_R8,
	GT_R9,
	GT_R10,
	GT_R11,
};

enum gt_rule_kind {
	GT_RULE_NONE,    /* no unwind data for this pc: the stack ends here */
	GT_RULE_END,     /* the data says that this is the outermost frame */
	GT_RULE_FRAME,   /* everything below is valid; CFA = register + cfa_offset */
	GT_RULE_DEREF,   /* likewise, but CFA = the word at register + cfa_offset, + cfa_add */
	GT_RULE_FOREIGN, /* a signal frame, an expression: beyond this reader */
};

struct gt_rule {
	uint8_t kind;           /* enum gt_rule_kind */
	uint8_t cfa_reg : 5;    /* enum gt_reg */
	uint8_t base_is_sp : 1; /* the base of `based`: rsp, else rbp */
	uint8_t is_signal : 1;  /* the caller was interrupted: its pc is exact */
	uint8_t saved;          /* bit r: register r is saved at CFA + offset[r] * 8 */
	uint8_t based; /* bit r: no, at base + offset[r] * 8; bit GT_BASED_RA: the return address
			  likewise */
	int32_t cfa_offset; /* bytes */
	int16_t cfa_add;    /* bytes */
	int16_t offset[GT_N_SAVED];
	int8_t ra_offset; /* the return address is at CFA + ra_offset * 8 */
	uint8_t odd;      /* while a rule is being made: what this row says in a way of its own
			     (stack_cfi.c) */
};
#define GT_BASED_RA 7
_Static_assert(sizeof(struct gt_rule) == 24, "two rules in a cache line, with their keys");

/* Finds _dl_find_object, the loader's lock-free way from a pc to a module. Boot only. false: libc
 * is too old. */
bool gt_cfi_init(void);

/* The rule for `pc`: an address inside the call (return address - 1), or an exact pc. Context: any.
 */
void gt_cfi_find(uint64_t pc, struct gt_rule *rule);

/* The same for a module that is mapped, not necessarily loaded: `hdr` is its .eh_frame_hdr in
 * memory. */
void gt_cfi_find_in(const uint8_t *hdr, uint64_t pc, struct gt_rule *rule);

#endif
