/* Bounded messages for stderr, formatted without libc's stdio; safe in any context. */
#ifndef GT_LOG_H
#define GT_LOG_H

#include <stddef.h>
#include <stdint.h>

enum gt_log_level { GT_LOG_ERROR, GT_LOG_INFO, GT_LOG_DEBUG };

/*
 * printf for %s (char *), %u (uint64_t: cast it) and %%; always zero-terminates; returns the
 * length.
 */
size_t gt_format(char *buf, size_t cap, const char *fmt, ...);

/*
 * One line "gtrace: ..." with one write, if GTRACE_LOG allows the level. Each call site speaks at
 * most GT_LOG_CAP times. From the writer, which has no stderr of its own, it goes to the
 * program's.
 */
#define GT_LOG_CAP 5
#define gt_log(level, ...)                                                                         \
	do {                                                                                       \
		static unsigned said;                                                              \
		if (__atomic_fetch_add(&said, 1, __ATOMIC_RELAXED) < GT_LOG_CAP)                   \
			gt_log_line(level, __VA_ARGS__);                                           \
	} while (0)

void gt_log_line(enum gt_log_level level, const char *fmt, ...);

/* Remembers the program's process and what its stderr is: a descriptor 2 that became something else
 * gets no line. */
void gt_log_init(int pid);

/* The calling thread, the writer, is about to leave the program's descriptors. */
void gt_log_is_apart(void);

#endif
