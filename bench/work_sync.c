/* Locks and hand-overs between two threads. */
#include "bench/harness.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- uncontended: a second thread exists, so that libc takes the way of a multi-threaded program
 * ---- */

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void have_two_threads(void)
{
	bench_thread(sleeper);
}

static uint64_t run_mutex(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	return n;
}

/* ---- contended: two CPUs, half of the time under the lock ---- */

static void spin(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		__asm__ volatile("" ::: "memory");
}

static uint64_t run_contended(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		spin(100);
		pthread_mutex_unlock(&mutex);
		spin(100);
	}
	return n;
}

static void *contender(void *arg)
{
	bench_pin(bench_cpu_other());
	for (;;)
		run_contended(1000);
	return arg;
}

static void setup_contended(void)
{
	bench_thread(contender);
}

/* ---- condition variable ---- */

static pthread_cond_t to_partner = PTHREAD_COND_INITIALIZER, to_main = PTHREAD_COND_INITIALIZER;
static int is_partners_turn; /* under mutex */

static void *cond_partner(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (;;) {
		while (!is_partners_turn)
			pthread_cond_wait(&to_partner, &mutex);
		is_partners_turn = 0;
		pthread_cond_signal(&to_main);
	}
	return arg;
}

static void setup_cond(void)
{
	bench_no_preemption();
	bench_thread(cond_partner);
}

/* One hand-over there and one back: two waits, one on each side. */
static uint64_t run_cond(uint64_t n)
{
	pthread_mutex_lock(&mutex);
	for (uint64_t i = 0; i < n; i += 2) {
		is_partners_turn = 1;
		pthread_cond_signal(&to_partner);
		while (is_partners_turn)
			pthread_cond_wait(&to_main, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	return n;
}

/* ---- futex, as Rust and C++20 programs wait: by syscall(); at several depths of the stack ---- */

static _Atomic int word; /* 1: the partner's turn */

static void hand_over(int value)
{
	atomic_store_explicit(&word, value, memory_order_release);
	/* N.B. not by syscall(): only the wait is to be measured */
	long rc;
	register long r10 __asm__("r10") = 0;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(SYS_futex), "D"(&word), "S"(FUTEX_WAKE_PRIVATE), "d"(1), "r"(r10)
			 : "rcx", "r11", "memory");
}

static void await_change(int value)
{
	while (atomic_load_explicit(&word, memory_order_acquire) == value)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_partner_side(uint64_t n)
{
	(void)n;
	for (;;) {
		await_change(0);
		hand_over(0);
	}
}

static void futex_main_side(uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 2) {
		hand_over(1);
		await_change(1);
	}
}

__attribute__((noinline)) static void at_depth(unsigned depth, void (*fn)(uint64_t), uint64_t n)
{
	if (depth > 1)
		at_depth(depth - 1, fn, n);
	else
		fn(n);
	__asm__ volatile(""); /* no tail call: the frames are the point */
}

static void *futex_partner(void *arg)
{
	futex_partner_side(0);
	return arg;
}

static void *deep_partner(void *arg)
{
	at_depth(DEPTH, futex_partner_side, 0);
	return arg;
}

static void setup_futex(void)
{
	bench_no_preemption();
	bench_thread(futex_partner);
}

static void setup_deep(void)
{
	bench_no_preemption();
	bench_thread(deep_partner);
}

static uint64_t run_futex(uint64_t n)
{
	futex_main_side(n);
	return n;
}

static uint64_t run_deep(uint64_t n)
{
	at_depth(DEPTH, futex_main_side, n);
	return n;
}

const struct work works_sync[] = {
	{ "mutex", have_two_threads, run_mutex, 20000, false },
	{ "contended", setup_contended, run_contended, 1000, true },
	{ "cond", setup_cond, run_cond, 100, false },
	{ "futex", setup_futex, run_futex, 100, false },
	{ "deep", setup_deep, run_deep, 100, false },
	{ NULL, NULL, NULL, 0, false },
};
