/*
 * Expands events.def: event numbers, typed writers gt_w_<Event>(), and gt_specs[] for readers.
 * A writer appends one whole event to a batch that has room for it (GT_EVENT_MAX bytes).
 */
#ifndef GT_EVENT_H
#define GT_EVENT_H

#include "encoder/batch.h"

/* clang-format off */
enum gt_event {
#define GT_EV(id, name, ...) GT_EV_##name = id,
#include "gtrace/events.def"
#undef GT_EV
};
/* clang-format on */

enum gt_event_kind { GT_KIND_NONE, GT_KIND_FRAME, GT_KIND_RECORD, GT_KIND_TIMED };

/* What an argument means; the names are the types of events.def and records.def. */
enum gt_arg {
	GT_ARG_none,
	GT_ARG_g,
	GT_ARG_m,
	GT_ARG_p,
	GT_ARG_seq,
	GT_ARG_stack,
	GT_ARG_str,
	GT_ARG_gstatus,
	GT_ARG_pstatus,
	GT_ARG_task,
	GT_ARG_u64,
};

#define GT_MAX_ARGS 4

struct gt_spec {
	const char *name; /* NULL: no such event */
	enum gt_event_kind kind;
	uint8_t nargs;
	enum gt_arg arg[GT_MAX_ARGS];
	const char *arg_name[GT_MAX_ARGS];
	const char *meaning;
};

/* Indexed by the event's number on the wire. */
extern const struct gt_spec gt_specs[256];

/* Kinds of gtrace's own records (records.def). */
/* clang-format off */
enum gt_rec {
#define GT_REC(kind, name, ...) GT_REC_##name = kind,
#include "gtrace/records.def"
#undef GT_REC
};
/* clang-format on */

#define GT_REC_MAX_FIELDS 7

struct gt_rec_spec {
	const char *name; /* NULL: no such record */
	uint8_t nfields;
	enum gt_arg field[GT_REC_MAX_FIELDS];
	const char *field_name[GT_REC_MAX_FIELDS];
	const char *meaning;
};

#define GT_REC_KINDS 13 /* one above the largest kind */
extern const struct gt_rec_spec gt_rec_specs[GT_REC_KINDS];

#define GT_EXPERIMENT     1    /* AllocFree: the only one that every Go reader carries */
#define GT_REC_BATCH_BYTE 0x67 /* 'g': first data byte of a batch of our own records */

/* The C type of each argument type. */
#define GT_TYPE_g       gt_g
#define GT_TYPE_m       gt_m
#define GT_TYPE_p       gt_p
#define GT_TYPE_seq     uint64_t
#define GT_TYPE_stack   gt_stack
#define GT_TYPE_str     gt_str
#define GT_TYPE_gstatus enum gt_gstatus
#define GT_TYPE_pstatus enum gt_pstatus
#define GT_TYPE_task    gt_task
#define GT_TYPE_u64     uint64_t

/* The number inside each argument type. */
#define GT_RAW_g(x)       ((x).v)
#define GT_RAW_m(x)       ((x).v)
#define GT_RAW_p(x)       ((x).v)
#define GT_RAW_seq(x)     (x)
#define GT_RAW_stack(x)   ((x).v)
#define GT_RAW_str(x)     ((x).v)
#define GT_RAW_gstatus(x) ((uint64_t)(x))
#define GT_RAW_pstatus(x) ((uint64_t)(x))
#define GT_RAW_task(x)    ((x).v)
#define GT_RAW_u64(x)     (x)

/*
 * `GT_PARAM_##arg` turns `g(new_g)` into `, gt_g new_g` and `_` into nothing; likewise GT_PUT_.
 * N.B. the writers' own names (b, now, w, body) cannot be names of arguments.
 */
