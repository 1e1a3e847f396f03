/* The .def tables of include/gtrace/, row by row. */
#include "encoder/event.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* A row of any table, as far as all of them agree. */
struct row {
	unsigned id;
	const char *name, *meaning;
};

/* clang-format off */
static const struct row events[] = {
#define GT_EV(id, name, kind, a1, a2, a3, a4, meaning) { id, #name, meaning },
#include "gtrace/events.def"
#undef GT_EV
};
static const struct row records[] = {
#define GT_REC(kind, name, f1, f2, f3, f4, f5, f6, f7, meaning) { kind, #name, meaning },
#include "gtrace/records.def"
#undef GT_REC
};
static const struct row whys[] = {
#define GT_WHY(id, name, form, object, reason, meaning) { id, #name, meaning },
#include "gtrace/whys.def"
#undef GT_WHY
};
static const struct { const char *form, *reason; } forms[] = {
#define GT_WHY(id, name, form, object, reason, meaning) { #form, reason },
#include "gtrace/whys.def"
#undef GT_WHY
};
/* clang-format on */

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cr_assert(ne(uint, rows[i].id, 0), "%s", rows[i].name);
		cr_assert(ne(chr, rows[i].meaning[0], 0), "%s", rows[i].name);
		for (size_t j = 0; j < i; j++) {
			cr_assert(ne(uint, rows[i].id, rows[j].id), "%s", rows[i].name);
			cr_assert(ne(str, (char *)rows[i].name, (char *)rows[j].name));
		}
	}
}

Test(tables, ids_and_names_are_given_once)
{
	check_rows(events, ROWS(events));
	check_rows(records, ROWS(records));
	check_rows(whys, ROWS(whys));
}

Test(tables, specs_hold_every_event_and_nothing_else)
{
	size_t n = 0;
	for (size_t id = 0; id < ROWS(gt_specs); id++) {
		cr_assert(eq(int, gt_specs[id].kind != GT_KIND_NONE, gt_specs[id].name != NULL));
		n += gt_specs[id].name != NULL;
	}
	cr_assert(eq(sz, n, ROWS(events)));
	for (size_t i = 0; i < ROWS(events); i++)
		cr_assert(eq(str, (char *)gt_specs[events[i].id].name, (char *)events[i].name));
}

Test(tables, specs_hold_every_record_and_nothing_else)
{
	size_t n = 0;
	for (size_t kind = 0; kind < GT_REC_KINDS; kind++)
		n += gt_rec_specs[kind].name != NULL;
	cr_assert(eq(sz, n, ROWS(records)));
	cr_assert(ne(ptr, (void *)gt_rec_specs[GT_REC_KINDS - 1].name, NULL),
		  "GT_REC_KINDS is one above the largest kind");
}

static void check_args(const char *of, const enum gt_arg *args, const char *const *names,
		       size_t nargs, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		cr_assert(eq(int, args[i] != GT_ARG_none, i < nargs), "%s", of);
		cr_assert(eq(int, names[i] != NULL, i < nargs), "%s", of);
		for (size_t j = 0; j < i && i < nargs; j++)
			cr_assert(ne(str, (char *)names[i], (char *)names[j]), "%s", of);
	}
}

Test(tables, arguments_have_no_gaps_and_names_of_their_own)
{
	for (size_t id = 0; id < ROWS(gt_specs); id++) {
		const struct gt_spec *s = &gt_specs[id];
		check_args(s->name, s->arg, s->arg_name, s->nargs, GT_MAX_ARGS);
	}
	for (size_t kind = 0; kind < GT_REC_KINDS; kind++) {
		const struct gt_rec_spec *s = &gt_rec_specs[kind];
		check_args(s->name, s->field, s->field_name, s->nfields, GT_REC_MAX_FIELDS);
	}
}

/* Go's reader takes just these numbers (tracev2/events.go); others make it refuse the file. */
Test(tables, event_numbers_are_those_of_go)
{
	for (size_t i = 0; i < ROWS(events); i++) {
		const unsigned id = events[i].id;
		cr_assert(id <= 52 || (id >= 128 && id <= 136), "%s", events[i].name);
	}
	cr_assert(eq(int, GT_EV_GoBlock, 20));
	cr_assert(eq(int, GT_EV_GoStatusStack, 48));
	cr_assert(eq(int, GT_EV_EndOfGeneration, 52));
	cr_assert(eq(int, GT_EV_GoroutineStackFree, 136));
}

Test(tables, a_wait_has_a_form_and_a_call_has_no_reason)
{
	for (size_t i = 0; i < ROWS(forms); i++) {
		const char *form = forms[i].form;
		cr_assert(strcmp(form, "BLOCK") == 0 || strcmp(form, "CALL") == 0 ||
			  strcmp(form, "FD") == 0 || strcmp(form, "TIME") == 0 ||
			  strcmp(form, "RUN") == 0);
		if (strcmp(form, "CALL") == 0)
			cr_assert(eq(chr, forms[i].reason[0], 0), "%s", whys[i].name);
	}
}
