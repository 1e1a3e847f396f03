#include "tools/analysis/model.h"

#include "encoder/event.h"
#include "encoder/section.h"
#include "encoder/varint.h"
#include "tools/analysis/model_priv.h"
#include "tools/lib/mem.h"
#include "tools/lib/term.h"
#include "tools/lib/utf8.h"
#include "tools/read/file.h"
#include "tools/read/rec.h"
#include "tools/symbol/place.h"
#include "tools/symbol/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_HZ 100 /* of CPU samples where the trace does not say: Go's */

static uint32_t number_of_stack(void *arg, uint64_t id)
{
	return gt_model_put_stack(arg, id);
}

struct gt_model *gt_model_new(const struct gt_model_calls *calls, void *arg)
{
	struct gt_model *m = gt_mem_resize(NULL, 1, sizeof(*m));
	*m = (struct gt_model){
		.calls = calls, .all_calls = calls, .arg = arg, .from = INT64_MIN, .to = INT64_MAX
	};
	m->blame = gt_blame_new(number_of_stack, m);
	m->process.pid = 1;
	m->process.is_go = true;
	m->process.sample_ns = 1000000000 / DEFAULT_HZ;
	/* Number 0 of each table is "none". */
	const struct gt_model_frame none = { 0 };
	gt_keymap_put(&m->texts, "", 0, NULL);
	gt_keymap_put(&m->frames, &none, sizeof(none), NULL);
	gt_keymap_put(&m->stacks, "", 0, NULL);
	return m;
}

void gt_model_free(struct gt_model *m)
{
	gt_keymap_free(&m->texts);
	gt_keymap_free(&m->frames);
	gt_keymap_free(&m->stacks);
	gt_keymap_free(&m->modules);
	gt_keymap_free(&m->spans);
	gt_keymap_free(&m->types);
	gt_idmap_free(&m->threads_by_g);
	gt_blame_free(m->blame);
	free(m->gen_frames.of);
	free(m->gen_stacks.of);
	free(m->threads);
	free(m->open);
	free(m->type_of);
	free(m);
}

/* ---------------------------------------------------------------- tables */

const char *gt_model_text(const struct gt_model *m, gt_text_id id)
{
	return m->texts.keys[id].bytes;
}

uint32_t gt_model_n_texts(const struct gt_model *m)
{
	return (uint32_t)m->texts.n;
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return true;
}

gt_text_id gt_model_put_text(struct gt_model *m, const char *text, size_t len)
{
	char raw[GT_LABEL_MAX], clean[GT_LABEL_MAX];
	if (!is_plain(text, len)) {
		len = len < sizeof(raw) ? len : sizeof(raw) - 1;
		for (size_t i = 0; i < len; i++)
			raw[i] = text[i] != '\0' ? text[i] : '?';
		raw[len] = '\0';
		gt_utf8_clean(clean, sizeof(clean), raw);
		text = clean;
		len = strlen(clean);
	}
	return (gt_text_id)gt_keymap_put(&m->texts, text, len, NULL);
}

gt_text_id gt_model_put_gen_text(struct gt_model *m, uint64_t id)
{
	const struct gt_text t = gt_gen_text(m->gen, id);
	return gt_model_put_text(m, t.p, t.len);
}

const struct gt_model_frame *gt_model_frame(const struct gt_model *m, uint32_t frame)
{
	return (const void *)m->frames.keys[frame].bytes;
}

uint32_t gt_model_n_frames(const struct gt_model *m)
{
	return (uint32_t)m->frames.n;
}

const uint32_t *gt_model_stack(const struct gt_model *m, gt_stack_id id, uint32_t *n)
{
	const struct gt_keymap_key *k = &m->stacks.keys[id];
	*n = (uint32_t)(k->len / sizeof(uint32_t));
	return (const void *)k->bytes;
}

uint32_t gt_model_n_stacks(const struct gt_model *m)
{
	return (uint32_t)m->stacks.n;
}

