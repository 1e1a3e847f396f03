/* gtrace check: is the file a valid trace? One line per finding. */
#include "encoder/event.h"
#include "tools/cmd.h"
#include "tools/read/strict.h"
#include "tools/read/trace.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
	const char *file;
	bool is_quiet, is_strict, is_json;
	uint64_t events, generations;
	uint64_t errors, warnings;
	bool is_unreadable;
};

/* Text as a JSON string, bytes that are no ASCII escaped one by one. */
static void put_json(const char *s)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void tell(void *user, enum gt_severity severity, const struct gt_err *err)
{
	struct check *c = user;
	const bool is_error = severity == GT_ERROR || c->is_strict;
	*(is_error ? &c->errors : &c->warnings) += 1;
	if (c->is_json) {
		printf("{\"file\":");
		put_json(c->file);
		printf(",\"severity\":\"%s\"", is_error ? "error" : "warning");
		if (err->offset != GT_NO_OFFSET)
			printf(",\"offset\":%" PRIu64, err->offset);
		printf(",\"text\":");
		put_json(err->text);
		printf("}\n");
	} else if (is_error || !c->is_quiet) {
		struct gt_err e = *err;
		if (!is_error)
			gt_err_prefix(&e, "warning");
		gt_err_print(&e, c->file, stdout);
	}
}

static void summary(const struct check *c)
{
	if (c->is_json) {
		printf("{\"file\":");
		put_json(c->file);
		printf(",\"valid\":%s,\"events\":%" PRIu64 ",\"generations\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"warnings\":%" PRIu64 "}\n",
		        c->errors ? "false" : "true", c->events, c->generations, c->errors, c->warnings);
	} else if (!c->errors && !c->is_quiet) {
		printf("%s: ok, %" PRIu64 " events in %" PRIu64 " generations\n", c->file, c->events, c->generations);
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
		gt_strict_end(s);
		/* N.B. A tail of tables is a generation without an end: readers pass it over. */
		if (c->generations == 0 && gt_file_offset(gt_trace_file(t)) <= 16)
			return gt_err_set(err, GT_ERR_FORMAT, 16, "no generation: the file ends behind its header [C9]");
	}
	return rc;
}

static void check_file(struct check *c)
{
	struct gt_err err = { .code = GT_ERR_NONE };
	struct gt_trace *t = gt_trace_open(c->file, &err);
	struct gt_strict *s = t ? gt_strict_new(tell, c) : NULL;
	if (t && !s)
		gt_err_set(&err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	if (!s || read_all(c, t, s, &err) < 0)
		tell(c, GT_ERROR, &err);
	c->is_unreadable = err.code == GT_ERR_IO || err.code == GT_ERR_MEMORY;
	gt_strict_free(s);
	gt_trace_close(t);
	summary(c);
}

static int usage(FILE *out, int status)
{
	fputs("usage: gtrace check [OPTIONS] FILE...\n"
	      "Checks each trace as Go's own reader does, and for what viewers trip over. '-' is standard input.\n"
	      "  -q, --quiet    tell only errors\n"
	      "      --strict   warnings are errors\n"
	      "      --json     one JSON object per finding and one per file (schema gtrace-check/1)\n"
	      "      --help     show this\n"
	      "Exit status: 0 fine, 1 findings, 2 unreadable file or wrong usage.\n",
	        out);
	return status;
}

int gt_cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "quiet", no_argument, NULL, 'q' }, { "strict", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct check c = { 0 };
	optind = 1;
	for (int opt; (opt = getopt_long(argc, argv, "q", options, NULL)) != -1;) {
		switch (opt) {
		case 'q':
			c.is_quiet = true;
			break;
		case 's':
			c.is_strict = true;
			break;
		case 'j':
			c.is_json = true;
			break;
		case 'h':
			return usage(stdout, GT_EXIT_OK);
		default:
			return usage(stderr, GT_EXIT_USAGE);
		}
	}
	if (optind == argc)
		return usage(stderr, GT_EXIT_USAGE);
	int status = GT_EXIT_OK;
	if (c.is_json)
		printf("{\"schema\":\"gtrace-check/1\"}\n");
	for (int i = optind; i < argc; i++) {
		struct check one = { .file = argv[i], .is_quiet = c.is_quiet, .is_strict = c.is_strict, .is_json = c.is_json };
		check_file(&one);
		if (one.is_unreadable)
			status = GT_EXIT_USAGE;
		else if (one.errors && status == GT_EXIT_OK)
			status = GT_EXIT_FINDINGS;
	}
	return status;
}
