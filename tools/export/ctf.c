/*
 * CTF 1.8: a folder with the description (metadata), a stream a thread, and one for the program.
 * Opens in babeltrace2 and Trace Compass. All fields lie on bytes, little-endian.
 *
 * N.B. the times of a stream never go back: where a thread's first state is told after something of
 * it, the event is late; `duration` is exact all the same.
 */
#include "tools/export/ctf.h"
#include "tools/lib/mem.h"
#include "tools/lib/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STACK(name) " uint32_t n_" name "; string " name "[n_" name "];"

/* Every event: its fields as the description has them. Who writes it has to agree. */
/* clang-format off */
#define EVENTS(EV) \
	EV(1,  state,         " string from; string to; uint64_t by_g;") \
	EV(2,  wait_begin,    " string reason;" STACK("stack")) \
	EV(3,  wait_end,      " string reason; uint64_t duration; uint8_t is_open; uint64_t waker_g; uint64_t holder_g;" \
	                      " uint64_t object;" STACK("waker_stack") STACK("holder_stack")) \
	EV(4,  syscall_begin, STACK("stack")) \
	EV(5,  syscall_end,   " uint64_t duration; uint8_t is_open;") \
	EV(6,  sample,        " uint64_t cpu_ns;" STACK("stack")) \
	EV(7,  metric,        " string name; uint64_t value;") \
	EV(8,  span_begin,    " string kind; uint64_t span_id; string name;" STACK("stack")) \
	EV(9,  span_end,      " string kind; uint64_t span_id; string name;") \
	EV(10, log,           " string key; string text; uint64_t task;" STACK("stack")) \
	EV(11, object_alloc,  " uint64_t object; uint64_t bytes; string type; uint8_t is_old;") \
	EV(12, object_free,   " uint64_t object;")
/* clang-format on */
#define ID(id, name, fields) EV_##name = (id),
enum event_id { EVENTS(ID) };

struct stream {
	int64_t first, last;
	bool has_events;
};

struct ctf {
	struct gt_model *model;
	const char *dir;
	struct gt_spool *spool;
	struct stream *streams; /* [0] is the program's, then the threads' */
	size_t n_streams, cap_streams;
	uint32_t seq; /* of the event being written */
};

/* ---------------------------------------------------------------- events */

static void put(struct ctf *c, const void *bytes, size_t len)
{
	gt_spool_put(c->spool, c->seq, bytes, len);
}

static void put_u64(struct ctf *c, uint64_t v)
{
	put(c, &v, sizeof(v));
}

static void put_flag(struct ctf *c, bool is)
{
	const uint8_t v = is;
	put(c, &v, 1);
}

static void put_string(struct ctf *c, const char *text)
{
	put(c, text, strlen(text) + 1);
}

static void put_text(struct ctf *c, gt_text_id id)
{
	put_string(c, gt_model_text(c->model, id));
}

static void put_stack(struct ctf *c, gt_stack_id id)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(c->model, id, &n);
	put(c, &n, sizeof(n));
	for (uint32_t i = 0; i < n; i++)
		put_text(c, gt_model_frame(c->model, frames[i])->func);
}

static void begin(struct ctf *c, enum event_id id, uint32_t thread, int64_t time)
{
	c->seq = thread == GT_NO_THREAD ? 0 : thread + 1;
	while (c->n_streams <= c->seq) {
		c->streams =
			gt_mem_grow(c->streams, c->n_streams, &c->cap_streams, sizeof(*c->streams));
		c->streams[c->n_streams++] = (struct stream){ .has_events = false };
	}
	struct stream *s = &c->streams[c->seq];
	if (!s->has_events)
		s->first = s->last = time;
	s->has_events = true;
	if (time > s->last)
		s->last = time;
	const uint16_t event = (uint16_t)id;
	put(c, &event, sizeof(event));
	put_u64(c, (uint64_t)s->last);
}

static void change(void *arg, const struct gt_change *x)
{
	struct ctf *c = arg;
	begin(c, EV_state, x->thread, x->time);
	put_string(c, gt_state_name(x->from));
	put_string(c, gt_state_name(x->to));
	put_u64(c, x->by_g);
}

