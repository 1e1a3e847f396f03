/* gtrace info: what is in a trace. */
#include "encoder/event.h"
#include "tools/analysis/summary.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/demangle.h"
#include "tools/lib/quantity.h"
#include "tools/lib/table.h"
#include "tools/lib/term.h"
#include "tools/lib/utf8.h"
#include "tools/read/old.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

struct settings {
	bool is_json, is_verbose;
	const char *color;
	struct gt_focus focus;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 'v', "verbose", GT_OPT_FLAG, &s->is_verbose, NULL, "also every generation" },
		{ 0, "json", GT_OPT_FLAG, &s->is_json, NULL,
		  "as JSON (schema gtrace-info/1), numbers exact" },
		GT_FOCUS_OPTS(s->focus),
		{ 0, "color", GT_OPT_CHOICE, &s->color, "auto|always|never",
		  "colour on a terminal" },
	};
	const struct gt_args args = {
		.verb = "info",
		.operands = "FILE",
		.about = "Process, time, threads, events, losses, modules and settings of a trace. "
			 "BORN and DIED count from\n"
			 "the start of the trace. Status 1: the file is damaged and only its "
			 "beginning was read.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

/* ---- tables: each is filled once and printed as text or as JSON */

/* A time of the trace clock, from the start of the trace. 0 = unknown. */
static void put_time(struct gt_table *t, const struct gt_summary *s, uint64_t ns)
{
	if (ns == 0)
		gt_table_none(t);
	else
		gt_table_u64(t, (int64_t)ns > s->start_ns ? ns - (uint64_t)s->start_ns : 0);
}

static void fill_threads(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "tid", "TID", GT_COL_ID },
		{ "g", "G", GT_COL_ID },
		{ "p", "P", GT_COL_ID },
		{ "name", "NAME", GT_COL_TEXT },
		{ "born_ns", "BORN", GT_COL_NS },
		{ "died_ns", "DIED", GT_COL_NS },
		{ "start", "START ROUTINE", GT_COL_TEXT },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_threads; i++) {
		const struct gt_sum_thread *r = &s->threads[i];
		gt_table_u64(t, r->tid);
		gt_table_u64(t, r->g);
		gt_table_u64(t, r->p);
		gt_table_text(t, r->name);
		put_time(t, s, r->born_ns);
		put_time(t, s, r->died_ns);
		char name[1024];
		const char *plain = r->start != NULL ? gt_demangle(name, sizeof(name), r->start,
								   strlen(r->start))
						     : NULL;
		gt_table_text(t, plain != NULL ? plain : r->start);
	}
}

static void fill_events(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "event", "EVENT", GT_COL_TEXT },
		{ "count", "COUNT", GT_COL_COUNT },
		{ "bytes", "BYTES", GT_COL_BYTES },
		{ "bytes_per_event", "BYTES/EVENT", GT_COL_RATIO },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned id = 0; id < 256; id++) {
		if (s->event_count[id] == 0)
			continue;
		gt_table_text(t, gt_specs[id].name != NULL ? gt_specs[id].name : "?");
		gt_table_u64(t, s->event_count[id]);
		gt_table_u64(t, s->event_bytes[id]);
		gt_table_ratio(t, (double)s->event_bytes[id] / (double)s->event_count[id]);
	}
}

static void fill_sources(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "process", "PROCESS", GT_COL_ID }, { "pid", "PID", GT_COL_ID },
		{ "exe", "PROGRAM", GT_COL_TEXT },   { "host", "HOST", GT_COL_TEXT },
		{ "clock", "CLOCK", GT_COL_TEXT },   { "shift_ns", "MOVED BY", GT_COL_NS },
		{ "error_ns", "OFF BY", GT_COL_NS }, { "file", "FILE", GT_COL_TEXT },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_sources; i++) {
		const struct gt_sum_source *r = &s->sources[i];
		gt_table_u64(t, r->process);
		gt_table_u64(t, r->pid);
		gt_table_text(t, r->exe);
		gt_table_text(t, r->host);
		gt_table_text(t, r->error_ns == 0 ? "the trace's" : "time of day");
		gt_table_u64(t, r->shift_ns);
		if (r->error_ns == 0)
			gt_table_none(t);
		else
			gt_table_u64(t, r->error_ns);
		gt_table_text(t, r->file);
	}
}

