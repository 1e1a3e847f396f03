/*
 * The closed generation as bytes.
 *
 * Order of its batches: sync, names and stacks of the statuses we add, these statuses, then what
 * was kept, in the order of the file.
 *
 * Invariants
 *
 * 1. A status that we add comes first in the stream of its thread and tells the state at the start
 *    of the generation, which is that at the end of the one before. Otherwise it contradicts what
 * the thread then does.
 * 2. Ids of strings and stacks that we add are above all that were kept. Otherwise an id means two
 *    things.
 * 3. Slot before thread. Otherwise `go tool trace` takes the thread to run on no processor.
 */
#include "tools/recover/tail.h"

#include "encoder/file.h"
#include "encoder/section.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/read/batch.h"

#include <stdlib.h>
#include <string.h>

static void append(struct gt_image *image, const void *bytes, size_t n)
{
	while (image->len + n > image->cap) {
		image->cap = image->cap < 4096 ? 4096 : 2 * image->cap;
		image->bytes = gt_mem_resize(image->bytes, image->cap, 1);
	}
	memcpy(image->bytes + image->len, bytes, n);
	image->len += n;
}

uint64_t gt_image_batch(struct gt_image *image, const struct gt_tail *t, uint8_t experiment,
			uint64_t m, uint64_t time, const uint8_t *data, size_t size)
{
	uint8_t mem[GT_BATCH_HEADER];
	const uint8_t *start;
	/* Sealed without its data, which may be any buffer's: the header does not look at it. */
	gt_batch_seal(mem, GT_BATCH_HEADER + size, experiment, t->gen, (gt_m){ m }, (gt_ns){ time },
		      &start);
	append(image, start, (size_t)(mem + GT_BATCH_HEADER - start));
	append(image, data, size);
	return image->len - size;
}

/* ---- what is there already */

/* What is mentioned in the kept parts. */
struct known {
	struct gt_idmap gs, ps; /* have a status or were created here */
	uint64_t max_string, max_stack;
	bool has_procs_change;
};

static void note(struct gt_idmap *map, uint64_t id)
{
	if (gt_idmap_get(map, id) == GT_NO_INDEX)
		gt_idmap_put(map, id, 0);
}

static void note_event(struct known *k, const struct gt_event_rec *ev)
{
	switch (ev->id) {
	case GT_EV_GoStatus:
	case GT_EV_GoStatusStack:
	case GT_EV_GoCreate:
	case GT_EV_GoCreateBlocked:
	case GT_EV_GoCreateSyscall:
		note(&k->gs, ev->args[0]);
		break;
	case GT_EV_ProcStatus:
		note(&k->ps, ev->args[0]);
		break;
	case GT_EV_ProcsChange:
		k->has_procs_change = true;
		break;
	default:
		break;
	}
}

/* Largest id of a string or stack batch; a damaged one is found by who reads it. */
static uint64_t max_id(const struct gt_part *part)
{
	const uint8_t *p = part->data + 1, *const end = part->data + part->size;
	uint64_t max = 0, id, n, skipped;
	while (p != NULL && p < end) {
		p = gt_varint_get(p + 1, end, &id);
		p = p != NULL ? gt_varint_get(p, end, &n) : NULL;
		if (p == NULL)
			break;
		if (part->kind == GT_BATCH_STRINGS)
			p = n <= (uint64_t)(end - p) ? p + n : NULL;
		for (uint64_t i = 0; part->kind == GT_BATCH_STACKS && p != NULL && i < 4 * n; i++)
			p = gt_varint_get(p, end, &skipped);
		max = id > max ? id : max;
	}
	return max;
}

static void look(struct known *k, const struct gt_tail *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct gt_part *part = &t->parts[i];
		if (part->size == 0)
			continue;
		const uint64_t id = part->kind == GT_BATCH_STRINGS || part->kind == GT_BATCH_STACKS
					    ? max_id(part)
					    : 0;
		if (part->kind == GT_BATCH_STRINGS && id > k->max_string)
			k->max_string = id;
		if (part->kind == GT_BATCH_STACKS && id > k->max_stack)
			k->max_stack = id;
		const uint8_t *p = part->data, *const end = p + part->size;
		struct gt_event_rec ev;
		while (part->kind == GT_BATCH_EVENTS && p != NULL && p < end) {
			p = gt_event_decode(p, end, 0, &ev, NULL);
			if (p != NULL)
				note_event(k, &ev);
		}
	}
}

/* ---- statuses */

/* Where the added strings, stacks and statuses are put together. */
struct adder {
	struct gt_tail *t;
	struct known *known;
	struct gt_keymap texts; /* index + known->max_string + 1 = id */
	struct gt_batch strings, stacks, events;
	struct gt_image *image, statuses; /* statuses wait until the tables are written */
	uint64_t next_stack;
};

static void flush(struct adder *a, struct gt_batch *b, enum gt_event kind)
{
	if (gt_batch_len(b) > 1)
		gt_image_batch(a->image, a->t, 0, 0, a->t->min_time, b->mem + GT_BATCH_HEADER,
			       gt_batch_len(b));
	gt_section_begin(b, kind, (gt_ns){ a->t->min_time });
}

