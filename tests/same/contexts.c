/* Contexts and jumps: coroutines that wait, jumps within a thread, setcontext, names of threads. */
#include "tests/same/see.h"

#include <semaphore.h>
#include <setjmp.h>
#include <ucontext.h>

static ucontext_t main_ctx, ctx[2];
static char stacks[2][65536];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static sem_t sem;

static void coroutine(int me)
{
	for (int i = 0; i < 5; i++) {
		pthread_mutex_lock(&m);
		free(malloc(100));
		prog_sleep_ms(1);
		pthread_mutex_unlock(&m);
		printf("coroutine %d, step %d\n", me, i);
		CHECK(!swapcontext(&ctx[me], &ctx[!me]));
	}
	CHECK(!setcontext(&main_ctx));
}

static void coroutines(void)
{
	for (int i = 0; i < 2; i++) {
		CHECK(!getcontext(&ctx[i]));
		ctx[i].uc_stack.ss_sp = stacks[i];
		ctx[i].uc_stack.ss_size = sizeof(stacks[i]);
		makecontext(&ctx[i], (void (*)(void))coroutine, 1, i);
	}
	CHECK(!swapcontext(&main_ctx, &ctx[0]));
	printf("back in main\n");
}

static void again(void)
{
	static volatile int n;
	ucontext_t here;
	CHECK(!getcontext(&here));
	printf("here %d\n", n);
	if (n++ < 3)
		setcontext(&here);
	jmp_buf b;
	sigjmp_buf sb;
	volatile int i = 0;
	const int rc = setjmp(b);
	printf("setjmp %d\n", rc);
	if (i++ < 3)
		longjmp(b, i);
	const int rc2 = _setjmp(b);
	printf("_setjmp %d\n", rc2);
	if (i++ < 6)
		_longjmp(b, i % 5);
	const int rc3 = sigsetjmp(sb, 1);
	printf("sigsetjmp %d\n", rc3);
	if (i++ < 9)
		siglongjmp(sb, 0);
}

static void *named(void *arg)
{
	sem_wait(&sem);
	return arg;
}

static void name_of(pthread_t t)
{
	char name[16] = "";
	const int rc = pthread_getname_np(t, name, sizeof(name));
	printf("name %d %s\n", rc, name);
}

static void *names_main(void *arg)
{
	const pthread_t *const main_thread = arg;
	SEE(pthread_setname_np(*main_thread, "from another"));
	name_of(*main_thread);
	return NULL;
}

static void names(void)
{
	pthread_t t, self = pthread_self();
	CHECK(!pthread_create(&t, NULL, named, NULL));
	SEE(pthread_setname_np(t, "other"));
	name_of(t);
	SEE(pthread_setname_np(t, "0123456789abcdef"));
	SEE(pthread_setname_np(t, ""));
	name_of(t);
	sem_post(&sem);
	CHECK(!pthread_join(t, NULL));
	CHECK(!pthread_create(&t, NULL, names_main, &self));
	CHECK(!pthread_join(t, NULL));
}

int main(void)
{
	CHECK(!sem_init(&sem, 0, 0));
	setvbuf(stdout, NULL, _IOLBF, 0);
	coroutines();
	again();
	names();
	return 0;
}
