/* System calls by number. */
#define GT_FILE_GROUP GT_GROUP_io
#include "preload/hook.h"
#include "preload/note.h"
#include "preload/number.h"

#include <errno.h>
#include <sys/syscall.h>

/*
 * Behind the entry in hook_asm.S, which has already gone straight on for calls that return twice or
 * not here. All arguments are forwarded, given or not; the real function sets errno.
 */
long gt_syscall(long nr, long a, long b, long c, long d, long e, long f);
long gt_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	/* the end of a thread that we may not know yet: too late to start tracing it */
	struct gt_thread *const t = nr == SYS_exit ? NULL : gt_on_in(GT_GROUP_any);
	if (t)
		gt_before_number(nr, a, b);
	if (!t || !gt_on())
		return gt_real.syscall(nr, a, b, c, d, e, f);
	const enum gt_why why = gt_why_of_number(nr, b, c, d);
	if (why == GT_WHY__) {
		gt_count(t, GT_CALL_syscall);
		if (!gt_number_wakes(nr, b))
			return gt_real.syscall(nr, a, b, c, d, e, f);
		const gt_ns when = gt_now();
		const long rc = gt_real.syscall(nr, a, b, c, d, e, f);
		if (rc > 0)
			gt_wake(t, GT_WHY_FUTEX, (uint64_t)a, (uint32_t)rc, when,
				(uint64_t)__builtin_return_address(0));
		return rc;
	}
	GT_WAIT_AS(t, GT_CALL_syscall, why, nr == SYS_sync ? -1 : a, why == GT_WHY_FUTEX);
	const long rc = gt_real.syscall(nr, a, b, c, d, e, f);
	gt_w.is_expired = why == GT_WHY_FUTEX && rc == -1 && errno == ETIMEDOUT;
	return rc;
}
