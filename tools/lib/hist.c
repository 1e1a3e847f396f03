#include "tools/lib/hist.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

#define FINE 4 /* bits behind the first one that tell buckets apart */

/* Values below 2^FINE have buckets of their own. */
static uint32_t id_of(uint64_t v)
{
	if (v < 1u << FINE)
		return (uint32_t)v;
	const uint32_t shift = 63u - FINE - (uint32_t)__builtin_clzll(v);
	return ((shift + 1) << FINE) + (uint32_t)((v >> shift) & ((1u << FINE) - 1));
}

/* The largest value of a bucket. */
static uint64_t end_of(uint32_t id)
{
	const uint32_t low = id & ((1u << FINE) - 1);
	if (id < 1u << FINE)
		return id;
	const uint32_t shift = (id >> FINE) - 1;
	const uint64_t first = (uint64_t)((1u << FINE) + low) << shift;
	return first + ((UINT64_C(1) << shift) - 1);
}

void gt_hist_add(struct gt_hist *h, uint64_t v)
{
	const uint32_t id = id_of(v);
	uint32_t lo = 0, hi = h->n;
	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;
		if (h->buckets[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == h->n || h->buckets[lo].id != id) {
		size_t cap = h->cap;
		h->buckets = gt_mem_grow(h->buckets, h->n, &cap, sizeof(*h->buckets));
		h->cap = (uint32_t)cap;
		memmove(&h->buckets[lo + 1], &h->buckets[lo], (h->n - lo) * sizeof(*h->buckets));
		h->buckets[lo] = (struct gt_hist_bucket){ id, 0 };
		h->n++;
	}
	h->buckets[lo].n++;
	h->count++;
	h->max = v > h->max ? v : h->max;
}

uint64_t gt_hist_quantile(const struct gt_hist *h, double q)
{
	const double exact = q * (double)h->count;
	uint64_t rank = (uint64_t)exact, below = 0;
	rank += (double)rank < exact || rank == 0; /* nearest rank, from 1 */
	for (uint32_t i = 0; i < h->n; i++) {
		below += h->buckets[i].n;
		const uint64_t end = end_of(h->buckets[i].id);
		if (below >= rank)
			return end < h->max ? end : h->max;
	}
	return h->max;
}

void gt_hist_free(struct gt_hist *h)
{
	free(h->buckets);
	*h = (struct gt_hist){ 0 };
}
