/*
 * pc -> function name and file, by the writer, once per pc. Names come from the ELF symbol tables
 * of the files that are mapped (elf.h), from the vdso, and from the map that a JIT writes for perf
 * (jit.h).
 */
#ifndef GT_SYMBOLS_H
#define GT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_symbol {
	const char *func; /* valid until the next gt_symbols_learn() */
	size_t func_len;
	const char *file; /* the module's path */
	size_t file_len;
};

/* Memory for the cache. 0 or -ENOMEM. */
int gt_symbols_init(void);

/* `pc` always is `name` (the start routine of the main thread, whose symbol is seldom exported). */
void gt_symbols_name(uint64_t pc, const char *name);

/* Finds the names of all these pcs that are not known yet: one pass over each module's table for
 * all of them. */
void gt_symbols_learn(const uint64_t *pcs, size_t n);

/* The name of a pc that was learnt; otherwise module+0x... in `buf` (at least 300 bytes). */
struct gt_symbol gt_symbols_get(uint64_t pc, char *buf, size_t cap);

#endif
