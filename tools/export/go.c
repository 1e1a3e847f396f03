/*
 * convert --to go: the same trace with each wake in its waker's stream (go_wakers.c), and for an
 * older reader (--go-version):
 *
 *   1.25   no end marks, generations numbered without gaps
 *   1.23   a frequency instead of three clocks
 *   1.22   no experiments, no stacks in statuses, no GoSwitch
 *
 * Invariants
 *
 * 1. A generation is written when it was read whole. Otherwise the last one of a cut file is half a
 *    generation, which an old format cannot tell from a whole one.
 * 2. A dropped event's time is added to the next one's. Otherwise all behind it come too early.
 *
 * A trace is never made newer: its version stays if it is older than what is asked for, and newer
 * tools read it.
 */
#include "encoder/file.h"
#include "encoder/section.h"
#include "tools/export/export.h"
#include "tools/export/go_wakers.h"
#include "tools/lib/mem.h"
#include "tools/lib/term.h"
#include "tools/read/batch.h"
#include "tools/read/file.h"

#include <stdlib.h>
#include <string.h>

struct writer {
	FILE *out;
	int version;     /* of the output */
	uint64_t number; /* of the output's generation */
	bool is_inside;  /* it has begun */
	struct gt_go_wakers *wakers;
	uint8_t *bytes; /* of the generation so far */
	size_t len, cap;
	uint8_t data[GT_BATCH_MAX_DATA + GT_EVENT_MAX]; /* of a batch that changes */
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (w->len + n > w->cap) {
		w->cap = 2 * (w->len + n);
		w->bytes = gt_mem_resize(w->bytes, w->cap, 1);
	}
	memcpy(w->bytes + w->len, bytes, n);
	w->len += n;
}

static void put_batch(struct writer *w, const struct gt_wire_batch *b, const uint8_t *data,
		      size_t size)
{
	uint8_t mem[GT_BATCH_HEADER];
	const uint8_t *start;
	/* Sealed without its data: the header does not look at it. */
	gt_batch_seal(mem, GT_BATCH_HEADER + size, b->experiment, w->number, (gt_m){ b->m },
		      (gt_ns){ b->time }, &start);
	put(w, start, (size_t)(mem + GT_BATCH_HEADER - start));
	put(w, data, size);
}

/* Of the clock's batch only the frequency is left. */
static int put_frequency(struct writer *w, const struct gt_wire_batch *b, struct gt_err *err)
{
	const uint8_t *p = b->data + 1, *const end = b->data + b->size;
	uint64_t v[4];
	while (p && p < end) {
		const uint8_t *const start = p;
		const unsigned n = *p == GT_EV_Frequency ? 1 : *p == GT_EV_ClockSnapshot ? 4 : 0;
		p = n ? p + 1 : NULL;
		for (unsigned i = 0; p && i < n; i++)
			p = gt_varint_get(p, end, &v[i]);
		if (p && n == 1) {
			put_batch(w, b, start, (size_t)(p - start));
			return 0;
		}
	}
	return gt_err_set(err, GT_ERR_FORMAT, b->offset, "no Frequency in the clock's batch [C5]");
}

/* An event as Go 1.22 knows it; returns the end of what was written at `q`. */
static uint8_t *put_event(uint8_t *q, const struct gt_event_rec *ev, uint64_t dt)
{
	const bool is_status = ev->id == GT_EV_GoStatusStack;
	const unsigned n = is_status ? 3 : ev->nargs;
	*q++ = is_status ? GT_EV_GoStatus : ev->id;
	q = gt_varint_put(q, dt);
	for (unsigned i = 0; i < n; i++)
		q = gt_varint_put(q, ev->args[i]);
	return q;
}

/* A batch of events for Go 1.22. N.B. An event may only become longer by its time: by what was
 * dropped before it, which was longer. */
