/* gtrace dump: every event as a line of text. */
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/focus.h"
#include "tools/lib/form.h"
#include "tools/read/text.h"
#include "tools/read/trace.h"
#include "tools/symbol/place.h"
#include "tools/symbol/resolve.h"

#include <unistd.h>

struct settings {
	bool is_json, is_wire, has_lines;
	const char *debug_dir;
	struct gt_focus focus;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 0, "json", GT_OPT_FLAG, &s->is_json, NULL,
		  "one JSON object per line (schema gtrace-dump/1)" },
		GT_LINES_OPTS(*s,
			      "source lines and inlined functions, as gtrace symbolize finds them"),
		GT_FOCUS_OPTS(s->focus),
		GT_FOCUS_THREAD_OPT(s->focus),
		{ 0, "wire", GT_OPT_FLAG, &s->is_wire, NULL,
		  "what stands in the file, batch by batch, unchecked" },
	};
	const struct gt_args args = {
		.verb = "dump",
		.operands = "FILE",
		.about = "Every event of a trace in order, checked: ns, seconds since the start, "
			 "thread, goroutine, event,\n"
			 "arguments, change of state, stack (innermost first). FILE '-' is "
			 "standard input. Status 1: the\n"
			 "file is damaged, all before the damage was written.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

static int dump_wire(const char *path, struct gt_err *err)
{
	struct gt_file *f = gt_file_open(path, err);
	int rc = -(int)err->code;
	if (f != NULL && gt_file_old(f) != NULL)
		rc = gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
				"a go 1.%d trace has no batches that --wire could show",
				gt_file_old(f)->version);
	else if (f != NULL)
		rc = gt_dump_wire(stdout, f, err);
	gt_file_close(f);
	return rc;
}

static bool is_wanted(const struct settings *s, const struct gt_trace *t,
		      const struct gt_ordered *ev)
{
	if (!gt_trace_is_in_focus(t, ev))
		return false;
	return gt_focus_has_thread(&s->focus, ev->m, ev->g) ||
	       (s->focus.has_g && ev->subject == GT_SUBJECT_G && ev->who == s->focus.id);
}

static int dump_events(const char *path, const struct settings *s, struct gt_err *err)
{
	struct gt_trace *t = gt_trace_open(path, err);
	if (!t)
		return -(int)err->code;
	gt_debug_set_dir(s->debug_dir);
	struct gt_resolver *r = gt_resolver_new(s->has_lines);
	gt_trace_set_filter(t, gt_resolve, r);
	gt_trace_set_focus(t, path, &s->focus);
	if (isatty(STDOUT_FILENO))
		gt_trace_set_silent(t);
	struct gt_dump *d = gt_dump_new(stdout, s->is_json);
	struct gt_ordered ev;
	int rc = d ? 1 : gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	while (rc > 0 && !ferror(stdout) && (rc = gt_trace_next(t, &ev, err)) > 0) {
		if (!gt_focus_is_all(&s->focus))
			gt_dump_set_start(d, gt_trace_start(t));
		if (!is_wanted(s, t, &ev))
			rc = gt_dump_learn(d, gt_trace_gen(t), &ev);
		else
			rc = gt_dump_event(d, gt_trace_gen(t), &ev);
		if (rc < 0)
			rc = gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
		else
			rc = 1;
	}
	gt_dump_free(d);
	gt_trace_close(t);
	gt_resolver_free(r);
	return rc < 0 ? rc : 0;
}

int gt_cmd_dump(int argc, char **argv)
{
	struct settings s = { 0 };
	int first;
	const int done = parse(&s, argc, argv, &first);
	if (done >= 0)
		return done;
	if (s.is_json && s.is_wire) {
		fputs("gtrace dump: --wire has no JSON form\n", stderr);
		return GT_EXIT_USAGE;
	}
	if (!gt_focus_check(&s.focus, "dump"))
		return GT_EXIT_USAGE;
	struct gt_err err;
	const char *path = argv[first];
	const int rc = s.is_wire ? dump_wire(path, &err) : dump_events(path, &s, &err);
	if (rc == 0)
		return GT_EXIT_OK;
	fflush(stdout);
	gt_err_print(&err, path, stderr);
	return rc == -GT_ERR_IO || rc == -GT_ERR_MEMORY ? GT_EXIT_USAGE : GT_EXIT_FINDINGS;
}
