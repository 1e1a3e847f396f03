/*
 * Invariants
 *
 * 1. A batch's time is that of its first event, never before the generation's start. Otherwise the
 * generation begins earlier than the one before it ends.
 * 2. In a generation a PC has one frame: readers keep the first one. A second one (a library that
 * was unmapped) gets a made-up PC.
 */
#include "tools/merge/out.h"

#include "encoder/file.h"

#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES (GT_BATCH_HEADER + 8192)
#define TABLE_BYTES  (GT_BATCH_HEADER + GT_BATCH_MAX_DATA)
#define MADE_UP_PC   (UINT64_C(1) << 62)

static gt_ns ns(int64_t t)
{
	return (gt_ns){ (uint64_t)t };
}

static void put_bytes(struct gt_out *o, const void *bytes, size_t n)
{
	fwrite(bytes, 1, n, o->file);
	o->bytes += n;
	o->gen_bytes += n;
}

static void seal(struct gt_out *o, struct gt_batch *b, uint8_t experiment, uint64_t m)
{
	const uint8_t *start;
	const size_t n =
		gt_batch_seal(b->mem, b->len, experiment, o->number, (gt_m){ m }, b->start, &start);
	put_bytes(o, start, n);
}

/* ---------------------------------------------------------------- what outlives generations */

static uint32_t put_used(struct gt_out_used *u, const void *key, size_t len)
{
	bool is_new;
	const size_t i = gt_keymap_put(&u->keys, key, len, &is_new);
	if (is_new) {
		u->in = gt_mem_grow(u->in, i, &u->cap_in, sizeof(*u->in));
		u->place = gt_mem_grow(u->place, i, &u->cap_place, sizeof(*u->place));
		u->in[i] = 0;
	}
	return (uint32_t)i;
}

/* Its id in this generation, from 1; *is_new: it has to be told. */
static uint64_t use(struct gt_out *o, struct gt_out_used *u, uint32_t i, bool *is_new)
{
	*is_new = u->in[i] != o->number;
	if (*is_new) {
		u->list = gt_mem_grow(u->list, u->n, &u->cap_list, sizeof(*u->list));
		u->list[u->n] = i;
		u->place[i] = (uint32_t)u->n++;
		u->in[i] = o->number;
	}
	return u->place[i] + 1;
}

static void free_used(struct gt_out_used *u)
{
	gt_keymap_free(&u->keys);
	free(u->in);
	free(u->list);
	free(u->place);
}

gt_out_text gt_out_put_text(struct gt_out *o, const char *text, size_t len)
{
	return put_used(&o->texts, text, len);
}

const char *gt_out_get_text(const struct gt_out *o, gt_out_text t)
{
	return o->texts.keys.keys[t].bytes;
}

uint64_t gt_out_text_id(struct gt_out *o, gt_out_text t)
{
	bool is_new;
	return t != 0 ? use(o, &o->texts, t, &is_new) : 0;
}

gt_out_stack gt_out_put_stack(struct gt_out *o, const struct gt_out_frame *frames, uint32_t n)
{
	uint32_t of[GT_STACK_MAX];
	for (uint32_t i = 0; i < n; i++) {
		struct gt_out_frame key;
		memset(&key, 0, sizeof(key)); /* its bytes are the key */
		key.pc = frames[i].pc;
		key.line = frames[i].line;
		key.func = frames[i].func;
		key.file = frames[i].file;
		of[i] = (uint32_t)gt_keymap_put(&o->frames, &key, sizeof(key), NULL);
	}
	return put_used(&o->stacks, of, n * sizeof(*of));
}

static const struct gt_out_frame *frame(const struct gt_out *o, uint32_t i)
{
	return (const void *)o->frames.keys[i].bytes;
}

static const uint32_t *frames_of(const struct gt_out *o, gt_out_stack s, uint32_t *n)
{
	const struct gt_keymap_key *k = &o->stacks.keys.keys[s];
	*n = (uint32_t)(k->len / sizeof(uint32_t));
	return (const void *)k->bytes;
}

gt_out_stack gt_out_start_of(struct gt_out *o, gt_out_stack s)
{
	uint32_t n;
	const uint32_t *of = frames_of(o, s, &n);
	if (n == 0)
		return 0;
	const struct gt_out_frame f = *frame(o, of[n - 1]);
	return gt_out_put_stack(o, &f, 1);
}

const char *gt_out_start_name(const struct gt_out *o, gt_out_stack s)
{
	uint32_t n;
	const uint32_t *of = frames_of(o, s, &n);
	return n > 0 ? gt_out_get_text(o, frame(o, of[n - 1])->func) : "";
}

