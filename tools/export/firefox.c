/*
 * Firefox Profiler, processed format 60: waits, calls, spans and messages are markers of their
 * thread, with the stack as cause; CPU samples are samples. Times are ms since the start, exact to
 * the nanosecond.
 *
 * The format is columns by thread: rows are kept in spools meanwhile, and read once a column.
 */
#include "tools/export/export.h"
#include "tools/lib/json.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/lib/spool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum row_kind { ROW_WAIT, ROW_CALL, ROW_BEGIN, ROW_END, ROW_LOG };

/* A marker. */
struct row {
	int64_t begin, end;
	uint64_t waker_g, holder_g, object;
	gt_stack_id stack, waker_stack;
	gt_text_id name, text;
	uint32_t kind, is_open;
};

struct sample_row {
	int64_t time;
	gt_stack_id stack;
};

struct firefox {
	struct gt_model *model;
	FILE *out;
	struct gt_spool *rows, *samples;
	uint32_t *node_of;      /* of each stack: its innermost node + 1 in the table of stacks */
	struct gt_keymap nodes; /* (prefix + 1 or 0, frame) -> node */
	struct gt_keymap funcs, sources;
};

/* ---------------------------------------------------------------- events */

static void put_row(struct firefox *f, uint32_t thread, const struct row *r)
{
	gt_spool_put(f->rows, thread == GT_NO_THREAD ? 0 : thread, r, sizeof(*r));
}

static struct row row(enum row_kind kind, int64_t begin, int64_t end, gt_stack_id stack)
{
	struct row r;
	memset(&r, 0, sizeof(r));
	r.kind = kind;
	r.begin = begin;
	r.end = end;
	r.stack = stack;
	return r;
}

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct firefox *f = arg;
	char buf[GT_LABEL_MAX];
	const char *label = gt_wait_label(f->model, w, buf);
	struct row r =
		row(w->kind == GT_WAIT_CALL ? ROW_CALL : ROW_WAIT, w->begin, w->end, w->stack);
	r.name = gt_model_put_text(f->model, label, strlen(label));
	r.text = w->reason;
	r.waker_g = w->waker_g;
	r.waker_stack = w->waker_stack;
	r.holder_g = w->holder_g;
	r.object = w->object;
	r.is_open = w->is_open;
	put_row(f, w->thread, &r);
}

static void span(void *arg, const struct gt_span *s)
{
	struct firefox *f = arg;
	char name[GT_LABEL_MAX];
	struct row r = row(s->is_begin ? ROW_BEGIN : ROW_END, s->time, s->time, s->stack);
	/* The profiler pairs begin and end by name. */
	const int n = snprintf(name, sizeof(name), "%s %s", gt_span_word(s->kind),
			       gt_model_text(f->model, s->name));
	r.name = gt_model_put_text(f->model, name,
				   (size_t)(n < GT_LABEL_MAX ? n : GT_LABEL_MAX - 1));
	put_row(f, s->thread, &r);
}

static void mark(void *arg, const struct gt_mark *k)
{
	struct firefox *f = arg;
	struct row r = row(ROW_LOG, k->time, k->time, k->stack);
	r.name = k->key;
	r.text = k->text;
	put_row(f, k->thread, &r);
}

static void sample(void *arg, const struct gt_sample *s)
{
	struct firefox *f = arg;
	struct sample_row r;
	memset(&r, 0, sizeof(r));
	r.time = s->time;
	r.stack = s->stack;
	gt_spool_put(f->samples, s->thread == GT_NO_THREAD ? 0 : s->thread, &r, sizeof(r));
}

/* ---------------------------------------------------------------- stacks */

