/* Hooked and unhooked calls on the same objects: by dlsym of libc's own handle, by dlvsym, by
 * RTLD_NEXT. */
#include "tests/same/see.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <semaphore.h>

typedef int call(void *);

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static int sum;

static call *real_of(const char *name)
{
	void *const libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	CHECK(libc);
	call *const fn = (call *)dlsym(libc, name);
	CHECK(fn);
	return fn;
}

static void *work(void *arg)
{
	call *const lock = real_of("pthread_mutex_lock"), *const unlock =
								  real_of("pthread_mutex_unlock");
	call *const post = real_of("sem_post"), *const rd = real_of("pthread_rwlock_rdlock");
	call *const release = real_of("pthread_rwlock_unlock");
	for (int i = 0; i < 20000; i++) {
		if (i & 1)
			lock(&m);
		else
			pthread_mutex_lock(&m);
		sum++;
		if (i & 2)
			unlock(&m);
		else
			pthread_mutex_unlock(&m);
		if (i & 4)
			post(&sem);
		else
			sem_post(&sem);
		sem_wait(&sem);
		if (i & 8)
			rd(&rw);
		else
			pthread_rwlock_rdlock(&rw);
		if (i & 16)
			release(&rw);
		else
			pthread_rwlock_unlock(&rw);
	}
	return arg;
}

int main(void)
{
	pthread_t t[3];
	int v;
	sem_init(&sem, 0, 0);
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&t[i], NULL, work, NULL));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_join(t[i], NULL));
	sem_getvalue(&sem, &v);
	printf("%d, semaphore %d, mutex %d, rwlock %d\n", sum, v, pthread_mutex_trylock(&m),
	       pthread_rwlock_trywrlock(&rw));
	/* Memory from one side, freed on the other */
	void *(*const alloc)(size_t) = (void *(*)(size_t))(void *)real_of("malloc");
	void (*const give)(void *) = (void (*)(void *))(void *)real_of("free");
	for (int i = 0; i < 1000; i++) {
		free(alloc(100));
		give(malloc(100));
		free(realloc(alloc(10), 5000));
	}
	printf("by RTLD_NEXT %d\n", dlsym(RTLD_NEXT, "pthread_mutex_lock") != NULL);
	return 0;
}