uint64_t gt_out_stack_id(struct gt_out *o, gt_out_stack s)
{
	bool is_new;
	return s != 0 ? use(o, &o->stacks, s, &is_new) : 0;
}

uint64_t gt_out_object_id(struct gt_out *o, uint64_t address, uint64_t why, gt_out_text name)
{
	const uint64_t key[3] = { address, why, name };
	const uint32_t i = put_used(&o->objects, key, sizeof(key));
	bool is_new;
	const uint64_t id = use(o, &o->objects, i, &is_new);
	if (is_new) {
		const uint64_t field[] = { id, why, address, gt_out_text_id(o, name) };
		gt_out_record(o, GT_REC_OBJECT, o->start, field, NULL, 0);
	}
	return id;
}

/* ---------------------------------------------------------------- events */

uint32_t gt_out_stream(struct gt_out *o, uint64_t m)
{
	o->streams = gt_mem_grow(o->streams, o->n_streams, &o->cap_streams, sizeof(*o->streams));
	o->streams[o->n_streams] = (struct gt_out_stream){ .m = m };
	return (uint32_t)o->n_streams++;
}

int64_t gt_out_time(struct gt_out *o, int64_t time)
{
	if (time == GT_OUT_NEXT) {
		time = o->last + 1;
	} else if (time <= o->last) {
		o->moved++;
		o->moved_ns += (uint64_t)(o->last + 1 - time);
		time = o->last + 1;
	}
	o->last = time;
	return time;
}

static void flush_stream(struct gt_out *o, struct gt_out_stream *s)
{
	if (s->b.len > GT_BATCH_HEADER)
		seal(o, &s->b, 0, s->m);
	s->b.len = GT_BATCH_HEADER;
}

void gt_out_event(struct gt_out *o, uint32_t stream, int64_t time, uint8_t id, const uint64_t *args,
		  unsigned n)
{
	struct gt_out_stream *s = &o->streams[stream];
	time = gt_out_time(o, time);
	if (s->b.mem == NULL)
		s->b.mem = gt_mem_resize(NULL, STREAM_BYTES, 1);
	else if (!gt_batch_has_room(&s->b, GT_EVENT_MAX))
		flush_stream(o, s);
	if (s->b.len <= GT_BATCH_HEADER)
		s->b = gt_batch_init(s->b.mem, STREAM_BYTES, ns(time));
	uint8_t *p = gt_batch_event(&s->b, id, ns(time));
	for (unsigned i = 0; i < n; i++)
		p = gt_varint_put(p, args[i]);
	gt_batch_end(&s->b, p);
	o->events++;
}

void gt_out_sample(struct gt_out *o, int64_t time, uint64_t m, uint64_t p, uint64_t g,
		   gt_out_stack stack)
{
	const uint64_t id = gt_out_stack_id(o, stack);
	time = gt_out_time(o, time);
	for (int i = 0; i < 2; i++) {
		if (gt_section_sample(&o->samples, ns(time), (gt_m){ m }, (gt_p){ p }, (gt_g){ g },
				      (gt_stack){ id }))
			return;
		seal(o, &o->samples, 0, 0);
		gt_section_begin(&o->samples, GT_EV_CPUSamples, ns(o->start));
	}
}

/* ---------------------------------------------------------------- records */

void gt_out_record(struct gt_out *o, uint8_t kind, int64_t time, const uint64_t *field,
		   const uint8_t *tail, size_t tail_len)
{
	uint8_t body[(1 + GT_REC_MAX_FIELDS) * GT_VARINT_MAX];
	uint8_t *p = gt_varint_put(body, time > o->start ? (uint64_t)(time - o->start) : 0);
	for (unsigned i = 0; i < gt_rec_specs[kind].nfields; i++)
		p = gt_varint_put(p, field[i]);
	while (tail_len == 0 && p > body + 1 && p[-1] == 0) /* missing fields are 0 */
		p--;
	if (gt_batch_record(&o->records, kind, body, (size_t)(p - body), tail, tail_len))
		return;
	seal(o, &o->records, GT_EXPERIMENT, 0);
	gt_section_begin_records(&o->records, ns(o->start));
	gt_batch_record(&o->records, kind, body, (size_t)(p - body), tail, tail_len);
}

/* ---------------------------------------------------------------- generations */

static struct gt_batch new_table(void)
{
	return gt_batch_init(gt_mem_resize(NULL, TABLE_BYTES, 1), TABLE_BYTES, ns(0));
}

