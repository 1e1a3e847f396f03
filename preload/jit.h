/*
 * Names of code that a JIT made: /tmp/perf-<pid>.map, which Java (with an agent or jcmd
 * Compiler.perfmap), node
 * (--perf-basic-prof) and others write for perf: lines "start size name", in hex. Writer only.
 */
#ifndef GT_JIT_H
#define GT_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_jit_name {
	uint64_t pc;
	uint32_t len; /* 0 = not found */
	char name[256];
};

/* Forgets what was known of the file (boot, forked child); `block` of at least 4 KiB is lent for
 * good. */
void gt_jit_init(char *block, size_t block_len);

/*
 * Has the file grown (or come) since the last call that said so? Looks at most every `every_ns`.
 * Names found before may be outdated then: the JIT may have put other code to the same place.
 */
bool gt_jit_has_news(uint64_t now_ns, uint64_t every_ns);

/* Finds names for list[0..n), sorted by pc. The last line that covers a pc counts. */
void gt_jit_find(struct gt_jit_name *list, size_t n);

#endif
