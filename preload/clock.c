/*
 * The clock.
 *
 * At start nothing is known of the TSC's frequency and nobody has time to measure it, so reads ask
 * the kernel (vdso). The writer takes a first pair (TSC, CLOCK_MONOTONIC) after some ms, a second
 * one 20 ms later, and then publishes parameters; from there on it re-anchors them a few times a
 * second.
 *
 * Invariants
 *
 * 1. Parameters are immutable once published; a changed set is a new slot. Otherwise a reader mixes
 * two sets. (A slot is reused after GT_SLOTS changes, many seconds later.)
 * 2. A new set meets the old one at the instant of the change, and its rate is chosen so that
 *    the error found is gone one interval later. Otherwise time would jump.
 *
 * N.B. frequency 10^9: the wire carries ns, so that readers need no conversion (wire format,
 * "Time").
 */
#include "preload/clock.h"

#include "preload/hot.h"
#include "preload/sys.h"

#include <time.h>

#define GT_SLOTS        64
#define FIRST_INTERVAL  (20 * 1000000ull)
#define ANCHOR_INTERVAL (250 * 1000000ull)

static struct gt_clock_params slots[GT_SLOTS];
static unsigned slot;
GT_HOT_DATA struct gt_clock_params *_Atomic gt_clock_now = &slots[0];

static bool is_tsc_allowed, has_ticked;
static uint64_t last_tsc, last_mono; /* the pair at the last anchor */
static uint64_t rate; /* ns per tick times 2^32, as measured over the last interval */

uint64_t gt_clock_kernel_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: no errno */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#ifdef __x86_64__
#include <cpuid.h>

static uint64_t read_tsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* Invariant by cpuid, and the kernel itself reads time from it (it distrusts a TSC that drifts
 * between CPUs). */
static bool is_tsc_reliable(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & 1u << 8))
		return false;
	char source[32];
	const long n =
		gt_sys_read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource",
				 source, sizeof(source));
	return n >= 3 && memcmp(source, "tsc", 3) == 0;
}
#else
static uint64_t read_tsc(void)
{
	return 0;
}

static bool is_tsc_reliable(void)
{
	return false;
}
#endif

/* TSC and kernel time of one instant: the closest of a few tries, as an interrupt may fall between
 * the two reads. */
static void read_pair(uint64_t *tsc, uint64_t *mono)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 5; i++) {
		const uint64_t before = read_tsc();
		const uint64_t ns = gt_clock_kernel_ns();
		const uint64_t after = read_tsc();
		if (after - before < best) {
			best = after - before;
			*tsc = before + (after - before) / 2;
			*mono = ns;
		}
	}
}

static void publish(struct gt_clock_params p)
{
	slot = (slot + 1) % GT_SLOTS;
	slots[slot] = p;
	atomic_store_explicit(&gt_clock_now, &slots[slot],
			      memory_order_release); /* acquire: gt_now() */
}

void gt_clock_init(int allow_tsc)
{
	slot = 0;
	slots[0] = (struct gt_clock_params){ 0 };
	atomic_store_explicit(&gt_clock_now, &slots[0], memory_order_release);
	rate = 0;
	last_mono = 0;
	has_ticked = false;
	is_tsc_allowed = allow_tsc;
}

/* a * 2^32 / b without overflow for a < 2^63 */
static uint64_t ratio32(uint64_t a, uint64_t b)
{
	return (uint64_t)(((unsigned __int128)a << 32) / b);
}

void gt_clock_tick(void)
{
	if (!is_tsc_allowed)
		return;
	if (!has_ticked) { /* most programs do not live long enough for it to be worth a file */
		has_ticked = true;
		return;
	}
	if (last_mono == 0) {
		is_tsc_allowed = is_tsc_reliable();
		if (is_tsc_allowed)
			read_pair(&last_tsc, &last_mono);
		return;
	}
	const uint64_t interval = rate ? ANCHOR_INTERVAL : FIRST_INTERVAL;
	if (gt_clock_kernel_ns() - last_mono < interval)
		return;

	uint64_t tsc, mono;
	read_pair(&tsc, &mono);
	if (tsc <= last_tsc || mono <= last_mono) { /* not what was promised: never again */
		is_tsc_allowed = false;
		publish((struct gt_clock_params){ 0 });
		return;
	}
	const bool is_first = rate == 0;
	rate = ratio32(mono - last_mono, tsc - last_tsc);
	struct gt_clock_params p = { tsc, mono, rate };
	if (!is_first) { /* go on from where readers are, and arrive at the truth one interval later
			  */
		const struct gt_clock_params *old =
			atomic_load_explicit(&gt_clock_now, memory_order_relaxed);
		p.base_ns =
			old->base_ns +
			(uint64_t)(((unsigned __int128)(tsc - old->base_tsc) * old->mult) >> 32);
		const int64_t error = (int64_t)(mono - p.base_ns);
		const int64_t bound =
			(int64_t)(ANCHOR_INTERVAL /
				  1000); /* at most 1000 ppm: time never stands still */
		const int64_t fix = error > bound ? bound : error < -bound ? -bound : error;
		p.mult = (uint64_t)((int64_t)rate +
				    fix * (int64_t)(rate >> 10) / (int64_t)(ANCHOR_INTERVAL >> 10));
	}
	publish(p);
	last_tsc = tsc;
	last_mono = mono;
}

void gt_clock_snapshot(struct gt_stamp *s)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 8 && best > 2000; i++) { /* again when something came in between */
		struct timespec ts;
		const gt_ns before = gt_now();
		const uint64_t kernel = gt_clock_kernel_ns();
		clock_gettime(CLOCK_REALTIME, &ts);
		const uint64_t took = gt_now().v - before.v;
		if (took >= best)
			continue;
		best = took;
		s->now = before.v;
		s->mono = kernel;
		s->wall = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
}

/* A clock that advances by less than its readings scatter must not stand still or go back. */
static uint64_t after(uint64_t ns, uint64_t last)
{
	return ns <= last && last - ns < 100000000 ? last + 1 : ns; /* further: somebody set it */
}

void gt_clock_stamp(struct gt_stamp *s, gt_ns start)
{
	const struct gt_stamp last = *s;
	gt_clock_snapshot(s);
	const uint64_t ago = s->now > start.v ? s->now - start.v : 0;
	s->now = start.v;
	s->mono = after(s->mono - ago, last.mono);
	s->wall = after(s->wall - ago, last.wall);
}
