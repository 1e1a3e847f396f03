#include "preload/log.h"

#include "preload/config.h"
#include "preload/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

int gt_log_pid;

static size_t put_number(char *buf, size_t cap, uint64_t v)
{
	char digits[20];
	size_t n = 0, len = 0;
	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n && len + 1 < cap)
		buf[len++] = digits[--n];
	return len;
}

static size_t format(char *buf, size_t cap, const char *fmt, va_list ap)
{
	size_t len = 0;
	for (; *fmt && len + 1 < cap; fmt++) {
		if (*fmt != '%') {
			buf[len++] = *fmt;
			continue;
		}
		fmt++;
		if (*fmt == 'u') {
			len += put_number(buf + len, cap - len, va_arg(ap, uint64_t));
		} else if (*fmt == 's') {
			const char *s = va_arg(ap, const char *);
			for (; *s && len + 1 < cap; s++)
				buf[len++] = *s;
		} else {
			buf[len++] = *fmt;
		}
	}
	buf[len] = 0;
	return len;
}

size_t gt_format(char *buf, size_t cap, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const size_t n = format(buf, cap, fmt, ap);
	va_end(ap);
	return n;
}

/* The program's stderr as the writer sees it, who has none of its own: borrowed for one line. */
static long open_stderr(void)
{
	char path[40];
	gt_format(path, sizeof(path), "/proc/%u/fd/2", (uint64_t)gt_log_pid);
	return GT_SYS4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
}

void gt_log_line(enum gt_log_level level, const char *fmt, ...)
{
	if ((int)level > gt_cfg.log_level)
		return;
	char line[512];
	size_t n = gt_format(line, sizeof(line), "gtrace: ");
	va_list ap;
	va_start(ap, fmt);
	n += format(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';

	if (gt_log_pid == 0 || gt_sys_getpid() == gt_log_pid) {
		if (GT_SYS3(SYS_write, 2, line, n) != -EBADF) /* closed: the program's, or the writer is a thread */
			return;
	}
	const long fd = open_stderr();
	if (GT_SYS_FAILED(fd))
		return;
	GT_SYS3(SYS_write, fd, line, n);
	GT_SYS1(SYS_close, fd);
}
