/*
 * Start and end.
 *
 * Order at start, and why:
 *
 *   1. settings            from envp, which is what libc's getenv would read
 *   2. control page        a child made by fork must find "off" on it from the first moment on
 *   3. arena, generation 1 there is memory to write to, and a generation to write into. N.B.
 * membarrier is asked for while nobody shares our memory: later it takes 5 ms
 *   4. writer, first half  opens the output, while we go on
 *   5. real functions      those that another library calls before that are looked up one by one
 *   6. main thread         registered while nobody else exists
 *   7. writer              is awaited; without an output there is nothing to trace for
 *   8. timers              of CPU samples, if asked for
 *   9. on                   one store
 *  10. system calls        dispatched, if asked for; not before, as libc's are ours until then
 *
 * N.B. the library is not marked "initfirst", although that would start us before every other
 * constructor: libc's own would then run inside our dlopen, which hands them empty arguments, and
 * the program would have no environment. What other libraries' constructors do before ours passes
 * through.
 *
 * There is no stop at exit: hooks are called after our destructor (library destructors, stdio), and
 * the writer outlives the process. The destructor only flushes where the writer would die with us.
 */
#include "preload/boot.h"

#include "preload/advance.h"
#include "preload/config.h"
#include "preload/emit.h"
#include "preload/hook.h"
#include "preload/log.h"
#include "preload/real.h"
#include "preload/stack.h"
#include "preload/sud.h"
#include "preload/sys.h"
#include "preload/timer.h"
#include "preload/unwind.h"
#include "preload/writer.h"

#include <errno.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MIN_BUFFER (1u << 20)
#define FLUSH_NS                                                                                   \
	500000000ull /* the longest that an end is held up, and only where the writer is a thread  \
		      */

struct gt_ctl gt_ctl __attribute__((aligned(4096)));
int gt_is_tracing;

int gt_host_pid, gt_host_ppid;

char gt_program[256] = "unknown";

static uint64_t n_cpus = 1;
static size_t tid_word; /* offset from the thread pointer; 0 = not found */
static char *const *start_envp;
static uint64_t first_stack_lo, first_stack_hi, first_pc; /* of the thread that starts us */

#ifdef GT_TEST
void (*gt_testpoint)(const char *name);
#endif

uint64_t gt_cpus(void)
{
	return n_cpus;
}

