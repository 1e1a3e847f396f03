/*
 * The end of a thread, seen from inside: a key destructor. It was created before any of the
 * program's keys, so it runs first in each round of destructors; it re-arms itself until the last
 * round, so that the program's own destructors are still traced. What libc does after that (three
 * calls of free) passes through.
 */
#include "preload/boot.h"
#include "preload/hook.h"
#include "preload/real.h"

#include <errno.h>
#include <signal.h>

#define LAST_ROUND 4 /* PTHREAD_DESTRUCTOR_ITERATIONS: POSIX's least, and glibc's number */

void *gt_dlsym_next(void *handle, const char *name);
__asm__(".symver gt_dlsym_next, dlsym@GLIBC_2.2.5");

static pthread_key_t key;
static bool has_key;
static int (*setspecific)(pthread_key_t, const void *);
static int (*set_sigmask)(int, const sigset_t *, sigset_t *);

static void key_destructor(void *arg)
{
	struct gt_thread *t = gt_self;
	(void)arg;
	if (t->gate & ~GT_GATE_VFORK)
		return;
	if (++t->end_round < LAST_ROUND && setspecific(key, t) == 0)
		return;
	gt_thread_end(t);
}

void gt_end_init(void)
{
	void *const next = (void *)-1L; /* RTLD_NEXT */
	int (*create)(pthread_key_t *, void (*)(void *)) =
		(int (*)(pthread_key_t *, void (*)(void *)))gt_dlsym_next(next,
									  "pthread_key_create");
	setspecific =
		(int (*)(pthread_key_t, const void *))gt_dlsym_next(next, "pthread_setspecific");
	set_sigmask =
		(int (*)(int, const sigset_t *, sigset_t *))gt_dlsym_next(next, "pthread_sigmask");
	has_key = create && setspecific && create(&key, key_destructor) == 0;
}

void gt_thread_arm_end(void)
{
	if (has_key)
		setspecific(key, gt_self);
}

int gt_real_start_thread(void *(*fn)(void *))
{
	sigset_t all, old;
	memset(&all, 0xff, sizeof(all));
	if (!set_sigmask)
		return -ENOSYS;
	/* N.B. not the raw call: glibc keeps its own two signals open, which setuid needs */
	set_sigmask(SIG_SETMASK, &all, &old);
	pthread_t th;
	const int rc = gt_real.pthread_create(&th, NULL, fn, NULL);
	set_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		gt_real.pthread_detach(th);
	return -rc;
}
