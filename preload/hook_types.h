/* Every header whose types hooks.def mentions, and the numbers of the hooked calls. */
#ifndef GT_HOOK_TYPES_H
#define GT_HOOK_TYPES_H

#include <aio.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <ucontext.h>

/* One number per row of hooks.def. They live in memory only: files name calls by their text. */
enum gt_call {
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) GT_CALL_##name,
#define GT_CUSTOM(group, why, ret, name, params, args)   GT_CALL_##name,
#define GT_ASM(group, why, ret, name, params, args)      GT_CALL_##name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
	/* clang-format on */
	GT_N_HOOKS,
	GT_CALL_system_call = GT_N_HOOKS, /* by no function of libc that is hooked (sud.c) */
	GT_N_CALLS
};

/* Groups of them (groups.def); `any` is what no setting switches off. */
enum gt_group {
	GT_GROUP_any,
/* clang-format off */
#define GT_GROUP(name, meaning) GT_GROUP_##name,
#include "preload/groups.def"
#undef GT_GROUP
	/* clang-format on */
	GT_N_GROUPS
};

/* How a wait is told (whys.def). */
enum gt_form { GT_FORM_BLOCK, GT_FORM_CALL, GT_FORM_RUN, GT_FORM_FD, GT_FORM_TIME };

enum gt_why {
	GT_WHY__, /* none */
		  /* clang-format off */
#define GT_WHY(id, name, form, object, reason, meaning) GT_WHY_##name = id,
#include "gtrace/whys.def"
#undef GT_WHY
	/* clang-format on */
	GT_N_WHYS
};

/* What the object of a wait is (whys.def). */
enum gt_object { GT_OBJECT__, GT_OBJECT_LOCK, GT_OBJECT_FD };

/* N.B. here, so that a hook, which knows why it waits, looks nothing up */
static const uint8_t gt_forms[GT_N_WHYS] = {
/* clang-format off */
#define GT_WHY(id, name, form, object, reason, meaning) [id] = GT_FORM_##form,
#include "gtrace/whys.def"
#undef GT_WHY
	/* clang-format on */
};
static const uint8_t gt_objects[GT_N_WHYS] = {
/* clang-format off */
#define GT_WHY(id, name, form, object, reason, meaning) [id] = GT_OBJECT_##object,
#include "gtrace/whys.def"
#undef GT_WHY
	/* clang-format on */
};

#endif
