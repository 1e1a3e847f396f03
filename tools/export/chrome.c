/*
 * Chrome's JSON: an array of events, for chrome://tracing, Perfetto and many others. Times are
 * microseconds since the start of the trace, exact to the nanosecond.
 *
 * Waits are X events, so nothing has to nest; what may overlap waits (regions, tasks, collections)
 * are async events with an id of their own.
 */
#include "tools/export/export.h"
#include "tools/lib/json.h"

#include <inttypes.h>

#define BIG_BYTES (200L << 20) /* more than viewers in a browser like */

struct chrome {
	struct gt_model *model;
	FILE *out;
	bool has_items;
	uint64_t n_flows;
};

/* "us.nnn": every time and duration of the file. */
static void put_us(const struct chrome *c, const char *key, int64_t ns)
{
	fprintf(c->out, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

static void put_text(const struct chrome *c, const char *key, const char *text)
{
	fprintf(c->out, ",\"%s\":", key);
	gt_json_quote(c->out, text);
}

static uint64_t tid_of(const struct chrome *c, uint32_t thread)
{
	return thread == GT_NO_THREAD ? 0 : gt_model_thread(c->model, thread)->tid;
}

/* An event up to its time; more members and end() follow. */
static void begin(struct chrome *c, const char *ph, const char *category, const char *name,
		  uint32_t thread, int64_t time)
{
	const struct gt_model_process *p = gt_model_process(c->model);
	fputs(c->has_items ? ",\n" : "\n", c->out);
	c->has_items = true;
	fprintf(c->out, "{\"ph\":\"%s\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64, ph, p->pid,
		tid_of(c, thread));
	put_us(c, "ts", time - p->start);
	put_text(c, "name", name);
	if (category != NULL)
		fprintf(c->out, ",\"cat\":\"%s\"", category);
}

static void end(struct chrome *c)
{
	fputc('}', c->out);
}

/* ["outer (file:1)", ...] innermost first */
static void put_stack(struct chrome *c, const char *key, gt_stack_id id)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(c->model, id, &n);
	if (n == 0)
		return;
	fprintf(c->out, ",\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		const struct gt_model_frame *f = gt_model_frame(c->model, frames[i]);
		if (i > 0)
			fputc(',', c->out);
		gt_json_quote(c->out, gt_model_text(c->model, f->func));
	}
	fputc(']', c->out);
}

static void put_thread(struct chrome *c, const char *key, uint64_t g)
{
	char buf[GT_LABEL_MAX];
	if (g != 0)
		put_text(c, key, gt_model_label(c->model, gt_model_find(c->model, g), buf));
}

/* An arrow from the waker, when it let the thread go, to the end of the wait. */
static void put_flow(struct chrome *c, const struct gt_wait *w)
{
	const uint32_t waker = gt_model_find(c->model, w->waker_g);
	if (waker == GT_NO_THREAD)
		return;
	const uint64_t id = ++c->n_flows;
	const int64_t start = gt_model_process(c->model)->start;
	int64_t at = w->waker_time > start ? w->waker_time : start;
	if (w->waker_time == 0 || at > w->end)
		at = w->end; /* not told */
	/* An arrow begins inside a slice. */
	begin(c, "X", "wake", "wake", waker, at);
	fputs(",\"dur\":0.000", c->out);
	end(c);
	begin(c, "s", "wake", "wake", waker, at);
	fprintf(c->out, ",\"id\":%" PRIu64, id);
	end(c);
	begin(c, "f", "wake", "wake", w->thread, w->end);
	fprintf(c->out, ",\"bp\":\"e\",\"id\":%" PRIu64, id);
	end(c);
}

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct chrome *c = arg;
	char buf[GT_LABEL_MAX];
	begin(c, "X", w->kind == GT_WAIT_CALL ? "syscall" : "wait", gt_wait_label(c->model, w, buf),
	      w->thread, w->begin);
	put_us(c, "dur", w->end - w->begin);
	fprintf(c->out, ",\"args\":{\"g\":%" PRIu64, gt_model_thread(c->model, w->thread)->g);
	put_stack(c, "stack", w->stack);
	put_thread(c, "waker", w->waker_g);
	put_stack(c, "waker stack", w->waker_stack);
	put_thread(c, "holder", w->holder_g);
	put_stack(c, "holder stack", w->holder_stack);
	if (w->object != 0)
		fprintf(c->out, ",\"object\":\"0x%" PRIx64 "\"", w->object);
	if (w->is_open)
		fputs(",\"open\":true", c->out);
	fputc('}', c->out);
	end(c);
	put_flow(c, w);
}

