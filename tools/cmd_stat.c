/* gtrace stat: exact counters of every traced call. */
#include "tools/analysis/summary.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"

#include <stdlib.h>
#include <string.h>

struct settings {
	bool by_thread;
	struct gt_form form;
	struct gt_focus focus;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 0, "threads", GT_OPT_FLAG, &s->by_thread, NULL, "one row per thread and call" },
		GT_FORM_OPTS(s->form, "gtrace-stat/1"),
		GT_FOCUS_OPTS(s->focus),
	};
	const struct gt_args args = {
		.verb = "stat",
		.operands = "FILE",
		.about = "Counts and times of every traced call, also of those too short for an "
			 "event; exact sums over the\n"
			 "whole trace, longest total first. WAITS are the calls written as events. "
			 "TIMED calls have a\n"
			 "measured time, which TOTAL, MEAN and MAX are of; an uncontended lock is "
			 "counted only (\"-\").\n"
			 "P50 and P99 are upper bounds: the end of the power-of-two bucket in "
			 "which the figure lies,\n"
			 "at most twice the true one and never above MAX.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

static const struct gt_column columns[] = {
	{ "tid", "TID", GT_COL_ID },         { "g", "G", GT_COL_ID },
	{ "thread", "THREAD", GT_COL_TEXT },
#define THREAD_COLUMNS 3 /* only with --threads */
	{ "call", "CALL", GT_COL_TEXT },     { "count", "COUNT", GT_COL_COUNT },
	{ "waits", "WAITS", GT_COL_COUNT },  { "timed", "TIMED", GT_COL_COUNT },
	{ "total_ns", "TOTAL", GT_COL_NS },  { "mean_ns", "MEAN", GT_COL_NS },
	{ "p50_ns", "P50", GT_COL_NS },      { "p99_ns", "P99", GT_COL_NS },
	{ "max_ns", "MAX", GT_COL_NS },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char *thread_name(const struct gt_summary *s, const struct gt_sum_call *c)
{
	for (size_t i = 0; i < s->n_threads; i++) {
		const struct gt_sum_thread *t = &s->threads[i];
		if (t->tid == c->tid && t->g == c->g)
			return t->name[0] != '\0' ? t->name : t->start;
	}
	return "";
}

static void put_times(struct gt_table *t, const struct gt_sum_call *c)
{
	const uint64_t timed = gt_sum_call_timed(c);
	gt_table_u64(t, timed);
	if (timed == 0) {
		for (int i = 0; i < 5; i++)
			gt_table_none(t);
		return;
	}
	gt_table_u64(t, c->total_ns);
	gt_table_u64(t, c->total_ns / timed);
	gt_table_u64(t, gt_sum_call_quantile(c, 0.50));
	gt_table_u64(t, gt_sum_call_quantile(c, 0.99));
	gt_table_u64(t, c->max_ns);
}

static void put_call(struct gt_table *t, const struct gt_summary *s, const struct gt_sum_call *c,
		     bool by_thread)
{
	if (by_thread) {
		gt_table_u64(t, c->tid);
		gt_table_u64(t, c->g);
		gt_table_text(t, thread_name(s, c));
	}
	gt_table_text(t, c->name);
	gt_table_u64(t, c->count);
	gt_table_u64(t, c->waits);
	put_times(t, c);
}

static void fill(struct gt_table *t, struct gt_summary *s, bool by_thread)
{
	size_t n = s->n_calls;
	struct gt_sum_call *calls = by_thread ? s->calls : gt_summary_by_call(s, &n);
	if (by_thread && n > 1)
		qsort(calls, n, sizeof(*calls), gt_sum_call_order);
	for (size_t i = 0; i < n; i++)
		put_call(t, s, &calls[i], by_thread);
	if (!by_thread)
		free(calls);
}

static void print_json(const struct gt_table *t, const struct gt_summary *s, const char *path,
		       bool is_complete)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-stat/1");
	gt_json_text(&j, "file", path);
	gt_json_bool(&j, "complete", is_complete);
	gt_json_u64(&j, "duration_ns", (uint64_t)(s->end_ns - s->start_ns));
	gt_json_text(&j, "hooks_off", gt_summary_hooks_off(s));
	gt_table_print_json(t, &j, "calls");
	gt_json_end_object(&j);
}

int gt_cmd_stat(int argc, char **argv)
{
	struct settings o = { .form.color = "auto" };
	int first;
	const int rc = parse(&o, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.focus, "stat"))
		return GT_EXIT_USAGE;
	struct gt_summary s;
	bool is_growing;
	const int status = gt_summary_open(&s, "stat", argv[first], &o.focus, &is_growing);
	if (status != GT_EXIT_USAGE) {
		struct gt_table t;
		const size_t skip = o.by_thread ? 0 : THREAD_COLUMNS;
		gt_table_init(&t, columns + skip, N_COLUMNS - skip);
		fill(&t, &s, o.by_thread);
		if (o.form.is_json)
			print_json(&t, &s, argv[first], status == GT_EXIT_OK && !is_growing);
		else if (o.form.is_csv)
			gt_table_print_csv(&t, stdout);
		else if (gt_table_rows(&t) > 0)
			gt_table_print_text(&t, stdout, 0, gt_term_has_color(stdout, o.form.color));
		else
			fprintf(stderr,
				"gtrace stat: %s holds no counters: it was not written by "
				"libgtrace.so, or no "
				"traced call was made\n",
				argv[first]);
		if (!o.form.is_json && !o.form.is_csv && gt_summary_hooks_off(&s) != NULL)
			printf("\nnot traced: GTRACE_HOOKS=%s\n", gt_summary_hooks_off(&s));
		gt_table_free(&t);
	}
	gt_summary_free(&s);
	return status;
}
