/* gtrace symbolize: names, files, lines and inlined functions into a trace. */
#include "encoder/file.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/demangle.h"
#include "tools/lib/mem.h"
#include "tools/lib/replace.h"
#include "tools/symbol/place.h"
#include "tools/symbol/rewrite.h"

#include <stdlib.h>
#include <string.h>

struct settings {
	const char *in, *out, *debug_dir;
	bool is_quiet;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE", "where to write (FILE.symbolized)" },
		{ 0, "debug-dir", GT_OPT_TEXT, &s->debug_dir, "DIR",
		  "look there, too, as in /usr/lib/debug" },
		{ 'q', "quiet", GT_OPT_FLAG, &s->is_quiet, NULL, "say only what went wrong" },
	};
	const struct gt_args args = {
		.verb = "symbolize",
		.operands = "FILE",
		.about = "Writes the trace again with demangled names, source files and lines, and "
			 "a frame for each\n"
			 "inlined function, so that go tool trace and go tool pprof show them. "
			 "Files and debug information\n"
			 "are found by build id; over the network only if DEBUGINFOD_URLS is set. "
			 "An older output file\n"
			 "becomes FILE.old. Status 1: the file is damaged, all before the damage "
			 "was written.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->in = argv[first];
	return rc;
}

static int refuse(const struct settings *s, const char *out)
{
	if (!gt_debug_is_there() || !gt_demangle_is_there()) {
		fputs("gtrace symbolize: this gtrace was built without libdw or libiberty; "
		      "install libdw-dev and\nlibiberty-dev and build it again\n",
		      stderr);
		return GT_EXIT_USAGE;
	}
	if (strcmp(s->in, "-") == 0) {
		fputs("gtrace symbolize: FILE is read twice, so it cannot be a pipe\n", stderr);
		return GT_EXIT_USAGE;
	}
	if (gt_is_same_file(s->in, out)) {
		fprintf(stderr, "gtrace symbolize: %s is the input; give another name with -o\n",
			out);
		return GT_EXIT_USAGE;
	}
	if (gt_busy_wait(s->in)) {
		fprintf(stderr, "gtrace symbolize: %s is still being written\n", s->in);
		return GT_EXIT_USAGE;
	}
	return -1;
}

struct job {
	const char *in;
	struct gt_resolver *resolver;
	struct gt_err err; /* code 0 = none */
};

/* What came before a damage is worth a file. */
static int write_trace(void *arg, FILE *out)
{
	struct job *j = arg;
	const int rc = gt_symbolize(j->in, out, j->resolver, &j->err);
	return rc < 0 && ftell(out) <= GT_FILE_HEADER_LEN ? rc : 0;
}

static void say_missing(void *arg, const char *path, const char *why)
{
	(void)arg;
	printf("  no lines: %s (%s)\n", path, why);
}

static void say_result(const struct job *j, const char *out)
{
	const struct gt_resolved n = gt_resolver_counts(j->resolver);
	printf("%s: %zu of %zu addresses in files have lines, %zu inlined functions\n", out,
	       n.n_lines, n.n_pcs, n.n_inlined);
	gt_resolver_missing(j->resolver, say_missing, NULL);
}

static int symbolize(const struct settings *s, const char *out)
{
	gt_debug_set_dir(s->debug_dir);
	struct job j = { .in = s->in, .resolver = gt_resolver_new(true) };
	const int rc = gt_replace_file(out, true, write_trace, &j);
	int status = GT_EXIT_OK;
	if (j.err.code != GT_ERR_NONE) {
		gt_err_print(&j.err, s->in, stderr);
		status = j.err.code == GT_ERR_IO || j.err.code == GT_ERR_MEMORY ? GT_EXIT_USAGE
										: GT_EXIT_FINDINGS;
	} else if (rc < 0) {
		fprintf(stderr, "gtrace symbolize: cannot write %s: %s\n", out, strerror(-rc));
		status = GT_EXIT_USAGE;
	}
	if (rc == 0 && !s->is_quiet)
		say_result(&j, out);
	gt_resolver_free(j.resolver);
	return status;
}

int gt_cmd_symbolize(int argc, char **argv)
{
	struct settings s = { 0 };
	const int rc = parse(&s, argc, argv);
	if (rc >= 0)
		return rc;
	char *out = s.out != NULL ? gt_mem_text(s.out) : gt_mem_format("%s.symbolized", s.in);
	const int refused = refuse(&s, out);
	const int status = refused >= 0 ? refused : symbolize(&s, out);
	free(out);
	return status;
}
