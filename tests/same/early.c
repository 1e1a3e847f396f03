/* Hooks before any constructor (preinit_array), in constructors, and behind exit; and no trace of
 * our looking up of names. */
#include "tests/same/see.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/wait.h>

static void *kept;
static int p[2];

static void *work(void *arg)
{
	free(malloc(1000));
	return arg;
}

static void everything(const char *when)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	void *v;
	char c;
	int st;
	CHECK(!pthread_mutex_lock(&m) && !pthread_mutex_unlock(&m));
	CHECK(!pthread_create(&t, NULL, work, &m) && !pthread_join(t, &v) && v == &m);
	CHECK(!pipe(p) && write(p[1], "x", 1) == 1 && read(p[0], &c, 1) == 1);
	CHECK(!close(p[0]) && !close(p[1]));
	free(malloc(10));
	fflush(NULL);
	const pid_t pid = fork();
	if (!pid) {
		free(malloc(10));
		_exit(4);
	}
	CHECK(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 4);
	fprintf(stderr, "%s\n", when);
}

static void before_constructors(void)
{
	kept = calloc(1, 300);
	everything("preinit");
}
__attribute__((section(".preinit_array"),
	       used)) static void (*const preinit)(void) = before_constructors;

__attribute__((constructor)) static void constructor(void)
{
	everything("constructor");
}
__attribute__((destructor)) static void destructor(void)
{
	everything("destructor");
	free(kept);
}
static void at_exit(void)
{
	everything("atexit");
}

int main(void)
{
	const char *const e = dlerror();
	printf("dlerror %s\n", e ? e : "none");
	printf("libm %d\n", dlopen("libm.so.6", RTLD_NOW) != NULL);
	printf("nothing %d\n", dlsym(RTLD_DEFAULT, "no_such_name") != NULL);
	printf("dlerror after a failure %d\n", dlerror() != NULL);
	printf("by dlvsym %d\n", dlvsym(RTLD_DEFAULT, "pthread_cond_wait", "GLIBC_2.3.2") != NULL);
	kept = realloc(kept, 5000);
	printf("usable %zu, zero %d\n", malloc_usable_size(kept), ((char *)kept)[299]);
	atexit(at_exit);
	everything("main");
	return 5;
}