/* Forgets what was there. */
static void clear(struct gt_model_cache *c, size_t n)
{
	if (n > c->cap) {
		c->of = gt_mem_resize(c->of, n, sizeof(*c->of));
		c->cap = n;
	}
	if (n > 0)
		memset(c->of, 0, n * sizeof(*c->of));
}

static uint32_t put_frame(struct gt_model *m, uint32_t i)
{
	uint32_t *known = &m->gen_frames.of[i];
	if (*known == 0) {
		const struct gt_gen_frame *f = &m->gen->frames[i];
		struct gt_model_frame key;
		memset(&key, 0, sizeof(key)); /* its bytes are the key */
		key.pc = f->pc;
		key.line = f->line;
		key.func = gt_model_put_gen_text(m, f->func);
		key.file = gt_model_put_gen_text(m, f->file);
		*known = (uint32_t)gt_keymap_put(&m->frames, &key, sizeof(key), NULL) + 1;
	}
	return *known - 1;
}

gt_stack_id gt_model_put_stack(struct gt_model *m, uint64_t id)
{
	const struct gt_gen_stack *s = id != 0 ? gt_gen_stack(m->gen, id) : NULL;
	if (s == NULL || s->n == 0)
		return 0;
	uint32_t *known = &m->gen_stacks.of[s - m->gen->stacks];
	if (*known == 0) {
		uint32_t frames[GT_STACK_MAX];
		const uint32_t n = s->n < GT_STACK_MAX ? s->n : GT_STACK_MAX;
		for (uint32_t i = 0; i < n; i++)
			frames[i] = put_frame(m, m->gen->frame_of[s->first + i]);
		*known = (uint32_t)gt_keymap_put(&m->stacks, frames, n * sizeof(*frames), NULL) + 1;
	}
	return *known - 1;
}

gt_stack_id gt_model_put_frame_stack(struct gt_model *m, const char *name)
{
	struct gt_model_frame key;
	memset(&key, 0, sizeof(key));
	key.func = gt_model_put_text(m, name, strlen(name));
	const uint32_t frame = (uint32_t)gt_keymap_put(&m->frames, &key, sizeof(key), NULL);
	return (gt_stack_id)gt_keymap_put(&m->stacks, &frame, sizeof(frame), NULL);
}

/* ---------------------------------------------------------------- threads */

struct gt_model_thread *gt_model_thread(const struct gt_model *m, uint32_t index)
{
	return &m->threads[index];
}

uint32_t gt_model_n_threads(const struct gt_model *m)
{
	return (uint32_t)m->n_threads;
}

uint32_t gt_model_find(const struct gt_model *m, uint64_t g)
{
	return g == 0 || g == GT_NO_ID ? GT_NO_THREAD : gt_idmap_get(&m->threads_by_g, g);
}

struct gt_model_thread *gt_model_put_thread(struct gt_model *m, uint64_t g)
{
	uint32_t i = gt_idmap_get(&m->threads_by_g, g);
	if (i != GT_NO_INDEX)
		return &m->threads[i];
	i = (uint32_t)m->n_threads++;
	m->threads = gt_mem_grow(m->threads, i, &m->cap_threads, sizeof(*m->threads));
	m->threads[i] = (struct gt_model_thread){ .g = g, .tid = g };
	if (!gt_idmap_put(&m->threads_by_g, g, i))
		abort(); /* no memory: as everywhere in the tools */
	return &m->threads[i];
}

const char *gt_model_label(const struct gt_model *m, uint32_t thread, char buf[static GT_LABEL_MAX])
{
	if (thread == GT_NO_THREAD)
		return "?";
	const struct gt_model_thread *t = &m->threads[thread];
	const gt_text_id name = t->name != 0 ? t->name : t->start;
	if (name != 0)
		return gt_model_text(m, name);
	snprintf(buf, GT_LABEL_MAX, "%s %" PRIu64, m->process.is_go ? "goroutine" : "thread",
		 t->tid);
	return buf;
}

const char *gt_wait_label(const struct gt_model *m, const struct gt_wait *w,
			  char buf[static GT_LABEL_MAX])
{
	if (w->kind == GT_WAIT_CALL)
		return "syscall";
	if (w->reason == 0)
		return "wait";
	snprintf(buf, GT_LABEL_MAX, "wait %s", gt_model_text(m, w->reason));
	return buf;
}

