/* gtrace threads: where each thread's life went. */
#include "tools/analysis/threads.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"
#include "tools/lib/utf8.h"

#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 20 /* beside a strip */

struct settings {
	struct gt_input in;
	struct gt_form form;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		GT_FORM_OPTS(s->form, "gtrace-threads/1"),
		GT_FOCUS_OPTS(s->in.focus),
		GT_FOCUS_THREAD_OPT(s->in.focus),
	};
	const struct gt_args args = {
		.verb = "threads",
		.operands = "FILE",
		.about =
			"Where each thread's LIFE went: it RAN (of that ON CPU and READY without "
			"one, if the program was\n"
			"recorded with GTRACE_SCHED=on), waited for a LOCK that another had, for "
			"I/O, was IDLE (waited\n"
			"for work, a signal, another thread), SLEPT, or was in system CALLS. WAITS "
			"and CALLS count them.\n"
			"On a wide terminal (100 columns, or COLUMNS) a strip for each thread "
			"shows what it did when.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->in.path = argv[first];
	return rc;
}

static const struct gt_column columns[] = {
	{ "tid", "TID", GT_COL_ID },         { "g", "G", GT_COL_ID },
	{ "thread", "THREAD", GT_COL_TEXT }, { "life_ns", "LIFE", GT_COL_NS },
	{ "ran_ns", "RAN", GT_COL_NS },      { "on_cpu_ns", "ON CPU", GT_COL_NS },
	{ "ready_ns", "READY", GT_COL_NS },  { "contention_ns", "LOCK", GT_COL_NS },
	{ "io_ns", "I/O", GT_COL_NS },       { "idle_ns", "IDLE", GT_COL_NS },
	{ "sleep_ns", "SLEPT", GT_COL_NS },  { "calls_ns", "IN CALLS", GT_COL_NS },
	{ "waits", "WAITS", GT_COL_COUNT },  { "calls", "CALLS", GT_COL_COUNT },
};

/* The last of its tid: scheduling is known by tid alone. */
static void put_sched(struct gt_table *table, const struct gt_threads *t, uint64_t tid)
{
	uint64_t on, ready;
	if (gt_threads_sched(t, tid, &on, &ready)) {
		gt_table_u64(table, on);
		gt_table_u64(table, ready);
	} else {
		gt_table_none(table);
		gt_table_none(table);
	}
}

/* It is asked for, and was there in the part of the time that is. */
static bool is_shown(const struct gt_threads *t, uint32_t i)
{
	const struct gt_model *m = t->answer.model;
	const struct gt_model_thread *k = gt_model_thread(m, i);
	return gt_focus_has_thread(&t->answer.focus, k->tid, k->g) &&
	       (k->died == 0 || k->died >= gt_model_process(m)->start);
}

static void fill(struct gt_table *table, const struct gt_threads *t)
{
	const struct gt_model *m = t->answer.model;
	char buf[GT_LABEL_MAX];
	for (uint32_t i = 0; i < gt_model_n_threads(m); i++) {
		const struct gt_model_thread *k = gt_model_thread(m, i);
		const struct gt_thread_times *s = &t->threads[i];
		uint64_t life = 0;
		for (size_t d = 0; d < GT_N_DOINGS; d++)
			life += s->ns[d];
		if (!is_shown(t, i))
			continue;
		gt_table_u64(table, k->tid);
		gt_table_u64(table, k->g);
		gt_table_text(table, gt_model_label(m, i, buf));
		gt_table_u64(table, life);
		gt_table_u64(table, s->ns[GT_DOING_RUN]);
		put_sched(table, t, k->tid);
		for (size_t d = 0; d <= GT_DOING_CALL; d++)
			gt_table_u64(table, s->ns[d]);
		gt_table_u64(table, s->waits);
		gt_table_u64(table, s->calls);
	}
}

/* One letter for each part of the time; nothing where there is no room. */
static void print_strips(const struct gt_threads *t)
{
	const struct gt_model *m = t->answer.model;
	const struct gt_model_process *p = gt_model_process(m);
	const unsigned columns_there = gt_term_width(stdout);
	char strip[GT_STRIP_LEN + 1], label[GT_LABEL_MAX], name[NAME_WIDTH * 4 + 1],
		a[GT_QUANTITY_TEXT];
	if (columns_there < 100)
		return;
	unsigned width = columns_there - NAME_WIDTH - 4;
	width = width < GT_STRIP_LEN ? width : GT_STRIP_LEN;
	printf("\n%s from left to right: # ran, L lock, i I/O or a call, . idle, z slept\n",
	       gt_duration_print(a, (uint64_t)(p->end - p->start)));
	for (uint32_t i = 0; i < gt_model_n_threads(m); i++) {
		gt_threads_strip(t, i, width, strip);
		if (!is_shown(t, i))
			continue;
		size_t used = gt_utf8_clean(name, NAME_WIDTH + 1, gt_model_label(m, i, label));
		printf("  %s%*s |%s|\n", name, (int)(NAME_WIDTH - used), "", strip);
	}
}

static void print_json(const struct gt_table *table, const struct gt_threads *t, const char *path)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_answer_json_head(&t->answer, &j, "gtrace-threads/1", path);
	gt_doubts_json(&t->answer.doubts, &j);
	gt_table_print_json(table, &j, "threads");
	gt_json_end_object(&j);
}

int gt_cmd_threads(int argc, char **argv)
{
	struct settings o = { .form.color = "auto" };
	const int rc = parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.in.focus, "threads"))
		return GT_EXIT_USAGE;
	struct gt_threads t;
	gt_threads_init(&t);
	const int status = gt_threads_read(&t, "threads", &o.in);
	if (status != GT_EXIT_USAGE) {
		struct gt_table table;
		gt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
		fill(&table, &t);
		if (o.form.is_json) {
			print_json(&table, &t, o.in.path);
		} else if (o.form.is_csv) {
			gt_table_print_csv(&table, stdout);
			gt_doubts_print(&t.answer.doubts, stderr, 0);
		} else {
			gt_table_print_text(&table, stdout, 0,
					    gt_term_has_color(stdout, o.form.color));
			print_strips(&t);
			puts("\nhow far to believe it");
			gt_doubts_print(&t.answer.doubts, stdout, 2);
		}
		gt_table_free(&table);
	}
	gt_threads_free(&t);
	return status;
}
