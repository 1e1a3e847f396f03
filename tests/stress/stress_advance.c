/*
 * Threads wait, are born, die and vanish, while a writer ends generations all the time; then the
 * file has to be whole by the strict rules, with as many ends as begins. Under ThreadSanitizer
 * there must be no report.
 *
 *   stress_advance [SEED [SECONDS]]
 *
 * The same seed gives each thread the same sequence of deeds; who wins a race is up to the machine.
 */
#include "tests/unit/core.h"

#include <pthread.h>
#include <sched.h>

#define WORKERS  6
#define CALL     GT_CALL_read
#define CHILD_PC ((uint64_t)&child_main)

static _Atomic bool is_over, is_writer_over;
static _Atomic uint64_t n_waits, n_children, n_vanished, n_generations;

/* splitmix64 */
static uint64_t next(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void pass_time(uint64_t *rng)
{
	switch (next(rng) % 8) {
	case 0:
		sched_yield();
		break;
	case 1:
		gt_sys_sleep_ns(next(rng) % 200000);
		break;
	default:
		for (uint64_t i = next(rng) % 400; i; i--)
			__builtin_ia32_pause();
	}
}

static void wait_a_little(uint64_t *rng)
{
	static const uint8_t why[] = { GT_WHY_MUTEX, GT_WHY_COND, GT_WHY_FSYNC, GT_WHY_SLEEP,
				       GT_WHY_FILE };
	struct gt_wait w;
	gt_wait_begin(&w, gt_self, CALL, why[next(rng) % sizeof(why)], 0, next(rng) % 2);
	if (next(rng) % 16 == 0) { /* as if a handler came */
		struct gt_wait nested;
		gt_wait_begin(&nested, gt_self, CALL, GT_WHY_SLEEP, 0, true);
		gt_wait_end(&nested);
	}
	pass_time(rng);
	gt_wait_end(&w);
	atomic_fetch_add_explicit(&n_waits, 1, memory_order_relaxed);
}

struct child {
	struct gt_thread *t; /* NULL: nobody announced it */
	uint64_t rng;
};

static void *child_main(void *arg)
{
	struct child c = *(struct child *)arg;
	free(arg);
	if (c.t)
		gt_thread_start(c.t, 0, 0);
	else
		gt_thread_register_self();
	for (uint64_t i = next(&c.rng) % 6; i; i--)
		wait_a_little(&c.rng);
	if (next(&c.rng) % 8 == 0)
		atomic_fetch_add_explicit(&n_vanished, 1, memory_order_relaxed);
	else if (!gt_self->gate)
		gt_thread_end(gt_self);
	return NULL;
}

/* A thread is created, joined, and traced as hooks would do it. */
static void have_child(uint64_t *rng)
{
	pthread_t th;
	struct child *c = malloc(sizeof(*c));
	const uint64_t kind = next(rng) % 8;
	c->rng = next(rng);
	c->t = kind == 0 ? NULL : gt_thread_announce(gt_self, CHILD_PC);
	if (kind == 1 && c->t) { /* the real call fails */
		gt_thread_retract(gt_self, c->t);
		free(c);
		return;
	}
	if (pthread_create(&th, NULL, child_main, c))
		abort();
	atomic_fetch_add_explicit(&n_children, 1, memory_order_relaxed);
	struct gt_wait w;
	gt_wait_begin(&w, gt_self, CALL, GT_WHY_JOIN, 0, true);
	pthread_join(th, NULL);
	gt_wait_end(&w);
}

static void *work(void *arg)
{
	struct child c = *(struct child *)arg;
	free(arg);
	gt_thread_start(c.t, 0, 0);
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		const uint64_t deed = next(&c.rng) % 64;
		if (deed == 0)
			have_child(&c.rng);
		else if (deed == 1)
			gt_thread_set_name(gt_self, next(&c.rng) % 2 ? "a name" : "another");
		else
			wait_a_little(&c.rng);
	}
	gt_thread_end(gt_self);
	return NULL;
}

