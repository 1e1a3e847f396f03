#include "tools/lib/args.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <string.h>

static struct {
	bool json, follow;
	const char *out, *full;
	uint64_t period_ns, buffer;
} v;

static int parse(bool is_command_last, int *first, char **argv)
{
	static const struct gt_opt opts[] = {
		{ 0, "json", GT_OPT_FLAG, &v.json, NULL, "" },
		{ 0, "no-follow", GT_OPT_NO, &v.follow, NULL, "" },
		{ 'o', "output", GT_OPT_TEXT, &v.out, "FILE", "" },
		{ 0, "full", GT_OPT_CHOICE, &v.full, "drop|block", "" },
		{ 'p', "period", GT_OPT_DURATION, &v.period_ns, "TIME", "" },
		{ 0, "buffer", GT_OPT_SIZE, &v.buffer, "SIZE", "" },
	};
	const struct gt_args args = { .verb = "test",
				      .operands = "FILE",
				      .about = "",
				      .opts = opts,
				      .n_opts = 6,
				      .is_command_last = is_command_last,
				      .min = 1,
				      .max = is_command_last ? -1 : 1 };
	v.json = false;
	v.follow = true;
	v.out = v.full = NULL;
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	return gt_args_parse(&args, argc, argv, first);
}

#define ARGV(...) ((char **)(const char *[]){ "test", __VA_ARGS__, NULL })

Test(args, values_go_where_the_table_says)
{
	int first;
	char **argv = ARGV("--json", "--no-follow", "-oX", "--full=block", "-p", "5ms", "--buffer",
			   "8M", "F");
	cr_assert(eq(int, parse(false, &first, argv), -1));
	cr_assert(v.json);
	cr_assert(not(v.follow));
	cr_assert_str_eq(v.out, "X");
	cr_assert_str_eq(v.full, "block");
	cr_assert(eq(u64, v.period_ns, 5000000));
	cr_assert(eq(u64, v.buffer, 8388608));
	cr_assert_str_eq(argv[first], "F");
}

Test(args, options_may_follow_the_file)
{
	int first;
	char **argv = ARGV("F", "--json");
	cr_assert(eq(int, parse(false, &first, argv), -1));
	cr_assert(v.json);
	cr_assert_str_eq(argv[first], "F");
}

Test(args, options_of_a_command_are_its_own)
{
	int first;
	char **argv = ARGV("-o", "X", "ls", "--json");
	cr_assert(eq(int, parse(true, &first, argv), -1));
	cr_assert(not(v.json));
	cr_assert_str_eq(argv[first], "ls");
	argv = ARGV("--", "-x");
	cr_assert(eq(int, parse(true, &first, argv), -1));
	cr_assert_str_eq(argv[first], "-x");
}

static void expect_error(const char *text, char **argv)
{
	int first;
	cr_redirect_stderr();
	cr_assert(eq(int, parse(false, &first, argv), 2));
	fflush(stderr);
	cr_assert_stderr_eq_str(text, "");
}

Test(args, an_unknown_option_names_the_nearest)
{
	expect_error("gtrace test: unknown option --jsno; did you mean --json?\n",
		     ARGV("--jsno", "F"));
}

Test(args, an_unknown_letter_says_where_help_is)
{
	expect_error("gtrace test: unknown option -x; try: gtrace test --help\n", ARGV("-x", "F"));
}

Test(args, a_wrong_value_says_what_was_expected)
{
	expect_error("gtrace test: --period 5: expected a duration like 100us, 5ms, 2s\n",
		     ARGV("-p", "5", "F"));
}

Test(args, a_wrong_choice_lists_the_choices)
{
	expect_error("gtrace test: --full dr: expected drop|block\n", ARGV("--full", "dr", "F"));
}

Test(args, a_missing_value_is_named)
{
	expect_error("gtrace test: --output needs an argument: FILE\n", ARGV("F", "--output"));
}

Test(args, a_missing_file_is_said)
{
	expect_error("gtrace test: expected FILE; try: gtrace test --help\n", ARGV("--json"));
}

Test(args, nearest_is_none_when_all_are_far)
{
	static const char *const names[] = { "record", "recover" };
	cr_assert_str_eq(gt_args_nearest("recrod", names, 2), "record");
	cr_assert(eq(ptr, (void *)gt_args_nearest("xyz", names, 2), NULL));
}
