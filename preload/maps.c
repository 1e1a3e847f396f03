#include "preload/maps.h"

#include "preload/sys.h"

#include <fcntl.h>

/* Of "start-end perms ..." */
struct line {
	uint64_t range[2];
	unsigned at; /* number that is being read; 2: both are known */
};

static void take(struct line *l, char c, void (*fn)(void *, uint64_t, uint64_t), void *arg)
{
	if (c == '\n') {
		*l = (struct line){ 0 };
	} else if (l->at == 2) {
		return;
	} else if (c == '-') {
		l->at = 1;
	} else if (c == ' ') {
		l->at = 2;
		fn(arg, l->range[0], l->range[1]);
	} else {
		const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
		l->range[l->at] = l->range[l->at] << 4 | (uint64_t)digit;
	}
}

void gt_maps_each(char *buf, size_t cap, void (*fn)(void *arg, uint64_t start, uint64_t end),
		  void *arg)
{
	/* N.B. "self" has no map once the first thread has ended */
	const long fd =
		GT_SYS4(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return;
	struct line l = { 0 };
	for (;;) {
		const long n = GT_SYS3(SYS_read, fd, buf, cap);
		if (GT_SYS_FAILED(n) || n == 0)
			break;
		for (long i = 0; i < n; i++)
			take(&l, buf[i], fn, arg);
	}
	GT_SYS1(SYS_close, fd);
}
