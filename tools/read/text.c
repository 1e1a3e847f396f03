#include "tools/read/text.h"

#include "encoder/event.h"
#include "encoder/section.h"
#include "tools/lib/json.h"
#include "tools/lib/utf8.h"
#include "tools/read/grow.h"
#include "tools/read/rec.h"

#include <inttypes.h>
#include <string.h>

#define NAME_MAX_LEN 32

struct thread_name {
	char text[NAME_MAX_LEN];
};

struct gt_dump {
	FILE *out;
	bool is_json;
	bool has_start;
	int64_t start; /* time of the first event */
	struct gt_json json;
	struct gt_idmap tids;
	struct thread_name *names;
	uint32_t n_names, cap_names;
};

/* ---------------------------------------------------------------- texts */

/* A copy with a zero at its end; zeros inside become bytes that are no UTF-8. */
static const char *terminated(char buf[GT_STRING_MAX + 1], const char *text, size_t len)
{
	if (len > GT_STRING_MAX)
		len = GT_STRING_MAX;
	for (size_t i = 0; i < len; i++)
		buf[i] = text[i] ? text[i] : (char)0xff;
	buf[len] = 0;
	return buf;
}

void gt_dump_quoted(FILE *out, const char *text, size_t len)
{
	char buf[GT_STRING_MAX + 1];
	fputc('"', out);
	/* N.B. zeros are bad bytes in the copy and keep their value in `text` */
	const char *const start = terminated(buf, text, len);
	for (const char *p = start; *p;) {
		uint32_t c;
		const char *next = gt_utf8_next(p, &c);
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == GT_UTF8_BAD)
			for (; p < next; p++)
				fprintf(out, "\\x%02x", (unsigned char)text[p - start]);
		else
			fwrite(p, 1, (size_t)(next - p), out);
		p = next;
	}
	fputc('"', out);
}

static void quoted_id(FILE *out, const struct gt_gen *g, uint64_t id)
{
	const struct gt_text t = gt_gen_text(g, id);
	gt_dump_quoted(out, t.p, t.len);
}

static void json_text(struct gt_json *j, const char *key, struct gt_text t)
{
	char buf[GT_STRING_MAX + 1];
	gt_json_text(j, key, terminated(buf, t.p, t.len));
}

/* Ids are signed for viewers: "none" is -1, told as null. */
static void json_id(struct gt_json *j, const char *key, uint64_t id)
{
	if (id == GT_NO_ID)
		gt_json_null(j, key);
	else
		gt_json_u64(j, key, id);
}

/* ---------------------------------------------------------------- names of threads */

static const char *thread_name(const struct gt_dump *d, uint64_t tid)
{
	const uint32_t i = gt_idmap_get(&d->tids, tid);
	return i == GT_NO_INDEX ? "" : d->names[i].text;
}

static bool set_name(struct gt_dump *d, uint64_t tid, struct gt_text name)
{
	uint32_t i = gt_idmap_get(&d->tids, tid);
	if (tid == GT_NO_ID || name.len == 0)
		return true;
	if (i == GT_NO_INDEX) {
		i = d->n_names;
		if (!gt_grow(&d->names, &d->cap_names, (uint64_t)i + 1, sizeof(*d->names)) ||
		    !gt_idmap_put(&d->tids, tid, i))
			return false;
		d->n_names++;
	}
	char buf[GT_STRING_MAX + 1];
	gt_utf8_clean(d->names[i].text, NAME_MAX_LEN, terminated(buf, name.p, name.len));
	/* The name is one word of the line. */
	for (char *p = d->names[i].text; *p; p++)
		*p = *p == ' ' ? '_' : *p;
	return true;
}

/* ---------------------------------------------------------------- text lines */

static void put_id(FILE *out, const char *prefix, uint64_t id)
{
	if (id == GT_NO_ID)
		fputs(" -", out);
	else
		fprintf(out, " %s%" PRId64, prefix, (int64_t)id);
}