/* Nodes of all stacks: parents before children, as the format wants it. */
static void make_nodes(struct firefox *f)
{
	const uint32_t n_stacks = gt_model_n_stacks(f->model);
	f->node_of = gt_mem_resize(NULL, n_stacks, sizeof(*f->node_of));
	for (uint32_t i = 0; i < n_stacks; i++) {
		uint32_t n;
		const uint32_t *frames = gt_model_stack(f->model, i, &n);
		uint32_t at = 0;
		while (n > 0) {
			const uint32_t key[2] = { at, frames[--n] };
			at = (uint32_t)gt_keymap_put(&f->nodes, key, sizeof(key), NULL) + 1;
		}
		f->node_of[i] = at;
	}
}

/* {function, file} of each frame, each pair once. */
static void make_funcs(struct firefox *f)
{
	for (uint32_t i = 0; i < gt_model_n_frames(f->model); i++) {
		const struct gt_model_frame *x = gt_model_frame(f->model, i);
		const gt_text_id key[2] = { x->func, x->file };
		gt_keymap_put(&f->funcs, key, sizeof(key), NULL);
		gt_keymap_put(&f->sources, &x->file, sizeof(x->file), NULL);
	}
}

static const uint32_t *key_of(const struct gt_keymap *m, size_t i)
{
	return (const void *)m->keys[i].bytes;
}

static void put_ms(FILE *out, int64_t ns)
{
	fprintf(out, "%" PRId64 ".%06d", ns / 1000000, (int)(ns % 1000000));
}

/* A column: a comma between values. */
static void open_column(const struct firefox *f, const char *name)
{
	fprintf(f->out, "\"%s\":[", name);
}

static void comma(const struct firefox *f, size_t i)
{
	if (i > 0)
		fputc(',', f->out);
}

/* A column of n equal values. */
static void put_same(const struct firefox *f, const char *name, const char *value, size_t n)
{
	open_column(f, name);
	for (size_t i = 0; i < n; i++) {
		comma(f, i);
		fputs(value, f->out);
	}
	fputs("],", f->out);
}

static void put_stack_table(struct firefox *f)
{
	fputs("\"stackTable\":{", f->out);
	open_column(f, "frame");
	for (size_t i = 0; i < f->nodes.n; i++) {
		comma(f, i);
		fprintf(f->out, "%u", key_of(&f->nodes, i)[1]);
	}
	fputs("],\n", f->out);
	open_column(f, "prefix");
	for (size_t i = 0; i < f->nodes.n; i++) {
		const uint32_t prefix = key_of(&f->nodes, i)[0];
		comma(f, i);
		if (prefix == 0)
			fputs("null", f->out);
		else
			fprintf(f->out, "%u", prefix - 1);
	}
	fprintf(f->out, "],\"length\":%zu},\n", f->nodes.n);
}

static void put_frame_table(struct firefox *f)
{
	const uint32_t n = gt_model_n_frames(f->model);
	fputs("\"frameTable\":{", f->out);
	put_same(f, "address", "-1", n);
	put_same(f, "inlineDepth", "0", n);
	put_same(f, "category", "0", n);
	put_same(f, "subcategory", "0", n);
	put_same(f, "nativeSymbol", "null", n);
	put_same(f, "innerWindowID", "0", n);
	put_same(f, "column", "null", n);
	open_column(f, "line");
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t line = gt_model_frame(f->model, i)->line;
		comma(f, i);
		if (line == 0)
			fputs("null", f->out);
		else
			fprintf(f->out, "%" PRIu64, line);
	}
	fputs("],\n", f->out);
	open_column(f, "func");
	for (uint32_t i = 0; i < n; i++) {
		const struct gt_model_frame *x = gt_model_frame(f->model, i);
		const gt_text_id key[2] = { x->func, x->file };
		comma(f, i);
		fprintf(f->out, "%zu", gt_keymap_put(&f->funcs, key, sizeof(key), NULL));
	}
	fprintf(f->out, "],\"length\":%u},\n", n);
}

