/* An error with its place: fixed size, no memory of its own, made once at the place that knows
 * most. */
#ifndef GT_ERR_H
#define GT_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum gt_err_code {
	GT_ERR_NONE,
	GT_ERR_IO,        /* the file cannot be opened or read */
	GT_ERR_MEMORY,    /* no memory */
	GT_ERR_HEADER,    /* not a trace, or a version that is not read */
	GT_ERR_FORMAT,    /* bytes that cannot be what they should be (rules C2 to C8) */
	GT_ERR_TRUNCATED, /* the file ends too early (rule C9) */
	GT_ERR_ORDER,     /* events that cannot be put into an order (rules O1 to O10) */
	GT_ERR_USAGE,     /* the caller asked for something that makes no sense */
};

#define GT_NO_OFFSET UINT64_MAX /* the error has no place in a file */

struct gt_err {
	enum gt_err_code code;
	uint64_t offset; /* of the first byte concerned, or GT_NO_OFFSET */
	char text[480];  /* "batch of thread 12: GoBlock needs 2 arguments, 1 left [C8]"; no newline
			  */
};

/*
 * Sets *err (which may be NULL) and returns -code, so that a failing function can end with
 * `return gt_err_set(...)`. Text that is too long is cut; control characters and bytes that are no
 * UTF-8, which a hostile file may hold, become '?'.
 */
int gt_err_set(struct gt_err *err, enum gt_err_code code, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

int gt_err_vset(struct gt_err *err, enum gt_err_code code, uint64_t offset, const char *fmt,
		va_list ap) __attribute__((format(printf, 4, 0)));

/* Puts "prefix: " in front of the text. */
void gt_err_prefix(struct gt_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes "file: 0x3f2: text" to buf as snprintf does; the offset is left out when there is none. */
int gt_err_format(const struct gt_err *err, const char *file, char *buf, size_t size);

/* Writes "file: 0x3f2: text\n" to `out`. */
void gt_err_print(const struct gt_err *err, const char *file, FILE *out);

#endif