static void *write_all(void *arg)
{
	uint64_t rng = *(uint64_t *)arg;
	core.closer.writer_tid = (uint32_t)gt_sys_gettid();
	while (!atomic_load_explicit(&is_writer_over, memory_order_acquire)) {
		gt_clock_tick();
		gt_arena_grow_ahead();
		core_drain(false);
		core.closer.may_reap = next(&rng) % 16 == 0;
		core_advance();
		atomic_fetch_add_explicit(&n_generations, 1, memory_order_relaxed);
		if (next(&rng) % 4 == 0)
			gt_sys_sleep_ns(next(&rng) % 1000000);
	}
	return NULL;
}

static struct child *new_child(struct gt_thread *t, uint64_t *rng)
{
	struct child *c = malloc(sizeof(*c));
	*c = (struct child){ t, next(rng) };
	return c;
}

static void run(uint64_t *rng, unsigned seconds)
{
	pthread_t workers[WORKERS], writer;
	uint64_t writer_rng = next(rng);
	pthread_create(&writer, NULL, write_all, &writer_rng);
	for (int i = 0; i < WORKERS; i++) {
		struct gt_thread *t = gt_thread_announce(core.main, (uint64_t)&work);
		if (!t || pthread_create(&workers[i], NULL, work, new_child(t, rng)))
			abort();
	}
	struct gt_wait w;
	gt_wait_begin(&w, core.main, CALL, GT_WHY_SLEEP, 0, true);
	sleep(seconds);
	gt_wait_end(&w);
	atomic_store(&is_over, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	atomic_store_explicit(&is_writer_over, true, memory_order_release);
	pthread_join(writer, NULL);
	core.closer.may_reap = true;
	for (int i = 0; i < 4;
	     i++) /* those that vanished last are silent for a generation, and then reaped */
		core_advance();
}

static uint64_t lost(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < gt_threads_end(); i++)
		for (unsigned k = 0; k <= GT_OWN_lost_ends_late; k++)
			n += gt_thread_at(i)->own[k];
	return n;
}

static bool is_equal(const char *what, uint64_t a, uint64_t b)
{
	if (a != b)
		fprintf(stderr, "%s: %" PRIu64 " and %" PRIu64 "\n", what, a, b);
	return a == b;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : gt_clock_kernel_ns();
	const unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
	printf("seed %" PRIu64 ", %u s\n", seed, seconds);
	fflush(stdout);

	core_boot(64u << 20, GT_MAX_THREADS);
	gt_clock_init(1);
	run(&seed, seconds);

	core_is_counting = true;
	const char *wrong = core_read();
	if (wrong)
		fprintf(stderr, "%s: %s\n", core.path, wrong);
	const uint64_t *n = core_counts;
	bool is_fine = !wrong;
	is_fine &= is_equal("begins and ends of waits", n[GT_EV_GoBlock], n[GT_EV_GoUnblock]);
	is_fine &= is_equal("begins and ends of calls", n[GT_EV_GoSyscallBegin],
			    n[GT_EV_GoSyscallEnd]);
	is_fine &= is_equal("births and deaths", n[GT_EV_GoCreate], n[GT_EV_GoDestroy]);
	printf("%" PRIu64 " waits done, %" PRIu64 " written (%" PRIu64
	       " begun by advance), %" PRIu64 " lost by those still there; %" PRIu64
	       " threads, %" PRIu64 " vanished, %" PRIu64 " reaped; %" PRIu64 " generations\n",
	       n_waits, n[GT_EV_GoBlock] + n[GT_EV_GoSyscallBegin],
	       gt_counters[GT_COUNTER_begins_by_advance], lost(), n_children, n_vanished,
	       gt_counters[GT_COUNTER_reaped_threads], n_generations);
	if (is_fine)
		unlink(core.path);
	return !is_fine;
}
