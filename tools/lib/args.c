#include "tools/lib/args.h"

#include "tools/lib/quantity.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define MAX_OPTS  30
#define FIRST_VAL 256 /* getopt's values of our rows: above all letters */

enum { EXIT_USAGE = 2, GO_ON = -1 };

static const struct gt_opt help_row = { 'h', "help", GT_OPT_FLAG, NULL, NULL, "print this" };

static bool has_arg(const struct gt_opt *o)
{
	return o->kind != GT_OPT_FLAG && o->kind != GT_OPT_NO;
}

static void print_row(const struct gt_opt *o)
{
	char left[64];
	const char letter[] = { '-', o->letter, ',', ' ', '\0' };
	snprintf(left, sizeof(left), "%s--%s%s%s", o->letter != 0 ? letter : "    ", o->name,
		 has_arg(o) ? " " : "", has_arg(o) ? o->arg : "");
	printf("  %-28s %s\n", left, o->help);
}

static void print_help(const struct gt_args *a)
{
	printf("usage: gtrace %s%s%s%s\n", a->verb, a->n_opts > 0 ? " [OPTIONS]" : "",
	       a->operands[0] != '\0' ? " " : "", a->operands);
	if (a->about[0] != '\0')
		printf("\n%s\n", a->about);
	printf("\n");
	for (size_t i = 0; i < a->n_opts; i++)
		print_row(&a->opts[i]);
	print_row(&help_row);
}