static void wait_begin(void *arg, const struct gt_wait *w)
{
	struct ctf *c = arg;
	const bool is_wait = w->kind == GT_WAIT_BLOCK;
	begin(c, is_wait ? EV_wait_begin : EV_syscall_begin, w->thread, w->begin);
	if (is_wait)
		put_text(c, w->reason);
	put_stack(c, w->stack);
}

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct ctf *c = arg;
	const bool is_wait = w->kind == GT_WAIT_BLOCK;
	begin(c, is_wait ? EV_wait_end : EV_syscall_end, w->thread, w->end);
	if (is_wait)
		put_text(c, w->reason);
	put_u64(c, (uint64_t)(w->end - w->begin));
	put_flag(c, w->is_open);
	if (!is_wait)
		return;
	put_u64(c, w->waker_g);
	put_u64(c, w->holder_g);
	put_u64(c, w->object);
	put_stack(c, w->waker_stack);
	put_stack(c, w->holder_stack);
}

static void sample(void *arg, const struct gt_sample *s)
{
	struct ctf *c = arg;
	begin(c, EV_sample, s->thread, s->time);
	put_u64(c, gt_model_process(c->model)->sample_ns);
	put_stack(c, s->stack);
}

static void metric(void *arg, const struct gt_metric *v)
{
	struct ctf *c = arg;
	begin(c, EV_metric, GT_NO_THREAD, v->time);
	put_string(c, v->name);
	put_u64(c, v->value);
}

static void span(void *arg, const struct gt_span *s)
{
	struct ctf *c = arg;
	begin(c, s->is_begin ? EV_span_begin : EV_span_end, s->thread, s->time);
	put_string(c, gt_span_word(s->kind));
	put_u64(c, s->id);
	put_text(c, s->name);
	if (s->is_begin)
		put_stack(c, s->stack);
}

static void mark(void *arg, const struct gt_mark *k)
{
	struct ctf *c = arg;
	begin(c, EV_log, k->thread, k->time);
	put_text(c, k->key);
	put_text(c, k->text);
	put_u64(c, k->task);
	put_stack(c, k->stack);
}

static void alloc(void *arg, const struct gt_alloc *a)
{
	struct ctf *c = arg;
	begin(c, a->is_free ? EV_object_free : EV_object_alloc, a->thread, a->time);
	put_u64(c, a->id);
	if (a->is_free)
		return;
	put_u64(c, a->bytes);
	put_text(c, a->type);
	put_flag(c, a->is_old);
}

/* ---------------------------------------------------------------- files */

FILE *gt_ctf_open(const char *dir, const char *name, struct gt_err *err)
{
	char *path = gt_mem_format("%s/%s", dir, name);
	FILE *f = fopen(path, "wbex");
	if (f == NULL)
		gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write %s: %s", path,
			   strerror(errno));
	free(path);
	return f;
}

int gt_ctf_close(FILE *f, struct gt_err *err)
{
	const bool is_bad = ferror(f);
	if (fclose(f) != 0 || is_bad)
		return gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write the output: %s",
				  strerror(errno));
	return 0;
}

static void put_quoted(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text != '\0'; text++)
		fprintf(f, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputc('"', f);
}

void gt_ctf_put_env(FILE *f, const struct gt_model *m, const char *tracer)
{
	const struct gt_model_process *p = gt_model_process(m);
	fprintf(f, "env {\n%s\thostname = ", tracer);
	put_quoted(f, gt_model_text(m, p->host));
	fputs(";\n\tprocname = ", f);
	put_quoted(f, gt_model_text(m, p->exe));
	fprintf(f, ";\n\tvpid = %" PRIu64 ";\n};\n\n", p->pid);
}

void gt_ctf_put_clock(FILE *f, const struct gt_model_process *p)
{
	const int64_t offset = p->wall_ns != 0 ? p->wall_ns - p->start : 0;
	const int64_t s = offset / 1000000000 - (offset % 1000000000 < 0);
	fprintf(f,
		"clock {\n\tname = \"trace\";\n\tdescription = \"CLOCK_MONOTONIC\";\n"
		"\tfreq = 1000000000;\n\toffset_s = %" PRId64 ";\n\toffset = %" PRId64 ";\n};\n\n",
		s, offset - s * 1000000000);
	fputs("typealias integer { size = 64; align = 8; signed = false;"
	      " map = clock.trace.value; } := gt_time;\n\n",
	      f);
}