static void sample(void *arg, const struct gt_sample *s)
{
	struct chrome *c = arg;
	begin(c, "i", "sample", "CPU sample", s->thread, s->time);
	fputs(",\"s\":\"t\",\"args\":{\"ns\":", c->out);
	fprintf(c->out, "%" PRIu64, gt_model_process(c->model)->sample_ns);
	put_stack(c, "stack", s->stack);
	fputc('}', c->out);
	end(c);
}

static void metric(void *arg, const struct gt_metric *v)
{
	struct chrome *c = arg;
	begin(c, "C", NULL, v->name, GT_NO_THREAD, v->time);
	fprintf(c->out, ",\"args\":{\"value\":%" PRIu64 "}", v->value);
	end(c);
}

static void span(void *arg, const struct gt_span *s)
{
	struct chrome *c = arg;
	const char *word = gt_span_word(s->kind);
	begin(c, s->is_begin ? "b" : "e", word,
	      s->name != 0 ? gt_model_text(c->model, s->name) : word, s->thread, s->time);
	fprintf(c->out, ",\"id\":\"%s %" PRIu64 "\"", word, s->id);
	end(c);
}

static void mark(void *arg, const struct gt_mark *k)
{
	struct chrome *c = arg;
	begin(c, "i", "log", gt_model_text(c->model, k->key), k->thread, k->time);
	fputs(",\"s\":\"t\",\"args\":{\"text\":", c->out);
	gt_json_quote(c->out, gt_model_text(c->model, k->text));
	fprintf(c->out, ",\"task\":%" PRIu64 "}", k->task);
	end(c);
}

static void put_meta(struct chrome *c, const char *what, uint32_t thread, const char *name)
{
	begin(c, "M", NULL, what, thread, gt_model_process(c->model)->start);
	fputs(",\"args\":{\"name\":", c->out);
	gt_json_quote(c->out, name);
	fputc('}', c->out);
	end(c);
}

static void put_names(struct chrome *c)
{
	char buf[GT_LABEL_MAX];
	put_meta(c, "process_name", GT_NO_THREAD,
		 gt_model_text(c->model, gt_model_process(c->model)->exe));
	for (uint32_t i = 0; i < gt_model_n_threads(c->model); i++) {
		put_meta(c, "thread_name", i, gt_model_label(c->model, i, buf));
		begin(c, "M", NULL, "thread_sort_index", i, gt_model_process(c->model)->start);
		fprintf(c->out, ",\"args\":{\"sort_index\":%u}", i);
		end(c);
	}
}

int gt_export_chrome(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = {
		.wait_end = wait_end,
		.sample = sample,
		.metric = metric,
		.span = span,
		.mark = mark,
	};
	struct chrome c = { .out = out };
	c.model = gt_model_new(&calls, &c);
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
	const int rc = gt_model_read(c.model, &x->in, out, err);
	put_names(&c);
	fputs("\n]}\n", out);
	if (ftell(out) > BIG_BYTES)
		fputs("gtrace convert: the file is larger than 200 MB: browsers have trouble with "
		      "it; --to perfetto is\nsmaller and faster\n",
		      stderr);
	gt_model_free(c.model);
	return rc;
}
