/*
 * Recovering.
 *
 * 1. Replay the whole generations through the reader's own order rules: those that pass are kept as
 *    they are, and tell which threads live where the unfinished one begins.
 * 2. Take the batches behind them. Cut each thread's stream at the first event whose names or stack
 *    are missing.
 * 3. Close it (build.c) and replay it. Where the rules refuse, shorten and repeat. At last, in a
 *    first generation, add the number of processors, and replay once more.
 *
 * Invariants
 *
 * 1. A stream is only ever shortened at its end. Otherwise its events contradict each other.
 * 2. Nothing is written that has not passed the rules. Otherwise the file is worse than the cut
 *    one, which readers at least refuse in one place.
 *
 * Corner cases
 *
 * - A stuck replay means that every thread waits for something lost: all are cut where they stand.
 *   An event that is refused outright concerns one thread. The reader does not tell these apart,
 *   but cutting only the first and coming no further does.
 * - A whole generation that readers take but Go's validator does not stays: it was like that
 * before. In the one that is closed such an event counts as refused.
 * - Damage in the middle of a file: what follows the damaged generation is lost, that one is
 *   treated like an unfinished one.
 */
#include "tools/recover/recover.h"

#include "tools/lib/term.h"
#include "tools/read/rec.h"
#include "tools/read/strict.h"

#include <stdlib.h>

#define MAX_TRIES 40

/* The reader's state behind the whole generations. */
struct boundary {
	struct gt_order *order;
	struct gt_gen *gen; /* last one read; the order refers to it until it begins another */
	struct gt_strict *strict;
	bool has_error; /* set by strict */
	struct gt_live live;
};

static void note_finding(void *user, enum gt_severity severity, const struct gt_err *err)
{
	struct boundary *b = user;
	(void)err;
	b->has_error |= severity == GT_ERROR;
}

static void init_boundary(struct boundary *b)
{
	*b = (struct boundary){ .order = gt_order_new(), .gen = gt_gen_new() };
	b->strict = gt_strict_new(note_finding, b);
}

static void free_boundary(struct boundary *b)
{
	gt_order_free(b->order);
	gt_gen_free(b->gen);
	gt_strict_free(b->strict);
	gt_live_free(&b->live);
	*b = (struct boundary){ .order = NULL };
}

/* Takes all events of b->gen. 1 when they pass. */
static int replay_one(struct gt_recovery *r, struct boundary *b, struct gt_err *err)
{
	struct gt_ordered ev;
	int rc = gt_order_begin(b->order, b->gen, err);
	int64_t last = r->end_ns;
	while (rc == 0 && (rc = gt_order_next(b->order, &ev, err)) > 0) {
		gt_live_apply(&b->live, b->gen, &ev);
		gt_strict_event(b->strict, b->gen,
				&ev); /* whole generations stay: only its state matters */
		last = ev.time;
		rc = 0;
	}
	if (rc < 0 || err->code != GT_ERR_NONE)
		return -1;
	r->end_ns = last;
	return 1;
}

/* Steps 1: at most `limit` generations. True when all that were read are whole and pass. */
static bool replay(struct gt_recovery *r, struct boundary *b, const char *path, size_t limit)
{
	struct gt_progress bar = { .title = "replaying" };
	struct gt_err *err = &r->damage;
	err->code = GT_ERR_NONE;
	init_boundary(b);
	struct gt_file *f = gt_file_open(path, err);
	if (f == NULL)
		return false;
	if (gt_file_version(f) != 26) {
		const struct gt_file_old *old = gt_file_old(f);
		gt_err_set(err, GT_ERR_HEADER, 0,
			   "a go 1.%d trace: only go 1.26 traces, as libgtrace.so writes them, can "
			   "be recovered",
			   old != NULL ? old->version : gt_file_version(f));
		gt_file_close(f);
		return false;
	}
	r->n_whole = 0;
	r->file_bytes = gt_file_size(f);
	r->whole_bytes = gt_file_offset(f);
	bool ok = true;
	while (r->n_whole < limit && gt_gen_read(b->gen, f, err) > 0) {
		if (r->n_whole == 0)
			r->start_ns = r->end_ns = gt_gen_ns(b->gen, b->gen->min_time);
		if (replay_one(r, b, err) < 0) {
			ok = false;
			break;
		}
		r->n_whole++;
		r->whole_bytes = b->gen->end;
		gt_progress_update(&bar, r->whole_bytes, r->file_bytes);
	}
	gt_progress_end(&bar);
	gt_file_close(f);
	return ok;
}

/* ---- step 2 */

static bool exists(const struct gt_gen *g, enum gt_arg type, uint64_t id)
{
	struct gt_text text;
	return type == GT_ARG_str     ? gt_gen_string(g, id, &text)
	       : type == GT_ARG_stack ? gt_gen_stack(g, id) != NULL
				      : true;
}

