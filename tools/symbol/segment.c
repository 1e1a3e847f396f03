#include "tools/symbol/place.h"

bool gt_segment_vaddr(const struct gt_segment *s, size_t n, uint64_t offset, uint64_t *vaddr)
{
	for (size_t i = 0; i < n; i++) {
		if (offset - s[i].offset < s[i].size) {
			*vaddr = offset - s[i].offset + s[i].vaddr;
			return true;
		}
	}
	return false;
}
