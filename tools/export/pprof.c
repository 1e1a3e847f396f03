/*
 * Profiles for `go tool pprof`: gzip of one message (schema/pprof.proto). Samples of one stack,
 * thread and reason are one; labels: thread, tid, reason, state, and where they are known lock and
 * holder.
 *
 *   block    what threads waited for, by the stack of the waiter
 *   mutex    waits for locks ("sync"), by the stack of the one who released
 *   offcpu   waits and system calls, by the stack of the waiter
 *   cpu      CPU samples
 *   heap     objects allocated, and those still there at the end, by their type: Go's allocation
 *            events have no stacks
 */
#include "tools/export/pprof.h"

#include "tools/export/schema/pprof.pb-c.h"
#include "tools/lib/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct gt_pprof_sample *gt_pprof_add(struct gt_pprof *p, const struct gt_pprof_key *key)
{
	bool is_new;
	const size_t i = gt_keymap_put(&p->keys, key, sizeof(*key), &is_new);
	if (is_new) {
		p->samples = gt_mem_grow(p->samples, i, &p->cap_samples, sizeof(*p->samples));
		p->samples[i] = (struct gt_pprof_sample){ { 0 } };
	}
	return &p->samples[i];
}

struct gt_pprof_key gt_pprof_key(uint32_t thread, gt_stack_id stack)
{
	struct gt_pprof_key key;
	memset(&key, 0, sizeof(key)); /* its bytes are the key */
	key.thread = thread;
	key.stack = stack;
	return key;
}

/* ---------------------------------------------------------------- memory for the message */

/* All of a message lives until it is packed: blocks, freed together. */
struct pool {
	void **blocks;
	size_t n, cap;
};

static void *take(struct pool *p, size_t n, size_t size)
{
	p->blocks = gt_mem_grow(p->blocks, p->n, &p->cap, sizeof(*p->blocks));
	void *block = gt_mem_resize(NULL, n > 0 ? n : 1, size);
	p->blocks[p->n++] = block;
	return block;
}

static void drop(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->blocks[i]);
	free(p->blocks);
}

/* An array of n messages, each set up, and pointers to them. */
#define MESSAGES(pool, n, type, init, list)                                                        \
	do {                                                                                       \
		type *at = take(pool, n, sizeof(type));                                            \
		(list) = take(pool, n, sizeof(type *));                                            \
		for (size_t i_ = 0; i_ < (n); i_++) {                                              \
			init(&at[i_]);                                                             \
			(list)[i_] = &at[i_];                                                      \
		}                                                                                  \
	} while (0)

/* ---------------------------------------------------------------- the message */

struct build {
	struct gt_pprof *p;
	struct gt_model *m;
	struct pool pool;
	Pprof__Profile profile;
};

static int64_t text(struct build *b, const char *t)
{
	return gt_model_put_text(b->m, t, strlen(t));
}

static Pprof__ValueType *value_type(struct build *b, const struct gt_pprof_type *t)
{
	Pprof__ValueType *v = take(&b->pool, 1, sizeof(*v));
	pprof__value_type__init(v);
	v->type = text(b, t->type);
	v->unit = text(b, t->unit);
	return v;
}

/* Locations and functions have the numbers of frames, mappings those of modules + 1. */
static void put_locations(struct build *b)
{
	const size_t n = gt_model_n_frames(b->m) - 1;
	Pprof__Profile *f = &b->profile;
	f->n_location = f->n_function = n;
	MESSAGES(&b->pool, n, Pprof__Location, pprof__location__init, f->location);
	MESSAGES(&b->pool, n, Pprof__Function, pprof__function__init, f->function);
	for (size_t i = 0; i < n; i++) {
		const struct gt_model_frame *x = gt_model_frame(b->m, (uint32_t)i + 1);
		const uint32_t module = gt_model_find_module(b->m, x->pc);
		Pprof__Location *l = f->location[i];
		l->id = i + 1;
		l->address = x->pc;
		l->mapping_id = module != UINT32_MAX ? module + 1 : 0;
		l->n_line = 1;
		MESSAGES(&b->pool, 1, Pprof__Line, pprof__line__init, l->line);
		l->line[0]->function_id = i + 1;
		l->line[0]->line = (int64_t)x->line;
		f->function[i]->id = i + 1;
		f->function[i]->name = f->function[i]->system_name = x->func;
		f->function[i]->filename = x->file;
	}
}

static void put_mappings(struct build *b)
{
	const size_t n = gt_model_n_modules(b->m);
	Pprof__Profile *f = &b->profile;
	f->n_mapping = n;
	MESSAGES(&b->pool, n, Pprof__Mapping, pprof__mapping__init, f->mapping);
	for (size_t i = 0; i < n; i++) {
		const struct gt_model_module *d = gt_model_module(b->m, (uint32_t)i);
		Pprof__Mapping *x = f->mapping[i];
		x->id = i + 1;
		x->memory_start = d->start;
		x->memory_limit = d->end;
		x->file_offset = d->offset;
		x->filename = d->path;
		x->build_id = d->build_id;
		x->has_functions = true;
	}
}

