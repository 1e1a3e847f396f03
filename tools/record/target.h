/*
 * Can the library be preloaded into a program? The loader ignores a library it cannot load, or
 * worse ends the program; so this is found out before the start, and said.
 */
#ifndef GT_TARGET_H
#define GT_TARGET_H

#include <limits.h>

enum gt_target_verdict {
	GT_TARGET_FINE,
	GT_TARGET_NOT_ITSELF, /* has no effect on the program itself, but may work for those it
				 starts */
	GT_TARGET_HARMFUL,    /* the loader would complain or fail: start the program without us */
};

struct gt_target {
	char path[PATH_MAX]; /* the file that is executed, "" when there is none */
	enum gt_target_verdict verdict;
	char why[2 * PATH_MAX +
		 200];      /* unless FINE: one line, without the program's name in front */
	char sanitizer[64]; /* a library that must stay first in LD_PRELOAD, or "" */
};

/* Looks for `cmd` as execvp() does, follows #! lines, reads the ELF header. Never fails: what is
 * not known is FINE. */
void gt_target_inspect(struct gt_target *t, const char *cmd);

#endif