#define GT_PARAM__
#define GT_PARAM_g(x)       , GT_TYPE_g x
#define GT_PARAM_m(x)       , GT_TYPE_m x
#define GT_PARAM_p(x)       , GT_TYPE_p x
#define GT_PARAM_seq(x)     , GT_TYPE_seq x
#define GT_PARAM_stack(x)   , GT_TYPE_stack x
#define GT_PARAM_str(x)     , GT_TYPE_str x
#define GT_PARAM_gstatus(x) , GT_TYPE_gstatus x
#define GT_PARAM_pstatus(x) , GT_TYPE_pstatus x
#define GT_PARAM_task(x)    , GT_TYPE_task x
#define GT_PARAM_u64(x)     , GT_TYPE_u64 x

#define GT_PUT__
#define GT_PUT_g(x)       w = gt_varint_put(w, GT_RAW_g(x));
#define GT_PUT_m(x)       w = gt_varint_put(w, GT_RAW_m(x));
#define GT_PUT_p(x)       w = gt_varint_put(w, GT_RAW_p(x));
#define GT_PUT_seq(x)     w = gt_varint_put(w, GT_RAW_seq(x));
#define GT_PUT_stack(x)   w = gt_varint_put(w, GT_RAW_stack(x));
#define GT_PUT_str(x)     w = gt_varint_put(w, GT_RAW_str(x));
#define GT_PUT_gstatus(x) w = gt_varint_put(w, GT_RAW_gstatus(x));
#define GT_PUT_pstatus(x) w = gt_varint_put(w, GT_RAW_pstatus(x));
#define GT_PUT_task(x)    w = gt_varint_put(w, GT_RAW_task(x));
#define GT_PUT_u64(x)     w = gt_varint_put(w, GT_RAW_u64(x));

#define GT_WRITER_FRAME(...)
#define GT_WRITER_RECORD(...)
#define GT_WRITER_TIMED(name, a1, a2, a3, a4)                                                      \
	static inline void gt_w_##name(                                                            \
		struct gt_batch *b,                                                                \
		gt_ns now GT_PARAM_##a1 GT_PARAM_##a2 GT_PARAM_##a3 GT_PARAM_##a4)                 \
	{                                                                                          \
		uint8_t *w = gt_batch_event(b, GT_EV_##name, now);                                 \
		GT_PUT_##a1 GT_PUT_##a2 GT_PUT_##a3 GT_PUT_##a4 gt_batch_end(b, w);                \
	}

/* clang-format off */
#define GT_EV(id, name, kind, a1, a2, a3, a4, meaning) GT_WRITER_##kind(name, a1, a2, a3, a4)
#include "gtrace/events.def"
#undef GT_EV

/*
 * gt_r_<RECORD>(batch, now, fields...): appends one of gtrace's own records. Returns false, and writes
 * nothing, when there is no room.
 */
#define GT_REC(kind, name, f1, f2, f3, f4, f5, f6, f7, meaning)                                              \
	static inline bool gt_r_##name(struct gt_batch *b, gt_ns now GT_PARAM_##f1 GT_PARAM_##f2             \
	        GT_PARAM_##f3 GT_PARAM_##f4 GT_PARAM_##f5 GT_PARAM_##f6 GT_PARAM_##f7)                       \
	{                                                                                                    \
		uint8_t body[(1 + GT_REC_MAX_FIELDS) * GT_VARINT_MAX];                                       \
		uint8_t *w = gt_varint_put(body, now.v > b->start.v ? now.v - b->start.v : 0);               \
		GT_PUT_##f1 GT_PUT_##f2 GT_PUT_##f3 GT_PUT_##f4 GT_PUT_##f5 GT_PUT_##f6 GT_PUT_##f7          \
		while (w > body + 1 && !w[-1]) /* missing fields are 0 */                                     \
			w--;                                                                                  \
		return gt_batch_record(b, kind, body, (size_t)(w - body), NULL, 0);                          \
	}
#include "gtrace/records.def"
#undef GT_REC
/* clang-format on */

#endif
