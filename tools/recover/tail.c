#include "tools/recover/tail.h"

#include "tools/lib/mem.h"
#include "tools/read/batch.h"

#include <stdlib.h>
#include <string.h>

static void add_part(struct gt_tail *t, const struct gt_wire_batch *b)
{
	uint8_t *data = gt_mem_resize(NULL, (size_t)b->size + 1, 1);
	if (b->size > 0)
		memcpy(data, b->data, b->size);
	t->parts = gt_mem_grow(t->parts, t->n_parts, &t->cap, sizeof(*t->parts));
	t->parts[t->n_parts++] = (struct gt_part){ .kind = b->kind,
						   .experiment = b->experiment,
						   .m = b->m,
						   .time = b->time,
						   .data = data,
						   .size = b->size };
	if (t->min_time == 0 || b->time < t->min_time)
		t->min_time = b->time;
	t->gen = b->gen;
	t->read_bytes += b->data_offset - b->offset + b->size;
}

bool gt_tail_load(struct gt_tail *t, const char *path, uint64_t from, struct gt_err *err)
{
	*t = (struct gt_tail){ 0 };
	struct gt_file *f = gt_file_open(path, err);
	if (f == NULL)
		return false;
	struct gt_wire_batch b;
	struct gt_err ignored; /* the damage is why we are here */
	while (gt_file_next(f, &b, &ignored) > 0) {
		if (b.offset < from)
			continue;
		if (b.kind == GT_BATCH_END)
			break;
		add_part(t, &b);
	}
	gt_file_close(f);
	t->events = gt_tail_events(t);
	return true;
}

void gt_tail_cut(struct gt_tail *t, size_t i, uint32_t size)
{
	const struct gt_part *cut = &t->parts[i];
	t->parts[i].size = size;
	for (size_t k = i + 1; cut->kind == GT_BATCH_EVENTS && k < t->n_parts; k++) {
		if (t->parts[k].kind == GT_BATCH_EVENTS && t->parts[k].m == cut->m)
			t->parts[k].size = 0;
	}
}

static bool holds(const struct gt_part *p, uint64_t at)
{
	return p->size > 0 && at >= p->at && at - p->at < p->size;
}

size_t gt_tail_find_any(const struct gt_tail *t, uint64_t at)
{
	size_t i = 0;
	while (i < t->n_parts && !holds(&t->parts[i], at))
		i++;
	return i;
}

size_t gt_tail_find(const struct gt_tail *t, uint64_t at)
{
	size_t low = 0, high = t->n_in_image; /* the last one that begins at or before `at` is in
						 [low - 1, high) */
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (t->parts[t->in_image[middle]].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && holds(&t->parts[t->in_image[low - 1]], at) ? t->in_image[low - 1]
								     : t->n_parts;
}

uint64_t gt_tail_events(const struct gt_tail *t)
{
	uint64_t n = 0;
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct gt_part *part = &t->parts[i];
		const uint8_t *p = part->data, *const end = p + part->size;
		struct gt_event_rec ev;
		while (part->kind == GT_BATCH_EVENTS && p != NULL && p < end) {
			p = gt_event_decode(p, end, 0, &ev, NULL);
			n += p != NULL;
		}
	}
	return n;
}

void gt_tail_free(struct gt_tail *t)
{
	for (size_t i = 0; i < t->n_parts; i++)
		free(t->parts[i].data);
	free(t->parts);
	free(t->in_image);
	*t = (struct gt_tail){ 0 };
}
