/*
 * What glibc's own objects say: who holds a lock, and does anybody wait for it? Layouts are glibc's
 * and checked at start on objects of our own (real.c); where one is not as expected the answer is
 * "unknown". To be asked before the real call: afterwards the object may be gone.
 */
#ifndef GT_OBJECT_H
#define GT_OBJECT_H

#include "preload/hook_types.h"
#include "preload/note.h"
#include "preload/real.h"

#include <stdbool.h>

/* Bits of a mutex's __kind. */
#define GT_KIND_TYPE    3 /* 1 = recursive */
#define GT_KIND_ROBUST  16
#define GT_KIND_PI      32
#define GT_KIND_PROTECT 64

#define GT_LOCK_WAITERS 0x80000000u /* robust and PI: the kernel's bits of the lock word */
#define GT_LOCK_TID     0x3fffffffu
#define GT_LOCK_CEILING 0xfff80000u /* priority-protected: the upper bits */

static inline uint32_t gt_peek(const void *word)
{
	return __atomic_load_n((const uint32_t *)word, __ATOMIC_RELAXED);
}

/* Tid of who holds the mutex; 0 = unknown: glibc writes it after the lock word. */
static inline uint32_t gt_mutex_holder(const pthread_mutex_t *m)
{
	if (!gt_more.is_mutex_known)
		return 0;
	if (gt_peek(&m->__data.__kind) & (GT_KIND_ROBUST | GT_KIND_PI))
		return gt_peek(&m->__data.__lock) & GT_LOCK_TID;
	return gt_peek(&m->__data.__owner);
}

/* Will an unlock by thread `tid` let a waiter go? Not where it would be refused. */
static inline bool gt_mutex_is_wanted(const pthread_mutex_t *m, uint32_t tid)
{
	const uint32_t lock = gt_peek(&m->__data.__lock);
	if (__builtin_expect(lock <= 1, 1) || !gt_more.is_mutex_known)
		return false;
	const uint32_t kind = gt_peek(&m->__data.__kind);
	if (gt_mutex_holder(m) != tid)
		return false;
	if ((kind & GT_KIND_TYPE) == 1 && gt_peek(&m->__data.__count) > 1)
		return false;
	if (kind & (GT_KIND_ROBUST | GT_KIND_PI))
		return lock & GT_LOCK_WAITERS;
	return (lock & ~GT_LOCK_CEILING) > 1;
}

/* __readers of a rwlock: how many read, or wait to read while somebody writes, and two bits. */
#define GT_RWLOCK_PHASE  1u /* it is, or will be, a writer's turn */
#define GT_RWLOCK_LOCKED 2u /* a writer has it, or is the next to have it */
#define GT_RWLOCK_READER 8u
/* __writers: writers that wait behind that one, if they are preferred; and one bit. */
#define GT_RWLOCK_WRITERS 0x7fffffffu
/* __writers_futex: some sleep. */
#define GT_RWLOCK_USED 2u

/* Tid of the writer, or with GT_WAIT_READERS the number of readers; 0 = unknown. */
static inline uint32_t gt_rwlock_holder(const pthread_rwlock_t *l, uint32_t *flags)
{
	if (!gt_more.is_rwlock_known)
		return 0;
	const uint32_t writer = gt_peek(&l->__data.__cur_writer);
	if (writer)
		return writer;
	const uint32_t readers = gt_peek(&l->__data.__readers) / GT_RWLOCK_READER;
	*flags |= readers ? GT_WAIT_READERS : 0;
	return readers;
}

/*
 * Waiters that an unlock by the calling thread lets go, at most, with GT_WAKE_READER by a reader:
 * the last one lets the next writer go.
 */
static inline uint32_t gt_rwlock_wakes(const pthread_rwlock_t *l)
{
	if (!gt_more.is_rwlock_known)
		return 0;
	const uint32_t word = gt_peek(&l->__data.__readers), readers = word / GT_RWLOCK_READER;
	if (!gt_peek(&l->__data.__cur_writer))
		return readers == 1 && word & GT_RWLOCK_LOCKED ? 1 | GT_WAKE_READER : 0;
	const uint32_t writers = gt_peek(&l->__data.__writers) & GT_RWLOCK_WRITERS;
	return readers ? readers
		       : writers || (gt_peek(&l->__data.__writers_futex) & GT_RWLOCK_USED);
}

/* One who is signalled counts until its call returns. */
static inline uint32_t gt_cond_waiters(const pthread_cond_t *c)
{
	return gt_more.is_cond_known ? gt_peek(&c->__data.__wrefs) >> 3 : 0;
}

static inline bool gt_sem_is_wanted(const sem_t *s)
{
	return gt_more.is_sem_known && gt_peek((const char *)s + 4);
}

/* Threads that wait in a barrier which the caller completes; 0 = it does not. */
static inline uint32_t gt_barrier_wakes(const pthread_barrier_t *b)
{
	const uint32_t *const word = (const uint32_t *)(const void *)b;
	if (!gt_more.is_barrier_known)
		return 0;
	const uint32_t count = gt_peek(&word[2]);
	return gt_peek(&word[0]) - gt_peek(&word[1]) + 1 == count ? count - 1 : 0;
}

/* Tid of a thread that has not been joined; 0 = unknown, or it has ended. */
static inline uint32_t gt_tid_of(pthread_t th)
{
	return gt_more.tid_offset ? gt_peek((const char *)th + gt_more.tid_offset) : 0;
}

#endif
