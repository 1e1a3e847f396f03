#include "tools/lib/focus.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

bool gt_focus_check(struct gt_focus *f, const char *verb)
{
	if (f->to_ns != 0 && f->to_ns < f->from_ns) {
		fprintf(stderr, "gtrace %s: --to lies before --from\n", verb);
		return false;
	}
	if (f->thread == NULL)
		return true;
	const bool is_g = f->thread[0] == 'g';
	char *end;
	const unsigned long long id = strtoull(f->thread + is_g, &end, 10);
	if (!isdigit((unsigned char)f->thread[is_g]) || *end != '\0') {
		fprintf(stderr,
			"gtrace %s: --thread %s: expected a thread id like 4002 or a "
			"goroutine like g7\n",
			verb, f->thread);
		return false;
	}
	f->id = id;
	f->has_g = is_g;
	f->has_tid = !is_g;
	return true;
}
