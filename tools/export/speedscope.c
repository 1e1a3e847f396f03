/*
 * speedscope's own format: one evented profile a thread, in ns since the start of the trace. A wait
 * opens the frames of its stack, and a last one that says what it is.
 *
 * Its importer wants a thread's events in one piece: they are kept in a spool meanwhile.
 */
#include "tools/export/export.h"
#include "tools/lib/json.h"
#include "tools/lib/keymap.h"
#include "tools/lib/spool.h"

#include <inttypes.h>
#include <string.h>

struct event {
	int64_t begin, end;
	gt_stack_id stack;
	uint32_t what; /* index into what[] */
};

struct speedscope {
	struct gt_model *model;
	FILE *out;
	struct gt_spool *spool;
	struct gt_keymap what; /* last frames: "[wait sync]" */
};

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct speedscope *s = arg;
	char buf[GT_LABEL_MAX], leaf[GT_LABEL_MAX + 2];
	const int n = snprintf(leaf, sizeof(leaf), "[%s]", gt_wait_label(s->model, w, buf));
	struct event e;
	memset(&e, 0, sizeof(e));
	e.begin = w->begin;
	e.end = w->end;
	e.stack = w->stack;
	e.what = (uint32_t)gt_keymap_put(&s->what, leaf, (size_t)n, NULL);
	gt_spool_put(s->spool, w->thread, &e, sizeof(e));
}

static void put_event(struct speedscope *s, char type, uint32_t frame, int64_t time,
		      bool *has_items)
{
	fprintf(s->out, "%s{\"type\":\"%c\",\"frame\":%u,\"at\":%" PRId64 "}",
		*has_items ? ",\n" : "\n", type, frame, time - gt_model_process(s->model)->start);
	*has_items = true;
}

/* Frames of the model come first in the table of frames, then those of what[]. */
static void put_wait(struct speedscope *s, const struct event *e, bool *has_items)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(s->model, e->stack, &n);
	const uint32_t leaf = gt_model_n_frames(s->model) + e->what;
	for (uint32_t i = n; i-- > 0;)
		put_event(s, 'O', frames[i], e->begin, has_items);
	put_event(s, 'O', leaf, e->begin, has_items);
	put_event(s, 'C', leaf, e->end, has_items);
	for (uint32_t i = 0; i < n; i++)
		put_event(s, 'C', frames[i], e->end, has_items);
}

static void put_profile(struct speedscope *s, uint32_t thread)
{
	const struct gt_model_process *p = gt_model_process(s->model);
	char buf[GT_LABEL_MAX], name[GT_LABEL_MAX + 24];
	snprintf(name, sizeof(name), "%s %" PRIu64, gt_model_label(s->model, thread, buf),
		 gt_model_thread(s->model, thread)->tid);
	fputs("{\"type\":\"evented\",\"unit\":\"nanoseconds\",\"name\":", s->out);
	gt_json_quote(s->out, name);
	fprintf(s->out, ",\"startValue\":0,\"endValue\":%" PRId64 ",\"events\":[",
		p->end - p->start);
	struct gt_spool_reader r = gt_spool_read(s->spool, thread);
	struct event e;
	bool has_items = false;
	while (gt_spool_get(&r, &e, sizeof(e)))
		put_wait(s, &e, &has_items);
	fputs("]}", s->out);
}

static void put_frames(struct speedscope *s)
{
	const struct gt_model *m = s->model;
	fputs("\"shared\":{\"frames\":[\n", s->out);
	for (uint32_t i = 0; i < gt_model_n_frames(m); i++) {
		const struct gt_model_frame *f = gt_model_frame(m, i);
		fputs(i > 0 ? ",\n{\"name\":" : "{\"name\":", s->out);
		gt_json_quote(s->out, gt_model_text(m, f->func));
		if (f->file != 0) {
			fputs(",\"file\":", s->out);
			gt_json_quote(s->out, gt_model_text(m, f->file));
		}
		if (f->line != 0)
			fprintf(s->out, ",\"line\":%" PRIu64, f->line);
		fputc('}', s->out);
	}
	for (size_t i = 0; i < s->what.n; i++) {
		fputs(",\n{\"name\":", s->out);
		gt_json_quote(s->out, s->what.keys[i].bytes);
		fputc('}', s->out);
	}
	fputs("]}", s->out);
}

static void put_file(struct speedscope *s)
{
	fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
	      "\"exporter\":\"gtrace\",\"name\":",
	      s->out);
	const char *exe = gt_model_text(s->model, gt_model_process(s->model)->exe);
	gt_json_quote(s->out, *exe != '\0' ? exe : "trace");
	fputs(",\"activeProfileIndex\":0,\n\"profiles\":[", s->out);
	bool has_items = false;
	for (uint32_t i = 0; i < gt_model_n_threads(s->model); i++) {
		if (gt_spool_len(s->spool, i) == 0)
			continue;
		fputs(has_items ? ",\n" : "\n", s->out);
		has_items = true;
		put_profile(s, i);
	}
	fputs("],\n", s->out);
	put_frames(s);
	fputs("}\n", s->out);
}

int gt_export_speedscope(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .wait_end = wait_end };
	struct speedscope s = { .out = out, .spool = gt_spool_new() };
	if (s.spool == NULL)
		return gt_spool_complain(NULL, err);
	s.model = gt_model_new(&calls, &s);
	int rc = gt_model_read(s.model, &x->in, out, err);
	put_file(&s);
	if (gt_spool_failed(s.spool) != 0)
		rc = gt_spool_complain(s.spool, err);
	gt_spool_free(s.spool);
	gt_keymap_free(&s.what);
	gt_model_free(s.model);
	return rc;
}
