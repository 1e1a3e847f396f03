/*
 * One lock that is held longer and longer, another that is not: argv[1] ms under hot_lock, 5 ms
 * under cold_lock, argv[2] times each. Prints nothing.
 */
#include "tests/run/prog.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static pthread_mutex_t hot_lock = PTHREAD_MUTEX_INITIALIZER, cold_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int turn, waiter_tid;
static unsigned hot_ms, times;

__attribute__((noinline)) static void hold(pthread_mutex_t *m, unsigned ms)
{
	pthread_mutex_lock(m);
	turn++; /* the other one asks for it now, and does not sleep before */
	while (!prog_is_asleep(waiter_tid))
		usleep(100);
	prog_sleep_ms((long)ms);
	pthread_mutex_unlock(m);
}

__attribute__((noinline)) static void want(pthread_mutex_t *m, int when)
{
	while (turn < when)
		sched_yield();
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
}

__attribute__((noinline)) static void hot_path(int when)
{
	want(&hot_lock, when);
	turn++;
}

__attribute__((noinline)) static void cold_path(int when)
{
	want(&cold_lock, when);
	turn++;
}

static void *owner(void *arg)
{
	for (unsigned i = 0; i < times; i++) {
		hold(&hot_lock, hot_ms);
		while (turn < (int)(4 * i + 2))
			usleep(100);
		hold(&cold_lock, 5);
		while (turn < (int)(4 * i + 4))
			usleep(100);
	}
	return arg;
}

static void *waiter(void *arg)
{
	waiter_tid = (int)syscall(SYS_gettid);
	for (int i = 0; i < (int)times; i++) {
		hot_path(4 * i + 1);
		cold_path(4 * i + 3);
	}
	return arg;
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	hot_ms = (unsigned)atoi(argv[1]);
	times = (unsigned)atoi(argv[2]);
	struct prog_thread t[2];
	prog_spawn(&t[0], "owner", owner, NULL);
	prog_spawn(&t[1], "waiter", waiter, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i].id, NULL);
	return 0;
}
