/*
 * The zero line: a library of the same shape that does nothing. What a row costs with it is the
 * price of interposition as such.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#define NEXT(ret, name, params, args)                                                              \
	static ret(*next_##name) params;                                                           \
	__attribute__((visibility("default"))) ret hook_##name params __asm__(#name);              \
	ret hook_##name params                                                                     \
	{                                                                                          \
		return next_##name args;                                                           \
	}

/* clang-format off */
NEXT(int, pthread_mutex_lock, (pthread_mutex_t *m), (m))
NEXT(int, pthread_mutex_unlock, (pthread_mutex_t *m), (m))
NEXT(long, read, (int fd, void *buf, size_t n), (fd, buf, n))
/* clang-format on */

/* N.B. by glibc's own names: the loader calls malloc before our constructor. */
void *__libc_malloc(size_t n);
void __libc_free(void *p);
void *malloc(size_t n);
void free(void *p);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
	return __libc_malloc(n);
}

__attribute__((visibility("default"))) void free(void *p)
{
	__libc_free(p);
}

/* N.B. no early stubs: programs of the bench call none of these before constructors have run. */
__attribute__((constructor)) static void find_next(void)
{
	next_pthread_mutex_lock =
		(int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	next_pthread_mutex_unlock =
		(int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	next_read = (long (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
}
