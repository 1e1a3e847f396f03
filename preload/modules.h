/* The executable mappings of the program, as /proc tells them, with their build ids. Writer only.
 */
#ifndef GT_MODULES_H
#define GT_MODULES_H

#include "preload/elf.h"

enum gt_module_kind {
	GT_MODULE_FILE,
	GT_MODULE_VDSO,
	GT_MODULE_ANON, /* code without a file: a JIT's */
};

struct gt_module {
	uint64_t start, end, offset;
	uint64_t inode;
	uint64_t head_len; /* mapped of the file's beginning, `offset` before `start`; 0 = not */
	uint32_t path, path_len; /* in the module texts */
	enum gt_module_kind kind;
	char build_id[41]; /* hex; "" = none or not looked for yet */
	bool has_build_id; /* looked for */
};

/*
 * Memory for the table; gone(start, end) will be called for each mapping of one reading that at the
 * next is not there any more, or is another file's, and then done(). 0 or -ENOMEM.
 */
int gt_modules_init(void (*gone)(uint64_t start, uint64_t end), void (*done)(void));

/* Reads the map anew. */
void gt_modules_read(void);
/* The same, unless that was a moment ago. */
void gt_modules_update(void);

size_t gt_modules_count(void);
const struct gt_module *gt_module_at(size_t i);
const char *gt_module_path(const struct gt_module *m);

/* The mapping that holds `pc`, as of the last reading; NULL = none. */
const struct gt_module *gt_module_of(uint64_t pc);

/* Opens what is mapped there. */
bool gt_module_open(const struct gt_module *m, struct gt_elf *e);

#endif