static int put_old_events(struct writer *w, const struct gt_wire_batch *b, struct gt_err *err)
{
	uint8_t *q = w->data;
	uint64_t dropped = 0; /* time */
	const uint8_t *const end = b->data + b->size;
	for (const uint8_t *p = b->data; p < end;) {
		struct gt_event_rec ev;
		const uint64_t offset = b->data_offset + (uint64_t)(p - b->data);
		p = gt_event_decode(p, end, offset, &ev, err);
		if (!p)
			return -GT_ERR_FORMAT;
		if (ev.id >= GT_EV_GoSwitch && ev.id <= GT_EV_GoCreateBlocked)
			return gt_err_set(err, GT_ERR_FORMAT, offset,
					  "%s cannot be told to Go 1.22; try: --go-version 1.23",
					  gt_event_name(ev.id));
		if (ev.id >= 128) {
			dropped += ev.dt;
			continue;
		}
		q = put_event(q, &ev, ev.dt + dropped);
		dropped = 0;
	}
	put_batch(w, b, w->data, (size_t)(q - w->data));
	return 0;
}

static int convert_batch(struct writer *w, const struct gt_wire_batch *b, struct gt_err *err)
{
	if (w->version < 23 && b->experiment)
		return 0;
	if (w->version < 25 && b->kind == GT_BATCH_SYNC && b->data[0] == GT_EV_Sync)
		return put_frequency(w, b, err);
	if (w->version < 23 && b->kind == GT_BATCH_EVENTS)
		return put_old_events(w, b, err);
	put_batch(w, b, b->data, b->size);
	return 0;
}

static int put_events(void *arg, const struct gt_wire_batch *b, struct gt_err *err)
{
	return convert_batch(arg, b, err);
}

static int take_batch(struct writer *w, const struct gt_wire_batch *b, struct gt_err *err)
{
	if (!w->is_inside)
		gt_go_wakers_begin(w->wakers);
	w->is_inside = true;
	if (b->kind == GT_BATCH_EVENTS && !b->experiment && gt_go_wakers_take(w->wakers, b))
		return 0;
	return convert_batch(w, b, err);
}

static int end_generation(struct writer *w, uint64_t number, struct gt_err *err)
{
	const int rc = gt_go_wakers_end(w->wakers, put_events, w, err);
	if (rc < 0)
		return rc;
	w->is_inside = false;
	if (w->version >= 26)
		put(w, &(uint8_t){ GT_END_OF_GENERATION }, 1);
	fwrite(w->bytes, 1, w->len, w->out);
	w->len = 0;
	w->number = number;
	return 0;
}

static int convert(struct writer *w, struct gt_file *f, struct gt_err *err)
{
	struct gt_wire_batch b;
	struct gt_progress bar = { .title = "converting" };
	int rc;
	while ((rc = gt_file_next(f, &b, err)) > 0) {
		if (b.kind == GT_BATCH_END)
			rc = end_generation(w, w->number + 1, err);
		else if ((w->number = w->version >= 26 ? b.gen : w->number ? w->number : 1) != 0)
			rc = take_batch(w, &b, err);
		if (rc < 0)
			break;
		gt_progress_update(&bar, gt_file_offset(f), gt_file_size(f));
	}
	gt_progress_end(&bar);
	return rc;
}

static int version_of(const struct gt_export *x, int of_file)
{
	const int asked = x->go_version != NULL ? atoi(x->go_version + 2) : 26;
	return asked < of_file ? asked : of_file;
}

int gt_export_go(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static struct writer w; /* too big for a stack */
	struct gt_file *f = gt_file_open(x->in.path, err);
	if (f == NULL)
		return -(int)err->code;
	w = (struct writer){ .out = out, .version = version_of(x, gt_file_version(f)) };
	char header[] = GT_FILE_HEADER;
	header[6] = (char)('0' + w.version % 10);
	fwrite(header, 1, GT_FILE_HEADER_LEN, out);
	w.wakers = x->is_raw ? NULL : gt_go_wakers_open(x->in.path);
	const int rc = convert(&w, f, err);
	gt_go_wakers_close(w.wakers);
	free(w.bytes);
	gt_file_close(f);
	return rc;
}
