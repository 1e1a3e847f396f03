/* Old versions of hooked functions (old.def): counted, and passed on untouched. */
#include "preload/boot.h"
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
		if (GT_CALL_##name == GT_CALL_quick_exit && gt_on_in(GT_GROUP_any))                \
			gt_flush_before_end();                                                     \
		return gt_more.old_##name args;                                                    \
	}
#define GT_SAME(version, ret, name, params, args)                                                  \
	GT_EXPORT ret gt_same_##name params;                                                       \
	__asm__(".symver gt_same_" #name ", " #name "@GLIBC_" #version);                           \
	ret gt_same_##name params                                                                  \
	{                                                                                          \
		return gt_hook_##name args;                                                        \
	}
#include "preload/old.def"
#endif