static void count_cpus(void)
{
	uint64_t mask[64] = { 0 }; /* 4096 CPUs */
	const long n = GT_SYS3(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	uint64_t count = 0;
	for (long i = 0; i < n / 8; i++)
		count += (uint64_t)__builtin_popcountll(mask[i]);
	n_cpus = count ? count : 1;
}

/* Fork-like calls zero the page in the child, even those that pass by our hooks; vfork does not. */
static int make_control_page(void)
{
	const long p = GT_SYS6(SYS_mmap, &gt_ctl, sizeof(gt_ctl), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (GT_SYS_FAILED(p))
		return (int)p;
	return (int)GT_SYS3(SYS_madvise, &gt_ctl, sizeof(gt_ctl), MADV_WIPEONFORK);
}

/* N.B. copied: programs overwrite their arguments to change their title. */
static void find_program(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	if (!path)
		return;
	const char *slash = strrchr(path, '/');
	gt_format(gt_program, sizeof(gt_program), "%s", slash ? slash + 1 : path);
}

/* Where libc keeps a thread's tid; read where asking the kernel might be, or is, forbidden. */
static void find_tid_word(void)
{
	const uint8_t *self;
	__asm__("mov %%fs:0, %0" : "=r"(self));
	for (size_t at = 0x280; at < 0x380; at += 4) /* 0x2d0 in glibc 2.36 */
		if (memcmp(self + at, &gt_host_pid, sizeof(gt_host_pid)) == 0) {
			tid_word = at;
			return;
		}
}

uint32_t gt_tid_of_self(void)
{
	if (!gt_is_sandboxed || !tid_word) {
		const int tid = gt_sys_gettid();
		if (tid > 0 || !tid_word)
			return (uint32_t)tid;
	}
	const uint8_t *self;
	uint32_t tid;
	__asm__("mov %%fs:0, %0" : "=r"(self));
	memcpy(&tid, self + tid_word, sizeof(tid));
	return tid;
}

/* The kernel put argv and the environment at the top of the main stack. */
static void find_main_stack(char *const envp[])
{
	struct rlimit limit;
	uint64_t size = 8u << 20;
	if (GT_SYS2(SYS_getrlimit, RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		size = limit.rlim_cur;
	first_stack_hi = ((uint64_t)envp + 4095) & ~4095ull;
	first_stack_lo = first_stack_hi - size + (64u << 10);
	first_pc = getauxval(AT_ENTRY);
}

/* The process's own word last: who sees it sees the groups. */
static void switch_on(void)
{
	for (unsigned g = GT_N_GROUPS; g-- > 0;)
		atomic_store_explicit(&gt_ctl.on[g],
				      gt_cfg.hooks_off >> g & 1 ? GT_ON_NOT : GT_ON_TRACING,
				      memory_order_release);
}

/* What holds for children as well. While the writer opens its file, at the same time. */
static void learn(void)
{
	gt_real_resolve();
	gt_stack_init();
	gt_end_init();
	find_tid_word();
}

/* Also what a forked child does for itself. The calling thread is the only one. */
static int start(bool is_child)
{
	gt_self = &gt_inside;
	gt_host_pid = gt_sys_getpid();
	gt_host_ppid = (int)gt_sys(SYS_getppid, 0, 0, 0, 0, 0, 0);
	gt_log_init(gt_host_pid);
	gt_clock_init(gt_cfg.clock != GT_CLOCK_MONO);
	int rc = gt_host_pid > 0 ? make_control_page() : -EPERM; /* a sandbox refuses it */
	if (!rc)
		rc = gt_arena_init(gt_cfg.buffer, GT_MAX_THREADS, sizeof(struct gt_thread));
	if (!rc)
		rc = gt_advance_init();
	gt_threads_init(); /* N.B. before there is a writer, which would look at the parent's */
	gt_timer_init();
	if (!rc)
		rc = gt_writer_begin(start_envp);
	if (!is_child)
		learn();
	if (rc)
		return rc;
	struct gt_thread *t = gt_thread_register_first(first_pc, first_stack_lo, first_stack_hi);
	if (!t) {
		gt_writer_cancel();
		return -ENOMEM;
	}
	gt_emit_statuses(t); /* at once: the trace begins where the program begins */
	gt_is_tracing = 1;
	rc = gt_writer_go();
	if (rc)
		return rc;
	gt_timer_open();
	gt_timer_arm(t);
	gt_self = t;
	gt_thread_arm_end();
	switch_on();
	gt_sud_open();
	gt_sud_arm(t);
	return 0;
}

static void give_up(int rc)
{
	gt_is_tracing = 0;
	gt_self = &gt_dead;
	const char *path = gt_writer_path();
	gt_log(GT_LOG_ERROR, "%s: cannot trace (errno %u); the program runs without",
	       path[0] ? path : gt_cfg.out.s, (uint64_t)-rc);
}

/* GTRACE_FOLLOW=0: programs started by exec must not load us. In place: nothing can be allocated
 * here. */
static void leave_environment(char *const envp[])
{
	for (char *const *e = envp; *e; e++)
		if (strncmp(*e, "LD_PRELOAD=", 11) == 0)
			gt_env_remove_library(*e + 11, "libgtrace.so");
}

/* Valgrind ends a program that makes a task of its own kind; it preloads its own library in front
 * of us. */
static bool is_valgrind(char *const envp[])
{
	const char *preload = gt_env_get(envp, "LD_PRELOAD");
	return preload && strstr(preload, "/vgpreload_core");
}

__attribute__((constructor)) static void boot(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	gt_config_read(envp);
	if (gt_cfg.disable || !gt_cfg.out.s[0] || gt_cfg.start == GT_START_OFF) {
		gt_real_resolve();
		gt_self = &gt_dead;
		return;
	}
	if (!gt_cfg.follow)
		leave_environment(envp);
	if (gt_cfg.buffer < MIN_BUFFER) {
		gt_log(GT_LOG_ERROR, "GTRACE_BUFFER is less than 1M; using 1M");
		gt_cfg.buffer = MIN_BUFFER;
	}
	if (is_valgrind(envp))
		gt_cfg.writer = GT_WRITER_THREAD;
	start_envp = envp;
	find_main_stack(envp);
	find_program();
	count_cpus();
	const int rc = start(false);
	if (rc)
		give_up(rc);
}

__attribute__((destructor)) static void end(void)
{
	gt_flush_before_end();
}

void gt_flush_before_end(void)
{
	if (gt_ctl.on[GT_GROUP_any] && gt_writer_needs_flush())
		gt_writer_flush(FLUSH_NS);
}

/* `is_strict`: the calling thread may not even read the clock any more; for the trace it ends here.
 */
void gt_enter_sandbox(bool is_strict)
{
	gt_sud_stop();
	gt_timer_stop();
	if (!gt_is_sandboxed) /* N.B. the last chance: the writer may be asleep */
		gt_arena_stock();
	gt_is_sandboxed = 1;
	if (is_strict && !gt_self->gate)
		gt_thread_end(gt_self);
}

struct gt_chunk *gt_wait_for_chunk(bool is_big)
{
	if (gt_cfg.full_policy != GT_FULL_BLOCK || gt_is_sandboxed)
		return NULL;
	struct gt_chunk *c = NULL;
	while (!c && gt_writer_is_alive()) {
		gt_sys_sleep_ns(1000000);
		c = gt_chunk_get(is_big);
	}
	return c;
}

/* ---- the slow path of every hook ---- */

void gt_child_of_fork(void)
{
	if (!gt_is_tracing || gt_sys_getpid() == gt_host_pid)
		return;
	if (!gt_cfg.follow || gt_is_sandboxed) {
		gt_is_tracing = 0;
		gt_self = &gt_dead;
		return;
	}
	const struct gt_thread *t = gt_self;
	if (!(t->gate & (GT_GATE_NOBODY | GT_GATE_INSIDE |
			 GT_GATE_DEAD))) { /* the thread that forked goes on as the first */
		first_stack_lo = t->stack_lo;
		first_stack_hi = t->stack_hi;
		first_pc = t->start_pc;
	}
	if (t->writing & 1 || t->is_walking ||
	    t->pending.word) /* a handler forked in the middle of something */
		gt_arena_keep();
	const int rc = start(true);
	if (rc)
		give_up(rc);
}

void gt_before_vfork(void)
{
	struct gt_thread *t = gt_self;
	if (t->gate)
		return;
	t->vfork_pid = (uint64_t)gt_sys_getpid();
	atomic_fetch_or_explicit(&t->gate, GT_GATE_VFORK, memory_order_relaxed);
}

struct gt_thread *gt_on_slow(enum gt_group group)
{
	struct gt_thread *t = gt_self;
	if (!gt_is_tracing || (t->gate & (GT_GATE_INSIDE | GT_GATE_DEAD)))
		return NULL;
	if (!gt_ctl.on[GT_GROUP_any]) { /* wiped: we are in a child (that of vfork still finds it
					   on) */
		gt_child_of_fork();
		t = gt_self;
	}
	if (t->gate &
	    GT_GATE_VFORK) { /* parent and child share the record until the child execs or exits */
		if ((uint64_t)gt_sys_getpid() != t->vfork_pid)
			return NULL;
		atomic_fetch_and_explicit(&t->gate, ~GT_GATE_VFORK, memory_order_relaxed);
	}
	if (!gt_ctl.on[GT_GROUP_any])
		return NULL;
	if (t->gate & GT_GATE_NOBODY)
		t = gt_thread_register_self();
	if (!t || t->gate || gt_ctl.on[group] & GT_ON_NOT)
		return NULL;
	if (gt_ctl.on[GT_GROUP_any] & GT_ON_HEAP)
		gt_emit_heap(t);
	return t;
}