/* Length of the events of a batch up to the first that is damaged or names what does not exist. */
static uint32_t sound_events(const struct gt_gen *g, const struct gt_part *part)
{
	const uint8_t *p = part->data, *const end = p + part->size;
	struct gt_event_rec ev;
	while (p < end) {
		const uint8_t *const next = gt_event_decode(p, end, 0, &ev, NULL);
		if (next == NULL)
			break;
		const struct gt_spec *s = &gt_specs[ev.id];
		bool ok = true;
		for (unsigned i = 0; i < s->nargs; i++)
			ok = ok && exists(g, s->arg[i], ev.args[i]);
		if (!ok)
			break;
		p = next;
	}
	return (uint32_t)(p - part->data);
}

/* Are all records of part i whole, with strings that exist? Records say nothing without them. */
static bool are_records_sound(const struct gt_gen *g, uint32_t batch)
{
	struct gt_rec_iter it = { g, batch, 0 };
	struct gt_rec_value v;
	int rc;
	while ((rc = gt_rec_next(&it, &v, NULL)) > 0 && it.batch == batch) {
		const struct gt_rec_spec *s = &gt_rec_specs[v.kind];
		for (unsigned i = 0; i < s->nfields; i++) {
			if (!exists(g, s->field[i], v.field[i]))
				return false;
		}
	}
	return rc >= 0;
}

static void cut_dangling(struct gt_tail *t, const struct gt_gen *g)
{
	uint32_t record_batch = 0;
	for (size_t i = 0; i < t->n_parts; i++) {
		struct gt_part *part = &t->parts[i];
		if (part->size == 0)
			continue;
		if (part->kind == GT_BATCH_EVENTS) {
			const uint32_t sound = sound_events(g, part);
			if (sound < part->size)
				gt_tail_cut(t, i, sound);
		} else if (part->kind == GT_BATCH_RECORDS &&
			   !are_records_sound(g, record_batch++)) {
			part->size = 0;
		}
	}
	for (uint32_t i = 0; i < g->n_samples;
	     i++) { /* a sample whose stack is missing: its whole batch */
		const size_t k = exists(g, GT_ARG_stack, g->samples[i].stack)
					 ? t->n_parts
					 : gt_tail_find_any(t, g->samples[i].offset);
		if (k < t->n_parts)
			t->parts[k].size = 0;
	}
}

/* The generation in the image; NULL when its tables are damaged and nothing can be left out to mend
 * it. */
static struct gt_gen *read_image(struct gt_tail *t, const struct gt_live *live, uint64_t procs,
				 struct gt_image *image)
{
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		struct gt_err err = { .code = GT_ERR_NONE };
		gt_tail_build(t, live, procs, image);
		struct gt_file *f = gt_file_open_mem(image->bytes, image->len, &err);
		struct gt_gen *g = f != NULL ? gt_gen_new() : NULL;
		const bool ok = g != NULL && gt_gen_read(g, f, &err) > 0;
		gt_file_close(f);
		if (ok)
			return g; /* N.B. it holds copies: the image may change */
		gt_gen_free(g);
		const size_t blame = gt_tail_find_any(t, err.offset);
		if (blame == t->n_parts)
			return NULL;
		t->parts[blame].size = 0;
	}
	return NULL;
}

/* ---- step 3 */

struct verdict {
	bool passed;
	uint64_t delivered;
	uint64_t refused_at; /* offset in the image */
	int64_t end_ns;
};

/* Replays the image's generation behind the boundary and notes in the parts how far each came. */
static struct verdict try_image(struct gt_tail *t, struct boundary *b, struct gt_gen *g)
{
	struct verdict v = { .passed = false };
	struct gt_ordered ev;
	struct gt_err err = { .code = GT_ERR_NONE, .offset = GT_NO_OFFSET };
	for (size_t i = 0; i < t->n_parts; i++)
		t->parts[i].done = 0;
	b->has_error = false;
	int rc = gt_order_begin(b->order, g, &err);
	while (rc == 0 && (rc = gt_order_next(b->order, &ev, &err)) > 0) {
		rc = 0;
		gt_strict_event(b->strict, g, &ev);
		if (b->has_error) {
			err.offset = ev.offset;
			break;
		}
		v.end_ns = ev.time;
		const size_t i = ev.is_made_up ? t->n_parts : gt_tail_find(t, ev.offset);
		if (i == t->n_parts)
			continue;
		struct gt_part *part = &t->parts[i];
		struct gt_event_rec raw;
		const uint8_t *p = part->data + (ev.offset - part->at);
		const uint8_t *next = gt_event_decode(p, part->data + part->size, 0, &raw, NULL);
		if (next != NULL)
			part->done = (uint32_t)(next - part->data);
		v.delivered++;
	}
	v.passed = rc == 0 && err.code == GT_ERR_NONE && !b->has_error;
	v.refused_at = err.offset;
	return v;
}