static bool is_loss(const char *name)
{
	return strncmp(name, "lost_", 5) == 0 || strncmp(name, "drop_", 5) == 0;
}

/* The unit of a counter of ours is the end of its name. */
static enum gt_column_kind unit_of(const char *name)
{
	const size_t len = strlen(name);
	if (len > 3 && strcmp(name + len - 3, "_ns") == 0)
		return GT_COL_NS;
	return len > 6 && strcmp(name + len - 6, "_bytes") == 0 ? GT_COL_BYTES : GT_COL_COUNT;
}

/* Losses, or the other counters. */
static void fill_metrics(struct gt_table *t, const struct gt_summary *s, bool losses)
{
	static const struct gt_column columns[] = {
		{ "name", "NAME", GT_COL_TEXT },
		{ "value", "VALUE", GT_COL_COUNT },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_metrics; i++) {
		if (is_loss(s->metrics[i].name) != losses || (losses && s->metrics[i].value == 0))
			continue;
		gt_table_text(t, s->metrics[i].name);
		gt_table_u64_as(t, s->metrics[i].value, unit_of(s->metrics[i].name));
	}
}

static void fill_modules(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "start", "START", GT_COL_TEXT },   { "end", "END", GT_COL_TEXT },
		{ "offset", "OFFSET", GT_COL_TEXT }, { "build_id", "BUILD ID", GT_COL_TEXT },
		{ "path", "PATH", GT_COL_TEXT },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_modules; i++) {
		const struct gt_sum_module *m = &s->modules[i];
		const uint64_t numbers[] = { m->start, m->end, m->offset };
		for (int k = 0; k < 3; k++) {
			char hex[24];
			snprintf(hex, sizeof(hex), "0x%" PRIx64, numbers[k]);
			gt_table_text(t, hex);
		}
		gt_table_text(t, m->build_id);
		gt_table_text(t, m->path);
	}
}

static void fill_configs(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "name", "NAME", GT_COL_TEXT },
		{ "value", "VALUE", GT_COL_TEXT },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_configs; i++) {
		gt_table_text(t, s->configs[i].name);
		gt_table_text(t, s->configs[i].value);
	}
}

static void fill_generations(struct gt_table *t, const struct gt_summary *s)
{
	static const struct gt_column columns[] = {
		{ "number", "NUMBER", GT_COL_COUNT },
		{ "offset", "OFFSET", GT_COL_COUNT },
		{ "bytes", "BYTES", GT_COL_BYTES },
		{ "batches", "EVENT BATCHES", GT_COL_COUNT },
		{ "events", "EVENTS", GT_COL_COUNT },
		{ "start_ns", "START", GT_COL_NS },
		{ "duration_ns", "LENGTH", GT_COL_NS },
	};
	gt_table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < s->n_gens; i++) {
		const struct gt_sum_gen *g = &s->gens[i];
		gt_table_u64(t, g->number);
		gt_table_u64(t, g->offset);
		gt_table_u64(t, g->bytes);
		gt_table_u64(t, g->batches);
		gt_table_u64(t, g->events);
		gt_table_u64(t,
			     g->start_ns > s->start_ns ? (uint64_t)(g->start_ns - s->start_ns) : 0);
		gt_table_u64(t, (uint64_t)(g->end_ns - g->start_ns));
	}
}

static void fill_losses(struct gt_table *t, const struct gt_summary *s)
{
	fill_metrics(t, s, true);
}

