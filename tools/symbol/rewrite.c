/*
 * Two readers of one file go side by side: one makes the tables of a generation, the other hands
 * out its batches to be copied.
 *
 * Invariants
 *
 * 1. Only batches of stacks are left out; ids of strings and stacks that were there keep their
 * meaning. Otherwise events that are copied as they are would speak of others.
 * 2. New strings have ids above all others of the generation.
 */
#include "tools/symbol/rewrite.h"

#include "encoder/file.h"
#include "encoder/section.h"

#include <errno.h>
#include <string.h>

struct writer {
	FILE *out;
	const struct gt_gen *gen;
	uint64_t time; /* of new batches: that of the first one of stacks, in units */
	uint8_t mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
	struct gt_batch b;
};

static void copy(struct writer *w, const struct gt_wire_batch *b)
{
	uint8_t mem[GT_BATCH_HEADER];
	const uint8_t *start;
	/* Sealed without its data: the header does not look at it. */
	gt_batch_seal(mem, GT_BATCH_HEADER + b->size, b->experiment, b->gen, (gt_m){ b->m },
		      (gt_ns){ b->time }, &start);
	fwrite(start, 1, (size_t)(mem + GT_BATCH_HEADER - start), w->out);
	fwrite(b->data, 1, b->size, w->out);
}

static void begin(struct writer *w, enum gt_event kind)
{
	w->b = gt_batch_init(w->mem, sizeof(w->mem), (gt_ns){ w->time });
	gt_section_begin(&w->b, kind, (gt_ns){ w->time });
}

static void flush(struct writer *w, enum gt_event kind)
{
	const uint8_t *start;
	if (gt_batch_len(&w->b) > 1) {
		const size_t n = gt_batch_seal(w->mem, w->b.len, 0, w->gen->number, (gt_m){ 0 },
					       w->b.start, &start);
		fwrite(start, 1, n, w->out);
	}
	begin(w, kind);
}

static void put_strings(struct writer *w, uint32_t n_before, uint64_t first_id)
{
	begin(w, GT_EV_Strings);
	for (uint32_t i = n_before; i < w->gen->n_strings; i++) {
		const struct gt_text t = w->gen->strings[i];
		const gt_str id = { first_id + (i - n_before) };
		if (!gt_section_string(&w->b, id, t.p, t.len)) {
			flush(w, GT_EV_Strings);
			gt_section_string(&w->b, id, t.p, t.len);
		}
	}
	flush(w, GT_EV_Strings);
}

static void put_stack(struct writer *w, const struct gt_gen_stack *s)
{
	struct gt_frame frames[GT_STACK_MAX];
	for (uint32_t i = 0; i < s->n; i++) {
		const struct gt_gen_frame *f = gt_gen_frame(w->gen, s, i);
		frames[i] = (struct gt_frame){ f->pc, { f->func }, { f->file }, f->line };
	}
	if (!gt_section_stack(&w->b, (gt_stack){ s->id }, frames, s->n)) {
		flush(w, GT_EV_Stacks);
		gt_section_stack(&w->b, (gt_stack){ s->id }, frames, s->n);
	}
}

static void put_stacks(struct writer *w)
{
	begin(w, GT_EV_Stacks);
	for (uint32_t i = 1; i < w->gen->n_stacks; i++)
		put_stack(w, &w->gen->stacks[i]);
	flush(w, GT_EV_Stacks);
}

/* What the generation had before it was resolved. */
struct before {
	uint32_t n_strings;
	uint64_t max_string;
};

/* Copies the batches of one generation, tables in the place of the first batch of stacks. */
static int put_generation(struct writer *w, struct gt_file *f, struct before before,
			  struct gt_err *err)
{
	struct gt_wire_batch b;
	bool has_tables = false;
	int rc;
	while ((rc = gt_file_next(f, &b, err)) > 0 && b.kind != GT_BATCH_END) {
		if (b.kind == GT_BATCH_STACKS && !has_tables) {
			w->time = b.time;
			put_strings(w, before.n_strings, before.max_string + 1);
			put_stacks(w);
			has_tables = true;
		}
		if (b.kind != GT_BATCH_STACKS)
			copy(w, &b);
	}
	if (rc > 0 && gt_file_version(f) >= 26)
		fputc(GT_END_OF_GENERATION, w->out);
	return rc < 0 ? rc : 0;
}

static void put_header(FILE *out, int version)
{
	char header[GT_FILE_HEADER_LEN + 1] = GT_FILE_HEADER;
	header[5] = (char)('0' + version / 10);
	header[6] = (char)('0' + version % 10);
	fwrite(header, 1, GT_FILE_HEADER_LEN, out);
}

static int put_generations(struct writer *w, struct gt_gen *g, struct gt_file *tables,
			   struct gt_file *batches, struct gt_resolver *r, struct gt_err *err)
{
	int rc;
	put_header(w->out, gt_file_version(tables));
	while ((rc = gt_gen_read(g, tables, err)) > 0) {
		const struct before before = { g->n_strings, g->max_string };
		rc = gt_resolve(r, g, err);
		if (rc == 0)
			rc = put_generation(w, batches, before, err);
		if (rc < 0)
			break;
	}
	if (ferror(w->out))
		return gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write: %s",
				  strerror(errno));
	return rc;
}

int gt_symbolize(const char *in, FILE *out, struct gt_resolver *r, struct gt_err *err)
{
	static struct writer w; /* too big for a stack */
	struct gt_file *tables = gt_file_open(in, err);
	struct gt_file *batches = tables != NULL ? gt_file_open(in, err) : NULL;
	struct gt_gen *g = gt_gen_new();
	int rc = tables == NULL || batches == NULL ? -(int)err->code : 0;
	w.out = out;
	w.gen = g;
	if (rc == 0 && g == NULL)
		rc = gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
	if (rc == 0)
		rc = put_generations(&w, g, tables, batches, r, err);
	gt_gen_free(g);
	gt_file_close(batches);
	gt_file_close(tables);
	return rc;
}
