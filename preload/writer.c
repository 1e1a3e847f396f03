/*
 * The background writer.
 *
 * Normally a task of its own made by clone(CLONE_VM): it shares the program's memory and nothing
 * else, so it survives the program by a moment and completes the file whatever ended it. Where that
 * is refused, or asked for (GTRACE_WRITER=thread), it is an ordinary thread with a private
 * descriptor table.
 *
 * Invariants
 *
 * 1. As a task it calls no libc function that touches errno, thread-local state, locks or malloc.
 * Otherwise it corrupts the thread it was cloned from.
 * 2. It holds no descriptor of the program. Otherwise a pipe's reader waits for us.
 * 3. The program never waits for it without a bound, and never needs it to run on.
 * 4. Chunks of a generation are written between its sync batch and its end mark, after the tables
 * that they use; the next one's are held back. Otherwise ids are not defined.
 * 5. A generation gets its number in the file with its first byte: idle ones leave no gap.
 * 6. After the program's end it leaves within 100 ms or so: memory of the dead must not be pinned.
 */
#include "preload/writer.h"

#include "preload/advance.h"
#include "preload/alive.h"
#include "preload/boot.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/log.h"
#include "preload/note.h"
#include "preload/output.h"
#include "preload/pace.h"
#include "preload/perf.h"
#include "preload/real.h"
#include "preload/samples.h"
#include "preload/stack.h"
#include "preload/symbols.h"
#include "preload/sys.h"
#include "preload/tables.h"
#include "preload/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#define IDLE_NS       (500 * 1000000ull) /* one in which nothing happened is ended without a trace */
#define FULL_NS       (50 * 1000000ull) /* process and modules are repeated no more often than this */
#define LATE_NS       (500 * 1000000ull)
#define REAP_NS       (64 * 1000000ull)
#define ADVANCE_BYTES (64ull << 20)
#define MANY_ENDED    512
#define READY_NS      2000000000ull
#define STACK_BYTES   (128u << 10)
#define TLS_BYTES     (8u << 10)
#define BETWEEN_BYTES (64u << 10)

enum ready { READY_NOT, READY_OPEN, READY_YES, READY_FAILED };
enum go { GO_NOT_YET, GO_ON, GO_HOME };

static struct {
	struct gt_closer closer; /* first: is_host_dead() and put() find the rest by it */
	struct gt_output out;
	struct gt_name_parts parts;
	bool is_task;
	bool is_dead;           /* the program is gone */
	_Atomic uint32_t go;    /* enum go: what the program says to the task */
	_Atomic uint32_t ready; /* enum ready: what the task, or thread, says */
	int error;              /* why it failed */
	long between;           /* the task that makes the task, or why there is none */
	int clone_rc;           /* what the clone of the task returned */
	_Atomic uint32_t flush_asked, flush_done;
	_Atomic uint64_t last_round; /* ns */
	uint64_t gen;                /* being written, */
	uint64_t wire_gen;           /* and its number in the file */
	bool is_begun;               /* its sync batch is in the file */
	bool is_late;                /* its first events came late: start_late() */
	struct gt_stamp stamp;       /* its start */
	struct gt_pace pace;
	uint64_t bytes_before; /* out.written when it began */
	struct gt_chunk *held; /* chunks of the next generation, oldest first */
	uint64_t last_full, last_reap, heap_seen;
	int64_t dead_heap; /* bytes of threads that ended */
} w;

/* ---- the closer ---- */

static bool is_host_gone(uint64_t wait_ns)
{
	if (w.is_task)
		return gt_alive_is_gone(wait_ns);
	if (wait_ns)
		gt_sys_futex_wait(&w.flush_asked,
				  atomic_load_explicit(&w.flush_done, memory_order_relaxed),
				  wait_ns);
	return gt_alive_is_alone();
}

static bool closer_is_host_dead(struct gt_closer *self)
{
	(void)self;
	return w.is_dead;
}

static void closer_idle(struct gt_closer *self, unsigned round)
{
	(void)self;
	if (round < 16) {
		gt_sys_yield();
		return;
	}
	if (is_host_gone(round < 64 ? 20000 : 1000000))
		w.is_dead = true;
}

/* ---- what goes into the file ---- */

/* The sync batch comes first in its generation, and only when something follows. */
static void begin_in_file(void)
{
	if (w.is_begun)
		return;
	w.is_begun = true;
	w.wire_gen++;
	gt_tables_begin(w.gen, w.wire_gen);
	gt_tables_sync(&w.stamp);
}

