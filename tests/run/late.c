/*
 * What happens early in a generation stays in a thread's own memory, then nothing happens for a
 * while, and then another thread hands its memory over.
 */
#include "tests/run/prog.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int waiter_tid;

static void *waiter(void *arg)
{
	waiter_tid = gettid();
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	prog_sleep_ms(1200);
	return arg;
}

static void *shortlived(void *arg)
{
	return arg;
}

int main(void)
{
	struct prog_thread w, s;
	pthread_mutex_lock(&m);
	prog_spawn(&w, "waiter", waiter, NULL);
	while (!waiter_tid || !prog_is_asleep(waiter_tid))
		prog_sleep_ms(1);
	prog_sleep_ms(50);
	pthread_mutex_unlock(&m);
	prog_sleep_ms(700);
	prog_spawn(&s, "short", shortlived, NULL);
	prog_join(&s);
	prog_join(&w);
	return 0;
}
