/*
 * The library's core without hooks: one event, one wait, against one clock read. Linked with the
 * very objects of libgtrace.so; started with GTRACE_OUT empty, so that their constructor leaves
 * everything to us. What the writer does elsewhere, taking full chunks, is done here between
 * slices.
 */
#include "bench/harness.h"

#include "preload/advance.h"
#include "preload/arena.h"
#include "preload/clock.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct gt_thread *self;

static void start(void)
{
	gt_clock_init(1);
	gt_cfg.stacks = 0;
	if (gt_arena_init(64u << 20, GT_MAX_THREADS, sizeof(struct gt_thread)) || gt_advance_init())
		exit(1);
	self = gt_thread_register_self();
	if (!self)
		exit(1);
	for (int i = 0; i < 3; i++) { /* two looks at both clocks, some time apart */
		gt_clock_tick();
		usleep(25000);
	}
	if (gt_clock_now->mult == 0)
		fprintf(stderr, "bench: no TSC here, the clock is the kernel's\n");
}

static void recycle(void)
{
	for (struct gt_chunk *c = gt_chunk_take_all(), *next; c; c = next) {
		next = gt_chunk_at(c->next);
		gt_chunk_put(c);
	}
}

static uint64_t run_kernel_clock(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		gt_clock_kernel_ns();
	return n;
}

static uint64_t run_tsc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint32_t lo, hi;
		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	}
	return n;
}

static uint64_t run_now(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		gt_ns now = gt_now();
		__asm__ volatile("" : "+r"(now.v)); /* the result is wanted */
	}
	return n;
}

/* One event as hooks write it: time, acquire, room, bytes, commit, release. */
static uint64_t run_event(uint64_t n)
{
	struct gt_thread *const t = self;
	for (uint64_t i = 0; i < n; i++) {
		bool is_full;
		const gt_ns now = gt_now();
		const uint64_t gen = gt_open(t, now, &is_full);
		if (!gen)
			exit(1);
		gt_w_GoBlock(&t->batch[gen % 2], now, (gt_str){ 1 }, (gt_stack){ 2 });
		gt_commit(t, gen, GT_STATE_RUNNING);
		gt_release(t);
	}
	recycle();
	return n;
}

static void one_wait(void)
{
	struct gt_wait w __attribute__((cleanup(gt_wait_end)));
	gt_wait_begin(&w, self, GT_CALL_read, GT_WHY_MUTEX, 1, false);
}

static uint64_t run_wait(uint64_t n)
{
	gt_cfg.min_wait_ns = 0;
	for (uint64_t i = 0; i < n; i++)
		one_wait();
	recycle();
	return n;
}

static uint64_t run_skip(uint64_t n)
{
	gt_cfg.min_wait_ns = UINT64_MAX;
	for (uint64_t i = 0; i < n; i++)
		one_wait();
	return n;
}

static const struct work works[] = {
	{ "core.kernel", start, run_kernel_clock, 5000, false },
	{ "core.tsc", start, run_tsc, 10000, false },
	{ "core.now", start, run_now, 10000, false },
	{ "core.event", start, run_event, 10000, false },
	{ "core.skip", start, run_skip, 5000, false },
	{ "core.wait", start, run_wait, 5000, false },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(works[i].name, argv[1]) == 0)
			return bench_work(&works[i], (unsigned)atoi(argv[2]));
	fprintf(stderr, "usage: nohooks WORK MS (started by bench)\n");
	return 2;
}
