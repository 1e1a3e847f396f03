/*
 * CPU samples and true scheduling: one perf ring per CPU, inherited by every thread that the
 * program creates.
 *
 * Invariants
 *
 * 1. The rings are opened on the main thread before it runs the program's code, with
 * `inherit_thread`: all threads, no child process. Opened later, threads that exist already would
 * be missing.
 * 2. The program sees no descriptor (closed once mapped), no signal, and no mapping in its
 * children.
 * 3. A record goes into the generation in which its time lies: reading stops at the first of the
 * next one. One that comes late (taken before the end of a generation, visible after it) is moved
 * to the start of the next: by microseconds.
 * 4. A stack is unwound from the copy that the kernel took, never from the thread's memory, which
 * has changed since.
 * 5. No rule is used for a sample taken before the last dlclose was seen: other code may be at the
 * same address now. The sample keeps its pc.
 * 6. Everything is bounded: rings, samples in memory, switches per generation; what is left out is
 * counted.
 *
 * N.B. exclude_kernel: allowed to everybody, and a thread that is in the kernel is not sampled.
 */
#include "preload/perf.h"

#include "preload/advance.h"
#include "preload/boot.h"
#include "preload/config.h"
#include "preload/guard.h"
#include "preload/log.h"
#include "preload/perf_ring.h"
#include "preload/samples.h"
#include "preload/stack.h"
#include "preload/stack_walk.h"
#include "preload/sys.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define MAX_CPUS 1024u
#define RING_MAX                                                                                   \
	(512u << 10) /* what a user may lock for each CPU without privilege, less the first page   \
		      */
#define RING_MIN     (32u << 10)
#define RINGS_MAX    (16u << 20)
#define STACK_SLOW   (16u << 10) /* bytes copied with each sample, */
#define STACK_FAST   (8u << 10)  /* and above this rate: */
#define FAST_HZ      250
#define MAX_SWITCHES (1u << 20) /* in one generation */

/* Registers in a sample, in the order of their bits: rbx rbp rsp rip r12 r13 r14 r15. */
#define REGS   (1u << 1 | 1u << 6 | 1u << 7 | 1u << 8 | 15u << 20)
#define N_REGS 8

/* Body of a PERF_RECORD_SAMPLE as asked for, up to what varies. */
struct sample_head {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, unused;
	uint64_t abi; /* PERF_SAMPLE_REGS_ABI_*; 0: no registers follow */
	uint64_t regs[N_REGS];
};

/* The tail of every other record. */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, unused;
};

struct lost {
	struct perf_event_header header;
	uint64_t id, lost;
};

static struct {
	struct gt_ring rings[MAX_CPUS];
	uint32_t n; /* 0: off, or refused */
	bool can_unwind;
	uint32_t epoch;      /* of the rules, when it was read last */
	uint32_t n_switches; /* in this generation */
	uint64_t hz;         /* of samples; 0 = none from here */
	struct gt_walk *walk;
	uint64_t *pcs; /* GT_STACK_MAX */
	void *scratch; /* GT_RING_RECORD_MAX */
} p;

/* ---- open and close ---- */

static struct perf_event_attr describe(void)
{
	struct perf_event_attr a = {
		.size = sizeof(a),
		.type = PERF_TYPE_SOFTWARE,
		.config = p.hz ? PERF_COUNT_SW_CPU_CLOCK : PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU,
		.inherit = 1,
		.inherit_thread = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.context_switch = gt_cfg.sched,
		.task = gt_cfg.sched, /* a thread's last switch is not told: its exit is */
	};
	if (p.hz) {
		a.freq = 1;
		a.sample_freq = p.hz;
		a.sample_type |= PERF_SAMPLE_REGS_USER;
		a.sample_regs_user = REGS;
		if (p.can_unwind) {
			a.sample_type |= PERF_SAMPLE_STACK_USER;
			a.sample_stack_user = p.hz > FAST_HZ ? STACK_FAST : STACK_SLOW;
		}
	}
	return a;
}

/* "0-3,8": takes one range off; false at the end. */
static bool take_cpus(const char **s, uint32_t *first, uint32_t *last)
{
	uint32_t v[2] = { 0, 0 };
	int i = 0;
	const char *c = *s;
	if (*c < '0' || *c > '9')
		return false;
	for (; (*c >= '0' && *c <= '9') || *c == '-'; c++) {
		if (*c == '-')
			i = 1;
		else
			v[i] = v[i] * 10 + (uint32_t)(*c - '0');
	}
	*s = *c == ',' ? c + 1 : c;
	*first = v[0];
	*last = i ? v[1] : v[0];
	return true;
}

