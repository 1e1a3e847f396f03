/*
 * The core of the library (arena, thread, emit, advance, tables) without the program around it:
 * what boot.c, end.c and writer.c give it comes from here, so that those are not linked. A small
 * writer makes whole files, which the reader then checks with its strict rules.
 *
 * One thread can play many: core_as() says who is calling, and the kernel's gettid says so too
 * (gt_sys_fault).
 */
#ifndef GT_TEST_CORE_H
#define GT_TEST_CORE_H

#include "preload/advance.h"
#include "preload/boot.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/output.h"
#include "preload/sud.h"
#include "preload/symbols.h"
#include "preload/sys.h"
#include "preload/tables.h"

/* N.B. the reader has types of the same names: in this file they are called gt_read_*. */
#define gt_state         gt_read_state
#define gt_text          gt_read_text
#define GT_STATE_RUNNING GT_READ_RUNNING
#define GT_STATE_WAITING GT_READ_WAITING
#define GT_STATE_SYSCALL GT_READ_SYSCALL
#include "tools/read/strict.h"
#include "tools/read/trace.h"
#undef gt_state
#undef gt_text
#undef GT_STATE_RUNNING
#undef GT_STATE_WAITING
#undef GT_STATE_SYSCALL

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- what boot.c, end.c, writer.c and sud.c define ---- */

struct gt_ctl gt_ctl;
int gt_is_tracing;
int gt_host_pid, gt_host_ppid;
void (*gt_testpoint)(const char *name);
extern long (*gt_sys_fault)(long nr);

uint64_t gt_cpus(void)
{
	return 4;
}

/* No thread is armed. */
uint8_t gt_sud_lower_slow(struct gt_thread *t)
{
	(void)t;
	return GT_SUD_OFF;
}

void gt_sud_raise(struct gt_thread *t, uint8_t was)
{
	(void)t;
	(void)was;
}

void gt_sud_heal(struct gt_thread *t, uint64_t target)
{
	(void)t;
	(void)target;
}

void gt_sud_arm(struct gt_thread *t)
{
	(void)t;
}

void gt_sud_disarm(struct gt_thread *t)
{
	(void)t;
}

struct gt_chunk *gt_wait_for_chunk(bool is_big)
{
	(void)is_big;
	return NULL; /* GTRACE_FULL=drop */
}

void gt_thread_arm_end(void)
{
}

uint32_t gt_tid_of_self(void)
{
	return (uint32_t)gt_sys_gettid();
}

/* ---- many threads played by one ---- */

static _Thread_local uint32_t core_tid; /* 0: the real one */
static bool core_is_all_alive;          /* the kernel knows every thread that is asked for */
static long (*core_fault)(long nr);     /* a test's own faults */

static inline long core_kernel(long nr)
{
	if (nr == SYS_gettid && core_tid)
		return (long)core_tid;
	if (nr == SYS_tgkill && core_is_all_alive)
		return -EPERM;
	return core_fault ? core_fault(nr) : 0;
}

/* From here on the caller is the thread of record `t`, which has this tid. */
static inline void core_as(struct gt_thread *t, uint32_t tid)
{
	gt_self = t;
	core_tid = tid;
}

/* ---- the writer ---- */

static struct core {
	struct gt_closer closer; /* first */
	struct gt_output out;    /* its sink only */
	char path[64];
	struct gt_chunk *held; /* of the next generation, oldest first */
	uint64_t gen;          /* that is open in the file */
	bool is_begun;
	struct gt_stamp stamp;
	bool is_host_dead;
	unsigned idles; /* calls of idle() in the present advance */
	void (*on_idle)(unsigned round);
	struct gt_thread *main;
} core;

static inline int core_sink(struct gt_sink *self, const void *bytes, size_t len)
{
	struct gt_output *o = (struct gt_output *)self;
	if (write(o->fd, bytes, len) != (ssize_t)len)
		abort();
	return 0;
}

static inline bool core_is_dead(struct gt_closer *self)
{
	return ((struct core *)self)->is_host_dead;
}

static inline void core_idle(struct gt_closer *self, unsigned round)
{
	struct core *c = (struct core *)self;
	c->idles++;
	if (c->on_idle)
		c->on_idle(round);
	else
		gt_sys_yield();
}

static inline void core_begin_in_file(void)
{
	if (core.is_begun)
		return;
	core.is_begun = true;
	gt_tables_begin(core.gen, core.gen);
	gt_tables_sync(&core.stamp);
}