/* "1000000 +0.000000000 worker/4002 g1 Name" */
static void line_head(struct gt_dump *d, int64_t time, uint64_t m, uint64_t g, const char *name)
{
	const uint64_t rel = (uint64_t)time - (uint64_t)d->start;
	const bool is_before = (int64_t)rel < 0;
	const uint64_t abs = is_before ? 0 - rel : rel;
	fprintf(d->out, "%" PRId64 " %c%" PRIu64 ".%09" PRIu64, time, is_before ? '-' : '+',
		abs / 1000000000, abs % 1000000000);
	const char *thread = m == GT_NO_ID ? "" : thread_name(d, m);
	if (thread[0])
		fprintf(d->out, " %s/%" PRId64, thread, (int64_t)m);
	else
		put_id(d->out, "", m);
	put_id(d->out, "g", g);
	fprintf(d->out, " %s", name);
}

static void put_frames(FILE *out, const struct gt_gen *g, uint64_t id)
{
	const struct gt_gen_stack *s = gt_gen_stack(g, id);
	fputc('[', out);
	for (uint32_t i = 0; s && i < s->n; i++) {
		const struct gt_gen_frame *f = gt_gen_frame(g, s, i);
		char buf[GT_STRING_MAX + 1], clean[GT_STRING_MAX + 1];
		const struct gt_text func = gt_gen_text(g, f->func), file = gt_gen_text(g, f->file);
		gt_utf8_clean(clean, sizeof(clean), terminated(buf, func.p, func.len));
		fprintf(out, "%s%s", i ? " < " : "", clean);
		gt_utf8_clean(clean, sizeof(clean), terminated(buf, file.p, file.len));
		fprintf(out, " %s:%" PRIu64, clean, f->line);
	}
	fputc(']', out);
}

static const char *status_word(enum gt_arg kind, uint64_t v)
{
	static const char *const g[] = { "none", "Runnable", "Running", "Syscall", "Waiting" };
	static const char *const p[] = { "none", "Running", "Idle", "Syscall", "SyscallAbandoned" };
	if ((uint8_t)v > 4)
		return "?";
	return kind == GT_ARG_gstatus ? g[(uint8_t)v] : p[(uint8_t)v];
}

static void put_arg(FILE *out, const struct gt_gen *g, enum gt_arg kind, const char *name,
		    uint64_t v)
{
	fprintf(out, " %s=", name);
	switch (kind) {
	case GT_ARG_str:
		quoted_id(out, g, v);
		break;
	case GT_ARG_stack:
		fprintf(out, "%" PRIu64, v);
		if (v)
			put_frames(out, g, v);
		break;
	case GT_ARG_gstatus:
	case GT_ARG_pstatus:
		fputs(status_word(kind, v), out);
		break;
	case GT_ARG_g:
	case GT_ARG_m:
	case GT_ARG_p:
		fprintf(out, v == GT_NO_ID ? "-" : "%" PRId64, (int64_t)v);
		break;
	default:
		fprintf(out, "%" PRIu64, v);
	}
}

static void text_event(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev)
{
	line_head(d, ev->time, ev->m, ev->g, gt_event_name(ev->id));
	const struct gt_spec *s = &gt_specs[ev->id];
	if (ev->id == GT_EV_Sync)
		fprintf(d->out,
			" generation=%" PRIu64 " freq=%" PRIu64 " mono=%" PRIu64 " wall=%" PRIu64
			".%09" PRIu64,
			g->number, g->freq_hz, g->snap_mono_ns, g->snap_sec, g->snap_nsec);
	else if (ev->id == GT_EV_CPUSample)
		put_arg(d->out, g, GT_ARG_stack, "stack", ev->args[0]);
	else
		for (unsigned i = 0; i < s->nargs; i++)
			put_arg(d->out, g, s->arg[i], s->arg_name[i], ev->args[i]);
	if (ev->id == GT_EV_UserTaskEnd && ev->name.len) {
		fputs(" name=", d->out);
		gt_dump_quoted(d->out, ev->name.p, ev->name.len);
	}
	if (ev->subject != GT_SUBJECT_NONE)
		fprintf(d->out, " %c%" PRId64 ":%s->%s", ev->subject == GT_SUBJECT_G ? 'g' : 'p',
			(int64_t)ev->who, gt_state_name(ev->from), gt_state_name(ev->to));
	fputs(ev->is_made_up ? " (implied)\n" : "\n", d->out);
}

