/* gtrace merge: the traces of several processes as one. */
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/json.h"
#include "tools/lib/quantity.h"
#include "tools/lib/replace.h"
#include "tools/merge/merge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	const char *out, *clock;
	uint64_t period;
	bool is_json, is_quiet;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE", "where to write" },
		{ 0, "clock", GT_OPT_CHOICE, &s->clock, "auto|mono|wall",
		  "mono: all files have one clock; wall: go by the time of day" },
		{ 0, "period", GT_OPT_DURATION, &s->period, "TIME",
		  "a generation, what readers hold in memory, is about so long (1s)" },
		{ 'q', "quiet", GT_OPT_FLAG, &s->is_quiet, NULL, "say only what went wrong" },
		{ 0, "json", GT_OPT_FLAG, &s->is_json, NULL,
		  "say it as JSON (schema gtrace-merge/1)" },
	};
	const struct gt_args args = {
		.verb = "merge",
		.operands = "FILE FILE...",
		.about =
			"Writes the traces of several processes as one, on one clock; names of "
			"threads say the process.\n"
			"Processes of one host share their clock; other hosts are brought in by "
			"the time of day, and how\n"
			"good that is stands in the output and in its gtrace info. An older output "
			"file becomes FILE.old.\n"
			"Status 1: a file is damaged, all before the damage was merged.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = -1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static void say_source(const struct gt_merge_source *s, size_t number)
{
	char shift[GT_QUANTITY_TEXT], error[GT_QUANTITY_TEXT];
	printf("  %zu  %s[%" PRIu64 "] on %s, %s: %" PRIu64 " events, ", number, base(s->exe),
	       s->pid, s->host, s->path, s->events);
	if (s->error_ns == 0)
		printf("the trace's clock\n");
	else
		printf("another clock, moved by %s; within %s of the time of day, whose own "
		       "error "
		       "comes on top\n",
		       gt_duration_print(shift, (uint64_t)s->shift_ns),
		       gt_duration_print(error, s->error_ns));
}

static void say(const struct gt_merge *m, const char *out)
{
	char moved[GT_QUANTITY_TEXT], size[GT_QUANTITY_TEXT];
	printf("%s: %zu processes, %" PRIu64 " events in %" PRIu64 " generations, %s\n", out, m->n,
	       m->out.events, m->out.number, gt_size_print(size, m->out.bytes));
	for (size_t i = 0; i < m->n; i++)
		say_source(&m->sources[i], i + 1);
	if (m->out.moved > 0)
		printf("  %" PRIu64 " events came at the time of another one and stand behind it, "
		       "later by %s in all\n",
		       m->out.moved, gt_duration_print(moved, m->out.moved_ns));
}

static void say_json(const struct gt_merge *m, const char *out)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-merge/1");
	gt_json_text(&j, "output", out);
	gt_json_u64(&j, "events", m->out.events);
	gt_json_u64(&j, "generations", m->out.number);
	gt_json_u64(&j, "bytes", m->out.bytes);
	gt_json_u64(&j, "moved_events", m->out.moved);
	gt_json_u64(&j, "moved_ns", m->out.moved_ns);
	gt_json_array(&j, "processes", false);
	for (size_t i = 0; i < m->n; i++) {
		const struct gt_merge_source *s = &m->sources[i];
		gt_json_object(&j, NULL, true);
		gt_json_u64(&j, "process", i + 1);
		gt_json_text(&j, "file", s->path);
		gt_json_u64(&j, "pid", s->pid);
		gt_json_text(&j, "exe", s->exe);
		gt_json_text(&j, "host", s->host);
		gt_json_u64(&j, "events", s->events);
		gt_json_text(&j, "clock", s->error_ns == 0 ? "same" : "wall");
		gt_json_u64(&j, "shift_ns", (uint64_t)s->shift_ns);
		gt_json_u64(&j, "error_ns", s->error_ns);
		gt_json_text(&j, "error", s->err.code != GT_ERR_NONE ? s->err.text : NULL);
		gt_json_end_object(&j);
	}
	gt_json_end_array(&j);
	gt_json_end_object(&j);
}

static int complain(const struct gt_err *err, const char *path)
{
	fputs("gtrace merge: ", stderr);
	if (path != NULL)
		gt_err_print(err, path, stderr);
	else
		fprintf(stderr, "%s\n", err->text);
	return GT_EXIT_USAGE;
}

struct job {
	struct gt_merge *merge;
	struct gt_err err;
};

static int write_trace(void *arg, FILE *out)
{
	struct job *j = arg;
	return gt_merge_write(j->merge, out, &j->err);
}

static int merge(struct gt_merge *m, const struct settings *o)
{
	struct job j = { .merge = m };
	const int rc = gt_replace_file(o->out, true, write_trace, &j);
	if (j.err.code != GT_ERR_NONE)
		return complain(&j.err, NULL);
	if (rc < 0) {
		fprintf(stderr, "gtrace merge: cannot write %s: %s\n", o->out, strerror(-rc));
		return GT_EXIT_USAGE;
	}
	if (o->is_json)
		say_json(m, o->out);
	else if (!o->is_quiet)
		say(m, o->out);
	int status = GT_EXIT_OK;
	for (size_t i = 0; i < m->n; i++) {
		if (m->sources[i].err.code == GT_ERR_NONE)
			continue;
		complain(&m->sources[i].err, m->sources[i].path);
		status = GT_EXIT_FINDINGS;
	}
	return status;
}

static enum gt_merge_clock clock_of(const char *word)
{
	return strcmp(word, "mono") == 0   ? GT_CLOCK_MONO
	       : strcmp(word, "wall") == 0 ? GT_CLOCK_WALL
					   : GT_CLOCK_AUTO;
}

/* A file that can be merged: -1. */
static int add(struct gt_merge *m, const char *path, const char *out)
{
	struct gt_err err;
	if (gt_is_same_file(path, out)) {
		fprintf(stderr, "gtrace merge: %s is an input; give another name with -o\n", out);
		return GT_EXIT_USAGE;
	}
	if (gt_busy_wait(path)) {
		fprintf(stderr, "gtrace merge: %s is still being written\n", path);
		return GT_EXIT_USAGE;
	}
	return gt_merge_add(m, path, &err) < 0 ? complain(&err, path) : -1;
}

int gt_cmd_merge(int argc, char **argv)
{
	struct settings s = { .clock = "auto", .period = 1000000000 };
	int first;
	const int rc = parse(&s, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (s.out == NULL) {
		fputs("gtrace merge: expected -o FILE; try: gtrace merge --help\n", stderr);
		return GT_EXIT_USAGE;
	}
	struct gt_merge m = { .period_ns = s.period };
	struct gt_err err;
	int status = -1;
	for (int i = first; status < 0 && i < argc; i++)
		status = add(&m, argv[i], s.out);
	if (status < 0 && gt_merge_set_clocks(&m, clock_of(s.clock), &err) < 0)
		status = complain(&err, NULL);
	if (status < 0)
		status = merge(&m, &s);
	gt_merge_free(&m);
	return status;
}
