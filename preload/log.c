#include "preload/log.h"

#include "preload/config.h"
#include "preload/sys.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int host_pid, apart_tid;
static dev_t stderr_dev;
static ino_t stderr_ino;
static bool is_stderr_known;

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
		if (!*++fmt)
			break;
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

void gt_log_init(int pid)
{
	struct stat st;
	host_pid = pid;
	apart_tid = 0;
	is_stderr_known = GT_SYS2(SYS_fstat, 2, &st) == 0;
	stderr_dev = st.st_dev;
	stderr_ino = st.st_ino;
}

void gt_log_is_apart(void)
{
	apart_tid = (int)gt_sys_gettid();
}

/* The program's stderr as seen from here: our own, or, in the writer, borrowed for one line. */
static long open_stderr(void)
{
	if (host_pid == 0 ||
	    (gt_sys_getpid() == host_pid && (!apart_tid || (int)gt_sys_gettid() != apart_tid)))
		return 2;
	char path[40];
	gt_format(path, sizeof(path), "/proc/%u/fd/2", (uint64_t)host_pid);
	return GT_SYS4(SYS_openat, AT_FDCWD, path,
		       O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
}

/* Still what it was at start (a daemon may have a data file there by now), and able to take a line
 * without a signal or a wait. */
static bool is_writable(long fd)
{
	struct stat st;
	if (host_pid && (!is_stderr_known || GT_SYS2(SYS_fstat, fd, &st) ||
			 st.st_dev != stderr_dev || st.st_ino != stderr_ino))
		return false;
	struct pollfd p = { .fd = (int)fd, .events = POLLOUT };
	struct timespec now = { 0, 0 };
	return GT_SYS6(SYS_ppoll, &p, 1, &now, NULL, 0, 0) == 1 && p.revents == POLLOUT;
}

void gt_log_line(enum gt_log_level level, const char *fmt, ...)
{
	if ((int)level > gt_cfg.log_level || gt_is_sandboxed)
		return;
	char line[512];
	size_t n = gt_format(line, sizeof(line), "gtrace: ");
	va_list ap;
	va_start(ap, fmt);
	n += format(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';

	const long fd = open_stderr();
	if (GT_SYS_FAILED(fd))
		return;
	if (is_writable(fd))
		GT_SYS3(SYS_write, fd, line, n);
	if (fd != 2)
		GT_SYS1(SYS_close, fd);
}