static void text_record(struct gt_dump *d, const struct gt_gen *g, struct gt_rec_value *r)
{
	const struct gt_rec_spec *s = &gt_rec_specs[r->kind];
	line_head(d, r->time, r->m, GT_NO_ID, s->name);
	for (unsigned i = 0; i < s->nfields; i++)
		put_arg(d->out, g, s->field[i], s->field_name[i], r->field[i]);
	uint64_t bucket, n;
	for (const char *sep = " buckets="; r->kind == GT_REC_CALL && gt_rec_bucket(r, &bucket, &n);
	     sep = ",")
		fprintf(d->out, "%s%" PRIu64 ":%" PRIu64, sep, bucket, n);
	fputc('\n', d->out);
}

/* ---------------------------------------------------------------- JSON lines */

static void json_frames(struct gt_json *j, const char *key, const struct gt_gen *g, uint64_t id)
{
	const struct gt_gen_stack *s = gt_gen_stack(g, id);
	gt_json_array(j, key, true);
	for (uint32_t i = 0; s && i < s->n; i++) {
		const struct gt_gen_frame *f = gt_gen_frame(g, s, i);
		gt_json_object(j, NULL, true);
		json_text(j, "func", gt_gen_text(g, f->func));
		json_text(j, "file", gt_gen_text(g, f->file));
		gt_json_u64(j, "line", f->line);
		gt_json_u64(j, "pc", f->pc);
		gt_json_end_object(j);
	}
	gt_json_end_array(j);
}

static void json_arg(struct gt_json *j, const struct gt_gen *g, enum gt_arg kind, const char *name,
		     uint64_t v)
{
	switch (kind) {
	case GT_ARG_str:
		json_text(j, name, gt_gen_text(g, v));
		break;
	case GT_ARG_stack:
		json_frames(j, name, g, v);
		break;
	case GT_ARG_gstatus:
	case GT_ARG_pstatus:
		gt_json_text(j, name, status_word(kind, v));
		break;
	case GT_ARG_g:
	case GT_ARG_m:
	case GT_ARG_p:
		json_id(j, name, v);
		break;
	default:
		gt_json_u64(j, name, v);
	}
}

static void json_head(struct gt_dump *d, int64_t time, uint64_t m, uint64_t offset,
		      const char *kind, const char *name)
{
	struct gt_json *j = &d->json;
	gt_json_object(j, NULL, true);
	if (time < 0) /* a clock that wrapped: no number that others would understand */
		gt_json_null(j, "time_ns");
	else
		gt_json_u64(j, "time_ns", (uint64_t)time);
	json_id(j, "m", m);
	const char *thread = m == GT_NO_ID ? "" : thread_name(d, m);
	if (thread[0])
		gt_json_text(j, "thread", thread);
	gt_json_u64(j, "offset", offset);
	gt_json_text(j, kind, name);
}

static void json_event(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev)
{
	struct gt_json *j = &d->json;
	json_head(d, ev->time, ev->m, ev->offset, "event", gt_event_name(ev->id));
	json_id(j, "p", ev->p);
	json_id(j, "g", ev->g);
	if (ev->is_made_up)
		gt_json_bool(j, "implied", true);
	if (ev->subject != GT_SUBJECT_NONE) {
		json_id(j, ev->subject == GT_SUBJECT_G ? "subject_g" : "subject_p", ev->who);
		gt_json_text(j, "from", gt_state_name(ev->from));
		gt_json_text(j, "to", gt_state_name(ev->to));
	}
	gt_json_object(j, "args", true);
	const struct gt_spec *s = &gt_specs[ev->id];
	if (ev->id == GT_EV_Sync) {
		gt_json_u64(j, "generation", g->number);
		gt_json_u64(j, "freq", g->freq_hz);
		gt_json_u64(j, "mono_ns", g->snap_mono_ns);
		gt_json_u64(j, "wall_s", g->snap_sec);
		gt_json_u64(j, "wall_ns", g->snap_nsec);
	} else if (ev->id == GT_EV_CPUSample) {
		json_arg(j, g, GT_ARG_stack, "stack", ev->args[0]);
	} else {
		for (unsigned i = 0; i < s->nargs; i++)
			json_arg(j, g, s->arg[i], s->arg_name[i], ev->args[i]);
	}
	if (ev->id == GT_EV_UserTaskEnd)
		json_text(j, "name", ev->name);
	gt_json_end_object(j);
	gt_json_end_object(j);
}

