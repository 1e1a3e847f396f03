/*
 * Strings and stacks of an old trace as the new format wants them: one frame for each PC, texts of
 * at most 1 KiB, stacks of at most 128 frames (the innermost are kept). Go 1.5 has bare PCs: they
 * are their own names.
 */
#include "encoder/section.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/read/old_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MADE_UP_PC (1ULL << 62) /* of frames whose PC is another one's, too: inlined functions */

/* A frame without its PC's uniqueness. */
struct frame_key {
	uint64_t pc, func, file, line;
};

struct gt_old_tables {
	const struct gt_old *o;
	uint64_t *string_of, *stack_of; /* by index in the old trace: id, or 0 = not yet */
	struct gt_keymap texts;         /* index + 1 = id */
	struct gt_keymap frames;        /* struct frame_key */
	struct gt_keymap stacks;        /* indices of frames (uint64_t); index + 1 = id */
	struct gt_idmap pcs;            /* those in use */
	uint64_t *frame_pcs;            /* by index of frames */
	size_t cap_frame_pcs;
};

struct gt_old_tables *gt_old_tables_new(const struct gt_old *o)
{
	struct gt_old_tables *t = gt_mem_resize(NULL, 1, sizeof(*t));
	*t = (struct gt_old_tables){ .o = o };
	t->string_of = gt_mem_resize(NULL, o->n_strings + 1, sizeof(*t->string_of));
	t->stack_of = gt_mem_resize(NULL, o->n_stacks + 1, sizeof(*t->stack_of));
	memset(t->string_of, 0, o->n_strings * sizeof(*t->string_of));
	memset(t->stack_of, 0, o->n_stacks * sizeof(*t->stack_of));
	return t;
}

void gt_old_tables_free(struct gt_old_tables *t)
{
	free(t->string_of);
	free(t->stack_of);
	free(t->frame_pcs);
	gt_keymap_free(&t->texts);
	gt_keymap_free(&t->frames);
	gt_keymap_free(&t->stacks);
	gt_idmap_free(&t->pcs);
	free(t);
}

/* ---------------------------------------------------------------- strings */

uint64_t gt_old_put_text(struct gt_old_tables *t, const char *text, size_t len)
{
	return len == 0 ? 0 : 1 + gt_keymap_put(&t->texts, text, len, NULL);
}

uint64_t gt_old_put_string(struct gt_old_tables *t, uint64_t id)
{
	const uint32_t i = gt_idmap_get(&t->o->string_ids, id);
	if (i == GT_NO_INDEX)
		return 0;
	const struct gt_old_bytes *s = &t->o->strings[i];
	if (t->string_of[i] == 0)
		t->string_of[i] = gt_old_put_text(t, (const char *)t->o->bytes + s->offset, s->n);
	return t->string_of[i];
}

uint64_t gt_old_put_inline(struct gt_old_tables *t, uint64_t offset)
{
	uint64_t len;
	if (!gt_old_number(t->o, &offset, &len))
		return 0;
	return gt_old_put_text(t, (const char *)t->o->bytes + offset, len);
}

/* ---------------------------------------------------------------- stacks */

/* Index of the frame; its PC is made up when that of the trace is 0 or another frame's. */
static uint64_t put_frame(struct gt_old_tables *t, const struct frame_key *f)
{
	bool is_new;
	const size_t i = gt_keymap_put(&t->frames, f, sizeof(*f), &is_new);
	if (!is_new)
		return i;
	uint64_t pc = f->pc;
	for (uint64_t k = i; pc == 0 || gt_idmap_get(&t->pcs, pc) != GT_NO_INDEX; k++)
		pc = MADE_UP_PC + k;
	gt_idmap_put(&t->pcs, pc, (uint32_t)i);
	t->frame_pcs = gt_mem_grow(t->frame_pcs, i, &t->cap_frame_pcs, sizeof(*t->frame_pcs));
	t->frame_pcs[i] = pc;
	return i;
}