#define LABELS_MAX 6

static void put_text_label(struct build *b, Pprof__Sample *s, const char *key, const char *value)
{
	Pprof__Label *l = s->label[s->n_label++];
	l->key = text(b, key);
	l->str = text(b, value);
}

static void put_labels(struct build *b, Pprof__Sample *s, const struct gt_pprof_key *k)
{
	char buf[GT_LABEL_MAX];
	MESSAGES(&b->pool, LABELS_MAX, Pprof__Label, pprof__label__init, s->label);
	if (k->thread != GT_NO_THREAD) {
		put_text_label(b, s, "thread", gt_model_label(b->m, k->thread, buf));
		Pprof__Label *tid = s->label[s->n_label++];
		tid->key = text(b, "tid");
		tid->num = (int64_t)gt_model_thread(b->m, k->thread)->tid;
	}
	if (k->reason != 0)
		put_text_label(b, s, "reason", gt_model_text(b->m, k->reason));
	if (k->state != NULL)
		put_text_label(b, s, "state", k->state);
	if (k->object != 0) {
		snprintf(buf, sizeof(buf), "0x%" PRIx64, k->object);
		put_text_label(b, s, "lock", buf);
	}
	if (k->holder_g != 0)
		put_text_label(b, s, "holder",
			       gt_model_label(b->m, gt_model_find(b->m, k->holder_g), buf));
}

static void put_stack(struct build *b, Pprof__Sample *s, gt_stack_id id)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(b->m, id, &n);
	s->location_id = take(&b->pool, n, sizeof(*s->location_id));
	s->n_location_id = n;
	for (uint32_t i = 0; i < n; i++)
		s->location_id[i] = frames[i];
}

static void put_samples(struct build *b)
{
	struct gt_pprof *p = b->p;
	Pprof__Profile *f = &b->profile;
	f->n_sample = p->keys.n;
	MESSAGES(&b->pool, f->n_sample, Pprof__Sample, pprof__sample__init, f->sample);
	for (size_t i = 0; i < f->n_sample; i++) {
		const struct gt_pprof_key *k = (const void *)p->keys.keys[i].bytes;
		Pprof__Sample *s = f->sample[i];
		put_stack(b, s, k->stack);
		s->n_value = p->n_types;
		s->value = p->samples[i].value;
		put_labels(b, s, k);
	}
}

/* N.B. last: everything before adds texts. */
static void put_texts(struct build *b)
{
	Pprof__Profile *f = &b->profile;
	f->n_string_table = gt_model_n_texts(b->m);
	f->string_table = take(&b->pool, f->n_string_table, sizeof(char *));
	for (size_t i = 0; i < f->n_string_table; i++)
		f->string_table[i] = (char *)gt_model_text(b->m, (gt_text_id)i);
}

static void build(struct build *b)
{
	const struct gt_pprof *p = b->p;
	const struct gt_model_process *process = gt_model_process(b->m);
	Pprof__Profile *f = &b->profile;
	pprof__profile__init(f);
	f->n_sample_type = p->n_types;
	f->sample_type = take(&b->pool, p->n_types, sizeof(Pprof__ValueType *));
	for (size_t i = 0; i < p->n_types; i++)
		f->sample_type[i] = value_type(b, &p->types[i]);
	f->default_sample_type = text(b, p->types[p->n_types - 1].type);
	f->period_type = value_type(b, &p->types[p->n_types - 1]);
	f->period = p->period;
	f->time_nanos = process->wall_ns;
	f->duration_nanos = process->end - process->start;
	put_locations(b);
	put_mappings(b);
	put_samples(b);
	put_texts(b);
}

/* ---------------------------------------------------------------- gzip */

static int write_gzip(FILE *out, uint8_t *bytes, size_t len, struct gt_err *err)
{
	uint8_t buf[65536];
	z_stream z = { .next_in = bytes };
	const int gzip = 16; /* added to the size of the window */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + gzip, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	int rc = Z_OK;
	while (rc != Z_STREAM_END) {
		if (z.avail_in == 0) { /* zlib counts in 32 bits */
			z.avail_in = len < 1U << 30 ? (uInt)len : 1U << 30;
			len -= z.avail_in;
		}
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		rc = deflate(&z, len == 0 ? Z_FINISH : Z_NO_FLUSH);
		fwrite(buf, 1, sizeof(buf) - z.avail_out, out);
	}
	deflateEnd(&z);
	return 0;
}

int gt_pprof_write(struct gt_pprof *p, struct gt_model *m, FILE *out, struct gt_err *err)
{
	struct build b = { .p = p, .m = m };
	build(&b);
	const size_t len = pprof__profile__get_packed_size(&b.profile);
	uint8_t *bytes = take(&b.pool, len, 1);
	pprof__profile__pack(&b.profile, bytes);
	const int rc = write_gzip(out, bytes, len, err);
	drop(&b.pool);
	return rc;
}

void gt_pprof_free(struct gt_pprof *p)
{
	gt_keymap_free(&p->keys);
	free(p->samples);
}
