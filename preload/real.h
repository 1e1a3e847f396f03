/* The next definitions (gt_real is in hook.h) and what serves memory before they are known. */
#ifndef GT_REAL_H
#define GT_REAL_H

#include "preload/hook_types.h"

#include <stdbool.h>

/*
 * Functions that hooks need and that are no hooks of ours, or another version of one; all newer
 * than the import ceiling, or with a version that moved. NULL before gt_real_resolve() and where
 * libc lacks them.
 */
struct gt_more {
	void (*pthread_testcancel)(void);
	pthread_t (*pthread_self)(void);
	int (*pthread_attr_getstacksize)(const pthread_attr_t *at, size_t *size);
	/* clang-format off */
#define GT_OLD(group, version, ret, name, params, args, text) ret (*old_##name) params;
#include "preload/old.def"
#undef GT_OLD
	/* clang-format on */
	bool is_libc_malloc;   /* gt_real.malloc and free are glibc's own */
	bool has_usable_size;  /* malloc_usable_size belongs to the same allocator as malloc */
	uint32_t other_malloc; /* bit GT_MEM_BIT(name): the program's allocator lacks it, libc's
				  stands in */
	/* what of glibc's objects is as expected (object.h) */
	bool is_mutex_known, is_rwlock_known, is_cond_known, is_sem_known;
	bool is_barrier_known; /* it begins with {in, round, count} */
	bool has_old_cancel;   /* libc cancels a call wherever it is made; from 2.41 on in its own
				  code */
	uint32_t tid_offset;   /* of the tid behind a pthread_t; 0 = unknown */
};
#define GT_MEM_BIT(name) (1u << (GT_CALL_##name - GT_CALL_malloc))
extern struct gt_more gt_more __attribute__((visibility("hidden")));

/* Finds everything, once (boot.h). Context: any; before constructors too; takes the loader's lock.
 */
void gt_real_resolve(void);

/*
 * Memory while the functions are being looked up: dlsym allocates when it fails. Never given back;
 * zeroed. NULL = full. `align`: power of two, at least 16 is used.
 */
void *gt_early_alloc(size_t align, size_t n);
void *gt_early_realloc(void *p, size_t n);
/* Bytes asked for. `p` must be owned. */
size_t gt_early_size(const void *p);

#define GT_EARLY_BYTES (64u * 1024)
extern unsigned char gt_early_mem[GT_EARLY_BYTES] __attribute__((visibility("hidden")));

/* Did `p` come from gt_early_alloc()? Asked for ever, by every free. */
static inline bool gt_early_owns(const void *p)
{
	return (uintptr_t)p - (uintptr_t)gt_early_mem < GT_EARLY_BYTES;
}

#endif
