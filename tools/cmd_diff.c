/* gtrace diff: what two traces waited for, side by side. */
#include "tools/analysis/diff.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/quantity.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 15 /* of a table, without --all */

struct settings {
	struct gt_input in;
	const char *per, *limit, *depth, *color;
	uint64_t least;
	bool is_json, is_csv, is_all;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 0, "limit", GT_OPT_TEXT, &s->limit, "10%|5ms",
		  "status 1 when contention or I/O grew by more anywhere" },
		{ 0, "least", GT_OPT_DURATION, &s->least, "TIME",
		  "for --limit: less growth than that is noise (1ms; 1us with --per call)" },
		{ 0, "per", GT_OPT_CHOICE, &s->per, "run|second|call",
		  "figures of the whole run, of a second of it, of one wait" },
		{ 0, "depth", GT_OPT_TEXT, &s->depth, "N",
		  "frames of a stack that make a place (4); 0 = all" },
		{ 'a', "all", GT_OPT_FLAG, &s->is_all, NULL, "all rows, not only what grew most" },
		GT_FOCUS_OPTS(s->in.focus),
		{ 0, "json", GT_OPT_FLAG, &s->is_json, NULL,
		  "as JSON (schema gtrace-diff/1), numbers exact" },
		{ 0, "csv", GT_OPT_FLAG, &s->is_csv, NULL, "as CSV, numbers exact" },
		{ 0, "color", GT_OPT_CHOICE, &s->color, "auto|always|never",
		  "colour on a terminal" },
	};
	const struct gt_args args = {
		.verb = "diff",
		.operands = "A B",
		.about =
			"What B waited for and A did not: by place (lock and stack, by names), and "
			"by the counters of\n"
			"calls; what grew most first. Runs that did the same work are compared as "
			"they are; servers that\n"
			"were traced for different times: --per second. Status: 0 fine, 1 "
			"something "
			"grew beyond --limit,\n2 a trace cannot be read. --limit looks at "
			"contention and I/O; idle waits and sleep are only shown.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 2,
		.max = 2,
	};
	return gt_args_parse(&args, argc, argv, first);
}

static bool parse_limit(struct gt_diff_limit *l, const char *text)
{
	uint64_t ns;
	char *end;
	if (text == NULL)
		return true;
	l->is_there = true;
	if (gt_duration_parse(text, &ns)) {
		l->ns = (double)ns;
		return true;
	}
	l->share = strtod(text, &end) / 100;
	if (end != text && strcmp(end, "%") == 0 && l->share > 0)
		return true;
	fprintf(stderr, "gtrace diff: --limit %s: expected a share like 10%% or a time like 5ms\n",
		text);
	return false;
}

static bool parse_depth(unsigned *depth, const char *text)
{
	char *end;
	const unsigned long v = strtoul(text, &end, 10);
	*depth = (unsigned)v;
	if (end != text && *end == '\0' && v <= 128)
		return true;
	fprintf(stderr, "gtrace diff: --depth %s: expected a number from 0 to 128\n", text);
	return false;
}

/* ---- tables */

static const struct gt_column place_columns[] = {
	{ "class", "CLASS", GT_COL_TEXT },
	{ "kind", "KIND", GT_COL_TEXT },
	{ "lock", "LOCK", GT_COL_TEXT },
	{ "a_ns", "A", GT_COL_NS },
	{ "b_ns", "B", GT_COL_NS },
	{ "growth_ns", "DIFFERENCE", GT_COL_NS_CHANGE },
	{ "ratio", "RATIO", GT_COL_RATIO },
	{ "a_waits", "WAITS A", GT_COL_COUNT },
	{ "b_waits", "WAITS B", GT_COL_COUNT },
	{ "a_mean_ns", "MEAN A", GT_COL_NS },
	{ "b_mean_ns", "MEAN B", GT_COL_NS },
	{ "over", "OVER", GT_COL_TEXT },
	{ "place", "WAITED IN", GT_COL_TEXT },
};