/* N.B. Go's validator wants names: a frame without them has its PC for one. */
static uint64_t put_named_frame(struct gt_old_tables *t, uint64_t pc, uint64_t func, uint64_t file,
				uint64_t line)
{
	static const char no_file[] = "[unknown]";
	char name[24];
	const int n = snprintf(name, sizeof(name), "0x%" PRIx64, pc);
	const struct frame_key f = { pc, func != 0 ? func : gt_old_put_text(t, name, (size_t)n),
				     file != 0 ? file
					       : gt_old_put_text(t, no_file, sizeof(no_file) - 1),
				     line != 0 ? line : 1 };
	return put_frame(t, &f);
}

static uint64_t read_frame(struct gt_old_tables *t, uint64_t *offset)
{
	uint64_t v[4] = { 0 };
	const int n = t->o->version < 7 ? 1 : 4;
	for (int i = 0; i < n; i++)
		gt_old_number(t->o, offset, &v[i]); /* was read before */
	return put_named_frame(t, v[0], gt_old_put_string(t, v[1]), gt_old_put_string(t, v[2]),
			       v[3]);
}

uint64_t gt_old_put_stack(struct gt_old_tables *t, uint64_t id)
{
	const uint32_t i = id == 0 ? GT_NO_INDEX : gt_idmap_get(&t->o->stack_ids, id);
	if (i == GT_NO_INDEX)
		return 0;
	if (t->stack_of[i] != 0)
		return t->stack_of[i];
	uint64_t frames[GT_STACK_MAX], offset = t->o->stacks[i].offset;
	const uint64_t all = t->o->stacks[i].n, n = all < GT_STACK_MAX ? all : GT_STACK_MAX;
	for (uint64_t k = 0; k < n; k++)
		frames[k] = read_frame(t, &offset);
	t->stack_of[i] = 1 + gt_keymap_put(&t->stacks, frames, n * sizeof(frames[0]), NULL);
	return t->stack_of[i];
}

uint64_t gt_old_put_pc(struct gt_old_tables *t, uint64_t pc)
{
	const uint64_t frame = put_named_frame(t, pc, 0, 0, 0);
	return pc == 0 ? 0 : 1 + gt_keymap_put(&t->stacks, &frame, sizeof(frame), NULL);
}

/* ---------------------------------------------------------------- output */

struct out {
	struct gt_batch b;
	enum gt_event kind;
	gt_ns start;
	void (*put)(void *arg, const void *bytes, size_t len);
	void *arg;
};

static void seal(struct out *x)
{
	const uint8_t *from;
	const size_t n = gt_batch_seal(x->b.mem, x->b.len, 0, 1, GT_NO_M, x->start, &from);
	x->put(x->arg, from, n);
	gt_section_begin(&x->b, x->kind, x->start);
}

static void write_strings(const struct gt_old_tables *t, struct out *x)
{
	for (size_t i = 0; i < t->texts.n; i++) {
		const struct gt_keymap_key *k = &t->texts.keys[i];
		while (!gt_section_string(&x->b, (gt_str){ i + 1 }, k->bytes, k->len))
			seal(x);
	}
}

static void write_stacks(const struct gt_old_tables *t, struct out *x)
{
	for (size_t i = 0; i < t->stacks.n; i++) {
		const uint64_t *list = (const uint64_t *)(const void *)t->stacks.keys[i].bytes;
		const size_t n = t->stacks.keys[i].len / sizeof(*list);
		struct gt_frame frames[GT_STACK_MAX];
		for (size_t k = 0; k < n; k++) {
			const struct frame_key *f = (const void *)t->frames.keys[list[k]].bytes;
			frames[k] = (struct gt_frame){
				t->frame_pcs[list[k]], { f->func }, { f->file }, f->line
			};
		}
		while (!gt_section_stack(&x->b, (gt_stack){ i + 1 }, frames, n))
			seal(x);
	}
}

void gt_old_write_tables(const struct gt_old_tables *t, uint64_t start,
			 void (*put)(void *arg, const void *bytes, size_t len), void *arg)
{
	const size_t cap = GT_BATCH_HEADER + GT_BATCH_MAX_DATA;
	struct out x = { .start = { start }, .put = put, .arg = arg };
	x.b = gt_batch_init(gt_mem_resize(NULL, 1, cap), cap, x.start);
	x.kind = GT_EV_Strings;
	gt_section_begin(&x.b, x.kind, x.start);
	write_strings(t, &x);
	x.kind = GT_EV_Stacks;
	seal(&x);
	write_stacks(t, &x);
	seal(&x);
	free(x.b.mem);
}
