/* GTRACE_* settings (config.def), read once from the environment; read-only after boot. */
#ifndef GT_CONFIG_H
#define GT_CONFIG_H

#include <stdint.h>

#define GT_TEXT_MAX 4096

enum gt_full_policy { GT_FULL_DROP, GT_FULL_BLOCK };
enum gt_writer_kind { GT_WRITER_TASK, GT_WRITER_THREAD };
enum gt_start { GT_START_ON, GT_START_OFF };
enum gt_sample_by { GT_SAMPLE_PERF, GT_SAMPLE_TIMER };
enum gt_syscalls { GT_SYSCALLS_OFF, GT_SYSCALLS_ALL };
enum gt_clock_kind { GT_CLOCK_AUTO, GT_CLOCK_TSC, GT_CLOCK_MONO };

/* The C type of each type of setting; a word is its position in the list of choices. */
#define GT_CFG_TYPE_time   uint64_t
#define GT_CFG_TYPE_size   uint64_t
#define GT_CFG_TYPE_rate   uint64_t
#define GT_CFG_TYPE_flag   int
#define GT_CFG_TYPE_word   int
#define GT_CFG_TYPE_groups uint32_t /* bit `enum gt_group`: off */
struct gt_text {
	char s[GT_TEXT_MAX];
};
#define GT_CFG_TYPE_text struct gt_text

struct gt_config {
/* clang-format off */
#define GT_CFG(type, variable, field, def, text) GT_CFG_TYPE_##type field;
#include "preload/config.def"
#undef GT_CFG
	/* clang-format on */
};

extern struct gt_config gt_cfg;

/*
 * Fills gt_cfg from `envp` (not getenv: it does not work yet in our constructor). A value that
 * cannot be read leaves the default and says so in one line on stderr.
 */
void gt_config_read(char *const envp[]);

/* Value of variable `name` in envp, or NULL. */
const char *gt_env_get(char *const envp[], const char *name);

/* Takes every entry whose file name is `library` out of an LD_PRELOAD list, in place. */
void gt_env_remove_library(char *list, const char *library);

/* Walks the table: calls fn(name, value as text) for each setting. */
void gt_config_each(void (*fn)(const char *name, const char *value, void *arg), void *arg);

#endif
