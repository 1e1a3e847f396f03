/* gtrace slice: a part of a trace as a trace. */
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/focus.h"
#include "tools/lib/json.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/replace.h"
#include "tools/read/slice.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	const char *in, *out;
	struct gt_focus focus;
	bool is_json, is_quiet;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE", "where to write (FILE.slice)" },
		GT_FOCUS_OPTS(s->focus),
		{ 'q', "quiet", GT_OPT_FLAG, &s->is_quiet, NULL, "say only what went wrong" },
		{ 0, "json", GT_OPT_FLAG, &s->is_json, NULL,
		  "say it as JSON (schema gtrace-slice/1)" },
	};
	const struct gt_args args = {
		.verb = "slice",
		.operands = "FILE",
		.about = "Writes the generations that touch the time from --from to --to, as they "
			 "are, as a trace of its own:\n"
			 "what stat, locks and the others say of it is what they say of that part "
			 "of the whole. Also of\n"
			 "traces of Go programs. An older output file becomes FILE.old. Status 1: "
			 "the file is damaged there.",
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

struct job {
	const char *in;
	const struct gt_slice *slice;
	struct gt_err *err;
};

static int write_slice(void *arg, FILE *out)
{
	const struct job *j = arg;
	return gt_slice_copy(j->slice, j->in, out, j->err);
}

static void say(const struct settings *o, const struct gt_slice *s, const char *out)
{
	char a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT], c[GT_QUANTITY_TEXT];
	printf("%s: generations %" PRIu64 " to %" PRIu64 " of %" PRIu64 ", %" PRIu64
	       " events, from %s to %s, %s of %s\n",
	       out, s->first, s->last, s->n, s->events, gt_duration_print(a, (uint64_t)s->start_ns),
	       gt_duration_print(b, (uint64_t)s->stop_ns), gt_size_print(c, s->end - s->offset),
	       o->in);
}

static void say_json(const struct settings *o, const struct gt_slice *s, const char *out)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-slice/1");
	gt_json_text(&j, "file", o->in);
	gt_json_text(&j, "output", out);
	gt_json_bool(&j, "complete", s->rest.code == GT_ERR_NONE);
	gt_json_u64(&j, "first_generation", s->first);
	gt_json_u64(&j, "last_generation", s->last);
	gt_json_u64(&j, "generations", s->n);
	gt_json_u64(&j, "events", s->events);
	gt_json_u64(&j, "from_ns", (uint64_t)s->start_ns);
	gt_json_u64(&j, "to_ns", (uint64_t)s->stop_ns);
	gt_json_u64(&j, "offset", s->offset);
	gt_json_u64(&j, "bytes", s->end - s->offset);
	gt_json_end_object(&j);
}

static int complain(const struct settings *o, const struct gt_err *err)
{
	fputs("gtrace slice: ", stderr);
	gt_err_print(err, o->in, stderr);
	return err->code == GT_ERR_ORDER || err->code == GT_ERR_FORMAT ? GT_EXIT_FINDINGS
								       : GT_EXIT_USAGE;
}

static int slice(const struct settings *o, const char *out)
{
	struct gt_slice s;
	struct gt_err err;
	if (gt_slice_find(&s, o->in, &o->focus, &err) < 0)
		return complain(o, &err);
	struct job j = { o->in, &s, &err };
	err.code = GT_ERR_NONE;
	const int rc = gt_replace_file(out, true, write_slice, &j);
	if (rc < 0 && err.code != GT_ERR_NONE)
		return complain(o, &err);
	if (rc < 0) {
		fprintf(stderr, "gtrace slice: cannot write %s: %s\n", out, strerror(-rc));
		return GT_EXIT_USAGE;
	}
	if (o->is_json)
		say_json(o, &s, out);
	else if (!o->is_quiet)
		say(o, &s, out);
	return s.rest.code != GT_ERR_NONE ? complain(o, &s.rest), GT_EXIT_FINDINGS : GT_EXIT_OK;
}

int gt_cmd_slice(int argc, char **argv)
{
	struct settings s = { 0 };
	const int rc = parse(&s, argc, argv);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&s.focus, "slice"))
		return GT_EXIT_USAGE;
	char *out = s.out != NULL ? gt_mem_text(s.out) : gt_mem_format("%s.slice", s.in);
	int status = GT_EXIT_USAGE;
	if (strcmp(s.in, "-") == 0)
		fputs("gtrace slice: FILE is sought in, so it cannot be a pipe\n", stderr);
	else if (gt_is_same_file(s.in, out))
		fprintf(stderr, "gtrace slice: %s is the input; give another name with -o\n", out);
	else if (gt_busy_wait(s.in))
		fprintf(stderr, "gtrace slice: %s is still being written\n", s.in);
	else
		status = slice(&s, out);
	free(out);
	return status;
}
