/* A histogram of durations: memory for the buckets that are used only. Its figures are upper
 * bounds, at most 1/16 above the truth, and never above the largest. */
#ifndef GT_HIST_H
#define GT_HIST_H

#include <stdint.h>

struct gt_hist_bucket {
	uint32_t id, n;
};

/* Zero-initialised. */
struct gt_hist {
	struct gt_hist_bucket *buckets; /* by id */
	uint32_t n, cap;
	uint64_t count, max;
};

void gt_hist_add(struct gt_hist *h, uint64_t v);

/* What a share `q` (0 to 1) of the values does not exceed; 0 when there are none. */
uint64_t gt_hist_quantile(const struct gt_hist *h, double q);

void gt_hist_free(struct gt_hist *h);

#endif
