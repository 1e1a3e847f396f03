/*
 * An old trace's bytes -> its events, strings and stacks, with the verdict of Go's parser
 * (Go 1.19, src/internal/trace/parser.go: readTrace, parseEvents).
 */
#include "encoder/varint.h"
#include "tools/read/grow.h"
#include "tools/read/old_priv.h"

#include <inttypes.h>
#include <string.h>

#define MAX_TEXT   1000000
#define MAX_FRAMES 1000
#define MAX_PROCS  4096 /* bounds the time that a hostile file takes */
#define MAX_ARGS   8

/* clang-format off */
static const struct shape {
	const char *name;
	uint8_t since, old, from, args;
	bool has_stack;
} shapes[] = {
#define GT_OLD(id, name, since, old, from, args, stack) [id] = { #name, since, old, from, args, stack },
#include "tools/read/old.def"
#undef GT_OLD
};
/* clang-format on */
#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* An event as it stands in the file. */
struct raw {
	uint64_t offset;
	uint8_t type;
	uint64_t n; /* arguments, steps included */
	uint64_t args[MAX_ARGS];
	uint64_t frames; /* Stack: place of the third argument */
	uint64_t text;   /* UserLog: place of its text */
};

/* What the events so far say of those to come. */
struct cursor {
	uint64_t offset;
	uint32_t proc;
	int64_t seq, time;
};

const char *gt_old_name(uint8_t type)
{
	return type < N_SHAPES && shapes[type].name != NULL ? shapes[type].name : "event";
}

int gt_old_version(const uint8_t header[16])
{
	static const uint8_t versions[] = { 5, 7, 8, 9, 10, 11, 19, 21 };
	for (size_t i = 0; i < sizeof(versions); i++) {
		char want[17] = { 0 };
		snprintf(want, sizeof(want), "go 1.%d trace", versions[i]);
		if (memcmp(header, want, 16) == 0)
			return versions[i];
	}
	return 0;
}

/* ---------------------------------------------------------------- bytes */

/* N.B. Go's reader of the old formats drops what does not fit into 64 bits. */
bool gt_old_number(const struct gt_old *o, uint64_t *offset, uint64_t *v)
{
	uint64_t x = 0;
	for (unsigned i = 0; i < GT_VARINT_MAX && *offset < o->len; i++) {
		const uint8_t b = o->bytes[(*offset)++];
		x |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b < 0x80) {
			*v = x;
			return true;
		}
	}
	return false;
}

static int bad(const struct gt_old *o, uint64_t offset, const char *what)
{
	return gt_err_set(o->err, GT_ERR_FORMAT, offset, "%s", what);
}

static int bad_number(const struct gt_old *o, const struct raw *r)
{
	return gt_err_set(o->err, GT_ERR_TRUNCATED, r->offset,
			  "%s: expected a number, the file ends or it is too long",
			  gt_old_name(r->type));
}

/* Length and bytes of a text at *offset; passes over it. */
static bool text(const struct gt_old *o, uint64_t *offset, struct gt_old_bytes *t)
{
	if (!gt_old_number(o, offset, &t->n) || t->n > MAX_TEXT || t->n > o->len - *offset)
		return false;
	t->offset = *offset;
	*offset += t->n;
	return true;
}

static int read_string(struct gt_old *o, struct cursor *c, const struct raw *r)
{
	uint64_t id;
	struct gt_old_bytes t;
	if (!gt_old_number(o, &c->offset, &id))
		return bad_number(o, r);
	if (id == 0 || gt_idmap_get(&o->string_ids, id) != GT_NO_INDEX)
		return bad(o, r->offset, id == 0 ? "string with id 0" : "string id used twice");
	if (!text(o, &c->offset, &t) || t.n == 0)
		return bad(o, r->offset, "string: its length is 0, above 10^6, or behind the end");
	if (!gt_grow(&o->strings, &o->cap_strings, (uint64_t)o->n_strings + 1,
		     sizeof(*o->strings)) ||
	    !gt_idmap_put(&o->string_ids, id, o->n_strings))
		return gt_old_no_memory(o);
	o->strings[o->n_strings++] = t;
	return 0;
}

static bool take_arg(const struct gt_old *o, struct cursor *c, struct raw *r)
{
	uint64_t v;
	if (r->n == 2)
		r->frames = c->offset;
	if (!gt_old_number(o, &c->offset, &v))
		return false;
	if (r->n < MAX_ARGS)
		r->args[r->n] = v;
	r->n++;
	return true;
}

/* A number of arguments stands in the two high bits; if it is the largest, their length follows. */
static int read_args(const struct gt_old *o, struct cursor *c, struct raw *r, unsigned high)
{
	const unsigned few = o->version < 7 ? 5 : 4;
	const unsigned n = high + few - 3;
	uint64_t bytes;
	r->n = 0;
	if (n < few) {
		while (r->n < n) {
			if (!take_arg(o, c, r))
				return bad_number(o, r);
		}
		return 0;
	}
	if (!gt_old_number(o, &c->offset, &bytes))
		return bad_number(o, r);
	const uint64_t from = c->offset;
	while (c->offset - from < bytes) {
		if (!take_arg(o, c, r))
			return bad_number(o, r);
	}
	return c->offset - from == bytes ? 0 : bad(o, r->offset, "event has the wrong length");
}

