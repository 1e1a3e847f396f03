/* Arrays that double. */
#ifndef GT_READ_GROW_H
#define GT_READ_GROW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Makes room for `need` elements of `size` bytes at *(void **)p; *cap is the present room. False
 * without memory. */
static inline bool gt_grow(void *p, uint32_t *cap, uint64_t need, size_t size)
{
	if (need <= *cap)
		return true;
	if (need >= UINT32_MAX)
		return false;
	uint64_t n = *cap ? 2 * (uint64_t)*cap : 8;
	if (n < need)
		n = need;
	if (n >= UINT32_MAX)
		n = UINT32_MAX - 1;
	void *q = reallocarray(*(void **)p, n, size);
	if (!q)
		return false;
	*(void **)p = q;
	*cap = (uint32_t)n;
	return true;
}

#endif
