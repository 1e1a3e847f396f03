#include "preload/samples.h"

#include "preload/arena.h"
#include "preload/config.h"
#include "preload/counters.h"

#define MAX_SAMPLES 4096u /* in memory; then they are written */

static struct gt_sample *samples;
static uint32_t n_samples;

int gt_samples_init(void)
{
	n_samples = 0;
	if (!gt_cfg.sample_hz && !gt_cfg.sched)
		return 0;
	samples = (struct gt_sample *)gt_arena_alloc(MAX_SAMPLES * sizeof(*samples));
	return samples ? gt_tables_perf_init() : -12;
}

/* By time: each source is nearly in order, but they come one after the other. Shell sort: almost
 * sorted, and no libc. */
static void sort(void)
{
	for (uint32_t gap = n_samples / 2; gap; gap /= 2) {
		for (uint32_t i = gap; i < n_samples; i++) {
			const struct gt_sample s = samples[i];
			uint32_t k = i;
			for (; k >= gap && samples[k - gap].time.v > s.time.v; k -= gap)
				samples[k] = samples[k - gap];
			samples[k] = s;
		}
	}
}

void gt_samples_add(struct gt_sample s, gt_ns start, const uint64_t *pcs, size_t n)
{
	if (n_samples == MAX_SAMPLES) { /* their stacks first */
		gt_tables_flush(false);
		gt_samples_flush();
	}
	if (s.time.v < start.v)
		s.time = start;
	s.stack = gt_tables_stack(pcs, n);
	samples[n_samples++] = s;
}

void gt_samples_flush(void)
{
	if (!n_samples)
		return;
	sort();
	gt_tables_samples(samples, n_samples);
	GT_COUNT(samples, n_samples);
	n_samples = 0;
}
