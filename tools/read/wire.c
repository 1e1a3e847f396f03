/* The bytes of a trace as text, in the syntax that tests/golden/asm.c turns back into bytes. */
#include "encoder/event.h"
#include "tools/read/batch.h"
#include "tools/read/gen_priv.h"
#include "tools/read/text.h"

#include <inttypes.h>

static void put_number(FILE *out, const char *name, uint64_t v)
{
	if (v == GT_NO_ID)
		fprintf(out, " %s=-", name);
	else
		fprintf(out, " %s=%" PRIu64, name, v);
}

/* What is left of a batch that cannot be decoded. */
static void put_raw(FILE *out, const uint8_t *p, const uint8_t *end, uint64_t offset)
{
	while (p < end) {
		fprintf(out, "  0x%06" PRIx64 " raw", offset);
		for (unsigned i = 0; i < 16 && p < end; i++, offset++)
			fprintf(out, " %02x", *p++);
		fputc('\n', out);
	}
}

static void wire_events(FILE *out, const struct gt_wire_batch *b)
{
	const uint8_t *p = b->data, *end = p + b->size;
	while (p < end) {
		struct gt_event_rec ev;
		const uint64_t offset = b->data_offset + (uint64_t)(p - b->data);
		const uint8_t *q = gt_event_decode(p, end, offset, &ev, NULL);
		if (!q) {
			put_raw(out, p, end, offset);
			return;
		}
		fprintf(out, "  0x%06" PRIx64 " %s dt=%" PRIu64, offset, gt_specs[ev.id].name,
			ev.dt);
		for (unsigned i = 0; i < ev.nargs; i++)
			put_number(out, gt_specs[ev.id].arg_name[i], ev.args[i]);
		fputc('\n', out);
		p = q;
	}
}

/* n numbers at *p with their names; NULL as a name ends the list. */
static bool put_numbers(FILE *out, const uint8_t **p, const uint8_t *end, const char *const *names,
			uint64_t *last)
{
	for (; *names; names++) {
		const uint8_t *q = gt_varint_get(*p, end, last);
		if (!q)
			return false;
		put_number(out, *names, *last);
		*p = q;
	}
	return true;
}

static bool put_frames(FILE *out, const uint8_t **p, const uint8_t *end, uint64_t n)
{
	for (; n > 0; n--) {
		uint64_t v[4];
		for (unsigned i = 0; i < 4; i++) {
			const uint8_t *q = gt_varint_get(*p, end, &v[i]);
			if (!q)
				return false;
			*p = q;
		}
		fprintf(out, " 0x%" PRIx64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64, v[0], v[1], v[2],
			v[3]);
	}
	return true;
}

/* The record at *p of a table; false, and *p is unchanged, when it is damaged. */
static bool wire_record(FILE *out, const uint8_t **p, const uint8_t *end)
{
	static const char *const string[] = { "id", NULL }, *const stack[] = { "id", NULL },
				 *const freq[] = { "freq", NULL },
				 *const clock[] = { "dt", "mono", "sec", "nsec", NULL },
				 *const sample[] = { "time", "m", "p", "g", "stack", NULL };
	const uint8_t *q = *p + 1;
	uint64_t v = 0, n = 0;
	bool ok = false;
	switch (**p) {
	case GT_EV_String:
		fputs("String", out);
		ok = put_numbers(out, &q, end, string, &v);
		q = ok ? gt_varint_get(q, end, &n) : NULL;
		ok = q && n <= (uint64_t)(end - q);
		if (ok) {
			fputc(' ', out);
			gt_dump_quoted(out, (const char *)q, n);
			q += n;
		}
		break;
	case GT_EV_Stack:
		fputs("Stack", out);
		ok = put_numbers(out, &q, end, stack, &v);
		q = ok ? gt_varint_get(q, end, &n) : NULL;
		ok = q && put_frames(out, &q, end, n);
		break;
	case GT_EV_CPUSample:
		fputs("CPUSample", out);
		ok = put_numbers(out, &q, end, sample, &v);
		break;
	case GT_EV_Frequency:
		fputs("Frequency", out);
		ok = put_numbers(out, &q, end, freq, &v);
		break;
	case GT_EV_ClockSnapshot:
		fputs("ClockSnapshot", out);
		ok = put_numbers(out, &q, end, clock, &v);
		break;
	default:
		break;
	}
	fputs(ok ? "\n" : " # damaged:\n", out);
	if (ok)
		*p = q;
	return ok;
}

static void wire_table(FILE *out, const struct gt_wire_batch *b)
{
	const uint8_t *p = b->data, *end = p + b->size;
	uint64_t offset = b->data_offset;
	if (*p != GT_EV_Frequency) /* before go 1.25 the record alone is the batch */
		fprintf(out, "  0x%06" PRIx64 " %s\n", offset, gt_specs[*p++].name);
	while (p < end) {
		offset = b->data_offset + (uint64_t)(p - b->data);
		fprintf(out, "  0x%06" PRIx64 " ", offset);
		if (!wire_record(out, &p, end)) {
			put_raw(out, p, end, offset);
			return;
		}
	}
}

static void wire_batch(FILE *out, const struct gt_wire_batch *b, int version)
{
	if (b->kind == GT_BATCH_END) {
		/* N.B. before go 1.26 there is no such byte */
		fprintf(out, "%s0x%06" PRIx64 " end\n", version < 26 ? "# " : "", b->offset);
		return;
	}
	fprintf(out, "0x%06" PRIx64 " batch", b->offset);
	put_number(out, "gen", b->gen);
	put_number(out, "m", b->m);
	fprintf(out, " time=%" PRIu64, b->time);
	if (b->experiment)
		fprintf(out, " exp=%u", b->experiment);
	fprintf(out, " # %" PRIu32 " bytes\n", b->size);
	switch (b->kind) {
	case GT_BATCH_EVENTS:
		wire_events(out, b);
		break;
	case GT_BATCH_RECORDS:
	case GT_BATCH_OPAQUE:
		put_raw(out, b->data, b->data + b->size, b->data_offset);
		break;
	default:
		wire_table(out, b);
		break;
	}
}

int gt_dump_wire(FILE *out, struct gt_file *f, struct gt_err *err)
{
	struct gt_wire_batch b;
	int rc;
	fprintf(out, "0x000000 header go 1.%d\n", gt_file_version(f));
	while ((rc = gt_file_next(f, &b, err)) > 0)
		wire_batch(out, &b, gt_file_version(f));
	return rc;
}
