/* gtrace check: is the file a valid trace? One line per finding. */
#include "encoder/event.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/focus.h"
#include "tools/lib/json.h"
#include "tools/read/strict.h"
#include "tools/read/trace.h"

#include <inttypes.h>
#include <stdio.h>

struct check {
	const char *file;
	bool is_quiet, is_strict;
	struct gt_focus focus;
	struct gt_json *json; /* NULL: text */
	uint64_t events, generations;
	uint64_t errors, warnings;
	bool is_unreadable;
	bool is_old; /* offsets are not the file's */
};

static void tell(void *user, enum gt_severity severity, const struct gt_err *err)
{
	struct check *c = user;
	const bool is_error = severity == GT_ERROR || c->is_strict;
	*(is_error ? &c->errors : &c->warnings) += 1;
	struct gt_err e = *err;
	if (c->is_old)
		e.offset = GT_NO_OFFSET;
	if (c->json) {
		gt_json_object(c->json, NULL, true);
		gt_json_text(c->json, "severity", is_error ? "error" : "warning");
		if (e.offset != GT_NO_OFFSET)
			gt_json_u64(c->json, "offset", e.offset);
		gt_json_text(c->json, "text", e.text);
		gt_json_end_object(c->json);
	} else if (is_error || !c->is_quiet) {
		if (!is_error)
			gt_err_prefix(&e, "warning");
		gt_err_print(&e, c->file, stdout);
	}
}

static void summary(const struct check *c)
{
	if (c->json) {
		gt_json_end_array(c->json);
		gt_json_bool(c->json, "valid", c->errors == 0);
		gt_json_u64(c->json, "events", c->events);
		gt_json_u64(c->json, "generations", c->generations);
		gt_json_u64(c->json, "errors", c->errors);
		gt_json_u64(c->json, "warnings", c->warnings);
		gt_json_end_object(c->json);
	} else if (!c->errors && !c->is_quiet) {
		printf("%s: ok, %" PRIu64 " events in %" PRIu64 " generation%s\n", c->file,
		       c->events, c->generations, c->generations == 1 ? "" : "s");
	}
}

/* Reads all of the trace; *rc is what ended it. */
static int read_all(struct check *c, struct gt_trace *t, struct gt_strict *s, struct gt_err *err)
{
	struct gt_ordered ev;
	int rc;
	while ((rc = gt_trace_next(t, &ev, err)) > 0) {
		c->generations += ev.id == GT_EV_Sync;
		c->events += ev.id != GT_EV_Sync && !ev.is_made_up;
		if (gt_strict_event(s, gt_trace_gen(t), &ev) < 0)
			return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	}
	if (rc == 0) {
		gt_strict_end(s, gt_trace_gen(t));
		/* N.B. A tail of tables is a generation without an end: readers pass it over. */
		if (c->generations == 0 && gt_focus_is_all(&c->focus) &&
		    gt_file_offset(gt_trace_file(t)) <= 16)
			return gt_err_set(err, GT_ERR_FORMAT, 16,
					  "no generation: the file ends behind its header [C9]");
	}
	return rc;
}

/* What the new format has no place for is lost to every command. */
static void tell_old(struct check *c, const struct gt_file_old *old)
{
	struct gt_err err;
	c->is_old = old != NULL;
	if (old == NULL || old->left_out == 0)
		return;
	gt_err_set(&err, GT_ERR_FORMAT, GT_NO_OFFSET,
		   "%" PRIu64 " events of this go 1.%d trace have no place in newer formats, and "
		   "are left out",
		   old->left_out, old->version);
	tell(c, GT_WARNING, &err);
}

static void check_file(struct check *c)
{
	if (c->json) {
		gt_json_object(c->json, NULL, false);
		gt_json_text(c->json, "file", c->file);
		gt_json_array(c->json, "findings", false);
	}
	struct gt_err err = { .code = GT_ERR_NONE };
	struct gt_trace *t = gt_trace_open(c->file, &err);
	struct gt_strict *s = t ? gt_strict_new(tell, c) : NULL;
	if (t)
		gt_trace_set_focus(t, c->file, &c->focus);
	if (t)
		tell_old(c, gt_file_old(gt_trace_file(t)));
	if (t && !s)
		gt_err_set(&err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	if (!s || read_all(c, t, s, &err) < 0)
		tell(c, GT_ERROR, &err);
	c->is_unreadable = err.code == GT_ERR_IO || err.code == GT_ERR_MEMORY;
	gt_strict_free(s);
	gt_trace_close(t);
	summary(c);
}

static int parse(struct check *c, bool *is_json, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 'q', "quiet", GT_OPT_FLAG, &c->is_quiet, NULL, "only errors" },
		{ 0, "strict", GT_OPT_FLAG, &c->is_strict, NULL, "warnings are errors" },
		GT_FOCUS_OPTS(c->focus),
		{ 0, "json", GT_OPT_FLAG, is_json, NULL, "as JSON (schema gtrace-check/1)" },
	};
	const struct gt_args args = {
		.verb = "check",
		.operands = "FILE...",
		.about = "Checks traces as Go's own reader does, and for what makes viewers fail "
			 "(errors) or show badly\n"
			 "(warnings). FILE '-' is standard input. With --from or --to only whole "
			 "generations are read, those\nthat touch this time. Status: 0 fine, 1 "
			 "findings, 2 "
			 "unreadable.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = -1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

int gt_cmd_check(int argc, char **argv)
{
	struct check all = { 0 };
	bool is_json = false;
	int first;
	const int done = parse(&all, &is_json, argc, argv, &first);
	if (done >= 0)
		return done;
	if (!gt_focus_check(&all.focus, "check"))
		return GT_EXIT_USAGE;
	struct gt_json json = { .out = stdout };
	if (is_json) {
		gt_json_object(&json, NULL, false);
		gt_json_text(&json, "schema", "gtrace-check/1");
		gt_json_array(&json, "files", false);
	}
	int status = GT_EXIT_OK;
	for (int i = first; i < argc; i++) {
		struct check one = all;
		one.file = argv[i];
		one.json = is_json ? &json : NULL;
		check_file(&one);
		if (one.is_unreadable)
			status = GT_EXIT_USAGE;
		else if (one.errors && status == GT_EXIT_OK)
			status = GT_EXIT_FINDINGS;
	}
	if (is_json) {
		gt_json_end_array(&json);
		gt_json_end_object(&json);
	}
	return status;
}
