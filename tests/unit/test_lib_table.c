#include "tools/lib/table.h"
#include "tools/lib/utf8.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static const struct gt_column columns[] = {
	{ "name", "NAME", GT_COL_TEXT },
	{ "n", "N", GT_COL_COUNT },
	{ "total_ns", "TOTAL", GT_COL_NS },
	{ "note", "NOTE", GT_COL_TEXT },
};

static void fill(struct gt_table *t)
{
	gt_table_init(t, columns, 4);
	gt_table_text(t, "a");
	gt_table_u64(t, 7);
	gt_table_u64(t, 1500000);
	gt_table_text(t, "x,\"y\"");
	gt_table_text(t, "long name");
	gt_table_u64(t, 12345);
	gt_table_none(t);
	gt_table_text(t, "");
}

static char *print(void (*how)(const struct gt_table *t, FILE *out))
{
	char *text = NULL;
	size_t len;
	struct gt_table t;
	FILE *out = open_memstream(&text, &len);
	fill(&t);
	how(&t, out);
	fclose(out);
	gt_table_free(&t);
	return text;
}

static void as_text(const struct gt_table *t, FILE *out)
{
	gt_table_print_text(t, out, 2, false);
}

static void as_json(const struct gt_table *t, FILE *out)
{
	struct gt_json j = { .out = out };
	gt_table_print_json(t, &j, NULL);
}

Test(table, text_is_aligned_numbers_right_and_nothing_trails)
{
	char *text = print(as_text);
	cr_assert_str_eq(text, "  NAME           N   TOTAL  NOTE\n"
			       "  a              7  1.50ms  x,\"y\"\n"
			       "  long name  12345       -  -\n");
	free(text);
}

Test(table, csv_quotes_what_needs_it_and_leaves_unknown_empty)
{
	char *text = print(gt_table_print_csv);
	cr_assert_str_eq(text, "name,n,total_ns,note\r\n"
			       "a,7,1500000,\"x,\"\"y\"\"\"\r\n"
			       "long name,12345,,\r\n");
	free(text);
}

Test(table, json_is_exact_and_says_null)
{
	char *text = print(as_json);
	cr_assert_str_eq(
		text,
		"[\n"
		"  {\"name\": \"a\", \"n\": 7, \"total_ns\": 1500000, \"note\": \"x,\\\"y\\\"\"},\n"
		"  {\"name\": \"long name\", \"n\": 12345, \"total_ns\": null, \"note\": \"\"}\n"
		"]\n");
	free(text);
}

Test(json, bytes_that_are_no_text_become_the_replacement_character)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct gt_json j = { .out = out };
	gt_json_object(&j, NULL, true);
	gt_json_text(&j, "a\n", "\x01\xff\xc3\xa9\xe2\x82");
	gt_json_text(&j, "none", NULL);
	gt_json_number(&j, "x", 1.0 / 0.0);
	gt_json_array(&j, "empty", false);
	gt_json_end_array(&j);
	gt_json_end_object(&j);
	fclose(out);
	cr_assert_str_eq(
		text,
		"{\"a\\n\": \"\\u0001\\ufffd\xc3\xa9\\ufffd\\ufffd\", \"none\": null, \"x\": null, "
		"\"empty\": []}\n");
	free(text);
}

Test(utf8, escapes_of_a_hostile_file_do_not_reach_the_terminal)
{
	char buf[32];
	cr_assert(eq(sz, gt_utf8_clean(buf, sizeof(buf), "\033[31mred\xc2\x9b\x7f\xff"), 11));
	cr_assert_str_eq(buf, "?[31mred???");
	cr_assert(eq(sz, gt_utf8_clean(buf, sizeof(buf), "gr\xc3\xbcn"), 4));
	cr_assert_str_eq(buf, "gr\xc3\xbcn");
}

Test(utf8, a_character_is_never_cut)
{
	char buf[4];
	gt_utf8_clean(buf, sizeof(buf), "ab\xc3\xbc");
	cr_assert_str_eq(buf, "ab");
}

Test(utf8, overlong_forms_and_surrogates_are_bad)
{
	uint32_t c;
	gt_utf8_next("\xc0\xaf", &c);
	cr_assert(eq(u32, c, GT_UTF8_BAD));
	gt_utf8_next("\xed\xa0\x80", &c);
	cr_assert(eq(u32, c, GT_UTF8_BAD));
	gt_utf8_next("\xf4\x90\x80\x80", &c);
	cr_assert(eq(u32, c, GT_UTF8_BAD));
}