static void json_record(struct gt_dump *d, const struct gt_gen *g, struct gt_rec_value *r)
{
	struct gt_json *j = &d->json;
	const struct gt_rec_spec *s = &gt_rec_specs[r->kind];
	json_head(d, r->time, r->m, r->offset, "record", s->name);
	gt_json_object(j, "args", true);
	for (unsigned i = 0; i < s->nfields; i++)
		json_arg(j, g, s->field[i], s->field_name[i], r->field[i]);
	if (r->kind == GT_REC_CALL) {
		uint64_t bucket, n;
		gt_json_array(j, "buckets", true);
		while (gt_rec_bucket(r, &bucket, &n)) {
			gt_json_array(j, NULL, true);
			gt_json_u64(j, NULL, bucket);
			gt_json_u64(j, NULL, n);
			gt_json_end_array(j);
		}
		gt_json_end_array(j);
	}
	gt_json_end_object(j);
	gt_json_end_object(j);
}

/* ---------------------------------------------------------------- all together */

struct gt_dump *gt_dump_new(FILE *out, bool is_json)
{
	struct gt_dump *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->out = out;
	d->is_json = is_json;
	d->json.out = out;
	if (is_json) {
		gt_json_object(&d->json, NULL, true);
		gt_json_text(&d->json, "schema", "gtrace-dump/1");
		gt_json_end_object(&d->json);
	}
	return d;
}

void gt_dump_free(struct gt_dump *d)
{
	if (!d)
		return;
	gt_idmap_free(&d->tids);
	free(d->names);
	free(d);
}

static void bad_record(struct gt_dump *d, const struct gt_err *err)
{
	if (d->is_json) {
		gt_json_object(&d->json, NULL, true);
		gt_json_text(&d->json, "error", err->text);
		gt_json_u64(&d->json, "offset", err->offset);
		gt_json_end_object(&d->json);
	} else {
		fprintf(d->out, "# 0x%" PRIx64 ": %s\n", err->offset, err->text);
	}
}

/* Names first: they belong to every line of the generation. */
static bool learn_names(struct gt_dump *d, const struct gt_gen *g)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	struct gt_err err;
	for (int rc; (rc = gt_rec_next(&it, &r, &err)) != 0;) {
		if (rc > 0 && r.kind == GT_REC_THREAD &&
		    !set_name(d, r.field[0], gt_gen_text(g, r.field[3])))
			return false;
	}
	return true;
}

static void dump_records(struct gt_dump *d, const struct gt_gen *g)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	struct gt_err err;
	for (int rc; (rc = gt_rec_next(&it, &r, &err)) != 0;) {
		if (rc < 0)
			bad_record(d, &err);
		else if (d->is_json)
			json_record(d, g, &r);
		else
			text_record(d, g, &r);
	}
}

void gt_dump_set_start(struct gt_dump *d, int64_t ns)
{
	d->start = ns;
	d->has_start = true;
}

int gt_dump_learn(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev)
{
	bool ok = true;
	if (ev->id == GT_EV_Sync)
		ok = learn_names(d, g);
	else if (ev->id == GT_EV_GoLabel)
		ok = set_name(d, ev->m, gt_gen_text(g, ev->args[0]));
	return ok ? 0 : -GT_ERR_MEMORY;
}

int gt_dump_event(struct gt_dump *d, const struct gt_gen *g, const struct gt_ordered *ev)
{
	if (!d->has_start)
		gt_dump_set_start(d, ev->time);
	const int rc = gt_dump_learn(d, g, ev);
	if (d->is_json)
		json_event(d, g, ev);
	else
		text_event(d, g, ev);
	if (ev->id == GT_EV_Sync)
		dump_records(d, g);
	return rc;
}
