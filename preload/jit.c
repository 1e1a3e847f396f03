/*
 * Corner cases
 *
 * - Anybody may put a file into /tmp: only one of our own user or of root is read, no link is
 * followed (perf's rule).
 * - The file is written while it is read: a line without its end is not taken.
 * - A line longer than the block: skipped.
 */
#include "preload/jit.h"

#include "preload/boot.h"
#include "preload/log.h"
#include "preload/sys.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char *block;
static size_t block_len;
static uint64_t seen_size; /* of the file */
static uint64_t looked_ns;

void gt_jit_init(char *mem, size_t len)
{
	block = mem;
	block_len = len;
	seen_size = 0;
	looked_ns = 0;
}

/* Descriptor of the map, its size in *size; negative when there is none that may be read. */
static long open_map(uint64_t *size)
{
	char path[64];
	gt_format(path, sizeof(path), "/tmp/perf-%u.map", (uint64_t)gt_host_pid);
	const long fd = GT_SYS4(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return fd;
	struct stat st;
	const long uid = gt_sys(SYS_geteuid, 0, 0, 0, 0, 0, 0);
	if (GT_SYS2(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_uid == 0 || (long)st.st_uid == uid)) {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	GT_SYS1(SYS_close, fd);
	return -1;
}

bool gt_jit_has_news(uint64_t now_ns, uint64_t every_ns)
{
	if (looked_ns && now_ns - looked_ns < every_ns)
		return false;
	looked_ns = now_ns;
	uint64_t size = 0;
	const long fd = open_map(&size);
	if (fd >= 0)
		GT_SYS1(SYS_close, fd);
	if (size == seen_size)
		return false;
	seen_size = size;
	return true;
}

static uint64_t take_hex(const char **p)
{
	uint64_t v = 0;
	if ((*p)[0] == '0' && (*p)[1] == 'x') /* node 20 writes it so */
		*p += 2;
	for (;; (*p)++) {
		const char c = **p;
		const int low = c | 32;
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (uint64_t)(low - 'a' + 10);
		else
			return v;
	}
}

/* First of the list that is not below `pc`. */
static size_t lower_bound(const struct gt_jit_name *list, size_t n, uint64_t pc)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		if (list[mid].pc < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void take_line(const char *line, struct gt_jit_name *list, size_t n)
{
	const char *p = line;
	const uint64_t start = take_hex(&p);
	if (p == line || *p != ' ')
		return;
	p++;
	const uint64_t size = take_hex(&p);
	if (*p != ' ')
		return;
	p++;
	size_t len = strlen(p);
	if (len >= sizeof(list->name))
		len = sizeof(list->name) - 1;
	for (size_t i = lower_bound(list, n, start); i < n && list[i].pc - start < size; i++) {
		memcpy(list[i].name, p, len);
		list[i].len = (uint32_t)len;
	}
}

void gt_jit_find(struct gt_jit_name *list, size_t n)
{
	uint64_t size;
	const long fd = open_map(&size);
	if (GT_SYS_FAILED(fd))
		return;
	size_t have = 0;
	bool is_inside = false; /* of a line that is too long */
	for (;;) {
		const long got = GT_SYS3(SYS_read, fd, block + have, block_len - 1 - have);
		if (GT_SYS_FAILED(got) || got == 0)
			break;
		have += (size_t)got;
		block[have] = 0;
		char *line = block;
		for (char *nl; (nl = memchr(line, '\n', (size_t)(block + have - line)));
		     line = nl + 1) {
			*nl = 0;
			if (!is_inside)
				take_line(line, list, n);
			is_inside = false;
		}
		have = (size_t)(block + have - line);
		if (have == block_len - 1) {
			is_inside = true;
			have = 0;
		}
		memmove(block, line, have);
	}
	GT_SYS1(SYS_close, fd);
}
