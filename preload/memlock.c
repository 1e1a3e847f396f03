/*
 * The kernel holds all that is mapped against RLIMIT_MEMLOCK, and so what we have reserved, though
 * none of it is touched. What it refuses because of that is done mapping by mapping, without ours.
 * As in the kernel's mlockall a mapping that cannot be made resident is no error.
 */
#include "preload/memlock.h"

#include "preload/arena.h"
#include "preload/maps.h"
#include "preload/sys.h"

#include <sys/mman.h>
#include <sys/resource.h>

struct range {
	uint64_t lo, hi;
};
struct job {
	struct range ours[2]; /* by address */
	uint64_t bytes;       /* of the others */
	bool is_locking;      /* else they are only counted */
	int flags;            /* of mlock2 */
};

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static struct job job_new(int flags)
{
	struct job j = { .flags = flags & MCL_ONFAULT ? (int)MLOCK_ONFAULT : 0 };
	const struct range image = { (uint64_t)__ehdr_start, ((uint64_t)_end + 4095) & ~4095ull };
	struct range arena;
	gt_arena_range(&arena.lo, &arena.hi);
	const bool is_first = image.lo < arena.lo;
	j.ours[is_first ? 0 : 1] = image;
	j.ours[is_first ? 1 : 0] = arena;
	return j;
}

static void take(struct job *j, uint64_t lo, uint64_t hi)
{
	if (lo >= hi)
		return;
	j->bytes += hi - lo;
	if (j->is_locking)
		GT_SYS3(SYS_mlock2, lo, hi - lo, j->flags);
}

static void visit(void *arg, uint64_t lo, uint64_t hi)
{
	struct job *j = (struct job *)arg;
	if ((int64_t)lo < 0) /* the kernel's own page, [vsyscall] */
		return;
	for (unsigned i = 0; i < 2; i++) {
		const struct range *our = &j->ours[i];
		if (our->hi <= lo || hi <= our->lo)
			continue;
		take(j, lo, our->lo);
		lo = our->hi;
	}
	take(j, lo, hi);
}

bool gt_memlock_host(int flags)
{
	char buf[512];
	struct rlimit limit;
	struct job j = job_new(flags);
	gt_maps_each(buf, sizeof(buf), visit, &j);
	if (!j.bytes || GT_SYS2(SYS_getrlimit, RLIMIT_MEMLOCK, &limit) || j.bytes > limit.rlim_cur)
		return false;
	if (GT_SYS3(SYS_mlock2, 0, 0, j.flags)) /* a filter, or Linux before 4.4 */
		return false;
	if ((flags & MCL_FUTURE) && GT_SYS1(SYS_mlockall, flags & ~MCL_CURRENT))
		return false;
	j.is_locking = true;
	gt_maps_each(buf, sizeof(buf), visit, &j);
	return true;
}