void gt_ctf_put_head(FILE *f)
{
	fputs("/* CTF 1.8 */\n\n"
	      "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
	      "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
	      "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
	      "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n\n"
	      "trace {\n\tmajor = 1;\n\tminor = 8;\n\tbyte_order = le;\n"
	      "\tpacket.header := struct { uint32_t magic; uint32_t stream_id;"
	      " uint64_t stream_instance_id; };\n};\n\n",
	      f);
}

static int put_metadata(struct ctf *c, struct gt_err *err)
{
	FILE *f = gt_ctf_open(c->dir, "metadata", err);
	if (f == NULL)
		return -GT_ERR_IO;
	gt_ctf_put_head(f);
	gt_ctf_put_env(f, c->model, "\ttracer_name = \"gtrace\";\n\tdomain = \"threads\";\n");
	gt_ctf_put_clock(f, gt_model_process(c->model));
	fputs("stream {\n\tid = 0;\n\tpacket.context := struct { gt_time timestamp_begin;"
	      " gt_time timestamp_end;\n\t\tuint64_t content_size; uint64_t packet_size;"
	      " uint64_t tid; uint64_t g; string thread; };\n"
	      "\tevent.header := struct { uint16_t id; gt_time timestamp; };\n};\n\n",
	      f);
#define DESCRIBE(id, name, fields)                                                                 \
	fputs("event {\n\tid = " #id ";\n\tstream_id = 0;\n\tname = \"" #name                      \
	      "\";\n\tfields := struct {" fields " };\n};\n\n",                                    \
	      f);
	EVENTS(DESCRIBE)
	return gt_ctf_close(f, err);
}

void gt_ctf_copy(struct gt_spool *s, uint32_t seq, FILE *f)
{
	struct gt_spool_reader r = gt_spool_read(s, seq);
	uint8_t buf[4096];
	uint64_t rest = gt_spool_len(s, seq);
	while (rest > 0) {
		const size_t n = rest < sizeof(buf) ? (size_t)rest : sizeof(buf);
		if (!gt_spool_get(&r, buf, n))
			break;
		fwrite(buf, 1, n, f);
		rest -= n;
	}
}

/* One packet holds all of a stream. */
static int put_stream(struct ctf *c, uint32_t seq, struct gt_err *err)
{
	char name[64] = "program", buf[GT_LABEL_MAX];
	const char *label = "";
	uint64_t tid = 0, g = 0;
	if (seq > 0) {
		const struct gt_model_thread *t = gt_model_thread(c->model, seq - 1);
		tid = t->tid;
		g = t->g;
		label = gt_model_label(c->model, seq - 1, buf);
		snprintf(name, sizeof(name), "thread-%u", seq);
	}
	FILE *f = gt_ctf_open(c->dir, name, err);
	if (f == NULL)
		return -GT_ERR_IO;
	const struct stream *s = &c->streams[seq];
	const uint32_t magic[2] = { 0xc1fc1fc1, 0 };
	const uint64_t head = sizeof(magic) + 7 * sizeof(uint64_t) + strlen(label) + 1;
	const uint64_t bits = 8 * (head + gt_spool_len(c->spool, seq));
	const uint64_t context[] = {
		seq, (uint64_t)s->first, (uint64_t)s->last, bits, bits, tid, g
	};
	fwrite(magic, 1, sizeof(magic), f);
	fwrite(context, 1, sizeof(context), f);
	fwrite(label, 1, strlen(label) + 1, f);
	gt_ctf_copy(c->spool, seq, f);
	return gt_ctf_close(f, err);
}

int gt_export_ctf(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = {
		.change = change,
		.wait_begin = wait_begin,
		.wait_end = wait_end,
		.sample = sample,
		.metric = metric,
		.span = span,
		.mark = mark,
		.alloc = alloc,
	};
	struct ctf c = { .dir = x->dir, .spool = gt_spool_new() };
	if (c.spool == NULL)
		return gt_spool_complain(NULL, err);
	c.model = gt_model_new(&calls, &c);
	int rc = gt_model_read(c.model, &x->in, out, err);
	int written = put_metadata(&c, rc < 0 ? NULL : err);
	for (uint32_t i = 0; written == 0 && i < c.n_streams; i++) {
		if (c.streams[i].has_events)
			written = put_stream(&c, i, rc < 0 ? NULL : err);
	}
	if (gt_spool_failed(c.spool) != 0)
		written = gt_spool_complain(c.spool, err);
	gt_spool_free(c.spool);
	free(c.streams);
	gt_model_free(c.model);
	return written < 0 ? written : rc;
}