/* One ring for each CPU that is there, all of one size. */
static int open_rings(struct perf_event_attr *attr, const char *cpus, size_t bytes)
{
	uint32_t first, last;
	while (take_cpus(&cpus, &first, &last)) {
		for (uint32_t cpu = first; cpu <= last && p.n < MAX_CPUS; cpu++) {
			const int rc =
				gt_ring_open(&p.rings[p.n], attr, gt_host_pid, (int)cpu, bytes);
			if (rc == -ENODEV) /* it went off-line */
				continue;
			if (rc)
				return rc;
			p.n++;
		}
	}
	return p.n ? 0 : -ENODEV;
}

static uint32_t count_cpus(const char *cpus)
{
	uint32_t n = 0, first, last;
	while (take_cpus(&cpus, &first, &last))
		n += last >= first ? last - first + 1 : 0;
	return n ? n : 1;
}

static bool get_memory(void)
{
	p.walk = (struct gt_walk *)gt_arena_alloc(sizeof(*p.walk));
	p.pcs = (uint64_t *)gt_arena_alloc(GT_STACK_MAX * sizeof(*p.pcs));
	p.scratch = gt_arena_alloc(GT_RING_RECORD_MAX);
	return p.walk && p.pcs && p.scratch;
}

/* Smaller rings where memory must not be locked; EPERM is also what a mapping above the limit
 * gives. */
static int open_all(bool is_task)
{
	static char cpus[4096];
	if (gt_sys_read_file("/sys/devices/system/cpu/online", cpus, sizeof(cpus)) <= 0)
		memcpy(cpus, "0-1023", 7); /* those that are not there say ENODEV */
	if (!get_memory())
		return -ENOMEM;
	p.can_unwind = p.hz && gt_cfg.stacks && is_task && gt_guard_init() == 0;
	struct perf_event_attr attr = describe();
	size_t bytes = RING_MAX;
	while (bytes > RING_MIN && bytes * count_cpus(cpus) > RINGS_MAX)
		bytes /= 2;
	int rc;
	for (;; bytes /= 2) {
		rc = open_rings(&attr, cpus, bytes);
		if (!rc)
			return 0;
		gt_perf_close();
		if ((rc != -EPERM && rc != -ENOMEM) || bytes <= RING_MIN)
			return rc;
	}
}

void gt_perf_open(bool is_task)
{
	const uint64_t hz = gt_cfg.sample_by == GT_SAMPLE_PERF ? gt_cfg.sample_hz : 0;
	if (!hz && !gt_cfg.sched)
		return;
	p.hz = hz;
	p.n = p.n_switches = 0; /* a forked child: its parent's rings are not mapped here */
	p.epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	const int rc = open_all(is_task);
	if (!rc)
		return;
	gt_counters[GT_COUNTER_perf_refused] = (uint64_t)-rc;
	gt_log(GT_LOG_INFO,
	       "no CPU samples, and scheduling is unknown: perf_event_open is refused (errno %u); "
	       "GTRACE_SAMPLE_BY=timer samples without it",
	       (uint64_t)-rc);
}

void gt_perf_close(void)
{
	while (p.n)
		gt_ring_close(&p.rings[--p.n]);
}

/* ---- samples ---- */

struct unwind {
	struct gt_regs regs;
	const void *copy;
	size_t bytes;
	enum gt_walk_end end;
};

static void unwind(void *arg)
{
	struct unwind *u = (struct unwind *)arg;
	u->end = gt_rule_walk_copy(&u->regs, u->copy, u->bytes, p.walk);
}

/* The copy of the stack in a record: size, bytes, and how many of them the kernel could fill. */
static bool find_copy(const struct sample_head *s, struct unwind *u)
{
	const uint8_t *at = (const uint8_t *)(s + 1), *end = (const uint8_t *)s + s->header.size;
	if (!p.can_unwind || end - at < 8)
		return false;
	const uint64_t size = *(const uint64_t *)at;
	if (size == 0 || size + 16 > (uint64_t)(end - at))
		return false;
	const uint64_t filled = *(const uint64_t *)(at + 8 + size);
	u->copy = at + 8;
	u->bytes = filled < size ? filled : size;
	return !(u->regs.sp & 7);
}

