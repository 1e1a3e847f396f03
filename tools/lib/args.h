/*
 * Options of a verb: one row each, parsed and printed from the same table.
 *
 * A row says where its value goes; the variable's initial value is the default. `--help` prints a
 * page made of the rows. Long options may be shortened to a unique beginning, as with getopt_long.
 */
#ifndef GT_ARGS_H
#define GT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gt_opt_kind {
	GT_OPT_FLAG,     /* bool *: becomes true */
	GT_OPT_NO,       /* bool *: becomes false */
	GT_OPT_TEXT,     /* const char ** */
	GT_OPT_CHOICE,   /* const char **: one of the words of `arg`, "drop|block" */
	GT_OPT_DURATION, /* uint64_t *: ns */
	GT_OPT_SIZE,     /* uint64_t *: bytes */
};

struct gt_opt {
	char letter; /* 0: long only */
	const char *name;
	enum gt_opt_kind kind;
	void *value;
	const char *arg; /* name of the argument, or the choices; NULL for flags */
	const char *help;
};

struct gt_args {
	const char *verb;
	const char *operands; /* "FILE", for the usage line */
	const char *about;    /* lines between the usage line and the options */
	const struct gt_opt *opts;
	size_t n_opts;
	bool is_command_last; /* the first operand begins a command line: options end there */
	int min, max;         /* number of operands; max -1 = any */
};

/*
 * Parses argv[1..]. Returns -1 when the verb shall go on: the operands are then argv[*first ..
 * argc), which may have been put into another order. Otherwise all is said (help, or what is wrong)
 * and the result is the exit status.
 */
int gt_args_parse(const struct gt_args *a, int argc, char **argv, int *first);

/* The nearest of n names (NULL if none is near): for "did you mean". */
const char *gt_args_nearest(const char *word, const char *const *names, size_t n);

#endif