static void closer_put(struct gt_closer *self, struct gt_batch *b, uint8_t experiment, uint64_t gen,
		       gt_m m)
{
	(void)self;
	(void)gen;
	begin_in_file();
	gt_tables_put(b, experiment, m);
}

static void read_samples(gt_ns start, gt_ns until)
{
	gt_perf_read(start, until, begin_in_file);
	gt_timer_read(start, until, begin_in_file);
}

/* All chunks handed over so far, oldest first, behind those that were held back. */
static struct gt_chunk *take_chunks(void)
{
	struct gt_chunk *list = w.held;
	w.held = NULL;
	struct gt_chunk *fresh = gt_chunk_take_all();
	if (!list)
		return fresh;
	struct gt_chunk *last = list;
	while (last->next)
		last = gt_chunk_at(last->next);
	last->next = gt_chunk_index(fresh);
	return list;
}

/* How long after the stamp the chunks of this generation begin; 0: there is none. */
static uint64_t lateness(const struct gt_chunk *c)
{
	const uint64_t first = gt_chunks_begin(c, w.gen);
	return first != UINT64_MAX && first > w.stamp.now ? first - w.stamp.now : 0;
}

/*
 * Where nothing happened for long: viewers begin a trace at the stamp, and not at the first event.
 * Only when all of the generation is here: before that others may have older events.
 */
static void start_late(const struct gt_chunk *c)
{
	const uint64_t late = lateness(c);
	if (w.is_begun || late < LATE_NS)
		return;
	const uint64_t by = late - LATE_NS / 2;
	w.stamp.now += by;
	w.stamp.mono += by;
	w.stamp.wall += by;
}

static void drain(bool is_final)
{
	struct gt_chunk *c = take_chunks();
	if (!c && !is_final)
		return;
	if (is_final)
		start_late(c);
	else if (!w.is_begun && lateness(c) > LATE_NS) { /* it ends now, and is written whole */
		w.held = c;
		w.is_late = true;
		return;
	}
	begin_in_file();
	gt_tables_flush(is_final); /* before the events that use them */
	struct gt_chunk **held = &w.held, *last = NULL;
	for (struct gt_chunk *next; c; c = next) {
		next = gt_chunk_at(c->next);
		if (c->gen == w.gen) {
			gt_tables_chunk(c);
			gt_chunk_put(c);
			continue;
		}
		c->next = 0;
		if (last)
			last->next = gt_chunk_index(c);
		else
			*held = c;
		last = c;
	}
}

/* Threads whose last generation is now in the file. */
static void free_ended(uint64_t gen)
{
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		if (atomic_load_explicit(&t->in_use, memory_order_acquire) == GT_ENDED &&
		    t->ended_gen <= gen) {
			w.dead_heap += t->heap;
			gt_thread_free(t);
		}
	}
}

static void next_generation(void)
{
	w.gen++;
	w.is_begun = w.is_late = false;
	w.bytes_before = w.out.written;
	gt_ns start = gt_shared[w.gen % 2].start;
	if (start.v <= w.stamp.now) /* N.B. held up just before it was published; start_late() */
		start.v = w.stamp.now + 1;
	gt_clock_stamp(&w.stamp, start);
}

/* After its end: is there anything of the generation to write? */
static bool has_chunks(void)
{
	w.held = take_chunks();
	for (const struct gt_chunk *c = w.held; c; c = gt_chunk_at(c->next))
		if (c->gen == w.gen)
			return true;
	return false;
}

/* Closes the current generation to its last byte; if `may_skip`, without a byte when there is
 * nothing to tell. */
static void close_generation(uint64_t now, bool may_skip)
{
	const uint64_t before = gt_clock_kernel_ns();
	w.closer.may_reap = now - w.last_reap > REAP_NS;
	if (w.closer.may_reap)
		w.last_reap = now;
	const uint64_t gen = gt_advance(&w.closer);
	read_samples(gt_shared[gen % 2].start, gt_shared[(gen + 1) % 2].start);
	if (may_skip && !w.is_begun && !has_chunks()) {
		next_generation();
		return;
	}
	gt_advance_statuses(&w.closer, gen);
	drain(true);
	gt_samples_flush();
	GT_COUNT(advances, 1);
	GT_COUNT(advance_ns, gt_clock_kernel_ns() - before);
	const bool is_full = now - w.last_full > FULL_NS || w.is_dead;
	if (is_full)
		w.last_full = now;
	gt_tables_records(is_full);
	const uint8_t end = GT_END_OF_GENERATION;
	w.out.sink.put(&w.out.sink, &end, 1);
	gt_output_mark_whole(&w.out);
	free_ended(gen);
	next_generation();
}

