/*
 * Time: nanoseconds of CLOCK_MONOTONIC. Read from the TSC where it is invariant and the kernel
 * itself trusts it, by a multiply and a shift whose parameters the writer keeps in step with the
 * kernel's clock (clock.c).
 */
#ifndef GT_CLOCK_H
#define GT_CLOCK_H

#include "encoder/batch.h"

#include <stdatomic.h>

struct gt_clock_params {
	_Alignas(32) uint64_t base_tsc; /* one line of the cache */
	uint64_t base_ns;
	uint64_t mult; /* ns per tick, times 2^32; 0 = ask the kernel */
};

extern struct gt_clock_params *_Atomic gt_clock_now; /* never NULL */

uint64_t gt_clock_kernel_ns(void); /* CLOCK_MONOTONIC by the vdso; touches no errno */

static inline gt_ns gt_now(void)
{
#ifdef __x86_64__
	const struct gt_clock_params *c = atomic_load_explicit(&gt_clock_now, memory_order_acquire);
	if (__builtin_expect(c->mult != 0, 1)) {
		uint32_t lo, hi;
		/* N.B. no lfence: a few ns of disorder do no harm, the fence costs as much as the
		 * read */
		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
		const uint64_t ticks = ((uint64_t)hi << 32 | lo) - c->base_tsc;
		return (gt_ns){ c->base_ns +
				(uint64_t)(((unsigned __int128)ticks * c->mult) >> 32) };
	}
#endif
	return (gt_ns){ gt_clock_kernel_ns() };
}

/* Boot: starts on the kernel's clock; `allow_tsc` is the setting. */
void gt_clock_init(int allow_tsc);
/* Writer, every few ms: calibrates, and re-anchors without a step. Cheap when nothing is due. */
void gt_clock_tick(void);
/* Three clocks at one instant, in ns: trace time, CLOCK_MONOTONIC, wall clock (since 1970). */
struct gt_stamp {
	uint64_t now, mono, wall;
};
void gt_clock_snapshot(struct gt_stamp *s);
/* The same at `start`, which was a moment ago, and later than the stamp that was in *s. */
void gt_clock_stamp(struct gt_stamp *s, gt_ns start);

#endif
