#include "preload/pace.h"

#include "preload/config.h"
#include "preload/emit.h"
#include "preload/sys.h"
#include "preload/thread.h"

#define HEAP_NS (2 * GT_TICK_NS) /* while memory is allocated: 100 values a second at most */
#define BUSY_NS (4 * GT_TICK_NS) /* while threads do what is traced */
#define IDLE_NS (8 * GT_TICK_NS) /* an exec is noticed that late, at worst */
#define MUCH    (256u << 10)     /* written in one round */
#define LITTLE  (17u << 20)

/* Differs from the one before if a thread has begun or ended, waited or woken somebody. */
static uint64_t activity(void)
{
	const uint32_t end = gt_threads_end();
	uint64_t sum = end;
	for (uint32_t i = 0; i < end; i++) {
		const struct gt_thread *t = gt_thread_at(i);
		sum = sum * 31 + atomic_load_explicit(&t->writing, memory_order_relaxed);
	}
	return sum;
}

/*
 * Must it come every tick? Rings of samples fill up by themselves; where threads wait for memory,
 * or in a sandbox cannot get any themselves, or where there is little of it, they need the writer.
 */
static bool is_urgent(void)
{
	return gt_cfg.sample_hz || gt_cfg.sched || gt_cfg.full_policy == GT_FULL_BLOCK ||
	       gt_is_sandboxed || gt_arena_buffer() < LITTLE;
}

uint64_t gt_pace_ns(struct gt_pace *p, uint64_t left_ns, uint64_t written, bool is_awaited)
{
	const uint64_t now = activity();
	const int64_t heap = gt_heap_sum();
	const uint64_t most = heap != p->heap ? HEAP_NS : now != p->activity ? BUSY_NS : IDLE_NS;
	if (!p->pause_ns || is_awaited || is_urgent() || written - p->written > MUCH)
		p->pause_ns = GT_TICK_NS;
	else
		p->pause_ns = p->pause_ns * 2 < most ? p->pause_ns * 2 : most;
	p->activity = now;
	p->heap = heap;
	p->written = written;
	return left_ns < p->pause_ns ? left_ns : p->pause_ns;
}
