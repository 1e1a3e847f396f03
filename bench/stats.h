/* Order statistics of a few numbers. They sort their argument. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdlib.h>

static inline int stats_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The value below which a share `q` of [0, 1] lies, between neighbours; 0 of none. */
static inline double stats_quantile(double *v, unsigned n, double q)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), stats_compare);
	const double at = q * (n - 1);
	const unsigned i = (unsigned)at;
	return i + 1 < n ? v[i] + (at - i) * (v[i + 1] - v[i]) : v[i];
}

static inline double stats_median(double *v, unsigned n)
{
	return stats_quantile(v, n, 0.5);
}

#endif
