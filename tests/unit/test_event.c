#include "encoder/event.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const gt_ns start = { 1000 };

/*
 * The value that argument `name` of event `id` gets here: every length of number, and by its
 * name, so that a table with swapped arguments is noticed.
 */
static uint64_t value_of(unsigned id, const char *name)
{
	uint64_t h = id * 0x9e3779b97f4a7c15u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return h >> (h >> 32) % 64;
}

/* A status has few values. */
static uint64_t status_of(unsigned id, const char *name)
{
	return 1 + value_of(id, name) % 3;
}

/* clang-format off */
#define VALUE__
#define VALUE_g(x)       , (gt_g){ value_of(id, #x) }
#define VALUE_m(x)       , (gt_m){ value_of(id, #x) }
#define VALUE_p(x)       , (gt_p){ value_of(id, #x) }
#define VALUE_seq(x)     , value_of(id, #x)
#define VALUE_stack(x)   , (gt_stack){ value_of(id, #x) }
#define VALUE_str(x)     , (gt_str){ value_of(id, #x) }
#define VALUE_gstatus(x) , (enum gt_gstatus)status_of(id, #x)
#define VALUE_pstatus(x) , (enum gt_pstatus)status_of(id, #x)
#define VALUE_task(x)    , (gt_task){ value_of(id, #x) }
#define VALUE_u64(x)     , value_of(id, #x)
/* clang-format on */

#define CASE_FRAME(...)
#define CASE_RECORD(...)
#define CASE_TIMED(name, a1, a2, a3, a4)                                                           \
	case GT_EV_##name:                                                                         \
		gt_w_##name(b, now VALUE_##a1 VALUE_##a2 VALUE_##a3 VALUE_##a4);                   \
		return true;

/* Writes event `id` by its own writer; false when it has none. */
static bool write_event(struct gt_batch *b, gt_ns now, unsigned id)
{
	switch (id) {
#define GT_EV(number, name, kind, a1, a2, a3, a4, meaning) CASE_##kind(name, a1, a2, a3, a4)
#include "gtrace/events.def"
#undef GT_EV
	}
	return false;
}

/* Likewise a record of gtrace's own. */
static bool write_record(struct gt_batch *b, gt_ns now, unsigned id)
{
	switch (id) {
#define GT_REC(kind, name, f1, f2, f3, f4, f5, f6, f7, meaning)                                    \
	case kind:                                                                                 \
		return gt_r_##name(b, now VALUE_##f1 VALUE_##f2 VALUE_##f3 VALUE_##f4 VALUE_##f5   \
					      VALUE_##f6 VALUE_##f7);
#include "gtrace/records.def"
#undef GT_REC
	}
	return false;
}

static uint64_t get(const uint8_t **p, const uint8_t *end)
{
	uint64_t v = 0;
	*p = gt_varint_get(*p, end, &v);
	cr_assert(ne(ptr, (void *)*p, NULL));
	return v;
}

static void check_arg(unsigned id, enum gt_arg type, const char *name, uint64_t got)
{
	const bool is_status = type == GT_ARG_gstatus || type == GT_ARG_pstatus;
	cr_assert(eq(u64, got, is_status ? status_of(id, name) : value_of(id, name)), "%u %s", id,
		  name);
}

Test(event, every_timed_event_is_read_back_from_the_table)
{
	unsigned timed = 0;
	for (unsigned id = 0; id < 256; id++) {
		uint8_t mem[GT_BATCH_HEADER + GT_EVENT_MAX];
		struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);
		const struct gt_spec *spec = &gt_specs[id];

		const bool is_written = write_event(&b, (gt_ns){ start.v + id }, id);
		cr_assert(eq(int, is_written, spec->kind == GT_KIND_TIMED), "%u", id);
		if (!is_written)
			continue;

		timed++;
		const uint8_t *p = mem + GT_BATCH_HEADER, *end = mem + b.len;
		cr_assert(eq(u8, *p++, (uint8_t)id));
		cr_assert(eq(u64, get(&p, end), id));
		for (unsigned i = 0; i < spec->nargs; i++)
			check_arg(id, spec->arg[i], spec->arg_name[i], get(&p, end));
		cr_assert(eq(ptr, (void *)p, (void *)end), "%s: bytes are left", spec->name);
	}
	cr_assert(eq(uint, timed, 49), "9 to 48 and 128 to 136");
}

Test(event, every_record_is_read_back_from_the_table)
{
	for (unsigned kind = 0; kind < GT_REC_KINDS; kind++) {
		uint8_t mem[GT_BATCH_HEADER + 100];
		struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);
		const struct gt_rec_spec *spec = &gt_rec_specs[kind];

		const bool is_written = write_record(&b, (gt_ns){ start.v + 300 }, kind);
		cr_assert(eq(int, is_written, spec->name != NULL));
		if (!is_written)
			continue;

		const uint8_t *p = mem + GT_BATCH_HEADER, *end = mem + b.len;
		cr_assert(eq(u8, *p++, (uint8_t)kind));
		cr_assert(eq(u64, get(&p, end), (uint64_t)(end - p)));
		cr_assert(eq(u64, get(&p, end), 300));
		for (unsigned i = 0; i < spec->nfields; i++)
			check_arg(kind, spec->field[i], spec->field_name[i], get(&p, end));
		cr_assert(eq(ptr, (void *)p, (void *)end), "%s: bytes are left", spec->name);
	}
}

Test(event, a_record_without_room_is_refused)
{
	uint8_t mem[GT_BATCH_HEADER + 5];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), start);

	/* kind, length, dt, name, value */
	cr_assert(gt_r_CONFIG(&b, start, (gt_str){ 1 }, (gt_str){ 2 }));
	cr_assert(not(gt_r_CONFIG(&b, start, (gt_str){ 1 }, (gt_str){ 2 })));
	cr_assert(eq(sz, gt_batch_len(&b), 5));
}

Test(event, the_longest_event_fits_into_its_room)
{
	uint8_t mem[GT_BATCH_HEADER + GT_EVENT_MAX + 1];
	mem[sizeof(mem) - 1] = 0xee;
	struct gt_batch b = gt_batch_init(mem, sizeof(mem) - 1, (gt_ns){ 0 });

	gt_w_UserLog(&b, (gt_ns){ UINT64_MAX }, (gt_task){ UINT64_MAX }, (gt_str){ UINT64_MAX },
		     (gt_str){ UINT64_MAX }, (gt_stack){ UINT64_MAX });
	cr_assert(eq(sz, gt_batch_len(&b), GT_EVENT_MAX));
	cr_assert(eq(u8, mem[sizeof(mem) - 1], 0xee));
}
