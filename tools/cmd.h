/* What the verbs of `gtrace` have in common: the table of them and the exit statuses. */
#ifndef GT_CMD_H
#define GT_CMD_H

/* Exit statuses. A recorded program's own status is passed on as it is. */
enum gt_exit {
	GT_EXIT_OK = 0,
	GT_EXIT_FINDINGS = 1,         /* the file was read, and something is wrong with it */
	GT_EXIT_USAGE = 2,            /* a wrong option, or a file that cannot be read */
	GT_EXIT_OWN = 125,            /* record: gtrace itself failed, the program was not run */
	GT_EXIT_NOT_EXECUTABLE = 126, /* record */
	GT_EXIT_NOT_FOUND = 127,      /* record */
};

/* One function per verb: argv[0] is the verb, argv[argc] is NULL. Returns the exit status. */
/* clang-format off */
#define GT_CMD(name, function, args, help) int function(int argc, char **argv);
#include "tools/commands.def"
#undef GT_CMD
/* clang-format on */

#endif