static const struct gt_column call_columns[] = {
	{ "call", "CALL", GT_COL_TEXT },
	{ "a_ns", "A", GT_COL_NS },
	{ "b_ns", "B", GT_COL_NS },
	{ "growth_ns", "DIFFERENCE", GT_COL_NS_CHANGE },
	{ "ratio", "RATIO", GT_COL_RATIO },
	{ "a_count", "CALLS A", GT_COL_COUNT },
	{ "b_count", "CALLS B", GT_COL_COUNT },
	{ "a_mean_ns", "MEAN A", GT_COL_NS },
	{ "b_mean_ns", "MEAN B", GT_COL_NS },
	{ "over", "OVER", GT_COL_TEXT },
};
#define N(columns) (sizeof(columns) / sizeof(columns[0]))

static void put_mean(struct gt_table *t, const struct gt_diff_row *r, int side)
{
	if (r->n[side] != 0)
		gt_table_u64(t, r->ns[side] / r->n[side]);
	else
		gt_table_none(t);
}

static void put_figures(struct gt_table *t, const struct gt_diff_row *r)
{
	gt_table_u64(t, (uint64_t)r->value[0]);
	gt_table_u64(t, (uint64_t)r->value[1]);
	gt_table_change(t, (int64_t)r->growth);
	if (r->value[0] > 0)
		gt_table_ratio(t, r->value[1] / r->value[0]);
	else
		gt_table_none(t);
	gt_table_u64(t, r->count[0]);
	gt_table_u64(t, r->count[1]);
	put_mean(t, r, 0);
	put_mean(t, r, 1);
	gt_table_text(t, r->is_over ? "over" : "");
}

/* Rows of one kind, at most `max`; returns how many there are. */
static size_t fill(struct gt_table *t, const struct gt_diff *d, bool calls, size_t max)
{
	size_t n = 0;
	gt_table_init(t, calls ? call_columns : place_columns,
		      calls ? N(call_columns) : N(place_columns));
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct gt_diff_row *r = &d->rows[i];
		if (r->is_call != calls || n++ >= max)
			continue;
		if (!calls) {
			gt_table_text(t, gt_class_word(r->class));
			gt_table_text(t, r->kind);
			gt_table_text(t, r->lock);
		} else {
			gt_table_text(t, r->place);
		}
		put_figures(t, r);
		if (!calls)
			gt_table_text(t, r->place);
	}
	return n;
}

static void print_side(const struct gt_diff_side *s, char name)
{
	char time[GT_QUANTITY_TEXT], class[GT_N_CLASSES][GT_QUANTITY_TEXT];
	for (int i = 0; i < GT_N_CLASSES; i++)
		gt_duration_print(class[i], s -> class_ns[i]);
	printf("%c  %s: %s, %" PRIu64 " threads; contention %s, I/O %s, idle %s, sleep %s\n", name,
	       s->path, gt_duration_print(time, s->duration_ns), s->threads, class[GT_CLASS_LOCK],
	       class[GT_CLASS_IO], class[GT_CLASS_IDLE], class[GT_CLASS_SLEEP]);
}

static bool is_much_longer(uint64_t a, uint64_t b)
{
	return (double)a > 1.25 * (double)b || (double)b > 1.25 * (double)a;
}

static void print_table(const struct gt_diff *d, const struct settings *o, bool calls,
			const char *title)
{
	struct gt_table t;
	const size_t n = fill(&t, d, calls, o->is_all ? SIZE_MAX : ROWS);
	printf("\n%s, per %s\n", title, o->per);
	if (n > 0)
		gt_table_print_text(&t, stdout, 2, gt_term_has_color(stdout, o->color));
	else
		puts("  none");
	if (n > gt_table_rows(&t))
		printf("  and %zu more (--all)\n", n - gt_table_rows(&t));
	gt_table_free(&t);
}