const char *gt_span_word(enum gt_span_kind kind)
{
	static const char *const words[] = { "region", "task", "gc", "stw", "sweep", "assist" };
	return words[kind];
}

/* ---------------------------------------------------------------- records */

const struct gt_model_module *gt_model_module(const struct gt_model *m, uint32_t index)
{
	return (const void *)m->modules.keys[index].bytes;
}

uint32_t gt_model_n_modules(const struct gt_model *m)
{
	return (uint32_t)m->modules.n;
}

/* The newest first: an address may have been mapped twice. */
uint32_t gt_model_find_module(const struct gt_model *m, uint64_t pc)
{
	for (uint32_t i = gt_model_n_modules(m); i-- > 0;) {
		const struct gt_model_module *d = gt_model_module(m, i);
		if (pc >= d->start && pc < d->end)
			return i;
	}
	return UINT32_MAX;
}

const struct gt_model_process *gt_model_process(const struct gt_model *m)
{
	return &m->process;
}

static void add_module(struct gt_model *m, const struct gt_rec_value *r)
{
	struct gt_model_module key;
	memset(&key, 0, sizeof(key));
	key.start = r->field[0];
	key.end = r->field[1];
	key.offset = r->field[2];
	key.path = gt_model_put_gen_text(m, r->field[3]);
	key.build_id = gt_model_put_gen_text(m, r->field[4]);
	gt_keymap_put(&m->modules, &key, sizeof(key), NULL);
}

static void add_thread(struct gt_model *m, const struct gt_rec_value *r)
{
	struct gt_model_thread *t = gt_model_put_thread(m, r->field[1]);
	const gt_text_id name = gt_model_put_gen_text(m, r->field[3]);
	const gt_text_id start = gt_model_put_gen_text(m, r->field[4]);
	t->tid = r->field[0];
	if (name != 0)
		t->name = name;
	if (start != 0)
		t->start = start;
}

static void add_config(struct gt_model *m, const struct gt_rec_value *r)
{
	const struct gt_text name = gt_gen_text(m->gen, r->field[0]);
	if (name.len != 13 || memcmp(name.p, "GTRACE_SAMPLE", 13) != 0)
		return;
	const char *value = gt_model_text(m, gt_model_put_gen_text(m, r->field[1]));
	const unsigned long hz = strtoul(value, NULL, 10);
	if (hz > 0 && hz <= 1000000000)
		m->process.sample_ns = 1000000000 / hz;
}

static void add_record(struct gt_model *m, const struct gt_rec_value *r)
{
	m->process.is_go = false;
	switch ((enum gt_rec)r->kind) {
	case GT_REC_PROCESS:
		m->process.pid = r->field[0];
		m->process.exe = gt_model_put_gen_text(m, r->field[2]);
		m->process.cmdline = gt_model_put_gen_text(m, r->field[3]);
		m->process.host = gt_model_put_gen_text(m, r->field[4]);
		break;
	case GT_REC_THREAD:
		add_thread(m, r);
		break;
	case GT_REC_MODULE:
		add_module(m, r);
		break;
	case GT_REC_CONFIG:
		add_config(m, r);
		break;
	default:
		break;
	}
}

/*
 * Go's own table of types: behind a first byte 0 come id, address, size, bytes with pointers, and
 * the name with its length.
 */
static void add_types(struct gt_model *m, const struct gt_gen_batch *b)
{
	const uint8_t *p = b->data, *const end = b->data + b->size;
	if (b->size == 0 || *p++ != 0)
		return;
	while (p < end) {
		uint64_t v[5];
		for (int i = 0; p != NULL && i < 5; i++)
			p = gt_varint_get(p, end, &v[i]);
		if (p == NULL || v[4] > (uint64_t)(end - p))
			return;
		bool is_new;
		const size_t i = gt_keymap_put(&m->types, &v[0], sizeof(v[0]), &is_new);
		if (is_new)
			m->type_of = gt_mem_grow(m->type_of, i, &m->cap_types, sizeof(*m->type_of));
		m->type_of[i] =
			(struct gt_alloc){ .bytes = v[2],
					   .type = gt_model_put_text(m, (const char *)p, v[4]) };
		p += v[4];
	}
}

