/*
 * CPU samples without perf: a timer on the CPU time of each thread, that sends it a signal; the
 * handler walks the stack from where it interrupted the thread and leaves the pcs in a ring, which
 * the writer reads.
 *
 * Invariants
 *
 * 1. The handler takes no lock, calls nothing of libc, and all signals are blocked in it: nothing
 * interrupts it or jumps out of it. Otherwise a place in the ring would be taken and never filled,
 * and the writer would wait for it for ever.
 * 2. It works in the thread's memory for walks, and not at all while a capture that it interrupted
 * uses that. Otherwise the capture gets a mixture of two stacks.
 * 3. Everything is bounded: the ring, what the writer takes of it in one go. What has no room is
 * counted.
 * 4. A timer is deleted by its thread, or belongs to one that is gone: then it never fires again,
 * and the kernel frees it with the process. exec and fork leave none behind: the kernel deletes
 * timers there, with signals of theirs that are under way.
 *
 * What the program can notice is in docs/gtrace.1.md, "Samples without perf".
 */
#include "preload/timer.h"

#include "preload/arena.h"
#include "preload/boot.h"
#include "preload/clock.h"
#include "preload/config.h"
#include "preload/log.h"
#include "preload/samples.h"
#include "preload/stack.h"
#include "preload/sys.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#define N_PLACES 1024u /* a power of two */

/* `turn`: 2k the k-th time that it is free, 2k + 1 the k-th time that it is full. */
struct place {
	_Atomic uint64_t turn;
	gt_ns time;
	gt_m m;
	gt_p p;
	gt_g g;
	size_t n;
	const uint64_t *first; /* in pcs */
	uint64_t pcs[GT_STACK_MAX];
};

static struct place *_Atomic ring; /* NULL: not asked for, or refused */
static _Atomic bool is_on;         /* threads may fill it */
static _Atomic uint64_t head;      /* places given out, */
static uint64_t tail;              /* and read; the writer's */

/* ---- in the program's threads ---- */

/* A place to fill, or NULL: full. */
static struct place *take_place(uint64_t *turn)
{
	struct place *r = atomic_load_explicit(&ring, memory_order_relaxed);
	uint64_t at = atomic_load_explicit(&head, memory_order_relaxed);
	for (;;) {
		struct place *p = &r[at % N_PLACES];
		*turn = 2 * (at / N_PLACES);
		/* release: gt_timer_read() */
		const uint64_t now = atomic_load_explicit(&p->turn, memory_order_acquire);
		if (now < *turn)
			return NULL;
		if (now > *turn) /* somebody else was quicker */
			at = atomic_load_explicit(&head, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(
				 &head, &at, at + 1, memory_order_relaxed, memory_order_relaxed))
			return p;
	}
}

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	struct gt_thread *t = gt_self;
	if (info->si_code != SI_TIMER || t->gate ||
	    !atomic_load_explicit(&is_on, memory_order_acquire)) /* release: gt_timer_open() */
		return;
	GT_COUNT(lost_ticks, info->si_overrun);
	uint64_t turn;
	struct place *p = take_place(&turn);
	if (!p) {
		GT_COUNT(lost_samples, 1);
		return;
	}
	p->time = gt_now();
	p->m.v = atomic_load_explicit(&t->tid, memory_order_relaxed);
	const uint32_t slot = atomic_load_explicit(&t->slot, memory_order_relaxed);
	p->p.v = slot ? slot : UINT64_MAX;
	p->g = t->g;
	p->first = gt_stack_interrupted(t, (const ucontext_t *)context, p->pcs, &p->n);
	atomic_store_explicit(&p->turn, turn + 1, memory_order_release); /* acquire: gt_timer_read()
									  */
}