/* Cuts every stream behind what was delivered. */
static void cut_all(struct gt_tail *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind == GT_BATCH_EVENTS && t->parts[i].done < t->parts[i].size)
			gt_tail_cut(t, i, t->parts[i].done);
	}
}

/* Cuts the stream of the refused event in front of it. False when that changes nothing. */
static bool cut_one(struct gt_tail *t, uint64_t refused_at)
{
	const size_t i = gt_tail_find(t, refused_at);
	if (i == t->n_parts)
		return false;
	gt_tail_cut(t, i, (uint32_t)(refused_at - t->parts[i].at));
	return true;
}

/* Usable processors: as the process says itself, else the highest slot in use. */
static uint64_t count_procs(const struct gt_gen *g, const struct gt_tail *t)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value v;
	while (gt_rec_next(&it, &v, NULL) > 0) {
		if (v.kind == GT_REC_PROCESS && v.field[6] > 0)
			return v.field[6];
	}
	uint64_t procs = 1;
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct gt_part *part = &t->parts[i];
		const uint8_t *p = part->data, *const end = p + part->size;
		struct gt_event_rec ev;
		while (part->kind == GT_BATCH_EVENTS && p != NULL && p < end) {
			p = gt_event_decode(p, end, 0, &ev, NULL);
			if (p != NULL && (ev.id == GT_EV_ProcStatus || ev.id == GT_EV_ProcStart) &&
			    ev.args[0] > procs)
				procs = ev.args[0];
		}
	}
	return procs;
}

/* One replay of the tail as it is now. Makes the boundary anew when the last try has used it up. */
static bool replay_tail(struct gt_recovery *r, struct gt_tail *t, struct boundary *b,
			const char *path, uint64_t procs, struct verdict *v)
{
	if (b->order == NULL) {
		const struct gt_err damage = r->damage;
		const bool ok = replay(r, b, path, r->n_whole);
		r->damage = damage;
		if (!ok)
			return false;
	}
	struct gt_gen *g = read_image(t, &b->live, procs, &r->image);
	if (g != NULL)
		*v = try_image(t, b, g);
	gt_gen_free(g);
	free_boundary(b);
	return g != NULL;
}

static bool close_tail(struct gt_recovery *r, struct gt_tail *t, struct boundary *b,
		       const char *path)
{
	struct gt_gen *g = read_image(t, &b->live, 0, &r->image);
	if (g == NULL)
		return false;
	cut_dangling(t, g);
	const uint64_t procs = r->n_whole == 0 ? count_procs(g, t) : 0;
	const int64_t start_ns = gt_gen_ns(g, g->min_time);
	gt_gen_free(g);

	struct verdict v, before = { .delivered = UINT64_MAX };
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		if (!replay_tail(r, t, b, path, 0, &v))
			return false;
		if (v.passed)
			break;
		if (v.delivered == before.delivered || !cut_one(t, v.refused_at))
			cut_all(t);
		before = v;
	}
	r->kept_events = gt_tail_events(t);
	if (!v.passed || r->kept_events == 0)
		return false;
	if (procs != 0 && (!replay_tail(r, t, b, path, procs, &v) || !v.passed))
		return false;
	if (r->n_whole == 0)
		r->start_ns = start_ns;
	r->end_ns = v.end_ns;
	return true;
}

bool gt_recover(struct gt_recovery *r, const char *path, struct gt_err *err)
{
	*r = (struct gt_recovery){ .is_complete = false };
	struct boundary b;
	bool ok = replay(r, &b, path, SIZE_MAX);
	if (r->whole_bytes == 0) { /* not even a header */
		*err = r->damage;
		free_boundary(&b);
		return false;
	}
	const struct gt_err damage = r->damage;
	if (!ok) { /* a whole generation does not pass: forget what it changed */
		free_boundary(&b);
		ok = replay(r, &b, path, r->n_whole);
		r->damage = damage;
	}
	r->is_complete =
		damage.code == GT_ERR_NONE && r->whole_bytes == r->file_bytes && r->n_whole > 0;
	struct gt_tail t = { 0 };
	if (ok && !r->is_complete && gt_tail_load(&t, path, r->whole_bytes, err)) {
		r->read_events = t.events;
		r->read_bytes = t.read_bytes;
		if (t.events > 0)
			r->is_closed = close_tail(r, &t, &b, path);
	}
	if (!r->is_closed)
		r->kept_events = 0;
	gt_tail_free(&t);
	free_boundary(&b);
	return true;
}

void gt_recovery_free(struct gt_recovery *r)
{
	free(r->image.bytes);
	*r = (struct gt_recovery){ .is_complete = false };
}