/* ---------------------------------------------------------------- events */

static unsigned n_args(const struct gt_old *o, const struct shape *s, uint8_t type)
{
	const unsigned n = (o->version < s->from ? s->old : s->args) + s->has_stack;
	if (type == GT_OLD_Batch || type == GT_OLD_Frequency || type == GT_OLD_TimerGoroutine)
		return n;
	return n + (o->version < 7 ? 2 : 1);
}

/* Index of the processor of that number, made if need be; GT_NO_INDEX if there are too many. */
static uint32_t proc(struct gt_old *o, int64_t number)
{
	uint32_t i = gt_idmap_get(&o->proc_ids, (uint64_t)number);
	if (i != GT_NO_INDEX)
		return i;
	i = o->n_procs;
	if (i == MAX_PROCS ||
	    !gt_grow(&o->procs, &o->cap_procs, (uint64_t)i + 1, sizeof(*o->procs)) ||
	    !gt_idmap_put(&o->proc_ids, (uint64_t)number, i))
		return GT_NO_INDEX;
	o->procs[o->n_procs++] =
		(struct gt_old_proc){ number, 0, GT_OLD_NO_EVENT, GT_OLD_NO_EVENT };
	return i;
}

static int begin_batch(struct gt_old *o, struct cursor *c, const struct raw *r)
{
	const unsigned at = o->version < 7 ? 1 : 0;
	c->seq = at ? (int64_t)r->args[1] : 0;
	c->time = (int64_t)r->args[1 + at];
	c->proc = proc(o, (int64_t)r->args[0]);
	if (c->proc == GT_NO_INDEX)
		return bad(o, r->offset, "more than 4096 processors");
	if (!gt_grow(&o->batch_times, &o->cap_batch_times, (uint64_t)o->n_batch_times + 1,
		     sizeof(*o->batch_times)))
		return gt_old_no_memory(o);
	o->batch_times[o->n_batch_times++] = c->time;
	return 0;
}

static int add_stack(struct gt_old *o, const struct raw *r)
{
	if (r->n < 2 || r->args[1] > MAX_FRAMES ||
	    r->n != 2 + r->args[1] * (o->version < 7 ? 1 : 4))
		return bad(o, r->offset,
			   "stack: its number of frames is not that of its arguments");
	if (r->args[0] == 0 || r->args[1] == 0)
		return 0;
	const uint32_t known = gt_idmap_get(&o->stack_ids, r->args[0]);
	const struct gt_old_bytes s = { r->frames, r->args[1] };
	if (known != GT_NO_INDEX) { /* N.B. Go's parser keeps the last one */
		o->stacks[known] = s;
		return 0;
	}
	if (!gt_grow(&o->stacks, &o->cap_stacks, (uint64_t)o->n_stacks + 1, sizeof(*o->stacks)) ||
	    !gt_idmap_put(&o->stack_ids, r->args[0], o->n_stacks))
		return gt_old_no_memory(o);
	o->stacks[o->n_stacks++] = s;
	return 0;
}

/* Whose event it is, and what it leaves its processor with. */
static int set_g(const struct gt_old *o, struct gt_old_proc *p, struct gt_old_event *e)
{
	e->g = p->g;
	switch (e->type) {
	case GT_OLD_GoStart:
	case GT_OLD_GoStartLocal:
	case GT_OLD_GoStartLabel:
		e->g = p->g = e->args[0];
		break;
	case GT_OLD_GCSTWStart:
		if (e->args[0] > 1 && o->version < 21)
			return bad(o, e->offset, "unknown kind of stop of the world");
		e->g = 0;
		break;
	case GT_OLD_GCStart:
	case GT_OLD_GCDone:
	case GT_OLD_GCSTWDone:
		e->g = 0;
		break;
	case GT_OLD_GoSysExit:
	case GT_OLD_GoWaiting:
	case GT_OLD_GoInSyscall:
		e->g = e->args[0];
		break;
	case GT_OLD_CPUSample:
		e->time = (int64_t)e->args[0];
		e->p = (int64_t)e->args[1];
		e->g = e->args[2];
		e->args[0] = 0;
		break;
	default:
		if (gt_old_is_leave(e->type))
			p->g = 0;
		break;
	}
	return 0;
}

