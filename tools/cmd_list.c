/* gtrace list: what gtrace knows, from its own tables. */
#include "encoder/event.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/table.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char *const arg_types[] = {
	[GT_ARG_none] = "",
	[GT_ARG_g] = "g",
	[GT_ARG_m] = "m",
	[GT_ARG_p] = "p",
	[GT_ARG_seq] = "seq",
	[GT_ARG_stack] = "stack",
	[GT_ARG_str] = "str",
	[GT_ARG_gstatus] = "gstatus",
	[GT_ARG_pstatus] = "pstatus",
	[GT_ARG_task] = "task",
	[GT_ARG_u64] = "u64",
};

/* "g new_g, stack stack" */
static void put_args(struct gt_table *t, const enum gt_arg *types, const char *const *names,
		     unsigned n)
{
	char text[256];
	size_t len = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s",
					i > 0 ? ", " : "", arg_types[types[i]], names[i]);
	gt_table_text(t, text);
}

static const struct gt_column spec_columns[] = {
	{ "id", "ID", GT_COL_COUNT },
	{ "name", "NAME", GT_COL_TEXT },
	{ "args", "ARGUMENTS", GT_COL_TEXT },
	{ "meaning", "MEANING", GT_COL_TEXT },
};

static void list_events(struct gt_table *t)
{
	gt_table_init(t, spec_columns, 4);
	for (unsigned id = 0; id < 256; id++) {
		const struct gt_spec *s = &gt_specs[id];
		if (s->name == NULL)
			continue;
		gt_table_u64(t, id);
		gt_table_text(t, s->name);
		put_args(t, s->arg, s->arg_name, s->nargs);
		gt_table_text(t, s->meaning);
	}
}

static void list_records(struct gt_table *t)
{
	gt_table_init(t, spec_columns, 4);
	for (unsigned kind = 0; kind < GT_REC_KINDS; kind++) {
		const struct gt_rec_spec *s = &gt_rec_specs[kind];
		if (s->name == NULL)
			continue;
		gt_table_u64(t, kind);
		gt_table_text(t, s->name);
		put_args(t, s->field, s->field_name, s->nfields);
		gt_table_text(t, s->meaning);
	}
}