static void put_func_table(struct firefox *f)
{
	const size_t n = f->funcs.n;
	fputs("\"funcTable\":{", f->out);
	put_same(f, "isJS", "false", n);
	put_same(f, "relevantForJS", "false", n);
	put_same(f, "resource", "-1", n);
	put_same(f, "lineNumber", "null", n);
	put_same(f, "columnNumber", "null", n);
	open_column(f, "name");
	for (size_t i = 0; i < n; i++) {
		comma(f, i);
		fprintf(f->out, "%u", key_of(&f->funcs, i)[0]);
	}
	fputs("],\n", f->out);
	open_column(f, "source");
	for (size_t i = 0; i < n; i++) {
		const gt_text_id file = key_of(&f->funcs, i)[1];
		comma(f, i);
		fprintf(f->out, "%zu", gt_keymap_put(&f->sources, &file, sizeof(file), NULL));
	}
	fprintf(f->out, "],\"length\":%zu},\n", n);
}

static void put_shared(struct firefox *f)
{
	fputs("\"shared\":{", f->out);
	put_stack_table(f);
	put_frame_table(f);
	put_func_table(f);
	fputs("\"resourceTable\":{\"length\":0,\"lib\":[],\"name\":[],\"host\":[],\"type\":[]},\n"
	      "\"nativeSymbols\":{\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[],"
	      "\"length\":0},\n\"sources\":{",
	      f->out);
	put_same(f, "id", "null", f->sources.n);
	open_column(f, "filename");
	for (size_t i = 0; i < f->sources.n; i++) {
		comma(f, i);
		fprintf(f->out, "%u", *key_of(&f->sources, i));
	}
	fprintf(f->out, "],\"length\":%zu},\n", f->sources.n);
	open_column(f, "stringArray");
	for (uint32_t i = 0; i < gt_model_n_texts(f->model); i++) {
		fputs(i > 0 ? ",\n" : "\n", f->out);
		gt_json_quote(f->out, gt_model_text(f->model, i));
	}
	fputs("]}\n", f->out);
}

/* ---------------------------------------------------------------- threads */

static void put_cause(struct firefox *f, const char *key, gt_stack_id stack)
{
	if (f->node_of[stack] != 0)
		fprintf(f->out, ",\"%s\":{\"stack\":%u}", key, f->node_of[stack] - 1);
}

static void put_thread_name(struct firefox *f, const char *key, uint64_t g)
{
	char buf[GT_LABEL_MAX];
	if (g == 0)
		return;
	fprintf(f->out, ",\"%s\":", key);
	gt_json_quote(f->out, gt_model_label(f->model, gt_model_find(f->model, g), buf));
}

static void put_data(struct firefox *f, const struct row *r)
{
	static const char *const types[] = { "Wait", "Syscall", "Span", "Span", "Log" };
	fprintf(f->out, "{\"type\":\"%s\"", types[r->kind]);
	if (r->kind == ROW_WAIT || r->kind == ROW_LOG) {
		fprintf(f->out, ",\"%s\":", r->kind == ROW_WAIT ? "reason" : "text");
		gt_json_quote(f->out, gt_model_text(f->model, r->text));
	}
	put_thread_name(f, "waker", r->waker_g);
	put_thread_name(f, "holder", r->holder_g);
	if (r->object != 0)
		fprintf(f->out, ",\"object\":\"0x%" PRIx64 "\"", r->object);
	if (r->is_open)
		fputs(",\"open\":\"the trace ended first\"", f->out);
	put_cause(f, "cause", r->stack);
	fputc('}', f->out);
}

static int64_t since_start(const struct firefox *f, int64_t time)
{
	return time - gt_model_process(f->model)->start;
}

enum column { COL_DATA, COL_NAME, COL_START, COL_END, COL_PHASE, COL_CATEGORY, N_COLUMNS };
static const char *const columns[] = {
	"data", "name", "startTime", "endTime", "phase", "category"
};