static int add_event(struct gt_old *o, struct cursor *c, const struct raw *r)
{
	const struct shape *s = &shapes[r->type];
	const unsigned steps = o->version < 7 ? 2 : 1;
	if (c->proc == GT_NO_INDEX)
		c->proc = proc(o, 0); /* events before the first batch */
	if (!gt_grow(&o->events, &o->cap_events, (uint64_t)o->n_events + 1, sizeof(*o->events)))
		return gt_old_no_memory(o);
	if (steps == 2)
		c->seq = (int64_t)((uint64_t)c->seq + r->args[0]);
	c->time = (int64_t)((uint64_t)c->time + r->args[steps - 1]);
	struct gt_old_event *e = &o->events[o->n_events];
	*e = (struct gt_old_event){ .offset = r->offset,
				    .type = r->type,
				    .seq = c->seq,
				    .time = c->time,
				    .p = o->procs[c->proc].number,
				    .proc = c->proc,
				    .next = GT_OLD_NO_EVENT };
	const unsigned n = (unsigned)r->n - s->has_stack;
	for (unsigned i = steps; i < n; i++)
		e->args[i - steps] = r->args[i];
	if (s->has_stack)
		e->stack = r->args[n];
	if (r->type == GT_OLD_UserLog)
		e->args[2] = r->text;
	if (set_g(o, &o->procs[c->proc], e) < 0)
		return -GT_ERR_FORMAT;
	if (r->type == GT_OLD_CPUSample && (e->proc = proc(o, GT_OLD_PROFILE_P)) == GT_NO_INDEX)
		return bad(o, r->offset, "more than 4096 processors");
	struct gt_old_proc *p = &o->procs[e->proc];
	*(p->last == GT_OLD_NO_EVENT ? &p->first : &o->events[p->last].next) = o->n_events;
	p->last = o->n_events++;
	return 0;
}

static int add(struct gt_old *o, struct cursor *c, const struct raw *r)
{
	if (r->type == GT_OLD_Stack)
		return add_stack(o, r);
	const unsigned want = n_args(o, &shapes[r->type], r->type);
	if (r->n != want)
		return gt_err_set(o->err, GT_ERR_FORMAT, r->offset,
				  "%s has %" PRIu64 " arguments, expected %u", gt_old_name(r->type),
				  r->n, want);
	switch (r->type) {
	case GT_OLD_Batch:
		return begin_batch(o, c, r);
	case GT_OLD_Frequency:
		o->freq_hz = (int64_t)r->args[0];
		return o->freq_hz > 0 ? 0 : bad(o, r->offset, "no ticks a second");
	case GT_OLD_TimerGoroutine:
		if (gt_idmap_get(&o->timer_gs, r->args[0]) == GT_NO_INDEX &&
		    !gt_idmap_put(&o->timer_gs, r->args[0], 0))
			return gt_old_no_memory(o);
		return 0;
	default:
		return add_event(o, c, r);
	}
}

static int read_event(struct gt_old *o, struct cursor *c)
{
	struct raw r = { .offset = c->offset };
	const uint8_t first = o->bytes[c->offset++];
	struct gt_old_bytes log;
	r.type = first & 63;
	if (r.type >= N_SHAPES || shapes[r.type].name == NULL || shapes[r.type].since > o->version)
		return gt_err_set(o->err, GT_ERR_FORMAT, r.offset,
				  "event %u: there is none in Go 1.%d", r.type, o->version);
	if (r.type == GT_OLD_String)
		return read_string(o, c, &r);
	int rc = read_args(o, c, &r, first >> 6);
	r.text = c->offset;
	if (rc == 0 && r.type == GT_OLD_UserLog && !text(o, &c->offset, &log))
		rc = bad(o, r.offset, "UserLog: its text is above 10^6 bytes, or behind the end");
	return rc < 0 ? rc : add(o, c, &r);
}

int gt_old_parse(struct gt_old *o)
{
	struct cursor c = { .offset = 16, .proc = GT_NO_INDEX };
	int rc = 0;
	while (rc == 0 && c.offset < o->len)
		rc = read_event(o, &c);
	if (rc < 0)
		return rc;
	if (o->n_events == 0)
		return bad(o, 16, "the trace is empty");
	if (o->freq_hz == 0)
		return bad(o, 16, "no Frequency event: the clock is not known");
	return 0;
}

/* ---------------------------------------------------------------- all of it */

static void free_all(struct gt_old *o)
{
	gt_idmap_free(&o->proc_ids);
	gt_idmap_free(&o->string_ids);
	gt_idmap_free(&o->stack_ids);
	gt_idmap_free(&o->timer_gs);
	free(o->events);
	free(o->order);
	free(o->procs);
	free(o->strings);
	free(o->stacks);
	free(o->batch_times);
}

int gt_old_convert(const uint8_t *bytes, size_t len, uint8_t **out, size_t *out_len,
		   uint64_t *left_out, struct gt_err *err)
{
	struct gt_old o = { .bytes = bytes, .len = len, .err = err };
	*out = NULL;
	*out_len = *left_out = 0;
	o.version = len >= 16 ? gt_old_version(bytes) : 0;
	if (o.version == 0)
		return gt_err_set(err, GT_ERR_HEADER, 0, "no trace in an old format");
	int rc = gt_old_parse(&o);
	if (rc == 0)
		rc = gt_old_order(&o);
	if (rc == 0)
		rc = gt_old_check(&o);
	if (rc == 0)
		rc = gt_old_tell(&o, out, out_len, left_out);
	free_all(&o);
	return rc;
}
