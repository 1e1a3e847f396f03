/*
 * The next definitions of all hooked functions.
 *
 * Hooks run before our constructor (constructors of other libraries, the loader itself), so every
 * pointer starts as a stub that looks up everything and goes on with the real function.
 *
 * Invariants
 *
 * 1. All names are looked up in one go, never in a hook later. Otherwise a hook in a thread that a
 * constructor creates and joins waits for the loader's lock for ever (interposition.md 3.1).
 * 2. The malloc family comes last in hooks.def. Otherwise the allocations of a failing dlsym reach
 * an allocator that may call hooks which are not resolved yet; and the last dlsym would not be a
 * good one, which clears the error that the program's own dlerror() would show.
 * 3. No look-up fails where libc has all names (tests/same/allocator.c). A failing one allocates,
 * and an allocator that comes before us in the order of the loader may have called us under its own
 * lock: tcmalloc then waited for itself for ever.
 * 4. dlsym is called from this file only. Otherwise RTLD_NEXT, which goes by the caller's address,
 * may start elsewhere.
 *
 * Corner cases
 *
 * - Two threads resolve at a time: both store the same values.
 * - A stub runs while its own thread resolves (an allocator's constructor, say): it looks up its
 * one name.
 */
#include "preload/real.h"

#include "preload/boot.h"
#include "preload/hook.h"
#include "preload/next.h"
#include "preload/object.h"
#include "preload/sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* The import ceiling is glibc 2.17: newer libcs give dlsym another version by default. */
void *gt_dlsym(void *handle, const char *name);
void *gt_dlvsym(void *handle, const char *name, const char *version);
#ifdef __x86_64__
#define GT_FIRST_VERSION "GLIBC_2.2.5"
#else
#define GT_FIRST_VERSION "GLIBC_2.17"
#endif
__asm__(".symver gt_dlsym, dlsym@" GT_FIRST_VERSION);
__asm__(".symver gt_dlvsym, dlvsym@" GT_FIRST_VERSION);

unsigned char gt_early_mem[GT_EARLY_BYTES] __attribute__((aligned(16)));
struct gt_more gt_more;

/* ---- memory before malloc is known ---- */

#define GT_EARLY_HEAD 16u /* holds the size, keeps the alignment */

void *gt_early_alloc(size_t align, size_t n)
{
	static _Atomic uint32_t used;

	if (align < 16)
		align = 16;
	if (n > GT_EARLY_BYTES || align > GT_EARLY_BYTES)
		goto full;
	uint32_t old = atomic_load_explicit(&used, memory_order_relaxed);
	for (;;) {
		/* N.B. the address is aligned, not the offset */
		const uintptr_t first = (uintptr_t)gt_early_mem + old + GT_EARLY_HEAD;
		const uintptr_t at = (first + align - 1) & ~(uintptr_t)(align - 1);
		const uintptr_t end = (at + n + 15) & ~(uintptr_t)15;
		if (end > (uintptr_t)gt_early_mem + GT_EARLY_BYTES)
			goto full;
		if (!atomic_compare_exchange_weak_explicit(
			    &used, &old, (uint32_t)(end - (uintptr_t)gt_early_mem),
			    memory_order_relaxed, memory_order_relaxed))
			continue;
		memcpy((void *)(at - GT_EARLY_HEAD), &n, sizeof(n));
		return (void *)at;
	}
full:
	errno = ENOMEM;
	return NULL;
}

size_t gt_early_size(const void *p)
{
	size_t n;
	memcpy(&n, (const unsigned char *)p - GT_EARLY_HEAD, sizeof(n));
	return n;
}

void *gt_early_realloc(void *p, size_t n)
{
	void *const q = gt_early_alloc(16, n);
	if (q && p) {
		const size_t old = gt_early_size(p);
		memcpy(q, p, old < n ? old : n);
	}
	return q;
}

static void *early_array(size_t n, size_t size)
{
	size_t bytes;
	if (!__builtin_mul_overflow(n, size, &bytes))
		return gt_early_alloc(16, bytes);
	errno = ENOMEM;
	return NULL;
}

static void *early_rearray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (!__builtin_mul_overflow(n, size, &bytes))
		return gt_early_realloc(p, bytes);
	errno = ENOMEM;
	return NULL;
}

