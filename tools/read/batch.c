#include "tools/read/batch.h"

#include <stdio.h>

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