/* The stack of a sample, *n pcs, in p.pcs. */
static const uint64_t *capture(const struct sample_head *s, size_t *n)
{
	*n = 0;
	if (s->abi != PERF_SAMPLE_REGS_ABI_64)
		return p.pcs;
	const uint64_t *r = s->regs;
	struct unwind u = { .regs = { r[3],
				      r[2],
				      { [GT_RBX] = r[0],
					[GT_RBP] = r[1],
					[GT_R12] = r[4],
					[GT_R13] = r[5],
					[GT_R14] = r[6],
					[GT_R15] = r[7] } } };
	p.pcs[0] = u.regs.pc;
	*n = 1;
	bool is_cut = gt_cfg.stacks;
	if (find_copy(s, &u) && gt_guard_run(unwind, &u) && p.walk->epoch == p.epoch)
		is_cut = gt_stack_append(p.walk, u.end, p.pcs, n);
	GT_COUNT(samples_cut, is_cut);
	return gt_stack_strip(p.pcs, n, is_cut);
}

static void add_sample(const struct sample_head *s, gt_ns start)
{
	struct gt_thread *t = gt_thread_by_tid(s->tid);
	if (!t) {
		GT_COUNT(lost_samples, 1);
		return;
	}
	size_t n;
	const uint64_t *pcs = capture(s, &n);
	const uint32_t slot = atomic_load_explicit(&t->slot, memory_order_relaxed);
	gt_samples_add((struct gt_sample){ .time = { s->time },
					   .m = { s->tid },
					   .p = { slot ? slot : UINT64_MAX },
					   .g = t->g },
		       start, pcs, n);
}

/* ---- records ---- */

static void add_switch(const struct sample_id *id, gt_ns start, enum gt_switch what)
{
	if (p.n_switches++ >= MAX_SWITCHES) {
		GT_COUNT(lost_switches, 1);
		return;
	}
	gt_r_SWITCH(gt_tables_log(), (gt_ns){ id->time > start.v ? id->time : start.v },
		    (gt_m){ id->tid }, id->cpu, what);
}

static const struct sample_id *id_of(const struct perf_event_header *h)
{
	return (const struct sample_id *)((const uint8_t *)h + h->size - sizeof(struct sample_id));
}

static uint64_t time_of(const struct perf_event_header *h)
{
	if (h->size < sizeof(*h) + sizeof(struct sample_id))
		return 0;
	return h->type == PERF_RECORD_SAMPLE ? ((const struct sample_head *)h)->time
					     : id_of(h)->time;
}

static void take(const struct perf_event_header *h, gt_ns start)
{
	switch (h->type) {
	case PERF_RECORD_SAMPLE:
		add_sample((const struct sample_head *)h, start);
		break;
	case PERF_RECORD_SWITCH:
		add_switch(id_of(h), start,
			   !(h->misc & PERF_RECORD_MISC_SWITCH_OUT)        ? GT_SWITCH_IN
			   : h->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT ? GT_SWITCH_PREEMPTED
									   : GT_SWITCH_OUT);
		break;
	case PERF_RECORD_EXIT:
		add_switch(id_of(h), start, GT_SWITCH_GONE);
		break;
	case PERF_RECORD_LOST:
		GT_COUNT(lost_perf, ((const struct lost *)h)->lost);
		break;
	default:
		break;
	}
}

static void read_ring(struct gt_ring *r, gt_ns start, gt_ns until, void (*begin)(void))
{
	const struct perf_event_header *h;
	gt_ring_begin(r);
	while ((h = gt_ring_peek(r, p.scratch)) && time_of(h) < until.v) {
		begin();
		take(h, start);
		gt_ring_pop(r, h);
	}
	gt_ring_end(r);
}

void gt_perf_read(gt_ns start, gt_ns until, void (*begin)(void))
{
	if (!p.n)
		return;
	const uint32_t epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	const bool is_same = epoch == p.epoch;
	if (!is_same)
		p.epoch = ~epoch; /* no walk can fit: what is in the rings now is of before */
	for (uint32_t i = 0; i < p.n; i++)
		read_ring(&p.rings[i], start, until, begin);
	p.epoch = epoch;
	if (until.v != UINT64_MAX)
		p.n_switches = 0;
}