static int edit_distance(const char *a, const char *b)
{
	int row[32];
	const size_t n = strlen(b);
	if (n >= sizeof(row) / sizeof(row[0]))
		return 1000;
	for (size_t j = 0; j <= n; j++)
		row[j] = (int)j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		int diagonal = row[0];
		row[0] = (int)i + 1;
		for (size_t j = 0; j < n; j++) {
			int best = diagonal + (a[i] != b[j]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[n];
}

const char *gt_args_nearest(const char *word, const char *const *names, size_t n)
{
	const char *best = NULL;
	int best_distance = 1 + (int)strlen(word) / 3; /* more changes than that are another word */
	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(word);
		const int d = len >= 3 && strncmp(word, names[i], len) == 0
				      ? 0
				      : edit_distance(word, names[i]);
		if (d <= best_distance && (best == NULL || d < best_distance)) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}

static int complain_unknown(const struct gt_args *a, const char *word)
{
	const char *names[MAX_OPTS + 1];
	for (size_t i = 0; i < a->n_opts; i++)
		names[i] = a->opts[i].name;
	names[a->n_opts] = help_row.name;

	char name[64];
	const char *near = NULL;
	if (strncmp(word, "--", 2) == 0) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		near = gt_args_nearest(name, names, a->n_opts + 1);
	}
	fprintf(stderr, "gtrace %s: unknown option %s", a->verb, word);
	if (near != NULL)
		fprintf(stderr, "; did you mean --%s?\n", near);
	else
		fprintf(stderr, "; try: gtrace %s --help\n", a->verb);
	return EXIT_USAGE;
}

/* Is `word` one of the words of "drop|block"? */
static bool is_choice(const char *choices, const char *word)
{
	const size_t len = strlen(word);
	for (const char *c = choices;; c++) {
		const size_t n = strcspn(c, "|");
		if (n == len && strncmp(c, word, n) == 0)
			return true;
		c += n;
		if (*c == '\0')
			return false;
	}
}

static int set(const struct gt_args *a, const struct gt_opt *o, const char *text)
{
	const char *wanted = o->arg;
	switch (o->kind) {
	case GT_OPT_FLAG:
	case GT_OPT_NO:
		*(bool *)o->value = o->kind == GT_OPT_FLAG;
		return GO_ON;
	case GT_OPT_TEXT:
		*(const char **)o->value = text;
		return GO_ON;
	case GT_OPT_CHOICE:
		if (is_choice(o->arg, text)) {
			*(const char **)o->value = text;
			return GO_ON;
		}
		break;
	case GT_OPT_DURATION:
		if (gt_duration_parse(text, o->value))
			return GO_ON;
		wanted = "a duration like 100us, 5ms, 2s";
		break;
	case GT_OPT_SIZE:
		if (gt_size_parse(text, o->value))
			return GO_ON;
		wanted = "a size like 64K, 8M, 1G";
		break;
	}
	fprintf(stderr, "gtrace %s: --%s %s: expected %s\n", a->verb, o->name, text, wanted);
	return EXIT_USAGE;
}

/* getopt's two forms of the table. */
static void to_getopt(const struct gt_args *a, struct option *longs, char *shorts)
{
	if (a->is_command_last)
		*shorts++ = '+'; /* else getopt moves the operands to the end */
	*shorts++ = ':';         /* tells a missing argument from an unknown option */
	for (size_t i = 0; i <= a->n_opts; i++) {
		const struct gt_opt *o = i < a->n_opts ? &a->opts[i] : &help_row;
		longs[i] = (struct option){ o->name, has_arg(o) ? required_argument : no_argument,
					    NULL, FIRST_VAL + (int)i };
		if (o->letter != 0) {
			*shorts++ = o->letter;
			if (has_arg(o))
				*shorts++ = ':';
		}
	}
	longs[a->n_opts + 1] = (struct option){ 0 };
	*shorts = '\0';
}

static const struct gt_opt *find(const struct gt_args *a, int value)
{
	for (size_t i = 0; i < a->n_opts; i++) {
		if (value == FIRST_VAL + (int)i ||
		    (value < FIRST_VAL && value != 0 && value == a->opts[i].letter))
			return &a->opts[i];
	}
	return &help_row;
}

static int complain_missing(const struct gt_args *a, const char *word, int value)
{
	const struct gt_opt *o = find(a, value);
	fprintf(stderr, "gtrace %s: %s needs an argument: %s\n", a->verb, word,
		has_arg(o) ? o->arg : "");
	return EXIT_USAGE;
}

static int check_operands(const struct gt_args *a, int n, const char *extra)
{
	if (n < a->min)
		fprintf(stderr, "gtrace %s: expected %s; try: gtrace %s --help\n", a->verb,
			a->operands, a->verb);
	else if (a->max >= 0 && n > a->max)
		fprintf(stderr, "gtrace %s: unexpected operand '%s'; try: gtrace %s --help\n",
			a->verb, extra, a->verb);
	else
		return GO_ON;
	return EXIT_USAGE;
}

int gt_args_parse(const struct gt_args *a, int argc, char **argv, int *first)
{
	struct option longs[MAX_OPTS + 2];
	char shorts[2 * MAX_OPTS + 8];
	to_getopt(a, longs, shorts);
	optind = 0; /* N.B. glibc: start anew, also when another table was parsed before */
	opterr = 0;
	for (;;) {
		const char *word = argv[optind > 0 ? optind : 1];
		const int value = getopt_long(argc, argv, shorts, longs, NULL);
		if (value == -1)
			break;
		if (value != '?' && value != ':') {
			const struct gt_opt *o = find(a, value);
			if (o == &help_row) {
				print_help(a);
				return 0;
			}
			const int status = set(a, o, optarg);
			if (status != GO_ON)
				return status;
			continue;
		}
		/* getopt has moved on behind the word, unless it stands inside a cluster of
		 * letters. */
		char letter[] = { '-', (char)optopt, '\0' };
		if (optopt > 0 && optopt < FIRST_VAL)
			word = letter;
		else if (optind > 1 && strncmp(argv[optind - 1], "--", 2) == 0)
			word = argv[optind - 1];
		return value == ':' ? complain_missing(a, word, optopt) : complain_unknown(a, word);
	}
	*first = optind;
	return check_operands(a, argc - optind,
			      a->max >= 0 && optind + a->max < argc ? argv[optind + a->max] : "");
}