void gt_out_init(struct gt_out *o, FILE *file)
{
	*o = (struct gt_out){ .file = file };
	put_used(&o->texts, "", 0); /* number 0 of each is "none" */
	put_used(&o->stacks, "", 0);
	o->records = new_table();
	o->samples = new_table();
	o->table_mem = gt_mem_resize(NULL, TABLE_BYTES, 1);
	put_bytes(o, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
}

void gt_out_free(struct gt_out *o)
{
	free_used(&o->texts);
	free_used(&o->stacks);
	free_used(&o->objects);
	gt_keymap_free(&o->frames);
	gt_keymap_free(&o->pcs);
	free(o->frame_of_pc);
	for (size_t i = 0; i < o->n_streams; i++)
		free(o->streams[i].b.mem);
	free(o->streams);
	free(o->records.mem);
	free(o->samples.mem);
	free(o->table_mem);
}

void gt_out_begin(struct gt_out *o, int64_t start, int64_t wall_off)
{
	const int64_t wall = start + wall_off;
	o->number++;
	o->gen_bytes = 0;
	o->start = o->last = start;
	struct gt_batch b = gt_batch_init(o->table_mem, TABLE_BYTES, ns(start));
	gt_section_begin(&b, GT_EV_Sync, ns(start));
	gt_section_sync(&b, 1000000000, ns(start), ns(start), (uint64_t)(wall / 1000000000),
			(uint64_t)(wall % 1000000000));
	seal(o, &b, 0, 0);
	gt_section_begin_records(&o->records, ns(start));
	gt_section_begin(&o->samples, GT_EV_CPUSamples, ns(start));
}

static void put_strings(struct gt_out *o)
{
	struct gt_batch b = gt_batch_init(o->table_mem, TABLE_BYTES, ns(o->start));
	gt_section_begin(&b, GT_EV_Strings, ns(o->start));
	for (size_t i = 0; i < o->texts.n; i++) {
		const struct gt_keymap_key *k = &o->texts.keys.keys[o->texts.list[i]];
		if (gt_section_string(&b, (gt_str){ i + 1 }, k->bytes, k->len))
			continue;
		seal(o, &b, 0, 0);
		gt_section_begin(&b, GT_EV_Strings, ns(o->start));
		gt_section_string(&b, (gt_str){ i + 1 }, k->bytes, k->len);
	}
	seal(o, &b, 0, 0);
}

/* Invariant 2. */
static uint64_t pc_of(struct gt_out *o, uint32_t f)
{
	uint64_t pc = frame(o, f)->pc;
	for (;;) {
		bool is_new;
		const size_t i = gt_keymap_put(&o->pcs, &pc, sizeof(pc), &is_new);
		if (is_new) {
			o->frame_of_pc = gt_mem_grow(o->frame_of_pc, i, &o->cap_pcs,
						     sizeof(*o->frame_of_pc));
			o->frame_of_pc[i] = f;
		}
		if (o->frame_of_pc[i] == f)
			return pc;
		pc = (pc & MADE_UP_PC) != 0 ? pc + 1 : MADE_UP_PC + f;
	}
}

static void put_stacks(struct gt_out *o)
{
	struct gt_batch b = gt_batch_init(o->table_mem, TABLE_BYTES, ns(o->start));
	gt_section_begin(&b, GT_EV_Stacks, ns(o->start));
	for (size_t i = 0; i < o->stacks.n; i++) {
		struct gt_frame frames[GT_STACK_MAX];
		uint32_t n;
		const uint32_t *of = frames_of(o, o->stacks.list[i], &n);
		for (uint32_t k = 0; k < n; k++) {
			const struct gt_out_frame f = *frame(o, of[k]);
			frames[k] = (struct gt_frame){ pc_of(o, of[k]),
						       { gt_out_text_id(o, f.func) },
						       { gt_out_text_id(o, f.file) },
						       f.line };
		}
		if (gt_section_stack(&b, (gt_stack){ i + 1 }, frames, n))
			continue;
		seal(o, &b, 0, 0);
		gt_section_begin(&b, GT_EV_Stacks, ns(o->start));
		gt_section_stack(&b, (gt_stack){ i + 1 }, frames, n);
	}
	seal(o, &b, 0, 0);
}

void gt_out_end(struct gt_out *o)
{
	for (size_t i = 0; i < o->n_streams; i++)
		flush_stream(o, &o->streams[i]);
	seal(o, &o->records, GT_EXPERIMENT, 0);
	if (gt_batch_len(&o->samples) > 1)
		seal(o, &o->samples, 0, 0);
	put_stacks(o); /* before strings: it needs some */
	put_strings(o);
	put_bytes(o, &(uint8_t){ GT_END_OF_GENERATION }, 1);
	o->texts.n = o->stacks.n = o->objects.n = 0;
	gt_keymap_free(&o->pcs);
}