static void put_cell(struct firefox *f, enum column column, const struct row *r)
{
	/* phases: 0 instant, 1 interval, 2 its begin, 3 its end */
	static const int phases[] = { 1, 1, 2, 3, 0 }, categories[] = { 1, 2, 3, 3, 3 };
	switch (column) {
	case COL_DATA:
		put_data(f, r);
		break;
	case COL_NAME:
		fprintf(f->out, "%u", r->name);
		break;
	case COL_START:
		if (r->kind == ROW_END)
			fputs("null", f->out);
		else
			put_ms(f->out, since_start(f, r->begin));
		break;
	case COL_END:
		if (r->kind == ROW_BEGIN || r->kind == ROW_LOG)
			fputs("null", f->out);
		else
			put_ms(f->out, since_start(f, r->end));
		break;
	case COL_PHASE:
		fprintf(f->out, "%d", phases[r->kind]);
		break;
	case COL_CATEGORY:
		fprintf(f->out, "%d", categories[r->kind]);
		break;
	case N_COLUMNS:
		break;
	}
}

static void put_markers(struct firefox *f, uint32_t thread)
{
	size_t n = 0;
	fputs("\"markers\":{", f->out);
	for (enum column c = 0; c < N_COLUMNS; c++) {
		struct gt_spool_reader reader = gt_spool_read(f->rows, thread);
		struct row r;
		open_column(f, columns[c]);
		for (n = 0; gt_spool_get(&reader, &r, sizeof(r)); n++) {
			comma(f, n);
			put_cell(f, c, &r);
		}
		fputs("],\n", f->out);
	}
	fprintf(f->out, "\"length\":%zu}", n);
}

static void put_samples(struct firefox *f, uint32_t thread)
{
	size_t n = 0;
	struct sample_row r;
	fputs("\"samples\":{\"weight\":null,\"weightType\":\"samples\",", f->out);
	struct gt_spool_reader reader = gt_spool_read(f->samples, thread);
	open_column(f, "time");
	for (; gt_spool_get(&reader, &r, sizeof(r)); n++) {
		comma(f, n);
		put_ms(f->out, since_start(f, r.time));
	}
	fputs("],", f->out);
	reader = gt_spool_read(f->samples, thread);
	open_column(f, "stack");
	for (n = 0; gt_spool_get(&reader, &r, sizeof(r)); n++) {
		comma(f, n);
		if (f->node_of[r.stack] == 0)
			fputs("null", f->out);
		else
			fprintf(f->out, "%u", f->node_of[r.stack] - 1);
	}
	fprintf(f->out, "],\"length\":%zu},\n", n);
}

static void put_thread(struct firefox *f, uint32_t thread)
{
	const struct gt_model_process *p = gt_model_process(f->model);
	const struct gt_model_thread *t = gt_model_thread(f->model, thread);
	char buf[GT_LABEL_MAX];
	fputs("{\"processType\":\"default\",\"processStartupTime\":0,\"processShutdownTime\":null,"
	      "\"pausedRanges\":[],\"showMarkersInTimeline\":true,\"name\":",
	      f->out);
	gt_json_quote(f->out, gt_model_label(f->model, thread, buf));
	fprintf(f->out, ",\"isMainThread\":%s,\"pid\":\"%" PRIu64 "\",\"tid\":%" PRIu64,
		t->tid == p->pid ? "true" : "false", p->pid, t->tid);
	fputs(",\"registerTime\":", f->out);
	put_ms(f->out, t->born != 0 ? since_start(f, t->born) : 0);
	fputs(",\"unregisterTime\":", f->out);
	if (t->died != 0)
		put_ms(f->out, since_start(f, t->died));
	else
		fputs("null", f->out);
	fputs(",\n", f->out);
	put_samples(f, thread);
	put_markers(f, thread);
	fputc('}', f->out);
}