static void print_text(const struct gt_diff *d, const struct settings *o)
{
	print_side(&d->side[0], 'A');
	print_side(&d->side[1], 'B');
	if (strcmp(o->per, "run") == 0 &&
	    is_much_longer(d->side[0].duration_ns, d->side[1].duration_ns))
		puts("   one is much longer than the other; if they did not do the same work: "
		     "--per "
		     "second");
	if (o->limit != NULL && d->n_over == 0)
		printf("nothing grew by more than %s\n", o->limit);
	else if (o->limit != NULL)
		printf("%zu row%s grew by more than %s\n", d->n_over, d->n_over == 1 ? "" : "s",
		       o->limit);
	print_table(d, o, false, "waits");
	print_table(d, o, true, "calls, also those too short for an event");
	for (int i = 0; i < 2; i++) {
		printf("\nhow far to believe %c\n", 'A' + i);
		gt_doubts_print(&d->side[i].doubts, stdout, 2);
	}
}

static void json_side(struct gt_json *j, const char *key, const struct gt_diff_side *s)
{
	gt_json_object(j, key, false);
	gt_json_text(j, "file", s->path);
	gt_json_u64(j, "duration_ns", s->duration_ns);
	gt_json_u64(j, "threads", s->threads);
	for (int i = 0; i < GT_N_CLASSES; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s_ns", gt_class_word((enum gt_class)i));
		gt_json_u64(j, name, s->class_ns[i]);
	}
	gt_doubts_json(&s->doubts, j);
	gt_json_end_object(j);
}

static void print_json(const struct gt_diff *d, const struct settings *o)
{
	struct gt_json j = { .out = stdout };
	struct gt_table t;
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-diff/1");
	gt_json_text(&j, "per", o->per);
	gt_json_text(&j, "limit", o->limit);
	gt_json_u64(&j, "over", d->n_over);
	json_side(&j, "a", &d->side[0]);
	json_side(&j, "b", &d->side[1]);
	for (int calls = 0; calls < 2; calls++) {
		fill(&t, d, calls, SIZE_MAX);
		gt_table_print_json(&t, &j, calls ? "calls" : "waits");
		gt_table_free(&t);
	}
	gt_json_end_object(&j);
}

/* One table: a call has no lock and no place of its own. */
static void print_csv(const struct gt_diff *d)
{
	struct gt_table t;
	gt_table_init(&t, place_columns, N(place_columns));
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct gt_diff_row *r = &d->rows[i];
		gt_table_text(&t, r->is_call ? "call" : gt_class_word(r->class));
		gt_table_text(&t, r->kind);
		gt_table_text(&t, r->lock);
		put_figures(&t, r);
		gt_table_text(&t, r->place);
	}
	gt_table_print_csv(&t, stdout);
	gt_table_free(&t);
}

static enum gt_diff_per per_of(const char *word)
{
	return strcmp(word, "second") == 0 ? GT_PER_SECOND
	       : strcmp(word, "call") == 0 ? GT_PER_CALL
					   : GT_PER_RUN;
}

int gt_cmd_diff(int argc, char **argv)
{
	struct settings o = { .color = "auto", .per = "run", .depth = "4" };
	int first;
	const int rc = parse(&o, argc, argv, &first);
	if (rc >= 0)
		return rc;
	struct gt_diff_limit limit = { .least = 1000000 };
	unsigned depth;
	if (!parse_limit(&limit, o.limit) || !parse_depth(&depth, o.depth) ||
	    !gt_focus_check(&o.in.focus, "diff"))
		return GT_EXIT_USAGE;
	if (strcmp(o.per, "call") == 0)
		limit.least = 1000;
	if (o.least != 0)
		limit.least = o.least;
	struct gt_diff d;
	gt_diff_init(&d, depth);
	bool ok = true;
	for (unsigned i = 0; ok && i < 2; i++) {
		o.in.path = argv[first + (int)i];
		ok = gt_diff_read(&d, i, &o.in);
	}
	if (ok) {
		gt_diff_finish(&d, per_of(o.per), &limit);
		if (o.is_json)
			print_json(&d, &o);
		else if (o.is_csv)
			print_csv(&d);
		else
			print_text(&d, &o);
	}
	const bool is_over = d.n_over > 0;
	gt_diff_free(&d);
	return !ok ? GT_EXIT_USAGE : is_over ? GT_EXIT_FINDINGS : GT_EXIT_OK;
}
