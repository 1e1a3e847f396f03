/* The tables that readers walk: events.def and records.def as data. */
#include "encoder/event.h"

/* One argument as a pair: what it means, what it is called. */
#define GT_ARG_PAIR__          GT_ARG_none, NULL
#define GT_ARG_PAIR_g(x)       GT_ARG_g, #x
#define GT_ARG_PAIR_m(x)       GT_ARG_m, #x
#define GT_ARG_PAIR_p(x)       GT_ARG_p, #x
#define GT_ARG_PAIR_seq(x)     GT_ARG_seq, #x
#define GT_ARG_PAIR_stack(x)   GT_ARG_stack, #x
#define GT_ARG_PAIR_str(x)     GT_ARG_str, #x
#define GT_ARG_PAIR_gstatus(x) GT_ARG_gstatus, #x
#define GT_ARG_PAIR_pstatus(x) GT_ARG_pstatus, #x
#define GT_ARG_PAIR_task(x)    GT_ARG_task, #x
#define GT_ARG_PAIR_u64(x)     GT_ARG_u64, #x

/* N.B. a pair becomes two macro arguments only after one more expansion, hence two steps. */
#define GT_FIRST(a, b)    a
#define GT_SECOND(a, b)   b
#define GT_ARG_TYPE(...)  GT_FIRST(__VA_ARGS__)
#define GT_ARG_NAME(...)  GT_SECOND(__VA_ARGS__)
#define GT_ARG_COUNT(...) (GT_FIRST(__VA_ARGS__) != GT_ARG_none)

/* clang-format off */
const struct gt_spec gt_specs[256] = {
#define GT_EV(id, ev, ev_kind, a1, a2, a3, a4, text)                                                         \
	[id] = {                                                                                             \
		.name = #ev,                                                                                 \
		.kind = GT_KIND_##ev_kind,                                                                   \
		.nargs = GT_ARG_COUNT(GT_ARG_PAIR_##a1) + GT_ARG_COUNT(GT_ARG_PAIR_##a2)                     \
		       + GT_ARG_COUNT(GT_ARG_PAIR_##a3) + GT_ARG_COUNT(GT_ARG_PAIR_##a4),                    \
		.arg = { GT_ARG_TYPE(GT_ARG_PAIR_##a1), GT_ARG_TYPE(GT_ARG_PAIR_##a2),                       \
		         GT_ARG_TYPE(GT_ARG_PAIR_##a3), GT_ARG_TYPE(GT_ARG_PAIR_##a4) },                     \
		.arg_name = { GT_ARG_NAME(GT_ARG_PAIR_##a1), GT_ARG_NAME(GT_ARG_PAIR_##a2),                  \
		              GT_ARG_NAME(GT_ARG_PAIR_##a3), GT_ARG_NAME(GT_ARG_PAIR_##a4) },                \
		.meaning = text,                                                                             \
	},
#include "gtrace/events.def"
#undef GT_EV
};

const struct gt_rec_spec gt_rec_specs[GT_REC_KINDS] = {
#define GT_REC(kind, rec, f1, f2, f3, f4, f5, f6, f7, text)                                                  \
	[kind] = {                                                                                           \
		.name = #rec,                                                                                \
		.nfields = GT_ARG_COUNT(GT_ARG_PAIR_##f1) + GT_ARG_COUNT(GT_ARG_PAIR_##f2)                   \
		         + GT_ARG_COUNT(GT_ARG_PAIR_##f3) + GT_ARG_COUNT(GT_ARG_PAIR_##f4)                   \
		         + GT_ARG_COUNT(GT_ARG_PAIR_##f5) + GT_ARG_COUNT(GT_ARG_PAIR_##f6)                   \
		         + GT_ARG_COUNT(GT_ARG_PAIR_##f7),                                                   \
		.field = { GT_ARG_TYPE(GT_ARG_PAIR_##f1), GT_ARG_TYPE(GT_ARG_PAIR_##f2),                     \
		           GT_ARG_TYPE(GT_ARG_PAIR_##f3), GT_ARG_TYPE(GT_ARG_PAIR_##f4),                     \
		           GT_ARG_TYPE(GT_ARG_PAIR_##f5), GT_ARG_TYPE(GT_ARG_PAIR_##f6),                     \
		           GT_ARG_TYPE(GT_ARG_PAIR_##f7) },                                                  \
		.field_name = { GT_ARG_NAME(GT_ARG_PAIR_##f1), GT_ARG_NAME(GT_ARG_PAIR_##f2),                \
		                GT_ARG_NAME(GT_ARG_PAIR_##f3), GT_ARG_NAME(GT_ARG_PAIR_##f4),                \
		                GT_ARG_NAME(GT_ARG_PAIR_##f5), GT_ARG_NAME(GT_ARG_PAIR_##f6),                \
		                GT_ARG_NAME(GT_ARG_PAIR_##f7) },                                             \
		.meaning = text,                                                                             \
	},
#include "gtrace/records.def"
#undef GT_REC
};
/* clang-format on */