static void put_meta(struct firefox *f)
{
	const struct gt_model_process *p = gt_model_process(f->model);
	const char *exe = gt_model_text(f->model, p->exe);
	fputs("\"meta\":{\"processType\":0,\"stackwalk\":1,\"version\":32,"
	      "\"preprocessedProfileVersion\":60,\"symbolicated\":true,"
	      "\"usesOnlyOneStackType\":true,\"sourceCodeIsNotOnSearchfox\":true,\n"
	      "\"importedFrom\":\"gtrace\",\"product\":",
	      f->out);
	gt_json_quote(f->out, *exe != '\0' ? exe : "gtrace");
	fputs(",\"interval\":", f->out);
	put_ms(f->out, (int64_t)p->sample_ns);
	fputs(",\"startTime\":", f->out);
	put_ms(f->out, p->wall_ns);
	fputs(",\n\"categories\":["
	      "{\"name\":\"Other\",\"color\":\"grey\",\"subcategories\":[\"Other\"]},"
	      "{\"name\":\"Wait\",\"color\":\"red\",\"subcategories\":[\"Other\"]},"
	      "{\"name\":\"System call\",\"color\":\"blue\",\"subcategories\":[\"Other\"]},"
	      "{\"name\":\"User\",\"color\":\"green\",\"subcategories\":[\"Other\"]}],\n"
	      "\"markerSchema\":[\n"
	      "{\"name\":\"Wait\",\"display\":[\"marker-chart\",\"marker-table\","
	      "\"timeline-overview\"],\"fields\":["
	      "{\"key\":\"reason\",\"label\":\"Reason\",\"format\":\"string\"},"
	      "{\"key\":\"waker\",\"label\":\"Woken by\",\"format\":\"string\"},"
	      "{\"key\":\"holder\",\"label\":\"Held by\",\"format\":\"string\"},"
	      "{\"key\":\"object\",\"label\":\"Lock\",\"format\":\"string\"},"
	      "{\"key\":\"open\",\"label\":\"End\",\"format\":\"string\"}]},\n"
	      "{\"name\":\"Syscall\",\"display\":[\"marker-chart\",\"marker-table\"],"
	      "\"fields\":[]},\n"
	      "{\"name\":\"Span\",\"display\":[\"marker-chart\",\"marker-table\"],\"fields\":[]},\n"
	      "{\"name\":\"Log\",\"display\":[\"marker-chart\",\"marker-table\"],\"fields\":["
	      "{\"key\":\"text\",\"label\":\"Text\",\"format\":\"string\"}]}]},\n",
	      f->out);
}

static void put_file(struct firefox *f)
{
	make_nodes(f);
	make_funcs(f);
	fputc('{', f->out);
	put_meta(f);
	fputs("\"libs\":[],\n\"threads\":[", f->out);
	for (uint32_t i = 0; i < gt_model_n_threads(f->model); i++) {
		fputs(i > 0 ? ",\n" : "\n", f->out);
		put_thread(f, i);
	}
	fputs("],\n", f->out);
	put_shared(f);
	fputs("}\n", f->out);
}

int gt_export_firefox(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = {
		.wait_end = wait_end,
		.span = span,
		.mark = mark,
		.sample = sample,
	};
	struct firefox f = { .out = out, .rows = gt_spool_new(), .samples = gt_spool_new() };
	int rc;
	if (f.rows == NULL || f.samples == NULL) {
		rc = gt_spool_complain(NULL, err);
	} else {
		f.model = gt_model_new(&calls, &f);
		rc = gt_model_read(f.model, &x->in, out, err);
		put_file(&f);
		gt_model_free(f.model);
		if (gt_spool_failed(f.rows) != 0 || gt_spool_failed(f.samples) != 0)
			rc = gt_spool_complain(gt_spool_failed(f.rows) != 0 ? f.rows : f.samples,
					       err);
	}
	gt_spool_free(f.rows);
	gt_spool_free(f.samples);
	gt_keymap_free(&f.nodes);
	gt_keymap_free(&f.funcs);
	gt_keymap_free(&f.sources);
	free(f.node_of);
	return rc;
}
