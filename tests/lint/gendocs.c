/* Writes one of the generated pages of docs/ to stdout from the tables. Used by gendocs.sh. */
#include <stdio.h>
#include <string.h>

/* "_" is an empty cell; "|" would end it */
static void cell(const char *s)
{
	printf(" ");
	if (strcmp(s, "_") != 0)
		for (; *s; s++)
			printf(*s == '|' ? "\\|" : "%c", *s);
	printf(" |");
}

static void args(const char *a, const char *b, const char *c, const char *d)
{
	const char *v[] = { a, b, c, d };
	printf(" ");
	for (int i = 0; i < 4; i++)
		if (strcmp(v[i], "_") != 0)
			printf("%s`%s`", i ? ", " : "", v[i]);
	printf(" |");
}

static void format(void)
{
	printf("## Events\n\n| id | name | kind | arguments | meaning |\n|--:|---|---|---|---|\n");
#define GT_EV(id, name, kind, a1, a2, a3, a4, meaning)                                             \
	printf("| %s | %s | %s |", #id, #name, #kind);                                             \
	args(#a1, #a2, #a3, #a4);                                                                  \
	cell(meaning);                                                                             \
	printf("\n");
#include "gtrace/events.def"
#undef GT_EV
	printf("\n## gtrace's own records\n\n| kind | name | fields | meaning "
	       "|\n|--:|---|---|---|\n");
#define GT_REC(kind, name, f1, f2, f3, f4, f5, f6, f7, meaning)                                    \
	printf("| %s | %s | ", #kind, #name);                                                      \
	{                                                                                          \
		const char *v[] = { #f1, #f2, #f3, #f4, #f5, #f6, #f7 };                           \
		for (int i = 0; i < 7; i++)                                                        \
			if (strcmp(v[i], "_") != 0)                                                \
				printf("%s`%s`", i ? ", " : "", v[i]);                             \
	}                                                                                          \
	printf(" |");                                                                              \
	cell(meaning);                                                                             \
	printf("\n");
#include "gtrace/records.def"
#undef GT_REC
	printf("\n## Why a thread waits\n\n| id | name | told as | reason | meaning "
	       "|\n|--:|---|---|---|---|\n");
#define GT_WHY(id, name, form, object, reason, meaning)                                            \
	printf("| %s | %s | %s |", #id, #name, #form);                                             \
	cell(reason);                                                                              \
	cell(meaning);                                                                             \
	printf("\n");
#include "gtrace/whys.def"
#undef GT_WHY
}

static const char *meaning_of(const char *why)
{
#define GT_WHY(id, name, form, object, reason, meaning)                                            \
	if (!strcmp(why, #name))                                                                   \
		return meaning;
#include "gtrace/whys.def"
#undef GT_WHY
	return "_";
}

static void hooks(void)
{
	printf("## Groups\n\n| group | what |\n|---|---|\n");
#define GT_GROUP(name, meaning) printf("| %s | %s |\n", #name, meaning);
#if __has_include("preload/groups.def")
#include "preload/groups.def"
#endif
	printf("\n");
	printf("## Functions\n\n| function | group | why | meaning | body | prototype "
	       "|\n|---|---|---|---|---|---|\n");
#define ROW(group, why, ret, name, params, body)                                                   \
	printf("| `%s` | %s |", #name, #group);                                                    \
	cell(#why);                                                                                \
	cell(meaning_of(#why));                                                                    \
	printf(" " body " | `" #ret " " #name #params "` |\n");
#define GT_BLOCKING(group, why, ret, name, params, a)                                              \
	ROW(group, why, ret, name, params, "generated")
#define GT_COUNTED(group, why, ret, name, params, a) ROW(group, why, ret, name, params, "counted")
#define GT_CUSTOM(group, why, ret, name, params, a)  ROW(group, why, ret, name, params, "written")
#define GT_ASM(group, why, ret, name, params, a)     ROW(group, why, ret, name, params, "tail jump")
#if __has_include("preload/hooks.def")
#include "preload/hooks.def"
#endif
	printf("\n## Old versions\n\nCounted, and passed on to the same version.\n\n"
	       "| function | version | what is different |\n|---|---|---|\n");
#define GT_OLD(group, version, ret, name, params, a, text)                                         \
	printf("| `%s` | GLIBC_%s | %s |\n", #name, #version, text);
#if __has_include("preload/old.def")
#include "preload/old.def"
#endif
	printf("\n## What cannot be hooked\n\nNo function that a library can stand in for is "
	       "called there. `GTRACE_SYSCALLS=all` sees most of it all the same, by Syscall User "
	       "Dispatch; what it costs and asks for is in docs/SAFETY.md.\n\n"
	       "| what | system calls | evidence | with `GTRACE_SYSCALLS=all` |\n"
	       "|---|---|---|---|\n");
#define GT_BLIND(what, calls, evidence, all)                                                       \
	printf("| %s | %s | %s | %s |\n", what, calls, evidence, all);
#include "preload/blind.def"
#undef GT_BLIND
}

static void config(void)
{
	printf("## Settings\n\n| variable | type | default | meaning |\n|---|---|---|---|\n");
#define GT_CFG(type, variable, field, def, text)                                                   \
	printf("| `%s` | %s |", #variable, #type);                                                 \
	cell(def);                                                                                 \
	cell(text);                                                                                \
	printf("\n");
#if __has_include("preload/config.def")
#include "preload/config.def"
#endif
	printf("\nA `word`'s default is the first of its choices.\n");
	printf("\n## What the tracer counts about itself\n\n| name | unit | meaning "
	       "|\n|---|---|---|\n");
#define GT_COUNTER(name, unit, text)                                                               \
	printf("| `%s` | %s |", #name, #unit);                                                     \
	cell(text);                                                                                \
	printf("\n");
#if __has_include("preload/counters.def")
#include "preload/counters.def"
#endif
}

#define GT_HAS_PROTOBUF
#define _ "_"
static const struct open_row {
	const char *name, *who, *command, *know;
} open_rows[] = {
#define GT_OPEN(name, who, command, know) { #name, who, command, know },
#include "tools/export/open.def"
};

/* False: no row says what opens it. */
static int put_open(const char *name)
{
	for (size_t i = 0; i < sizeof(open_rows) / sizeof(open_rows[0]); i++) {
		if (strcmp(open_rows[i].name, name) != 0)
			continue;
		printf("| `%s` |", name);
		cell(open_rows[i].who);
		printf(" `%s` |", open_rows[i].command);
		cell(open_rows[i].know);
		printf("\n");
		return 1;
	}
	fprintf(stderr, "tools/export/open.def: no row for %s\n", name);
	return 0;
}

static int exports(void)
{
	int ok = 1;
	printf("## Formats: `gtrace convert --to FORMAT FILE -o OUT`\n\n| format | what it is | "
	       "named "
	       "|\n|---|---|---|\n");
#define GT_FORMAT(name, function, extension, help)                                                 \
	printf("| `%s` |", #name);                                                                 \
	cell(help);                                                                                \
	printf(" `FILE.%s.%s` |\n", #name, extension);
#include "tools/export/formats.def"
#undef GT_FORMAT
	printf("\nThose that need protobuf-c and zlib (Perfetto, pprof) are left out where gtrace "
	       "was "
	       "built without.\n\n## What opens them\n\n| format | opens in | command | what to "
	       "know "
	       "|\n|---|---|---|---|\n");
#define GT_FORMAT(name, function, extension, help) ok &= put_open(#name);
#include "tools/export/formats.def"
	return ok;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "FORMAT"))
		format();
	else if (!strcmp(argv[1], "HOOKS"))
		hooks();
	else if (!strcmp(argv[1], "CONFIG"))
		config();
	else if (!strcmp(argv[1], "EXPORTS"))
		return exports() ? 0 : 1;
	else
		return 2;
	return 0;
}