static gt_str add_string(struct adder *a, const char *text)
{
	if (text[0] == '\0')
		return (gt_str){ 0 };
	bool is_new;
	const size_t i = gt_keymap_put(&a->texts, text, strlen(text), &is_new);
	const gt_str id = { a->known->max_string + 1 + i };
	if (is_new && !gt_section_string(&a->strings, id, text, strlen(text))) {
		flush(a, &a->strings, GT_EV_Strings);
		gt_section_string(&a->strings, id, text, strlen(text));
	}
	return id;
}

static uint64_t add_stack(struct adder *a, const struct gt_live_frame *f)
{
	if (f->func == NULL || f->pc == 0)
		return 0;
	const struct gt_frame frame = { f->pc, add_string(a, f->func), add_string(a, f->file),
					f->line };
	const gt_stack id = { a->next_stack++ };
	if (!gt_section_stack(&a->stacks, id, &frame, 1)) {
		flush(a, &a->stacks, GT_EV_Stacks);
		gt_section_stack(&a->stacks, id, &frame, 1);
	}
	return id.v;
}

static enum gt_gstatus wire_status(enum gt_state state)
{
	return state == GT_STATE_RUNNING   ? GT_G_RUNNING
	       : state == GT_STATE_SYSCALL ? GT_G_SYSCALL
	       : state == GT_STATE_WAITING ? GT_G_WAITING
					   : GT_G_RUNNABLE;
}

static bool needs_status(const struct adder *a, const struct gt_live_g *g)
{
	return g->state != GT_STATE_NOT_EXIST && g->state != GT_STATE_UNKNOWN &&
	       gt_idmap_get(&a->known->gs, g->g) == GT_NO_INDEX;
}

/* One batch: the slot of thread m and the goroutine on it, those of both that need it. g may be
 * NULL. */
static void add_status(struct adder *a, uint64_t m, const struct gt_live_p *p,
		       const struct gt_live_g *g)
{
	const gt_ns start = { a->t->min_time };
	a->events = gt_batch_init(a->events.mem, a->events.cap, start);
	if (p != NULL && gt_idmap_get(&a->known->ps, p->p) == GT_NO_INDEX) {
		const bool is_in_call = g != NULL && g->state == GT_STATE_SYSCALL;
		note(&a->known->ps, p->p);
		gt_w_ProcStatus(&a->events, start, (gt_p){ p->p },
				is_in_call ? GT_P_SYSCALL : GT_P_RUNNING);
	}
	if (g != NULL && needs_status(a, g))
		gt_w_GoStatusStack(&a->events, start, (gt_g){ g->g }, (gt_m){ g->m },
				   wire_status(g->state), (gt_stack){ add_stack(a, &g->frame) });
	if (gt_batch_len(&a->events) > 0)
		gt_image_batch(&a->statuses, a->t, 0, m, start.v, a->events.mem + GT_BATCH_HEADER,
			       gt_batch_len(&a->events));
}

/* A goroutine that has not started has no thread yet: its status may come from any. */
static uint64_t any_thread(const struct gt_tail *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind == GT_BATCH_EVENTS && t->parts[i].size > 0)
			return t->parts[i].m;
	}
	return GT_NO_ID;
}

static void add_statuses(struct adder *a, const struct gt_live *live)
{
	const uint64_t other = any_thread(a->t);
	for (size_t i = 0; i < live->n_gs; i++) {
		const struct gt_live_g *g = &live->gs[i];
		if (g->state == GT_STATE_NOT_EXIST || g->state == GT_STATE_UNKNOWN)
			continue;
		const uint64_t m = g->m != GT_NO_ID ? g->m : other;
		if (m != GT_NO_ID)
			add_status(a, m, g->m != GT_NO_ID ? gt_live_p_of(live, g->m) : NULL, g);
	}
	for (size_t i = 0; i < live->n_ps; i++) { /* slots of threads without a goroutine */
		if (live->ps[i].m != GT_NO_ID)
			add_status(a, live->ps[i].m, &live->ps[i], NULL);
	}
}

static void *new_batch(struct gt_batch *b)
{
	const size_t cap = GT_BATCH_HEADER + GT_BATCH_MAX_DATA;
	*b = gt_batch_init(gt_mem_resize(NULL, cap, 1), cap, (gt_ns){ 0 });
	return b->mem;
}

static void put_statuses(struct gt_tail *t, struct known *known, const struct gt_live *live,
			 struct gt_image *image)
{
	struct adder a = {
		.t = t, .known = known, .image = image, .next_stack = known->max_stack + 1
	};
	void *mems[] = { new_batch(&a.strings), new_batch(&a.stacks), new_batch(&a.events) };
	gt_section_begin(&a.strings, GT_EV_Strings, (gt_ns){ t->min_time });
	gt_section_begin(&a.stacks, GT_EV_Stacks, (gt_ns){ t->min_time });
	add_statuses(&a, live);
	flush(&a, &a.strings, GT_EV_Strings);
	flush(&a, &a.stacks, GT_EV_Stacks);
	if (a.statuses.len > 0)
		append(image, a.statuses.bytes, a.statuses.len);
	free(a.statuses.bytes);
	gt_keymap_free(&a.texts);
	for (size_t i = 0; i < 3; i++)
		free(mems[i]);
}