static void set_start(struct gt_model *m, const struct gt_gen *g)
{
	m->has_start = true;
	m->process.start = gt_gen_ns(g, g->min_time);
	if (m->process.start < m->from)
		m->process.start = m->from;
	m->process.end = m->process.start;
	if (g->has_clock) {
		const uint64_t wall = g->snap_sec * 1000000000 + g->snap_nsec;
		m->process.wall_ns = (int64_t)(wall - (uint64_t)gt_gen_ns(g, g->snap_time) +
					       (uint64_t)m->process.start);
	}
}

void gt_model_enter(struct gt_model *m, const struct gt_gen *g)
{
	m->gen = g;
	clear(&m->gen_frames, g->n_frames);
	clear(&m->gen_stacks, g->n_stacks);
	if (!m->has_start)
		set_start(m, g);
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	int rc;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc > 0)
			add_record(m, &r);
	}
	gt_blame_generation(m->blame, g, NULL); /* damaged records: what could be read */
	for (uint32_t i = 0; i < g->n_opaque; i++)
		add_types(m, &g->opaque[i]);
	if (m->all_calls->generation != NULL)
		m->all_calls->generation(m->arg, g);
}

/* ---------------------------------------------------------------- reading */

/* The part of the time that is asked for, on the trace's clock. */
static void set_part(struct gt_model *m, const struct gt_focus *f, int64_t start)
{
	m->process.trace_start = start;
	if (gt_focus_is_all(f))
		return;
	m->from = start + (int64_t)f->from_ns;
	m->to = f->to_ns != 0 ? start + (int64_t)f->to_ns : INT64_MAX;
	gt_walk_mute(m);
}

static int walk(struct gt_model *m, struct gt_trace *t, const struct gt_input *in, FILE *out,
		struct gt_err *err)
{
	const char *title = in->title;
	struct gt_progress bar = { .title = title != NULL ? title : "reading" };
	const uint64_t size = gt_file_size(gt_trace_file(t));
	struct gt_ordered ev;
	int rc;
	while ((rc = gt_trace_next(t, &ev, err)) > 0) {
		if (!m->has_start)
			set_part(m, &in->focus, gt_trace_start(t));
		if (ev.time > m->to && gt_trace_gen(t)->index > 0)
			break;         /* the rest is not asked for */
		if (ev.time > m->to) { /* but who was there first is told in all of the first one */
			gt_walk_late(m, &ev);
			continue;
		}
		if (ev.id == GT_EV_Sync) {
			gt_model_enter(m, gt_trace_gen(t));
			gt_progress_update(&bar, gt_file_offset(gt_trace_file(t)), size);
		}
		gt_walk_event(m, &ev);
		if (out != NULL && ferror(out)) {
			rc = gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write the output: %s",
					strerror(errno));
			break;
		}
	}
	gt_progress_end(&bar);
	if (rc >= 0 && (rc > 0 || gt_trace_is_cut(t) || m->is_late))
		gt_walk_cut(m);
	if (m->has_start)
		gt_walk_end(m);
	return rc < 0 ? rc : 0;
}

int gt_model_read(struct gt_model *m, const struct gt_input *in, FILE *out, struct gt_err *err)
{
	struct gt_trace *t = gt_trace_open(in->path, err);
	if (t == NULL)
		return -(int)err->code;
	gt_debug_set_dir(in->debug_dir);
	struct gt_resolver *r = gt_resolver_new(in->has_lines);
	gt_trace_set_filter(t, gt_resolve, r);
	struct gt_focus part = in->focus;
	part.reads_before = true; /* else nobody knows what a wait is for that began before */
	gt_trace_set_focus(t, in->path, &part);
	if (!in->has_others)
		m->focus = in->focus;
	const int rc = walk(m, t, in, out, err);
	gt_trace_close(t);
	gt_resolver_free(r);
	return rc;
}