static void fill_counters(struct gt_table *t, const struct gt_summary *s)
{
	fill_metrics(t, s, false);
}

static const struct {
	const char *key, *title;
	void (*fill)(struct gt_table *t, const struct gt_summary *s);
	bool needs_verbose; /* in text */
} tables[] = {
	{ "sources",
	  "merged from (OFF BY: at best; the error of the hosts' time of day comes on top)",
	  fill_sources, false },
	{ "threads", "threads", fill_threads, false },
	{ "events", "events", fill_events, false },
	{ "losses", "LOST", fill_losses, false },
	{ "counters", "the tracer's own counters", fill_counters, false },
	{ "modules", "modules", fill_modules, false },
	{ "config", "settings", fill_configs, false },
	{ "generations", "generations", fill_generations, true },
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- the head */

/* "2026-01-02 03:04:05.123456789 +0100" */
static void wall_text(char *buf, size_t cap, int64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char day[40], zone[16];
	if (ns < 0 || localtime_r(&seconds, &tm) == NULL) {
		snprintf(buf, cap, "?");
		return;
	}
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(buf, cap, "%s.%09" PRId64 " %s", day, ns % 1000000000, zone);
}

static void print_clean(const char *title, const char *text)
{
	char buf[1200];
	gt_utf8_clean(buf, sizeof(buf), text);
	printf("%-10s %s\n", title, buf);
}

static void print_process(const struct gt_summary *s)
{
	const struct gt_sum_process *p = &s->process;
	char exe[256], host[128];
	if (!s->has_process) {
		puts("process    unknown: not written by libgtrace.so");
		return;
	}
	gt_utf8_clean(exe, sizeof(exe), p->exe);
	gt_utf8_clean(host, sizeof(host), p->host);
	printf("process    %s, pid %" PRIu64 ", parent %" PRIu64 ", on %s with %" PRIu64 " CPU%s\n",
	       exe, p->pid, p->ppid, host, p->cpus, p->cpus == 1 ? "" : "s");
	print_clean("command", p->cmdline);
	print_clean("writer", p->version);
}

static void print_head(const struct gt_summary *s, bool is_growing)
{
	char a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT], wall[80] = "at an unknown time";
	uint64_t least = UINT64_MAX, most = 0;
	for (size_t i = 0; i < s->n_gens; i++) {
		least = s->gens[i].bytes < least ? s->gens[i].bytes : least;
		most = s->gens[i].bytes > most ? s->gens[i].bytes : most;
	}
	print_process(s);
	if (s->has_clock)
		wall_text(wall, sizeof(wall), s->wall_start_ns);
	printf("started    %s, traced for %s\n", wall,
	       gt_duration_print(a, (uint64_t)(s->end_ns - s->start_ns)));
	printf("file       %s, go 1.%d%s\n",
	       gt_size_print(a, s->file_bytes != 0 ? s->file_bytes : s->whole_bytes), s->version,
	       is_growing                   ? ", still being written"
	       : s->err.code != GT_ERR_NONE ? ", DAMAGED"
					    : "");
	if (s->n_gens > 0)
		printf("generations %zu, the smallest %s, the largest %s\n", s->n_gens,
		       gt_size_print(a, least), gt_size_print(b, most));
	printf("tables     %" PRIu64 " strings, %" PRIu64 " stacks, %" PRIu64 " CPU samples\n",
	       s->n_strings, s->n_stacks, s->n_samples);
	printf("events     %" PRIu64 "\n", gt_summary_events(s));
	if (s->old.version != 0)
		printf("format     %s, read as a go 1.%d trace\n",
		       s->old.version < 7 ? "the first of Go's" : "of Go 1.7 to 1.21",
		       GT_OLD_VERSION);
	if (s->old.left_out > 0)
		printf("left out   %" PRIu64 " events, which have no place in that\n",
		       s->old.left_out);
	if (gt_summary_hooks_off(s) != NULL)
		printf("hooks      %s: these functions were not traced\n", gt_summary_hooks_off(s));
}

