/* Old versions of hooked functions (old.def): counted, and passed on untouched. */
#include "preload/hook.h"
#include "preload/real.h"

#ifdef __x86_64__
#define GT_OLD(group, version, ret, name, params, args, text)                                      \
	GT_EXPORT ret gt_old_##name params;                                                        \
	__asm__(".symver gt_old_" #name ", " #name "@GLIBC_" #version);                            \
	ret gt_old_##name params                                                                   \
	{                                                                                          \
		gt_real_resolve();                                                                 \
		struct gt_thread *const gt_t = gt_on_in(GT_GROUP_##group);                         \
		if (gt_t)                                                                          \
			gt_count(gt_t, GT_CALL_##name);                                            \
		return gt_more.old_##name args;                                                    \
	}
#include "preload/old.def"
#endif
