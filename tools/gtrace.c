/*
 * The `gtrace` command: finds the verb and calls its function. Everything else is in cmd_*.c.
 */
#include "tools/cmd.h"
#include "tools/lib/args.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifndef GT_VERSION
#define GT_VERSION "0.1.0"
#endif

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *help;
};

/* clang-format off */
static const struct verb verbs[] = {
#define GT_CMD(name, function, args, help) { #name, function, args, help },
#include "tools/commands.def"
#undef GT_CMD
};
/* clang-format on */
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static void print_help(FILE *out)
{
	fputs("gtrace records what the threads of a program wait for, as a Go execution trace.\n\n"
	      "usage: gtrace VERB [OPTIONS] ...\n"
	      "       gtrace -- CMD [ARG...]        the same as: gtrace record -- CMD [ARG...]\n\n",
	      out);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %-9s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n  gtrace help VERB      options of a verb\n"
	      "  gtrace --version\n\n"
	      "start here: gtrace -- ./app     then: gtrace stat FILE, go tool trace FILE\n",
	      out);
}

static int complain_unknown(const char *word)
{
	const char *names[N_VERBS];
	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i].name;
	const char *near = gt_args_nearest(word, names, N_VERBS);
	fprintf(stderr, "gtrace: unknown %s '%s'", word[0] == '-' ? "option" : "verb", word);
	if (near != NULL)
		fprintf(stderr, "; did you mean 'gtrace %s'?\n", near);
	else
		fputs("; try: gtrace --help\n", stderr);
	return GT_EXIT_USAGE;
}

/* `gtrace help VERB` is `gtrace VERB --help`. */
static int help(const char *name)
{
	if (name == NULL) {
		print_help(stdout);
		return GT_EXIT_OK;
	}
	const struct verb *v = find(name);
	if (v == NULL)
		return complain_unknown(name);
	char word[] = "--help";
	char *argv[] = { (char *)v->name, word, NULL };
	return v->run(2, argv);
}

static bool has_command(char **argv)
{
	while (*argv != NULL && strcmp(*argv, "--") != 0)
		argv++;
	return *argv != NULL;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return GT_EXIT_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--") == 0)
		return find("record")->run(argc, argv); /* argv[0] is not looked at */
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts("gtrace " GT_VERSION);
		return GT_EXIT_OK;
	}
	const struct verb *v = find(word);
	if (v == NULL && word[0] == '-' && has_command(argv))
		return find("record")->run(argc, argv); /* gtrace -o FILE -- CMD */
	return v != NULL ? v->run(argc - 1, argv + 1) : complain_unknown(word);
}

int main(int argc, char **argv)
{
	const int status = dispatch(argc, argv);
	/* A full disk must not look like success. EPIPE: `gtrace dump F | head` has seen enough. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE && errno != EBADF) {
		fprintf(stderr, "gtrace: cannot write the output: %s\n", strerror(errno));
		return status != GT_EXIT_OK ? status : GT_EXIT_USAGE;
	}
	return status;
}