/*
 * Nothing was written in it, nothing counted, and no wait began: its end is not worth a byte, and
 * the next one starts now. (A wait that goes on is told by an older one.)
 */
static bool is_idle(void)
{
	if (w.is_begun || w.held)
		return false;
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		if (atomic_load_explicit(&t->wrote[w.gen % 2], memory_order_relaxed) == w.gen ||
		    gt_wait_is_untold(t))
			return false;
		for (unsigned k = 0; k < GT_N_CALLS; k++)
			if (__atomic_load_n(&t->count[k], __ATOMIC_RELAXED) != t->reported_count[k])
				return false;
	}
	return true;
}

/* ---- rounds ---- */

static void tell_heap(void)
{
	const int64_t total = w.dead_heap + gt_heap_sum();
	const uint64_t bytes = total > 0 ? (uint64_t)total : 0;
	if (bytes == w.heap_seen)
		return;
	w.heap_seen = bytes;
	gt_heap_set(bytes);
	gt_ctl_change(GT_ON_TRACING, GT_ON_TRACING | GT_ON_HEAP);
}

static bool is_due(uint64_t now)
{
	const uint64_t age = now - gt_shared[w.gen % 2].start.v;
	return w.is_late || age >= gt_cfg.period_ns ||
	       w.out.written - w.bytes_before > ADVANCE_BYTES || gt_threads_ended() > MANY_ENDED ||
	       atomic_load_explicit(&w.flush_asked, memory_order_acquire) !=
		       atomic_load_explicit(&w.flush_done, memory_order_relaxed);
}

/* How long nothing has to be done. */
static uint64_t pause_ns(uint64_t now)
{
	const uint64_t age = now - gt_shared[w.gen % 2].start.v;
	const bool is_awaited = gt_writer_needs_flush() || gt_threads_ended() > MANY_ENDED / 8;
	return age < gt_cfg.period_ns
		       ? gt_pace_ns(&w.pace, gt_cfg.period_ns - age, w.out.written, is_awaited)
		       : 0;
}

/* What its threads and the trace need from time to time. */
static void look_after_program(uint64_t now)
{
	static uint64_t last_heap, last_fds;
	gt_arena_grow_ahead();
	gt_stack_warm();
	if (now - last_fds > 50000000) {
		gt_fd_refresh(gt_host_pid);
		last_fds = now;
	}
	if (now - last_heap > 10000000) {
		tell_heap();
		last_heap = now;
	}
}

static void stop_tracing(void)
{
	for (unsigned g = 0; g < GT_N_GROUPS; g++)
		atomic_store_explicit(&gt_ctl.on[g], 0, memory_order_relaxed);
	gt_is_tracing = 0;
}

static void round_once(void)
{
	const uint32_t asked = atomic_load_explicit(&w.flush_asked, memory_order_acquire);
	uint64_t now = gt_now().v;
	const uint64_t gap = now - atomic_load_explicit(&w.last_round, memory_order_relaxed);
	if (gap > gt_counters[GT_COUNTER_writer_gap_ns] && gap < now)
		gt_counters[GT_COUNTER_writer_gap_ns] = gap;
	atomic_store_explicit(&w.last_round, now, memory_order_relaxed);
	gt_clock_tick();
	drain(false);
	read_samples(gt_shared[w.gen % 2].start, (gt_ns){ UINT64_MAX });
	if (!w.is_dead) /* N.B. not for one that ends at once */
		look_after_program(now);
	now = gt_now().v;
	if (w.is_dead || is_due(now))
		close_generation(now, !w.is_dead && is_idle());
	else if (now - gt_shared[w.gen % 2].start.v > IDLE_NS && is_idle())
		close_generation(now, true);
	if (w.out.is_broken)
		stop_tracing();
	if (asked != atomic_load_explicit(&w.flush_done, memory_order_relaxed)) {
		atomic_store_explicit(&w.flush_done, asked,
				      memory_order_release); /* acquire: gt_writer_flush() */
		gt_sys_futex_wake(&w.flush_done);
	}
}

