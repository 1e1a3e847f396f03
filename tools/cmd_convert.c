/* gtrace convert: a trace in the format of another tool. */
#include "tools/cmd.h"
#include "tools/export/export.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/form.h"
#include "tools/lib/mem.h"
#include "tools/lib/replace.h"

#include <stdlib.h>
#include <string.h>

struct format {
	const char *name;
	gt_export_fn *write;
	const char *extension, *help;
};

/* clang-format off */
static const struct format formats[] = {
#define GT_FORMAT(name, function, extension, help) { #name, function, extension, help },
#include "tools/export/formats.def"
#undef GT_FORMAT
};
/* clang-format on */
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

struct settings {
	struct gt_export x;
	const char *to, *out;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 't', "to", GT_OPT_TEXT, &s->to, "FORMAT", "what to write, see below" },
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE",
		  "where to (FILE.FORMAT.EXTENSION); '-' is standard output" },
		{ 0, "go-version", GT_OPT_CHOICE, &s->x.go_version, "1.22|1.23|1.25|1.26",
		  "for go: the version of the reader" },
		{ 0, "raw", GT_OPT_FLAG, &s->x.is_raw, NULL,
		  "for go: leave each unblock with the woken thread" },
		GT_LINES_OPTS(s->x.in,
			      "source lines and inlined functions, as gtrace symbolize finds them"),
		GT_FOCUS_FROM_OPT(s->x.in.focus),
		GT_FOCUS_TO_OPT(s->x.in.focus, "until"), /* --to is the format */
		GT_FOCUS_THREAD_OPT(s->x.in.focus),
	};
	char about[4096] = "Writes the trace for another tool. FILE '-' is standard input. Status "
			   "1: the file is damaged, all\nbefore the damage was written.\n";
	for (size_t i = 0; i < N_FORMATS; i++) {
		const size_t n = strlen(about);
		snprintf(about + n, sizeof(about) - n, "\n  %-12s %s", formats[i].name,
			 formats[i].help);
	}
	const struct gt_args args = {
		.verb = "convert",
		.operands = "FILE",
		.about = about,
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->x.in.path = argv[first];
	return rc;
}

static const struct format *find(const char *name)
{
	const char *names[N_FORMATS];
	for (size_t i = 0; i < N_FORMATS; i++) {
		names[i] = formats[i].name;
		if (name != NULL && strcmp(names[i], name) == 0)
			return &formats[i];
	}
	const char *near = name != NULL ? gt_args_nearest(name, names, N_FORMATS) : NULL;
	if (name == NULL)
		fputs("gtrace convert: expected --to FORMAT; try: gtrace convert --help\n", stderr);
	else if (near != NULL)
		fprintf(stderr, "gtrace convert: unknown format %s; did you mean %s?\n", name,
			near);
	else
		fprintf(stderr, "gtrace convert: unknown format %s; try: gtrace convert --help\n",
			name);
	return NULL;
}

/* Go's own formats are whole: a thread or an hour of them is no trace. */
static bool can_focus(const struct gt_focus *focus, const struct format *f)
{
	const bool is_go = strcmp(f->name, "go") == 0, is_go15 = strcmp(f->name, "go1.5") == 0;
	if ((is_go || is_go15) && focus->thread != NULL)
		fprintf(stderr, "gtrace convert: --to %s takes no --thread\n", f->name);
	else if (is_go && !gt_focus_is_all(focus))
		fputs("gtrace convert: a part of a Go trace: gtrace slice --from --to, then "
		      "convert that\n",
		      stderr);
	else
		return true;
	return false;
}

struct job {
	const struct gt_export *x;
	const struct format *format;
	struct gt_err err; /* code 0 = none */
};

static int write_any(struct job *j, const struct gt_export *x, FILE *out)
{
	const int rc = j->format->write(x, out, &j->err);
	const bool is_nothing = rc == -GT_ERR_IO || rc == -GT_ERR_MEMORY || rc == -GT_ERR_HEADER ||
				rc == -GT_ERR_USAGE;
	return is_nothing ? rc : 0;
}

/* What came before a damage is worth a file; a file that cannot be read is not. */
static int write_output(void *arg, FILE *out)
{
	struct job *j = arg;
	return write_any(j, j->x, out);
}

static int write_dir(void *arg, const char *dir)
{
	struct job *j = arg;
	struct gt_export x = *j->x;
	x.dir = dir;
	return write_any(j, &x, NULL);
}

/* An extension that ends in '/'. */
static bool is_dir(const struct format *f)
{
	return f->extension[strlen(f->extension) - 1] == '/';
}

static int convert(const struct settings *s, const struct format *f, const char *out)
{
	struct job j = { .x = &s->x, .format = f };
	int rc;
	if (is_dir(f))
		rc = gt_replace_dir(out, true, write_dir, &j);
	else if (strcmp(out, "-") == 0)
		rc = write_output(&j, stdout);
	else
		rc = gt_replace_file(out, true, write_output, &j);
	if (j.err.code != GT_ERR_NONE) {
		gt_err_print(&j.err, s->x.in.path, stderr);
		return rc < 0 && j.err.code != GT_ERR_HEADER ? GT_EXIT_USAGE : GT_EXIT_FINDINGS;
	}
	if (rc < 0) {
		fprintf(stderr, "gtrace convert: cannot write %s: %s\n", out, strerror(-rc));
		return GT_EXIT_USAGE;
	}
	return GT_EXIT_OK;
}

int gt_cmd_convert(int argc, char **argv)
{
	struct settings s = { .x.in.title = "converting" };
	const int rc = parse(&s, argc, argv);
	if (rc >= 0)
		return rc;
	const struct format *f = find(s.to);
	if (f == NULL || !gt_focus_check(&s.x.in.focus, "convert") || !can_focus(&s.x.in.focus, f))
		return GT_EXIT_USAGE;
	const bool is_stdin = strcmp(s.x.in.path, "-") == 0;
	char *out = s.out != NULL ? gt_mem_text(s.out)
				  : gt_mem_format("%s.%s.%s", is_stdin ? "stdin" : s.x.in.path,
						  f->name, f->extension);
	if (is_dir(f) && out[strlen(out) - 1] == '/')
		out[strlen(out) - 1] = '\0';
	int status = GT_EXIT_USAGE;
	if (is_dir(f) && strcmp(out, "-") == 0)
		fprintf(stderr, "gtrace convert: %s is a folder; give its name with -o\n", f->name);
	else if (!is_stdin && gt_is_same_file(s.x.in.path, out))
		fprintf(stderr, "gtrace convert: %s is the input; give another name with -o\n",
			out);
	else if (!is_stdin && gt_busy_wait(s.x.in.path))
		fprintf(stderr, "gtrace convert: %s is still being written\n", s.x.in.path);
	else
		status = convert(&s, f, out);
	free(out);
	return status;
}
