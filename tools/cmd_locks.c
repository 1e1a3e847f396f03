/* gtrace locks: who waited for what, where, and who had it meanwhile. */
#include "tools/analysis/locks.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"
#include "tools/lib/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    15  /* of a class, without --all */
#define DETAILS 5   /* objects told in detail, without --all */
#define FRAMES  4   /* of a stack in a table */
#define DEEP    12  /* elsewhere */
#define COLUMNS 100 /* of sentences */

struct settings {
	struct gt_input in;
	bool is_all;
	struct gt_form form;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 'a', "all", GT_OPT_FLAG, &s->is_all, NULL, "all rows, not only the longest" },
		GT_LINES_OPTS(s->in, "source lines and inlined functions in stacks"),
		GT_FORM_OPTS(s->form, "gtrace-locks/1"),
		GT_FOCUS_OPTS(s->in.focus),
		GT_FOCUS_THREAD_OPT(s->in.focus),
		GT_FOCUS_LOCK_OPT(s->in.focus),
	};
	const struct gt_args args = {
		.verb = "locks",
		.operands = "FILE",
		.about =
			"What threads waited for: each lock (by the name of its variable) and "
			"each place where it was\n"
			"waited for; who had it meanwhile, how long, and where it was let go; what "
			"to do first.\n"
			"Contention (somebody has it) stands apart from I/O, from idle waits (for "
			"work, a signal,\n"
			"another thread) and from sleep. P50 and P99 are at most 1/16 too high.",
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

/* ---- rows in their order */

static const struct gt_locks *sorted; /* for qsort */

static int by_object_total(const void *a, const void *b)
{
	const struct gt_lock_object *x = &sorted->objects[*(const uint32_t *)a];
	const struct gt_lock_object *y = &sorted->objects[*(const uint32_t *)b];
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

static int by_site_total(const void *a, const void *b)
{
	const struct gt_lock_site *x = &sorted->sites[*(const uint32_t *)a];
	const struct gt_lock_site *y = &sorted->sites[*(const uint32_t *)b];
	const enum gt_class cx = sorted->objects[x->object].class,
			    cy = sorted->objects[y->object].class;
	if (cx != cy)
		return cx < cy ? -1 : 1;
	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

static int by_giver_time(const void *a, const void *b)
{
	const struct gt_lock_giver *x = &sorted->givers[*(const uint32_t *)a];
	const struct gt_lock_giver *y = &sorted->givers[*(const uint32_t *)b];
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

static int by_doing_time(const void *a, const void *b)
{
	const struct gt_lock_doing *x = &sorted->doings[*(const uint32_t *)a];
	const struct gt_lock_doing *y = &sorted->doings[*(const uint32_t *)b];
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

/* Numbers 0 .. n - 1 in order; the caller's to free. */
static uint32_t *order(const struct gt_locks *l, size_t n, int (*cmp)(const void *, const void *))
{
	uint32_t *all = gt_mem_resize(NULL, n + 1, sizeof(*all));
	for (uint32_t i = 0; i < n; i++)
		all[i] = i;
	sorted = l;
	if (n > 1)
		qsort(all, n, sizeof(*all), cmp);
	return all;
}

/* ---- the table: object x place */

static const struct gt_column columns[] = {
	{ "class", "CLASS", GT_COL_TEXT },
	{ "kind", "KIND", GT_COL_TEXT },
	{ "lock", "LOCK", GT_COL_TEXT },
	{ "waits", "WAITS", GT_COL_COUNT },
	{ "threads", "THREADS", GT_COL_COUNT },
	{ "total_ns", "TOTAL", GT_COL_NS },
	{ "p50_ns", "P50", GT_COL_NS },
	{ "p99_ns", "P99", GT_COL_NS },
	{ "max_ns", "MAX", GT_COL_NS },
	{ "expired", "EXPIRED", GT_COL_COUNT },
	{ "waited_in", "WAITED IN", GT_COL_TEXT },
	{ "by", "HELD OR WOKEN BY", GT_COL_TEXT },
};

/* In text the class is the title. */
static void put_site(struct gt_table *t, struct gt_locks *l, const struct gt_lock_site *s,
		     unsigned frames)
{
	const struct gt_lock_object *o = &l->objects[s->object];
	const struct gt_lock_giver *g = gt_locks_top_giver(l, s->object);
	char buf[GT_LABEL_MAX];
	if (t->columns == columns)
		gt_table_text(t, gt_class_word(o->class));
	gt_table_text(t, gt_answer_kind(&l->answer, &o->id, s->stack, buf));
	gt_table_text(t, gt_answer_object(&l->answer, o->id));
	gt_table_u64(t, s->hist.count);
	gt_table_u64(t, s->threads);
	gt_table_u64(t, s->total_ns);
	gt_table_u64(t, gt_hist_quantile(&s->hist, 0.5));
	gt_table_u64(t, gt_hist_quantile(&s->hist, 0.99));
	gt_table_u64(t, s->hist.max);
	gt_table_u64(t, s->expired);
	gt_table_text(t, gt_answer_stack(&l->answer, s->stack, frames, buf));
	if (g != NULL)
		gt_table_text(t, gt_locks_giver_name(l, g, buf));
	else
		gt_table_none(t);
}

/* One class, or all of them: returns how many rows were left out. */
static size_t fill(struct gt_table *t, struct gt_locks *l, const uint32_t *sites, int class,
		   size_t max, unsigned frames)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n_sites; i++) {
		const struct gt_lock_site *s = &l->sites[sites[i]];
		if (class >= 0 && l->objects[s->object].class != (enum gt_class) class)
			continue;
		if (n++ < max)
			put_site(t, l, s, frames);
	}
	return n > max ? n - max : 0;
}

static void print_tables(struct gt_locks *l, const uint32_t *sites, const struct settings *o)
{
	static const char *const titles[] = { "contention: somebody else has it",
					      "I/O: descriptors and system calls",
					      "idle: for work, a signal, another thread", "sleep" };
	for (int class = 0; class < GT_N_CLASSES; class ++) {
		struct gt_table t;
		gt_table_init(&t, columns + 1, sizeof(columns) / sizeof(columns[0]) - 1);
		const size_t more = fill(&t, l, sites, class, o->is_all ? SIZE_MAX : ROWS, FRAMES);
		if (gt_table_rows(&t) > 0) {
			printf("%s\n", titles[class]);
			gt_table_print_text(&t, stdout, 2,
					    gt_term_has_color(stdout, o->form.color));
			if (more > 0)
				printf("  and %zu more (--all)\n", more);
			putchar('\n');
		}
		gt_table_free(&t);
	}
}

/* ---- an object in detail */

static void print_doings(struct gt_locks *l, const uint32_t *doings, uint32_t giver)
{
	const struct gt_lock_giver *g = &l->givers[giver];
	char a[GT_QUANTITY_TEXT], kind[GT_LABEL_MAX], stack[GT_LABEL_MAX];
	uint64_t ran;
	gt_locks_top_doing(l, g, &ran);
	printf("      meanwhile it ran %s", gt_duration_print(a, ran));
	if (g->unknown_ns > 0)
		printf(" (and did what is not known for %s)", gt_duration_print(a, g->unknown_ns));
	putchar('\n');
	for (size_t i = 0, n = 0; i < l->n_doings && n < 3; i++) {
		const struct gt_lock_doing *d = &l->doings[doings[i]];
		if (d->giver != giver)
			continue;
		n++;
		printf("      and waited %s: %s, in %s\n", gt_duration_print(a, d->ns),
		       gt_answer_what(&l->answer, d->id, d->stack, kind),
		       gt_answer_stack(&l->answer, d->stack, DEEP, stack));
	}
}

static void print_giver(struct gt_locks *l, const uint32_t *doings, uint32_t giver)
{
	const struct gt_lock_giver *g = &l->givers[giver];
	const bool is_lock = l->objects[g->object].class == GT_CLASS_LOCK;
	char who[GT_LABEL_MAX], stack[GT_LABEL_MAX], a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT];
	printf("    %s by %s: %" PRIu64 " time%s, %s%s in all, longest %s\n",
	       is_lock ? "held" : "woken", gt_locks_giver_name(l, g, who), g->times,
	       g->times == 1 ? "" : "s", g->at_least > 0 ? "at least " : "",
	       gt_duration_print(a, g->ns), gt_duration_print(b, g->max_ns));
	printf("      %s in %s\n", is_lock ? "let go" : "woken",
	       gt_answer_stack(&l->answer, g->stack, DEEP, stack));
	print_doings(l, doings, giver);
}

static void print_detail(struct gt_locks *l, const uint32_t *givers, const uint32_t *doings,
			 uint32_t object, bool is_all)
{
	const struct gt_lock_object *o = &l->objects[object];
	char kind[GT_LABEL_MAX], a[GT_QUANTITY_TEXT];
	size_t n = 0;
	printf("  %s: %" PRIu64 " wait%s by %" PRIu64 " thread%s, %s\n",
	       gt_answer_what(&l->answer, o->id, o->stack, kind), o->waits,
	       o->waits == 1 ? "" : "s", o->threads, o->threads == 1 ? "" : "s",
	       gt_duration_print(a, o->total_ns));
	for (size_t i = 0; i < l->n_givers && (is_all || n < 3); i++) {
		if (l->givers[givers[i]].object != object)
			continue;
		print_giver(l, doings, givers[i]);
		n++;
	}
	if (o->late_ns > o->total_ns / 20)
		printf("    for %s of that they were let go already, and did not run yet\n",
		       gt_duration_print(a, o->late_ns));
	if (o->no_waker > 0)
		printf("    by whom is not known: %" PRIu64 " waits\n", o->no_waker);
}

/* Joins tell nothing more: whoever ended let them go. */
static bool is_told(const struct gt_locks *l, uint32_t object)
{
	const struct gt_lock_object *o = &l->objects[object];
	if (o->waits == 0)
		return false; /* not what was asked for */
	return o->class == GT_CLASS_LOCK ||
	       (o->id.why != GT_WHY_JOIN && gt_locks_top_giver(l, object) != NULL);
}

/* A sentence in lines of its own width, all but the first indented like it. */
static void print_wrapped(const char *head, const char *text)
{
	const int indent = (int)strlen(head);
	int at = printf("%s", head);
	while (*text != '\0') {
		const int len = (int)strcspn(text, " ");
		if (at > indent && at + len >= COLUMNS)
			at = printf("\n%*s", indent, "") - 1;
		at += printf("%.*s ", len, text);
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

static void print_text(struct gt_locks *l, const struct settings *o)
{
	uint32_t *objects = order(l, l->n_objects, by_object_total);
	uint32_t *sites = order(l, l->n_sites, by_site_total);
	uint32_t *givers = order(l, l->n_givers, by_giver_time);
	uint32_t *doings = order(l, l->n_doings, by_doing_time);
	size_t n_advice, n = 0;
	char **advice = gt_locks_advice(l, &n_advice);
	for (size_t i = 0; i < n_advice; i++) {
		char clean[2048];
		gt_utf8_clean(clean, sizeof(clean) - 1, advice[i]);
		strcat(clean, ".");
		print_wrapped(i == 0 ? "do first: " : "then:     ", clean);
		free(advice[i]);
	}
	free(advice);
	putchar('\n');
	print_tables(l, sites, o);
	for (size_t i = 0; i < l->n_objects && (o->is_all || n < DETAILS); i++) {
		if (!is_told(l, objects[i]))
			continue;
		if (n++ == 0)
			puts("who had it, who woke");
		print_detail(l, givers, doings, objects[i], o->is_all);
	}
	puts("\nhow far to believe it");
	gt_doubts_print(&l->answer.doubts, stdout, 2);
	free(objects);
	free(sites);
	free(givers);
	free(doings);
}

/* ---- JSON */

static void json_giver(struct gt_json *j, struct gt_locks *l, uint32_t giver)
{
	const struct gt_lock_giver *g = &l->givers[giver];
	char buf[GT_LABEL_MAX];
	uint64_t ran;
	gt_locks_top_doing(l, g, &ran);
	gt_json_object(j, NULL, false);
	gt_json_text(j, "thread", gt_model_label(l->answer.model, g->thread, buf));
	gt_json_u64(j, "tid", gt_model_thread(l->answer.model, g->thread)->tid);
	gt_json_u64(j, "threads", g->threads);
	gt_answer_json_stack(&l->answer, j, "stack", g->stack);
	gt_json_u64(j, "waits", g->waits);
	gt_json_u64(j, "waited_ns", g->waited_ns);
	gt_json_u64(j, "times", g->times);
	gt_json_u64(j, "total_ns", g->ns);
	gt_json_u64(j, "max_ns", g->max_ns);
	gt_json_u64(j, "begin_not_seen", g->at_least);
	gt_json_u64(j, "ran_ns", ran);
	gt_json_u64(j, "unknown_ns", g->unknown_ns);
	gt_json_array(j, "meanwhile", false);
	for (size_t i = 0; i < l->n_doings; i++) {
		const struct gt_lock_doing *d = &l->doings[i];
		if (d->giver != giver)
			continue;
		gt_json_object(j, NULL, true);
		gt_json_text(j, "class", gt_class_word(d->class));
		gt_json_text(j, "kind", gt_answer_kind(&l->answer, &d->id, d->stack, buf));
		gt_json_text(j, "lock", gt_answer_object(&l->answer, d->id));
		gt_json_u64(j, "ns", d->ns);
		gt_answer_json_stack(&l->answer, j, "stack", d->stack);
		gt_json_end_object(j);
	}
	gt_json_end_array(j);
	gt_json_end_object(j);
}

static void json_site(struct gt_json *j, struct gt_locks *l, const struct gt_lock_site *s)
{
	gt_json_object(j, NULL, true);
	gt_json_u64(j, "waits", s->hist.count);
	gt_json_u64(j, "threads", s->threads);
	gt_json_u64(j, "total_ns", s->total_ns);
	gt_json_u64(j, "p50_ns", gt_hist_quantile(&s->hist, 0.5));
	gt_json_u64(j, "p99_ns", gt_hist_quantile(&s->hist, 0.99));
	gt_json_u64(j, "max_ns", s->hist.max);
	gt_json_u64(j, "expired", s->expired);
	gt_answer_json_stack(&l->answer, j, "stack", s->stack);
	gt_json_end_object(j);
}

static void json_object(struct gt_json *j, struct gt_locks *l, uint32_t object,
			const uint32_t *sites, const uint32_t *givers)
{
	const struct gt_lock_object *o = &l->objects[object];
	char kind[GT_LABEL_MAX];
	gt_json_object(j, NULL, false);
	gt_json_text(j, "class", gt_class_word(o->class));
	gt_json_text(j, "kind", gt_answer_kind(&l->answer, &o->id, o->stack, kind));
	gt_json_text(j, "lock", gt_answer_object(&l->answer, o->id));
	gt_json_u64(j, "address", o->id.address);
	gt_json_u64(j, "waits", o->waits);
	gt_json_u64(j, "threads", o->threads);
	gt_json_u64(j, "total_ns", o->total_ns);
	gt_json_u64(j, "max_ns", o->max_ns);
	gt_json_u64(j, "late_ns", o->late_ns);
	gt_json_u64(j, "expired", o->expired);
	gt_json_u64(j, "cut_by_end", o->open);
	gt_json_u64(j, "holder_unknown", o->no_holder);
	gt_json_u64(j, "waker_unknown", o->no_waker);
	gt_json_array(j, "sites", false);
	for (size_t i = 0; i < l->n_sites; i++)
		if (l->sites[sites[i]].object == object)
			json_site(j, l, &l->sites[sites[i]]);
	gt_json_end_array(j);
	gt_json_array(j, "by", false);
	for (size_t i = 0; i < l->n_givers; i++)
		if (l->givers[givers[i]].object == object)
			json_giver(j, l, givers[i]);
	gt_json_end_array(j);
	gt_json_end_object(j);
}

static void print_json(struct gt_locks *l, const char *path)
{
	uint32_t *objects = order(l, l->n_objects, by_object_total);
	uint32_t *sites = order(l, l->n_sites, by_site_total);
	uint32_t *givers = order(l, l->n_givers, by_giver_time);
	struct gt_json j = { .out = stdout };
	size_t n;
	char **advice = gt_locks_advice(l, &n);
	gt_json_object(&j, NULL, false);
	gt_answer_json_head(&l->answer, &j, "gtrace-locks/1", path);
	gt_doubts_json(&l->answer.doubts, &j);
	gt_json_array(&j, "do_first", false);
	for (size_t i = 0; i < n; i++) {
		gt_json_text(&j, NULL, advice[i]);
		free(advice[i]);
	}
	free(advice);
	gt_json_end_array(&j);
	gt_json_array(&j, "locks", false);
	for (size_t i = 0; i < l->n_objects; i++)
		if (l->objects[objects[i]].waits > 0)
			json_object(&j, l, objects[i], sites, givers);
	gt_json_end_array(&j);
	gt_json_end_object(&j);
	free(objects);
	free(sites);
	free(givers);
}

static void print_csv(struct gt_locks *l)
{
	uint32_t *sites = order(l, l->n_sites, by_site_total);
	struct gt_table t;
	gt_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	fill(&t, l, sites, -1, SIZE_MAX, 128);
	gt_table_print_csv(&t, stdout);
	gt_doubts_print(&l->answer.doubts, stderr, 0);
	gt_table_free(&t);
	free(sites);
}

int gt_cmd_locks(int argc, char **argv)
{
	struct settings o = { .form.color = "auto" };
	const int rc = parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.in.focus, "locks"))
		return GT_EXIT_USAGE;
	struct gt_locks l;
	gt_locks_init(&l);
	const int status = gt_locks_read(&l, "locks", &o.in);
	if (status != GT_EXIT_USAGE) {
		if (o.form.is_json)
			print_json(&l, o.in.path);
		else if (o.form.is_csv)
			print_csv(&l);
		else
			print_text(&l, &o);
	}
	gt_locks_free(&l);
	return status;
}
