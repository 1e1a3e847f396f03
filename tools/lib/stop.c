#include "tools/lib/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char doomed[PATH_MAX];
static atomic_bool is_set; /* doomed[] is whole */

/* N.B. system calls only. */
void gt_stop_remove_now(const char *path)
{
	char buf[4096] __attribute__((aligned(8)));
	if (unlink(path) == 0 || errno != EISDIR)
		return;
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;
	while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			/* struct linux_dirent64: inode 8, offset 8, length 2, type 1, name */
			unsigned short len;
			memcpy(&len, buf + at + 16, sizeof(len));
			unlinkat(fd, buf + at + 19, 0);
			at += len;
		}
	}
	if (fd >= 0)
		close(fd);
	rmdir(path);
}

/* N.B. only calls that may stand in a handler; nothing that is buffered comes out. */
static void stop(int signal)
{
	static const char clear[] = "\r\033[K";
	if (atomic_load_explicit(&is_set, memory_order_acquire))
		gt_stop_remove_now(doomed);
	if (isatty(STDERR_FILENO) && write(STDERR_FILENO, clear, sizeof(clear) - 1) < 0)
		_exit(128 + signal);
	_exit(128 + signal);
}

void gt_stop_init(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static bool is_done;
	if (is_done)
		return;
	is_done = true;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old, new = { .sa_handler = stop };
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &new, NULL);
	}
}

void gt_stop_remove(const char *name)
{
	gt_stop_init();
	atomic_store_explicit(&is_set, false, memory_order_release);
	if (name == NULL || strlen(name) >= sizeof(doomed))
		return;
	strcpy(doomed, name);
	/* pairs with the acquire in stop() */
	atomic_store_explicit(&is_set, true, memory_order_release);
}
