/*
 * pc -> function name and file, by the writer, once per pc. Names come from the ELF symbol tables
 * of the files that are mapped; they are read with pread, a block at a time: nothing is mapped into
 * the program.
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

struct gt_module {
	uint64_t start, end, offset;
	uint64_t inode;
	uint32_t path, path_len; /* in the module texts */
	char build_id[41];       /* hex; "" = none or not looked for yet */
	bool has_build_id;       /* looked for */
};

/* Reads the map of modules anew; returns how many executable mappings there are. */
size_t gt_modules_read(void);
const struct gt_module *gt_module_at(size_t i);
const char *gt_module_path(const struct gt_module *m);

#endif