static void list_reasons(struct gt_table *t)
{
	static const struct gt_column columns[] = {
		{ "id", "ID", GT_COL_COUNT },
		{ "name", "NAME", GT_COL_TEXT },
		{ "form", "FORM", GT_COL_TEXT },
		{ "reason", "REASON IN GO TOOLS", GT_COL_TEXT },
		{ "meaning", "MEANING", GT_COL_TEXT },
	};
	gt_table_init(t, columns, 5);
#define GT_WHY(id, name, form, object, reason, meaning)                                            \
	gt_table_u64(t, id);                                                                       \
	gt_table_text(t, #name);                                                                   \
	gt_table_text(t, #form);                                                                   \
	gt_table_text(t, reason);                                                                  \
	gt_table_text(t, meaning);
#include "gtrace/whys.def"
#undef GT_WHY
}

static const char *meaning_of(const char *why)
{
#define GT_WHY(id, name, form, object, reason, meaning)                                            \
	if (strcmp(why, #name) == 0)                                                               \
		return meaning;
#include "gtrace/whys.def"
#undef GT_WHY
	return "";
}

/* All versions of `name` in the libc that gtrace itself runs with: "2.2.5 2.34"; "" = not there. */
static void put_versions(struct gt_table *t, const char *name)
{
	static const char *const minors[] = { "2.5", "2.6", "3",  "3.2", "3.3", "3.4", "4",
					      "5",   "6",   "7",  "8",   "9",   "10",  "11",
					      "12",  "13",  "14", "15",  "16",  "17" };
	const unsigned n = sizeof(minors) / sizeof(minors[0]);
	char text[128] = "", version[24];
	size_t len = 0;
	for (unsigned i = 0; i < n + 60; i++) {
		if (i < n)
			snprintf(version, sizeof(version), "GLIBC_2.%s", minors[i]);
		else
			snprintf(version, sizeof(version), "GLIBC_2.%u", 18 + i - n);
		if (dlvsym(RTLD_DEFAULT, name, version) != NULL && len + 16 < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len > 0 ? " " : "", version + strlen("GLIBC_"));
	}
	gt_table_text(t, text);
}

static void put_hook(struct gt_table *t, const char *name, const char *group, const char *why,
		     const char *body)
{
	gt_table_text(t, name);
	gt_table_text(t, group);
	gt_table_text(t, strcmp(why, "_") != 0 ? why : "");
	gt_table_text(t, meaning_of(why));
	gt_table_text(t, body);
	put_versions(t, name);
}

static void list_hooks(struct gt_table *t)
{
	static const struct gt_column columns[] = {
		{ "name", "FUNCTION", GT_COL_TEXT },
		{ "group", "GROUP", GT_COL_TEXT },
		{ "why", "WHY", GT_COL_TEXT },
		{ "meaning", "MEANING", GT_COL_TEXT },
		{ "body", "BODY", GT_COL_TEXT },
		{ "versions", "GLIBC VERSIONS HERE", GT_COL_TEXT },
	};
	gt_table_init(t, columns, 6);
#define GT_BLOCKING(group, why, ret, name, params, args)                                           \
	put_hook(t, #name, #group, #why, "generated");
#define GT_COUNTED(group, why, ret, name, params, args) put_hook(t, #name, #group, #why, "counted");
#define GT_CUSTOM(group, why, ret, name, params, args)  put_hook(t, #name, #group, #why, "written");
#define GT_ASM(group, why, ret, name, params, args)     put_hook(t, #name, #group, #why, "tail jump");
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_COUNTED
#undef GT_CUSTOM
#undef GT_ASM
}

static void list_groups(struct gt_table *t)
{
	static const struct gt_column columns[] = {
		{ "name", "GROUP", GT_COL_TEXT },
		{ "meaning", "MEANING", GT_COL_TEXT },
	};
	gt_table_init(t, columns, 2);
#define GT_GROUP(name, meaning)                                                                    \
	gt_table_text(t, #name);                                                                   \
	gt_table_text(t, meaning);
#include "preload/groups.def"
#undef GT_GROUP
}

static void list_verbs(struct gt_table *t)
{
	static const struct gt_column columns[] = {
		{ "name", "VERB", GT_COL_TEXT },
		{ "args", "ARGUMENTS", GT_COL_TEXT },
		{ "help", "MEANING", GT_COL_TEXT },
	};
	gt_table_init(t, columns, 3);
#define GT_CMD(name, function, args, help)                                                         \
	gt_table_text(t, #name);                                                                   \
	gt_table_text(t, args);                                                                    \
	gt_table_text(t, help);
#include "tools/commands.def"
#undef GT_CMD
}

static const struct {
	const char *name;
	void (*fill)(struct gt_table *t);
} lists[] = {
	{ "events", list_events }, { "records", list_records }, { "reasons", list_reasons },
	{ "hooks", list_hooks },   { "groups", list_groups },   { "verbs", list_verbs },
};
#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static void print(const struct gt_table *t, const char *name, bool is_json, bool is_csv)
{
	struct gt_json j = { .out = stdout };
	if (is_csv) {
		gt_table_print_csv(t, stdout);
	} else if (is_json) {
		gt_json_object(&j, NULL, false);
		gt_json_text(&j, "schema", "gtrace-list/1");
		gt_table_print_json(t, &j, name);
		gt_json_end_object(&j);
	} else {
		gt_table_print_text(t, stdout, 0, false);
	}
}

int gt_cmd_list(int argc, char **argv)
{
	bool is_json = false, is_csv = false;
	const struct gt_opt opts[] = {
		{ 0, "json", GT_OPT_FLAG, &is_json, NULL, "as JSON (schema gtrace-list/1)" },
		{ 0, "csv", GT_OPT_FLAG, &is_csv, NULL, "as CSV" },
	};
	const struct gt_args args = {
		.verb = "list",
		.operands = "events|records|reasons|hooks|groups|verbs",
		.about = "Prints a table gtrace is made from: the events of the Go trace format, "
			 "gtrace's own records,\n"
			 "the reasons why a thread waits, the functions it stands in for and their "
			 "groups (GTRACE_HOOKS), the verbs.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < N_LISTS; i++) {
		if (strcmp(lists[i].name, argv[first]) == 0) {
			struct gt_table t;
			lists[i].fill(&t);
			print(&t, lists[i].name, is_json, is_csv);
			gt_table_free(&t);
			return GT_EXIT_OK;
		}
	}
	fprintf(stderr, "gtrace list: no table '%s'; there are %s\n", argv[first], args.operands);
	return GT_EXIT_USAGE;
}
