#include "tools/read/batch.h"

#include <stdio.h>

/* The type of an argument as events.def has it; `_` is none. */
#define TYPE__          GT_ARG_none
#define TYPE_g(x)       GT_ARG_g
#define TYPE_m(x)       GT_ARG_m
#define TYPE_p(x)       GT_ARG_p
#define TYPE_seq(x)     GT_ARG_seq
#define TYPE_stack(x)   GT_ARG_stack
#define TYPE_str(x)     GT_ARG_str
#define TYPE_gstatus(x) GT_ARG_gstatus
#define TYPE_pstatus(x) GT_ARG_pstatus
#define TYPE_task(x)    GT_ARG_task
#define TYPE_u64(x)     GT_ARG_u64

#define IS(a, type)             (TYPE_##a == GT_ARG_##type)
#define COUNT(a, b, c, d, type) (IS(a, type) + IS(b, type) + IS(c, type) + IS(d, type))
/* N.B. the last argument: of GoCreate's two stacks the first is the new goroutine's */
#define STACK(a, b, c, d)                                                                          \
	(!IS(d, none)   ? 4 * IS(d, stack)                                                         \
	 : !IS(c, none) ? 3 * IS(c, stack)                                                         \
	 : !IS(b, none) ? 2 * IS(b, stack)                                                         \
			: IS(a, stack))
#define STR(a, b, c, d) (IS(a, str) ? 1 : IS(b, str) ? 2 : IS(c, str) ? 3 : 4 * IS(d, str))

#define SHAPE_FRAME(a, b, c, d)                                                                    \
	{                                                                                          \
		0, 0, 0, false                                                                     \
	}
#define SHAPE_RECORD(a, b, c, d)                                                                   \
	{                                                                                          \
		0, 1, 0, false                                                                     \
	} /* a CPU sample as an ordered event */
#define SHAPE_TIMED(a, b, c, d)                                                                    \
	{                                                                                          \
		1 + GT_MAX_ARGS - COUNT(a, b, c, d, none), STACK(a, b, c, d), STR(a, b, c, d),     \
			COUNT(a, b, c, d, stack) > (STACK(a, b, c, d) != 0) ||                     \
				COUNT(a, b, c, d, str) > 1                                         \
	}

const struct gt_event_shape gt_event_shapes[256] = {
/* clang-format off */
#define GT_EV(id, name, kind, a1, a2, a3, a4, meaning) [id] = SHAPE_##kind(a1, a2, a3, a4),
#include "gtrace/events.def"
#undef GT_EV
	/* clang-format on */
};

const char *gt_event_name(uint8_t id)
{
	static char unknown[16];
	if (gt_specs[id].name)
		return gt_specs[id].name;
	snprintf(unknown, sizeof(unknown), "event %u", id);
	return unknown;
}

/* What is wrong with the event at p: the slow way again, for the message. */
void gt_event_complain(const uint8_t *p, const uint8_t *end, uint64_t offset, struct gt_err *err)
{
	const struct gt_spec *s = &gt_specs[*p];
	if (!s->name || s->kind != GT_KIND_TIMED) {
		gt_err_set(err, GT_ERR_FORMAT, offset, "%s (%u) is no timed event [C8]",
			   s->name ? s->name : "byte", *p);
		return;
	}
	unsigned n = 0;
	const uint8_t *q = p + 1;
	uint64_t v;
	for (const uint8_t *r; q && n <= s->nargs && (r = gt_varint_get(q, end, &v)); n++)
		q = r;
	if (end - q >= GT_VARINT_MAX)
		gt_err_set(err, GT_ERR_FORMAT, offset,
			   "%s: a number does not fit into 64 bits [C8]", s->name);
	else if (n == 0)
		gt_err_set(err, GT_ERR_FORMAT, offset, "%s needs a time, none left [C8]", s->name);
	else
		gt_err_set(err, GT_ERR_FORMAT, offset, "%s needs %u argument%s, %u left [C8]",
			   s->name, s->nargs, s->nargs == 1 ? "" : "s", n - 1);
}