/* ---- ProcsChange */

/* Follows one thread in the first generation, where nothing is known before its statuses. */
struct follow {
	bool has_p, has_g;
};

static void follow(struct follow *f, const struct gt_event_rec *ev)
{
	switch (ev->id) {
	case GT_EV_ProcStart:
		f->has_p = true;
		break;
	case GT_EV_ProcStop:
		f->has_p = false;
		break;
	case GT_EV_ProcStatus:
		f->has_p |= ev->args[1] == GT_P_RUNNING;
		break;
	case GT_EV_GoStatus:
	case GT_EV_GoStatusStack:
		f->has_g |= ev->args[2] == GT_G_RUNNING;
		break;
	case GT_EV_GoStart:
		f->has_g = true;
		break;
	default:
		break;
	}
}

/* A place behind an event at which a thread runs. */
struct place {
	size_t part; /* n_parts: none */
	uint32_t pos;
	uint64_t time; /* units */
};

static void find_in_stream(const struct gt_tail *t, size_t first, struct place *best)
{
	struct follow f = { false, false };
	for (size_t i = first; i < t->n_parts; i++) {
		const struct gt_part *part = &t->parts[i];
		if (part->kind != GT_BATCH_EVENTS || part->m != t->parts[first].m)
			continue;
		const uint8_t *p = part->data, *const end = p + part->size;
		uint64_t time = part->time;
		struct gt_event_rec ev;
		while (p != NULL && p < end &&
		       (p = gt_event_decode(p, end, 0, &ev, NULL)) != NULL) {
			time += ev.dt;
			follow(&f, &ev);
			if (!f.has_p || !f.has_g)
				continue;
			if (best->part == t->n_parts || time < best->time)
				*best = (struct place){ i, (uint32_t)(p - part->data), time };
			return;
		}
	}
}

static struct place find_place(const struct gt_tail *t)
{
	struct place best = { t->n_parts, 0, 0 };
	struct gt_idmap seen = { 0 };
	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind != GT_BATCH_EVENTS ||
		    gt_idmap_get(&seen, t->parts[i].m) != GT_NO_INDEX)
			continue;
		note(&seen, t->parts[i].m);
		find_in_stream(t, i, &best);
	}
	gt_idmap_free(&seen);
	return best;
}

/* ---- all together */

static void put_part(struct gt_tail *t, struct gt_part *part, struct gt_image *image)
{
	if (part->size == 0)
		return;
	part->at = gt_image_batch(image, t, part->experiment, part->m, part->time, part->data,
				  part->size);
	if (part->kind == GT_BATCH_EVENTS)
		t->in_image[t->n_in_image++] = (size_t)(part - t->parts);
}

/* Splits the part's batch at the place and puts a ProcsChange between the halves: one batch could
 * grow too long. */
static void put_part_with_procs(struct gt_tail *t, struct gt_part *part, const struct place *place,
				uint64_t procs, struct gt_image *image)
{
	uint8_t mem[GT_BATCH_HEADER + GT_EVENT_MAX];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), (gt_ns){ place->time });
	gt_w_ProcsChange(&b, (gt_ns){ place->time }, procs, (gt_stack){ 0 });
	gt_image_batch(image, t, 0, part->m, part->time, part->data, place->pos);
	gt_image_batch(image, t, 0, part->m, place->time, mem + GT_BATCH_HEADER, gt_batch_len(&b));
	if (place->pos < part->size)
		gt_image_batch(image, t, 0, part->m, place->time, part->data + place->pos,
			       part->size - place->pos);
	part->at = UINT64_MAX; /* no longer in one piece; this image is to be written, not to be
				  shortened */
}

void gt_tail_build(struct gt_tail *t, const struct gt_live *live, uint64_t procs,
		   struct gt_image *image)
{
	struct known known = { 0 };
	look(&known, t);
	const bool wants_procs = procs != 0 && !known.has_procs_change;
	const struct place place = wants_procs ? find_place(t) : (struct place){ t->n_parts, 0, 0 };

	t->in_image = gt_mem_resize(t->in_image, t->n_parts + 1, sizeof(*t->in_image));
	t->n_in_image = 0;
	image->len = 0;
	append(image, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind == GT_BATCH_SYNC)
			put_part(t, &t->parts[i], image);
	}
	put_statuses(t, &known, live, image);
	for (size_t i = 0; i < t->n_parts; i++) {
		if (i == place.part)
			put_part_with_procs(t, &t->parts[i], &place, procs, image);
		else if (t->parts[i].kind != GT_BATCH_SYNC)
			put_part(t, &t->parts[i], image);
	}
	const uint8_t end = GT_END_OF_GENERATION;
	append(image, &end, 1);
	gt_idmap_free(&known.gs);
	gt_idmap_free(&known.ps);
}