static inline void core_put(struct gt_closer *self, struct gt_batch *b, uint8_t experiment,
			    uint64_t gen, gt_m m)
{
	(void)self;
	(void)gen;
	core_begin_in_file();
	gt_tables_put(b, experiment, m);
}

static inline struct gt_chunk *core_take_chunks(void)
{
	struct gt_chunk *list = core.held, *fresh = gt_chunk_take_all(), *last;
	core.held = NULL;
	if (!list)
		return fresh;
	for (last = list; last->next;)
		last = gt_chunk_at(last->next);
	__atomic_store_n(&last->next, gt_chunk_index(fresh), __ATOMIC_RELAXED);
	return list;
}

/* What is there of this generation, into the file; what is of the next is held back. */
static inline void core_drain(bool is_final)
{
	struct gt_chunk *c = core_take_chunks(), *last = NULL;
	if (!c && !is_final)
		return;
	core_begin_in_file();
	gt_tables_flush(is_final);
	for (struct gt_chunk *next; c; c = next) {
		next = gt_chunk_at(c->next);
		if (c->gen == core.gen) {
			gt_tables_chunk(c);
			gt_chunk_put(c);
			continue;
		}
		__atomic_store_n(&c->next, 0, __ATOMIC_RELAXED);
		if (last)
			__atomic_store_n(&last->next, gt_chunk_index(c), __ATOMIC_RELAXED);
		else
			core.held = c;
		last = c;
	}
}

/* Closes the current generation to its last byte. The caller stays who it was. */
static inline void core_advance(void)
{
	core.idles = 0;
	const uint64_t gen = gt_advance(&core.closer);
	gt_advance_statuses(&core.closer, gen);
	core_drain(true);
	gt_tables_records(gen == 1);
	const uint8_t end = GT_END_OF_GENERATION;
	core.out.sink.put(&core.out.sink, &end, 1);
	for (uint32_t i = 0; i < gt_threads_end(); i++) {
		struct gt_thread *t = gt_thread_at(i);
		if (atomic_load(&t->in_use) == GT_ENDED && t->ended_gen <= gen)
			gt_thread_free(t);
	}
	core.gen = gen + 1;
	core.is_begun = false;
	gt_clock_stamp(&core.stamp, gt_shared[core.gen % 2].start);
}