/* ---- start and end ---- */

static int open_output(void)
{
	struct timespec ts;
	GT_SYS2(SYS_clock_gettime, CLOCK_REALTIME, &ts);
	w.parts.start_s = (uint64_t)ts.tv_sec;
	return gt_output_open(&w.out, gt_cfg.out.s, &w.parts);
}

/* N.B. a FIFO or a device is not ours; a regular file always is (output.c). */
static void take_back_file(void)
{
	if (w.out.is_regular)
		GT_SYS3(SYS_unlinkat, AT_FDCWD, w.out.path, 0);
}

static void run(void)
{
	w.closer.writer_tid = (uint32_t)gt_sys_gettid();
	if (!w.is_task)
		w.error = open_output();
	if (!w.error) {
		w.gen = 1;
		gt_clock_stamp(&w.stamp, gt_shared[w.gen % 2].start);
		gt_perf_open(w.is_task);
	}
	atomic_store_explicit(&w.ready, w.error ? READY_FAILED : READY_YES,
			      memory_order_release); /* acquire: start */
	gt_sys_futex_wake(&w.ready);
	if (!w.error) { /* N.B. what takes long comes when nobody waits any more */
		gt_exe_find();
		gt_symbols_name(getauxval(AT_ENTRY), "main");
	}
	/* N.B. a round after its death: its last events may be behind a generation being closed */
	for (bool is_over = w.error; !is_over; is_over = is_over || !gt_is_tracing) {
		is_over = w.is_dead = w.is_dead || is_host_gone(pause_ns(gt_now().v));
		round_once();
	}
	if (!w.error) /* N.B. else a forked child's rings would be its parent's */
		gt_perf_close();
	if (w.out.fd >= 0)
		GT_SYS1(SYS_close, w.out.fd);
}

static void task_main(void *arg)
{
	(void)arg;
	const uint64_t all = ~0ull;
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	/* N.B. no session of its own: autogroup would starve it there for seconds (DESIGN.md) */
	GT_SYS2(SYS_setpgid, 0, 0); /* who kills the program's group does not mean it */
	GT_SYS2(SYS_prctl, PR_SET_NAME, "gtrace-writer");
	w.is_dead = !gt_alive_watch();
	while (atomic_load_explicit(&w.go, memory_order_acquire) == GO_NOT_YET && !w.is_dead) {
		gt_sys_futex_wait(&w.go, GO_NOT_YET, GT_TICK_NS);
		w.is_dead = is_host_gone(0);
	}
	if (atomic_load_explicit(&w.go, memory_order_acquire) == GO_HOME)
		take_back_file();
	else /* N.B. also for a program that died before it was ready: its file is valid, and empty
	      */
		run();
}

static void *thread_main(void *arg)
{
	(void)arg;
	gt_self = &gt_inside;
	gt_log_is_apart();
	GT_SYS3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);
	GT_SYS2(SYS_prctl, PR_SET_NAME, "gtrace-writer");
	run();
	return NULL;
}

/*
 * Opens the file, makes the writer, which inherits nothing else, and ends at once: as the program's
 * own child the writer would be a SIGCHLD after its exec. The program waits for this task alone, so
 * that when it goes on nobody has copies of its descriptors, and errors are known.
 */
static void between_main(void *arg)
{
	const uint64_t all = ~0ull;
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	GT_SYS3(SYS_close_range, 0, ~0u, 0);
	w.error = open_output();
	uint8_t *tcb = (uint8_t *)arg;
	if (!w.error)
		w.clone_rc = (int)gt_sys_clone_task(CLONE_VM | CLONE_UNTRACED | CLONE_SETTLS,
						    tcb - TLS_BYTES / 2, tcb, task_main, NULL);
	if (GT_SYS_FAILED(w.clone_rc)) /* it will be opened again, by a thread */
		take_back_file();
	uint32_t not_yet = READY_NOT; /* the writer may be further */
	atomic_compare_exchange_strong_explicit(&w.ready, &not_yet, READY_OPEN,
						memory_order_release, memory_order_relaxed);
	gt_sys_futex_wake(&w.ready);
}

