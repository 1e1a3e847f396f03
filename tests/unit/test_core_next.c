/* What comes next in the loader's order (preload/next.c); dlsym is the judge. */
#include "preload/next.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <stdint.h>

static const char *const names[] = {
#define GT_BLOCKING(group, why, ret, name, params, args) #name,
#define GT_CUSTOM(group, why, ret, name, params, args)   #name,
#define GT_ASM(group, why, ret, name, params, args)      #name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
	"no_such_function_anywhere",
	"stdout" /* data */,
	"memcpy" /* chosen at run time */,
};
#define N (sizeof(names) / sizeof(names[0]))

static const void *found[N];
static unsigned hashes[N];

static void keep(size_t i, const void *p)
{
	found[i] = p;
}

Test(core_next, every_hooked_function_is_the_one_that_dlsym_finds)
{
	size_t n = 0;
	gt_next_find(names, names, N, hashes, keep);
	for (size_t i = 0; i < N; i++) {
		cr_assert(eq(int, !found[i], hashes[i] != 0), "%s", names[i]);
		if (!found[i])
			continue;
		n++;
		/* N.B. not RTLD_NEXT's own choice: before glibc 2.36 that is the oldest version */
		const void *newest = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), names[i]);
		cr_assert(eq(ptr, (void *)found[i], (void *)newest), "%s", names[i]);
	}
	cr_assert(gt(sz, n, N - 16), "%zu of %zu", n, N);
}

Test(core_next, what_is_no_plain_function_of_the_newest_version_is_left_out)
{
	gt_next_find(names, names, N, hashes, keep);
	for (size_t i = 0; i < N; i++)
		if (i >= N - 3 || strcmp(names[i], "cfree") == 0)
			cr_assert(eq(ptr, (void *)found[i], NULL), "%s", names[i]);
}

Test(core_next, nothing_is_behind_an_object_that_is_not_there)
{
	int here = 0;
	gt_next_find(&here, names, N, hashes, keep);
	for (size_t i = 0; i < N; i++)
		cr_assert(eq(ptr, (void *)found[i], NULL), "%s", names[i]);
}
