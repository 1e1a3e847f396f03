/* gtrace sched: time on a CPU, ready without one, waiting; by thread. */
#include "tools/analysis/summary.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"

#include <inttypes.h>

struct settings {
	struct gt_form form;
	struct gt_focus focus;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		GT_FORM_OPTS(s->form, "gtrace-sched/1"),
		GT_FOCUS_OPTS(s->focus),
		GT_FOCUS_THREAD_OPT(s->focus),
	};
	const struct gt_args args = {
		.verb = "sched",
		.operands = "FILE",
		.about = "Each thread's time on a CPU, READY without one (preempted, or it "
			 "yielded) and WAITING, from\n"
			 "the switches that a program records with GTRACE_SCHED=on. GOT is how "
			 "often it got a CPU,\n"
			 "LEFT how often it was preempted or yielded, MOVED how often it came "
			 "back on another CPU.\n"
			 "WAITING includes the time from being woken to running. GAPS counts "
			 "records that are missing:\n"
			 "times are too short then. \"-\": unknown.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

static const struct gt_column columns[] = {
	{ "tid", "TID", GT_COL_ID },
	{ "thread", "THREAD", GT_COL_TEXT },
	{ "on_cpu_ns", "ON CPU", GT_COL_NS },
	{ "ready_ns", "READY", GT_COL_NS },
	{ "waiting_ns", "WAITING", GT_COL_NS },
	{ "got", "GOT", GT_COL_COUNT },
	{ "preempted", "LEFT", GT_COL_COUNT },
	{ "moved", "MOVED", GT_COL_COUNT },
	{ "gaps", "GAPS", GT_COL_COUNT },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define N_FIGURES (N_COLUMNS - 2)

static const char *name_of(const struct gt_sum_thread *t)
{
	return t->name[0] != '\0' ? t->name : t->start;
}

/* A tid may have had several lives: the one that was there at the time; NULL = not known. */
static const struct gt_sum_thread *life_of(const struct gt_summary *s,
					   const struct gt_sched_thread *t)
{
	const struct gt_sum_thread *life = NULL;
	for (size_t i = 0; i < s->n_threads; i++) {
		const struct gt_sum_thread *k = &s->threads[i];
		if (k->tid == t->tid && (int64_t)k->born_ns <= t->last_ns &&
		    (k->died_ns == 0 || (int64_t)k->died_ns >= t->first_ns))
			life = k;
	}
	return life;
}

static const char *thread_name(const struct gt_summary *s, const struct gt_sched_thread *t)
{
	return life_of(s, t) != NULL ? name_of(life_of(s, t)) : "";
}

static uint64_t g_of(const struct gt_summary *s, const struct gt_sched_thread *t)
{
	return life_of(s, t) != NULL ? life_of(s, t)->g : 0;
}

static void put_known(struct gt_table *t, const struct gt_summary *s,
		      const struct gt_sched_thread *k)
{
	gt_table_u64(t, k->tid);
	gt_table_text(t, thread_name(s, k));
	gt_table_u64(t, k->on_ns);
	gt_table_u64(t, k->ready_ns);
	gt_table_u64(t, k->wait_ns);
	gt_table_u64(t, k->switches);
	gt_table_u64(t, k->preempted);
	gt_table_u64(t, k->moves);
	gt_table_u64(t, k->gaps);
}

static void put_unknown(struct gt_table *t, const struct gt_sum_thread *k)
{
	gt_table_u64(t, k->tid);
	gt_table_text(t, name_of(k));
	for (size_t i = 0; i < N_FIGURES; i++)
		gt_table_none(t);
}

static void fill(struct gt_table *t, const struct gt_summary *s, const struct gt_focus *f)
{
	for (size_t i = 0; i < s->sched.n_threads; i++) {
		const struct gt_sched_thread *k = &s->sched.threads[i];
		if (gt_focus_has_thread(f, k->tid, g_of(s, k)))
			put_known(t, s, k);
	}
	for (size_t i = 0; s->sched.n_threads == 0 && i < s->n_threads; i++)
		if (gt_focus_has_thread(f, s->threads[i].tid, s->threads[i].g))
			put_unknown(t, &s->threads[i]);
}

static uint64_t lost(const struct gt_summary *s)
{
	return gt_summary_metric(s, "lost_perf") + gt_summary_metric(s, "lost_switches");
}

static void print_json(const struct gt_table *t, const struct gt_summary *s, const char *path,
		       bool is_complete)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-sched/1");
	gt_json_text(&j, "file", path);
	gt_json_bool(&j, "complete", is_complete);
	gt_json_bool(&j, "known", s->sched.n_threads > 0);
	gt_json_u64(&j, "perf_refused", gt_summary_metric(s, "perf_refused"));
	gt_json_u64(&j, "lost", lost(s));
	gt_json_u64(&j, "duration_ns", (uint64_t)(s->end_ns - s->start_ns));
	gt_table_print_json(t, &j, "threads");
	gt_json_end_object(&j);
}

/* On stderr: what the figures are worth. */
static void print_notes(const struct gt_summary *s, const char *path)
{
	const uint64_t refused = gt_summary_metric(s, "perf_refused");
	if (s->sched.n_threads == 0 && refused != 0)
		fprintf(stderr,
			"gtrace sched: scheduling is unknown: perf_event_open was refused (errno "
			"%" PRIu64 ")\n",
			refused);
	else if (s->sched.n_threads == 0)
		fprintf(stderr,
			"gtrace sched: scheduling is unknown: %s was recorded without "
			"GTRACE_SCHED=on\n",
			path);
	else if (lost(s) != 0)
		fprintf(stderr,
			"gtrace sched: %" PRIu64 " records were lost: times are too short\n",
			lost(s));
}

int gt_cmd_sched(int argc, char **argv)
{
	struct settings o = { .form.color = "auto" };
	int first;
	const int rc = parse(&o, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.focus, "sched"))
		return GT_EXIT_USAGE;
	struct gt_summary s;
	bool is_growing;
	o.focus.reads_before = true;
	const int status = gt_summary_open(&s, "sched", argv[first], &o.focus, &is_growing);
	if (status != GT_EXIT_USAGE) {
		struct gt_table t;
		gt_table_init(&t, columns, N_COLUMNS);
		fill(&t, &s, &o.focus);
		print_notes(&s, argv[first]);
		if (o.form.is_json)
			print_json(&t, &s, argv[first], status == GT_EXIT_OK && !is_growing);
		else if (o.form.is_csv)
			gt_table_print_csv(&t, stdout);
		else
			gt_table_print_text(&t, stdout, 0, gt_term_has_color(stdout, o.form.color));
		gt_table_free(&t);
	}
	gt_summary_free(&s);
	return status;
}