/* The signal must be nobody's: as the program found it, or ours already, in a forked child. */
static int install(void)
{
	struct gt_sigaction old;
	long rc = gt_sys_sigaction(GT_TIMER_SIGNAL, NULL, &old);
	if (rc)
		return (int)rc;
	if (old.handler == on_tick)
		return 0;
	if (old.handler)
		return -EBUSY;
	const struct gt_sigaction ours = { .handler = on_tick,
					   .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK,
					   .mask = ~0ull };
	return (int)gt_sys_sigaction(GT_TIMER_SIGNAL, &ours, NULL);
}

static void refuse(int rc)
{
	if (__atomic_exchange_n(&gt_counters[GT_COUNTER_timer_refused], (uint64_t)-rc,
				__ATOMIC_RELAXED))
		return;
	gt_log(GT_LOG_INFO, "no CPU samples by timer (errno %u; signal %u)", (uint64_t)-rc,
	       (uint64_t)GT_TIMER_SIGNAL);
}

void gt_timer_init(void)
{
	atomic_store_explicit(&is_on, false, memory_order_relaxed);
	atomic_store_explicit(&ring, NULL, memory_order_relaxed);
	atomic_store_explicit(&head, 0, memory_order_relaxed);
	tail = 0;
}

void gt_timer_open(void)
{
	if (!gt_cfg.sample_hz || gt_cfg.sample_by != GT_SAMPLE_TIMER)
		return;
	struct place *r = (struct place *)gt_arena_alloc(N_PLACES * sizeof(*r));
	const int rc = r ? install() : -ENOMEM;
	if (rc) {
		refuse(rc);
		return;
	}
	atomic_store_explicit(&ring, r, memory_order_release);     /* acquire: gt_timer_read() */
	atomic_store_explicit(&is_on, true, memory_order_release); /* acquire: on_tick() */
}

void gt_timer_arm(struct gt_thread *t)
{
	t->timer = 0;
	if (!atomic_load_explicit(&is_on, memory_order_relaxed) || gt_is_sandboxed)
		return;
	struct sigevent how = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = GT_TIMER_SIGNAL };
	how._sigev_un._tid = gt_sys_gettid();
	int id;
	long rc = GT_SYS3(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &how, &id);
	if (rc) {
		refuse((int)rc);
		return;
	}
	const uint64_t ns = 1000000000 / gt_cfg.sample_hz;
	const struct timespec period = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	const struct itimerspec spec = { period, period };
	rc = GT_SYS4(SYS_timer_settime, id, 0, &spec, NULL);
	t->timer = (uint32_t)id + 1;
	if (rc) {
		gt_timer_disarm(t);
		refuse((int)rc);
	}
}

void gt_timer_disarm(struct gt_thread *t)
{
	const uint32_t timer = __atomic_exchange_n(&t->timer, 0, __ATOMIC_RELAXED);
	if (timer && !gt_is_sandboxed)
		GT_SYS1(SYS_timer_delete, timer - 1);
}

void gt_timer_stop(void)
{
	if (!atomic_exchange_explicit(&is_on, false, memory_order_relaxed))
		return;
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++)
		gt_timer_disarm(gt_thread_at(i));
}

/* ---- in the writer ---- */

void gt_timer_read(gt_ns start, gt_ns until, void (*begin)(void))
{
	struct place *r = atomic_load_explicit(&ring, memory_order_acquire);
	for (uint32_t i = 0; r && i < N_PLACES; i++) {
		struct place *p = &r[tail % N_PLACES];
		const uint64_t free_again = 2 * (tail / N_PLACES + 1);
		/* release: on_tick() */
		if (atomic_load_explicit(&p->turn, memory_order_acquire) != free_again - 1 ||
		    p->time.v >= until.v)
			return;
		begin();
		gt_samples_add(
			(struct gt_sample){ .time = p->time, .m = p->m, .p = p->p, .g = p->g },
			start, p->first, p->n);
		tail++;
		atomic_store_explicit(&p->turn, free_again,
				      memory_order_release); /* acquire: take_place() */
	}
}