/* Starts everything: generation 1, the calling thread as main thread (G 1), an empty file. */
static inline void core_boot(size_t buffer, size_t max_threads)
{
	memset(&core, 0, sizeof(core));
	core.closer = (struct gt_closer){ core_is_dead, core_idle, core_put, 999999, false };
	core.out.sink.put = core_sink;
	strcpy(core.path, "/tmp/gtrace-core.XXXXXX");
	core.out.fd = mkstemp(core.path);
	unlink(core.path); /* gone with the test */
	snprintf(core.path, sizeof(core.path), "/proc/self/fd/%d", core.out.fd);
	gt_sys_fault = core_kernel;
	gt_host_pid = getpid();
	gt_cfg.min_wait_ns = 0;
	gt_cfg.stacks = 0;
	gt_clock_init(0);
	memset(gt_counters, 0, sizeof(gt_counters));
	if (core.out.fd < 0 || gt_arena_init(buffer, max_threads, sizeof(struct gt_thread)) ||
	    gt_advance_init() || gt_symbols_init() || gt_tables_init(&core.out)) {
		fprintf(stderr, "core_boot: no memory\n");
		abort();
	}
	core_sink(&core.out.sink, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	core.gen = 1;
	gt_clock_stamp(&core.stamp, gt_shared[core.gen % 2].start);
	gt_threads_init();
	core.main = gt_thread_register_first((uint64_t)&core_boot, 0, 0);
	bool is_full;
	const gt_ns now = gt_now();
	const uint64_t gen = gt_open(core.main, now, &is_full);
	gt_put_statuses(core.main, gen, &core.main->batch[gen % 2], now);
	gt_commit(core.main, gen, GT_STATE_RUNNING);
	gt_release(core.main);
	gt_self = core.main;
	for (unsigned g = 0; g < GT_N_GROUPS; g++)
		atomic_store(&gt_ctl.on[g], GT_ON_TRACING);
}

/* The whole buffer, so that there is no room for anybody; and its return. */
static inline struct gt_chunk *core_take_all_chunks(void)
{
	struct gt_chunk *list = NULL;
	for (struct gt_chunk *c; (c = gt_chunk_get(false)); list = c)
		c->next = gt_chunk_index(list);
	return list;
}

static inline void core_give_back(struct gt_chunk *list)
{
	for (struct gt_chunk *next; list; list = next) {
		next = gt_chunk_at(list->next);
		gt_chunk_put(list);
	}
}

/* ---- the file, read back ---- */

struct core_event {
	struct gt_ordered ev;
	uint32_t gen; /* number in the file, from 1: the same as in the core */
};

static struct core_event *core_events;
static size_t core_n_events;
static uint64_t core_counts[256]; /* of each event, made-up ones left out */
static bool core_is_counting;     /* and nothing is kept of them: for large files */
static char core_error[600];      /* "" = the file is fine */

static inline void core_finding(void *user, enum gt_severity severity, const struct gt_err *err)
{
	(void)user;
	if (!core_error[0])
		snprintf(core_error, sizeof(core_error), "%s: %s",
			 severity == GT_ERROR ? "error" : "warning", err->text);
}

/* Reads all events; NULL, or what is wrong with the file by the strict rules. */
static inline const char *core_read(void)
{
	struct gt_err err = { .code = GT_ERR_NONE };
	size_t cap = 0;
	int rc = -1;
	core_error[0] = 0;
	core_n_events = 0;
	memset(core_counts, 0, sizeof(core_counts));
	free(core_events);
	core_events = NULL;
	struct gt_trace *t = gt_trace_open(core.path, &err);
	struct gt_strict *s = gt_strict_new(core_finding, NULL);
	struct core_event e;
	while (t && (rc = gt_trace_next(t, &e.ev, &err)) > 0) {
		gt_strict_event(s, gt_trace_gen(t), &e.ev);
		e.gen = (uint32_t)gt_trace_gen(t)->number;
		core_counts[e.ev.id] += !e.ev.is_made_up;
		if (core_is_counting)
			continue;
		if (core_n_events == cap) {
			cap = cap ? cap * 2 : 1024;
			core_events = realloc(core_events, cap * sizeof(*core_events));
		}
		core_events[core_n_events++] = e;
	}
	if (rc == 0)
		gt_strict_end(s, gt_trace_gen(t));
	else if (!core_error[0])
		snprintf(core_error, sizeof(core_error), "%s", err.text);
	gt_strict_free(s);
	gt_trace_close(t);
	return core_error[0] ? core_error : NULL;
}

/* Is it an event of this G: done by it, or to it? */
static inline bool core_is_of(const struct gt_ordered *ev, uint64_t g)
{
	switch (ev->id) {
	case GT_EV_GoStatusStack:
	case GT_EV_GoCreate:
	case GT_EV_GoStart:
	case GT_EV_GoUnblock:
		return ev->args[0] == g;
	default:
		return ev->g == g;
	}
}

/* Events `id` of G `g` in generation `gen`; 0 = any. */
static inline size_t core_count(enum gt_event id, uint64_t g, uint64_t gen)
{
	size_t n = 0;
	for (size_t i = 0; i < core_n_events; i++) {
		const struct core_event *e = &core_events[i];
		n += e->ev.id == id && !e->ev.is_made_up && (!g || core_is_of(&e->ev, g)) &&
		     (!gen || e->gen == gen);
	}
	return n;
}

/* Status of G `g` in generation `gen` (enum gt_gstatus); 0 = none. */
static inline uint64_t core_status(uint64_t g, uint64_t gen)
{
	for (size_t i = 0; i < core_n_events; i++) {
		const struct core_event *e = &core_events[i];
		if (e->ev.id == GT_EV_GoStatusStack && e->ev.args[0] == g && e->gen == gen)
			return e->ev.args[2];
	}
	return 0;
}

/* Time of the nth (from 0) event `id` of G `g`; 0 = there is none. */
static inline uint64_t core_time(enum gt_event id, uint64_t g, size_t nth)
{
	for (size_t i = 0; i < core_n_events; i++) {
		const struct gt_ordered *ev = &core_events[i].ev;
		if (ev->id == id && !ev->is_made_up && core_is_of(ev, g) && nth-- == 0)
			return (uint64_t)ev->time;
	}
	return 0;
}

#endif
