/* What the program sees of its own stack: backtrace() and dladdr in main, in a qsort callback, in a
 * handler, under a lock that was waited for. */
/* same: not with dispatch (handlers and calls in it have a frame of ours more) */
#include "tests/same/see.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int base;

static int depth(void)
{
	void *pc[100];
	return backtrace(pc, 100);
}

static int compare(const void *a, const void *b)
{
	static int told;
	if (!told++)
		printf("in qsort: %d deeper\n", depth() - base);
	return *(const int *)a - *(const int *)b;
}

static void handler(int sig)
{
	printf("in the handler of %d: %d deeper\n", sig, depth() - base);
}

static void *holds(void *arg)
{
	pthread_barrier_wait(arg);
	prog_sleep_ms(20);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void names(void)
{
	Dl_info in;
	printf("malloc is there %d\n", dladdr((void *)malloc, &in) != 0);
	printf("main's file is ours %d\n", dladdr((void *)names, &in) != 0 && in.dli_fbase != NULL);
	printf("found by name %d\n",
	       dlsym(RTLD_DEFAULT, "pthread_mutex_lock") == (void *)pthread_mutex_lock);
}

int main(void)
{
	int v[] = { 5, 2, 9, 1 };
	pthread_barrier_t b;
	pthread_t t;
	base = depth();
	qsort(v, 4, sizeof(v[0]), compare);
	printf("%d %d %d %d\n", v[0], v[1], v[2], v[3]);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	names();

	pthread_barrier_init(&b, NULL, 2);
	pthread_mutex_lock(&m);
	CHECK(!pthread_create(&t, NULL, holds, &b));
	pthread_barrier_wait(&b);
	pthread_mutex_lock(&m);
	printf("after a wait: %d deeper\n", depth() - base);
	pthread_join(t, NULL);
	return 0;
}