static int early_posix(void **out, size_t align, size_t n)
{
	const int saved = errno;
	void *const p = gt_early_alloc(align, n);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

/* ---- stubs ---- */

static void resolve_one(const char *name, size_t offset, const void *stub);

/* clang-format off */
#define GT_SLOT(name) offsetof(struct gt_real, name)
#define GT_STUB(ret, name, params, args)                                                                     \
	static ret gt_stub_##name params                                                                    \
	{                                                                                                    \
		resolve_one(#name, GT_SLOT(name), (const void *)gt_stub_##name);                            \
		return gt_real.name args;                                                                    \
	}
#define GT_STUB_thread(...) GT_STUB(__VA_ARGS__)
#define GT_STUB_sync(...)   GT_STUB(__VA_ARGS__)
#define GT_STUB_io(...)     GT_STUB(__VA_ARGS__)
#define GT_STUB_fs(...)     GT_STUB(__VA_ARGS__)
#define GT_STUB_proc(...)   GT_STUB(__VA_ARGS__)
#define GT_STUB_ipc(...)    GT_STUB(__VA_ARGS__)
#define GT_STUB_signal(...) GT_STUB(__VA_ARGS__)
#define GT_STUB_malloc(...) /* below: these are served while others are being looked up */

/* N.B. the real execl family is never called (hook_proc.c): its stubs may lose the variadic arguments. */
#define GT_BLOCKING(group, why, ret, name, params, args) GT_STUB_##group(ret, name, params, args)
#define GT_CUSTOM(group, why, ret, name, params, args)   GT_STUB_##group(ret, name, params, args)
#define GT_ASM(group, why, ret, name, params, args)      GT_STUB_##group(ret, name, params, args)
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM

#define GT_STUB_MEM(ret, name, params, args, meanwhile)                                                      \
	static ret gt_stub_##name params                                                                    \
	{                                                                                                    \
		gt_real_resolve();                                                                           \
		if (gt_real.name != gt_stub_##name)                                                         \
			return gt_real.name args;                                                            \
		return meanwhile;                                                                            \
	}
GT_STUB_MEM(void *, malloc, (size_t n), (n), gt_early_alloc(16, n))
/* Hooks keep early memory from here, so `p` is real memory whose owner is not known yet: it stays. */
GT_STUB_MEM(void, free, (void *p), (p), (void)0)
GT_STUB_MEM(void, cfree, (void *p), (p), (void)0)
GT_STUB_MEM(void *, calloc, (size_t n, size_t size), (n, size), early_array(n, size))
GT_STUB_MEM(void *, realloc, (void *p, size_t n), (p, n), p ? NULL : gt_early_alloc(16, n))
GT_STUB_MEM(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size), p ? NULL : early_rearray(NULL, n, size))
GT_STUB_MEM(void *, memalign, (size_t align, size_t n), (align, n), gt_early_alloc(align, n))
GT_STUB_MEM(void *, aligned_alloc, (size_t align, size_t n), (align, n), gt_early_alloc(align, n))
GT_STUB_MEM(int, posix_memalign, (void **out, size_t align, size_t n), (out, align, n), early_posix(out, align, n))
GT_STUB_MEM(void *, valloc, (size_t n), (n), gt_early_alloc(4096, n))
GT_STUB_MEM(void *, pvalloc, (size_t n), (n), gt_early_alloc(4096, (n + 4095) & ~(size_t)4095))
GT_STUB_MEM(size_t, malloc_usable_size, (void *p), (p), 0)

struct gt_real gt_real = {
#define GT_BLOCKING(group, why, ret, name, params, args) .name = gt_stub_##name,
#define GT_CUSTOM(group, why, ret, name, params, args)   .name = gt_stub_##name,
#define GT_ASM(group, why, ret, name, params, args)      .name = gt_stub_##name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
};

/* Of the rows of hooks.def; the pointers in gt_real are in the same order. */
static const char *const names[GT_N_HOOKS] = {
#define GT_BLOCKING(group, why, ret, name, params, args) #name,
#define GT_CUSTOM(group, why, ret, name, params, args)   #name,
#define GT_ASM(group, why, ret, name, params, args)      #name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
};
/* clang-format on */
_Static_assert(sizeof(gt_real) == GT_N_HOOKS * sizeof(void *), "one pointer for each row");

/* ---- looking up ---- */

/* Stands for a function that this libc lacks; no program that starts here can have been linked to
 * it. */
static long gt_real_missing(void)
{
	errno = ENOSYS;
	return -1;
}

/*
 * Up to glibc 2.35 RTLD_NEXT gives the GLIBC_2.2.5 condition variables, which have another ABI (bug
 * 14932), so these names are asked for by version (clockwait is younger and has not got that one).
 * And some are there for old programs only.
 */
static void *find(const char *name)
{
	static const char cond[] = "pthread_cond_";
	void *p = NULL;
	if (!strncmp(name, cond, sizeof(cond) - 1) && strcmp(name, "pthread_cond_clockwait") != 0)
		p = gt_dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
	else if (!strcmp(name, "pthread_yield") || !strcmp(name, "cfree"))
		p = gt_dlvsym(RTLD_NEXT, name, GT_FIRST_VERSION);
	return p ? p : gt_dlsym(RTLD_NEXT, name);
}

/* Function pointers of all types lie behind each other: only their bytes are moved. */
static void store(size_t offset, const void *p)
{
	memcpy((unsigned char *)&gt_real + offset, &p, sizeof(p));
}

static void find_and_store(const char *name, size_t offset)
{
	const void *const p = find(name);
	store(offset, p ? p : (const void *)gt_real_missing);
}

static void store_found(size_t i, const void *p)
{
	store(i * sizeof(void *), p);
}

static void find_all(void)
{
	static unsigned hashes[GT_N_HOOKS];
	gt_next_find(&gt_real, names, GT_N_HOOKS, hashes, store_found);
	for (size_t i = 0; i < GT_N_HOOKS; i++)
		if (hashes[i])
			find_and_store(names[i], i * sizeof(void *));
}

static void resolve_one(const char *name, size_t offset, const void *stub)
{
	const int saved = errno;
	const void *now;

	gt_real_resolve();
	memcpy(&now, (const unsigned char *)&gt_real + offset, sizeof(now));
	if (now == stub)
		find_and_store(name, offset);
	errno = saved;
}

/* Identifies the module that contains `p`; NULL = unknown. dladdr, which also finds the symbol, is
 * slow. */
static const void *module_of(const void *p)
{
	static int (*dladdr_)(const void *, Dl_info *);
	Dl_info info;
#if __GLIBC_PREREQ(2, 35)
	static int (*find_object)(void *, struct dl_find_object *);
	struct dl_find_object found;
	if (!find_object)
		find_object = (int (*)(void *, struct dl_find_object *))gt_dlsym(RTLD_NEXT,
										 "_dl_find_object");
	if (find_object)
		return find_object((void *)(uintptr_t)p, &found) ? NULL : found.dlfo_link_map;
#endif
	if (!dladdr_)
		dladdr_ = (int (*)(const void *, Dl_info *))gt_dlsym(RTLD_NEXT, "dladdr");
	return dladdr_ && dladdr_(p, &info) ? info.dli_fbase : NULL;
}

/*
 * Whose allocator is it? Names do not tell: jemalloc has a __libc_malloc too. And an allocator may
 * lack some of the functions: libc's then fill the gap, and must not be asked about memory that is
 * not theirs.
 */
static void look_at_malloc(void)
{
	const void *const home = module_of((const void *)gt_real.malloc);
	const void *const libc = module_of(gt_dlsym(RTLD_NEXT, "gnu_get_libc_version"));
	const bool is_one = home && home == module_of((const void *)gt_real.free);

	gt_more.is_libc_malloc = is_one && home == libc;
	gt_more.has_usable_size =
		is_one && home == module_of((const void *)gt_real.malloc_usable_size);
#define GT_LOOK(name)                                                                              \
	if (home != module_of((const void *)gt_real.name))                                         \
	gt_more.other_malloc |= GT_MEM_BIT(name)
	GT_LOOK(memalign);
	GT_LOOK(aligned_alloc);
	GT_LOOK(posix_memalign);
	GT_LOOK(valloc);
	GT_LOOK(pvalloc);
#undef GT_LOOK
}

static bool is_barrier_known(void)
{
	int (*init)(pthread_barrier_t *, const pthread_barrierattr_t *, unsigned);
	void *const p = gt_dlsym(RTLD_NEXT, "pthread_barrier_init");
	pthread_barrier_t b;
	unsigned word[3];

	memcpy(&init, &p, sizeof(init));
	if (!p || init(&b, NULL, 3))
		return false;
	memcpy(word, &b, sizeof(word));
	return word[0] == 0 && word[1] == 0 && word[2] == 3;
}

/* ---- layouts ---- */

static bool is_mutex_known(uint32_t tid)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	if (gt_real.pthread_mutex_lock(&m))
		return false;
	const bool is_held = m.__data.__lock == 1 && (uint32_t)m.__data.__owner == tid;
	gt_real.pthread_mutex_unlock(&m);
	return is_held && m.__data.__lock == 0 && m.__data.__owner == 0;
}

static bool is_rwlock_known(uint32_t tid)
{
	pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
	if (gt_real.pthread_rwlock_rdlock(&l))
		return false;
	const bool is_read = l.__data.__readers / GT_RWLOCK_READER == 1 && !l.__data.__cur_writer;
	gt_real.pthread_rwlock_unlock(&l);
	if (gt_real.pthread_rwlock_wrlock(&l))
		return false;
	const bool is_held = (uint32_t)l.__data.__cur_writer == tid && !l.__data.__writers &&
			     l.__data.__readers == (GT_RWLOCK_PHASE | GT_RWLOCK_LOCKED);
	gt_real.pthread_rwlock_unlock(&l);
	return is_read && is_held && !l.__data.__cur_writer;
}

static bool is_sem_known(void)
{
	sem_t s;
	memset(&s, 0, sizeof(s));
	return gt_real.sem_post(&s) == 0 && gt_peek(&s) == 1 && !gt_sem_is_wanted(&s);
}

/* Of glibc 2.36: 36. 0 = of another one. */
static unsigned libc_minor(void)
{
	const char *(*version)(void);
	void *const p = gt_dlsym(RTLD_NEXT, "gnu_get_libc_version");
	memcpy(&version, &p, sizeof(version));
	const char *v = p ? version() : "";
	unsigned n = 0;
	if (v[0] != '2' || v[1] != '.')
		return 0;
	for (v += 2; *v >= '0' && *v <= '9'; v++)
		n = n * 10 + (unsigned)(*v - '0');
	return n;
}

/* glibc 2.36 has it at 0x2d0; others nearby. Found only where it is unmistakable. */
static uint32_t find_tid(uint32_t tid)
{
	const char *const self = (const char *)gt_more.pthread_self();
	uint32_t found = 0, n = 0;
	for (uint32_t at = 0x200; self && at < 0x400; at += 4) {
		if (gt_peek(self + at) != tid)
			continue;
		found = at;
		n++;
	}
	return n == 1 ? found : 0;
}

static void look_at_objects(void)
{
	const uint32_t tid = (uint32_t)gt_sys_gettid();
	gt_more.is_mutex_known = is_mutex_known(tid);
	gt_more.is_rwlock_known = is_rwlock_known(tid);
	gt_more.is_sem_known = is_sem_known();
	/* not to be seen without a thread that waits; the same from glibc 2.25 on */
	gt_more.is_cond_known = libc_minor() >= 25;
	gt_more.has_old_cancel = libc_minor() && libc_minor() < 41;
	gt_more.is_barrier_known = is_barrier_known();
	gt_more.tid_offset = find_tid(tid);
}

static void find_more(void)
{
	static const struct {
		const char *name;
		const char *version; /* NULL = the newest */
		size_t offset;
	} more[] = {
/* clang-format off */
#define GT_OLD(group, version, ret, name, params, args, text) \
		{ #name, "GLIBC_" #version, offsetof(struct gt_more, old_##name) },
#include "preload/old.def"
#undef GT_OLD
		/* clang-format on */
		{ "pthread_testcancel", NULL, offsetof(struct gt_more, pthread_testcancel) },
		{ "pthread_self", NULL, offsetof(struct gt_more, pthread_self) },
		{ "pthread_attr_getstacksize", NULL,
		  offsetof(struct gt_more, pthread_attr_getstacksize) },
	};
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		void *const p = more[i].version
					? gt_dlvsym(RTLD_NEXT, more[i].name, more[i].version)
					: gt_dlsym(RTLD_NEXT, more[i].name);
		memcpy((unsigned char *)&gt_more + more[i].offset, &p, sizeof(p));
	}
}

void gt_real_resolve(void)
{
	static _Atomic uint32_t begun;

	/* relaxed: another thread that sees it raised too early finds stubs, and those look up for
	 * themselves */
	if (atomic_load_explicit(&begun, memory_order_relaxed) ||
	    atomic_exchange_explicit(&begun, 1, memory_order_relaxed))
		return;
	const int saved = errno;
	find_more();
	find_all();
	look_at_malloc();
	look_at_objects();
	errno = saved;
}