/* Own stack and thread pointer: zeros, but for what compiled code reads at fixed places. */
static long begin_task(void)
{
	uint8_t *mem = (uint8_t *)gt_arena_alloc(STACK_BYTES + TLS_BYTES + BETWEEN_BYTES);
	if (!mem)
		return -ENOMEM;
	uint64_t *tcb = (uint64_t *)(mem + STACK_BYTES + TLS_BYTES / 2);
	tcb[0] = tcb[2] = (uint64_t)tcb; /* header.tcb, header.self */
	uint64_t canary, guard;
	__asm__("mov %%fs:0x28, %0" : "=r"(canary));
	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	tcb[5] = canary;
	tcb[6] = guard;
	uint8_t *top = mem + STACK_BYTES + TLS_BYTES + BETWEEN_BYTES;
	const uint64_t all = ~0ull;
	uint64_t old;
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8); /* inherited */
	const long rc = gt_sys_clone_task(CLONE_VM | CLONE_UNTRACED | CLONE_SETTLS, top, tcb,
					  between_main, tcb);
	GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return rc;
}

static int await_task(void)
{
	const uint64_t all = ~0ull;
	uint64_t old;
	if (GT_SYS_FAILED(w.between))
		return (int)w.between;
	if (atomic_load_explicit(&w.ready, memory_order_acquire) == READY_NOT) {
		/* N.B. with signals blocked: a handler would end the wait */
		GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
		gt_sys_futex_wait(&w.ready, READY_NOT, READY_NS);
		GT_SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	}
	if (atomic_load_explicit(&w.ready, memory_order_acquire) == READY_NOT)
		return 0; /* a file system that hangs: it may come yet, and nobody waits for it */
	while (GT_SYS4(SYS_wait4, w.between, NULL, __WCLONE, NULL) == -EINTR)
		;
	return GT_SYS_FAILED(w.clone_rc) ? w.clone_rc : 0;
}

static int start_thread(void)
{
	w.is_task = false;
	atomic_store_explicit(&w.ready, READY_NOT, memory_order_relaxed);
	return gt_real_start_thread(thread_main);
}

int gt_writer_begin(char *const envp[])
{
	memset(&w, 0, sizeof(w));
	w.closer = (struct gt_closer){ closer_is_host_dead, closer_idle, closer_put, 0, false };
	w.parts.pid = gt_host_pid;
	w.parts.envp = envp;
	w.parts.exe = gt_program;
	w.out.fd = -1;
	gt_alive_init();
	if (gt_symbols_init() || gt_tables_init(&w.out) || gt_samples_init())
		return -ENOMEM;
	w.is_task = gt_cfg.writer == GT_WRITER_TASK;
	w.between = w.is_task ? begin_task() : -ENOSYS;
	return 0;
}

static void say_go(enum go go)
{
	atomic_store_explicit(&w.go, go, memory_order_release); /* acquire: task_main() */
	gt_sys_futex_wake(&w.go);
}

int gt_writer_go(void)
{
	say_go(GO_ON);
	int rc = await_task();
	if (rc)
		rc = start_thread();
	if (rc || w.error)
		return rc ? rc : w.error;
	if (w.is_task && !gt_cfg.sample_hz && !gt_cfg.sched)
		return 0;
	gt_sys_futex_wait(&w.ready, w.is_task ? READY_OPEN : READY_NOT, READY_NS);
	return atomic_load_explicit(&w.ready, memory_order_acquire) == READY_FAILED ? w.error : 0;
}

void gt_writer_cancel(void)
{
	say_go(GO_HOME);
	await_task();
}

void gt_writer_flush(uint64_t bound_ns)
{
	const uint32_t mine =
		atomic_fetch_add_explicit(&w.flush_asked, 1, memory_order_acq_rel) + 1;
	gt_sys_futex_wake(&w.flush_asked);
	const uint64_t give_up = gt_now().v + bound_ns;
	for (;;) {
		const uint32_t done = atomic_load_explicit(&w.flush_done, memory_order_acquire);
		if ((int32_t)(done - mine) >= 0 || gt_now().v > give_up)
			return;
		gt_sys_futex_wait(&w.flush_done, done, 10000000);
	}
}

const char *gt_writer_path(void)
{
	return w.out.path;
}

int gt_writer_is_alive(void)
{
	return gt_now().v - atomic_load_explicit(&w.last_round, memory_order_relaxed) < 1000000000;
}

int gt_writer_needs_flush(void)
{
	return !w.is_task || gt_host_pid == 1;
}