static void print_text(const struct gt_summary *s, const struct settings *o, bool is_growing)
{
	const bool has_color = gt_term_has_color(stdout, o->color);
	print_head(s, is_growing);
	for (size_t i = 0; i < N_TABLES; i++) {
		struct gt_table t;
		tables[i].fill(&t, s);
		if (gt_table_rows(&t) > 0 && (o->is_verbose || !tables[i].needs_verbose)) {
			printf("\n%s\n", tables[i].title);
			gt_table_print_text(&t, stdout, 2, has_color);
		} else if (tables[i].fill == fill_losses && s->n_metrics > 0) {
			puts("\nnothing lost");
		}
		gt_table_free(&t);
	}
}

static void json_process(struct gt_json *j, const struct gt_summary *s)
{
	const struct gt_sum_process *p = &s->process;
	if (!s->has_process) {
		gt_json_null(j, "process");
		return;
	}
	gt_json_object(j, "process", false);
	gt_json_u64(j, "pid", p->pid);
	gt_json_u64(j, "ppid", p->ppid);
	gt_json_text(j, "exe", p->exe);
	gt_json_text(j, "cmdline", p->cmdline);
	gt_json_text(j, "host", p->host);
	gt_json_text(j, "version", p->version);
	gt_json_u64(j, "cpus", p->cpus);
	gt_json_end_object(j);
}

static void print_json(const struct gt_summary *s, const char *path, bool is_growing)
{
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_json_text(&j, "schema", "gtrace-info/1");
	gt_json_text(&j, "file", path);
	gt_json_u64(&j, "bytes", s->file_bytes != 0 ? s->file_bytes : s->whole_bytes);
	gt_json_u64(&j, "whole_bytes", s->whole_bytes);
	gt_json_u64(&j, "go_version", (uint64_t)s->version);
	if (s->old.version != 0)
		gt_json_u64(&j, "left_out", s->old.left_out);
	gt_json_bool(&j, "complete", s->err.code == GT_ERR_NONE && !is_growing);
	gt_json_bool(&j, "growing", is_growing);
	gt_json_text(&j, "error", s->err.code != GT_ERR_NONE && !is_growing ? s->err.text : NULL);
	json_process(&j, s);
	if (s->has_clock)
		gt_json_u64(&j, "wall_start_ns", (uint64_t)s->wall_start_ns);
	else
		gt_json_null(&j, "wall_start_ns");
	gt_json_u64(&j, "mono_start_ns", (uint64_t)s->start_ns);
	gt_json_u64(&j, "duration_ns", (uint64_t)(s->end_ns - s->start_ns));
	gt_json_text(&j, "hooks_off", gt_summary_hooks_off(s));
	gt_json_u64(&j, "event_count", gt_summary_events(s));
	gt_json_u64(&j, "strings", s->n_strings);
	gt_json_u64(&j, "stacks", s->n_stacks);
	gt_json_u64(&j, "cpu_samples", s->n_samples);
	for (size_t i = 0; i < N_TABLES; i++) {
		struct gt_table t;
		tables[i].fill(&t, s);
		gt_table_print_json(&t, &j, tables[i].key);
		gt_table_free(&t);
	}
	gt_json_end_object(&j);
}

int gt_cmd_info(int argc, char **argv)
{
	struct settings o = { .color = "auto" };
	int first;
	const int rc = parse(&o, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.focus, "info"))
		return GT_EXIT_USAGE;
	struct gt_summary s;
	bool is_growing;
	const int status = gt_summary_open(&s, "info", argv[first], &o.focus, &is_growing);
	if (status != GT_EXIT_USAGE) {
		if (o.is_json)
			print_json(&s, argv[first], is_growing);
		else
			print_text(&s, &o, is_growing);
	}
	gt_summary_free(&s);
	return status;
}
