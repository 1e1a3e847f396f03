#include "tools/lib/stop.h"

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[PATH_MAX];
static atomic_bool is_set; /* path[] is whole */

/* N.B. only calls that may stand in a handler; nothing that is buffered comes out. */
static void stop(int signal)
{
	static const char clear[] = "\r\033[K";
	if (atomic_load_explicit(&is_set, memory_order_acquire))
		unlink(path);
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
	atomic_store_explicit(&is_set, false, memory_order_release);
	if (name == NULL || strlen(name) >= sizeof(path))
		return;
	strcpy(path, name);
	/* pairs with the acquire in stop() */
	atomic_store_explicit(&is_set, true, memory_order_release);
}
