#include "preload/output.h"

#include "preload/config.h"
#include "preload/counters.h"
#include "preload/log.h"
#include "preload/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#define MAX_TRIES 100000
#define STUCK_MS  2000 /* a pipe whose reader does not read for this long is given up */

/* ---- names ---- */

struct text {
	char *at;
	size_t len, cap;
};

static void add(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n && t->len < t->cap; i++)
		t->at[t->len++] = s[i];
}

static void add_text(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

static void add_number(struct text *t, uint64_t v)
{
	char digits[24];
	gt_format(digits, sizeof(digits), "%u", v);
	add_text(t, digits);
}

static void add_host(struct text *t)
{
	struct utsname u;
	if (GT_SYS1(SYS_uname, &u) == 0)
		add_text(t, u.nodename);
}

/* %q{VAR}; `p` is behind the q. Returns what follows. */
static const char *add_variable(struct text *t, const char *p, char *const *envp)
{
	const char *end = *p == '{' ? strchr(p, '}') : NULL;
	char name[128];
	if (!end || (size_t)(end - p - 1) >= sizeof(name)) {
		add_text(t, "%q");
		return p;
	}
	memcpy(name, p + 1, (size_t)(end - p - 1));
	name[end - p - 1] = 0;
	const char *value = gt_env_get(envp, name);
	if (value)
		add_text(t, value);
	return end + 1;
}

static const char *add_part(struct text *t, const char *p, const struct gt_name_parts *parts,
			    uint64_t n, bool *has_n)
{
	switch (*p++) {
	case 'p':
		add_number(t, (uint64_t)parts->pid);
		return p;
	case 'e':
		add_text(t, parts->exe);
		return p;
	case 'h':
		add_host(t);
		return p;
	case 't':
		add_number(t, parts->start_s);
		return p;
	case 'n':
		*has_n = true;
		add_number(t, n);
		return p;
	case 'q':
		return add_variable(t, p, parts->envp);
	case '%':
		add_text(t, "%");
		return p;
	default: /* not ours: as it stands */
		add_text(t, "%");
		return p - 1;
	}
}

int gt_output_name(char *path, const char *pattern, const struct gt_name_parts *parts, uint64_t n)
{
	struct text t = { path, 0, GT_PATH_MAX };
	bool has_n = false;
	for (const char *p = pattern; *p;) {
		if (*p == '%')
			p = add_part(&t, p + 1, parts, n, &has_n);
		else
			add(&t, p++, 1);
	}
	if (!has_n && n > 1) {
		add_text(&t, ".");
		add_number(&t, n - 1);
	}
	if (t.len >= t.cap)
		return -ENAMETOOLONG;
	path[t.len] = 0;
	return 0;
}

/* ---- opening ---- */

static void make_parents(const char *path)
{
	static char dir[GT_PATH_MAX];
	for (size_t i = 0; path[i]; i++) {
		if (path[i] == '/' && i > 0) {
			dir[i] = 0;
			GT_SYS3(SYS_mkdirat, AT_FDCWD, dir, 0777);
		}
		dir[i] = path[i];
	}
}

/* Age of the process in ms; exec does not make it younger. */
static uint64_t process_age_ms(int pid)
{
	char path[32], stat[512];
	gt_format(path, sizeof(path), "/proc/%u/stat", (uint64_t)pid);
	if (gt_sys_read_file(path, stat, sizeof(stat)) <= 0)
		return 0;
	const char *p = strrchr(stat, ')'); /* the name before it may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	uint64_t start = 0; /* in ticks of 10 ms since boot */
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++)
		start = start * 10 + (uint64_t)(*p - '0');
	struct timespec now;
	GT_SYS2(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
	const uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	return now_ms > start * 10 ? now_ms - start * 10 : 0;
}

static uint64_t file_age_ms(const struct stat *st)
{
	struct timespec now;
	GT_SYS2(SYS_clock_gettime, CLOCK_REALTIME, &now);
	const int64_t ms = (now.tv_sec - st->st_mtim.tv_sec) * 1000 +
			   (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
	return ms > 0 ? (uint64_t)ms : 0;
}

/* A file of an earlier run: ours, nobody holds it, and last written before this process began. */
static bool is_of_earlier_run(const char *path, int pid)
{
	const long fd = GT_SYS4(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return false;
	struct stat st;
	const bool is_it = GT_SYS2(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode) &&
			   st.st_uid == (uid_t)GT_SYS1(SYS_geteuid, 0) &&
			   GT_SYS2(SYS_flock, fd, LOCK_SH | LOCK_NB) == 0 &&
			   file_age_ms(&st) > process_age_ms(pid) + 20;
	GT_SYS1(SYS_close, fd);
	return is_it;
}

static void rename_to_old(const char *path)
{
	static char old[GT_PATH_MAX + 8];
	gt_format(old, sizeof(old), "%s.old", path);
	GT_SYS4(SYS_renameat, AT_FDCWD, path, AT_FDCWD, old);
}

/* Something stands at that name already. The descriptor, 0 = try again, or -errno = try the next
 * number. */
static long open_existing(const char *path, const struct gt_name_parts *parts, bool is_first)
{
	struct stat st;
	const long rc = GT_SYS4(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);
	if (GT_SYS_FAILED(rc))
		return 0; /* gone meanwhile */
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ELOOP;
	if (!S_ISREG(st.st_mode)) /* a FIFO without a reader answers ENXIO at once */
		return GT_SYS4(SYS_openat, AT_FDCWD, path,
			       O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	if (is_first && is_of_earlier_run(path, parts->pid)) {
		rename_to_old(path);
		return 0;
	}
	return -EEXIST;
}

static long open_new(struct gt_output *o, const char *pattern, const struct gt_name_parts *parts)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
	bool has_parents = false;
	uint64_t n = 1;
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		const int rc = gt_output_name(o->path, pattern, parts, n);
		if (rc)
			return rc;
		long fd = GT_SYS4(SYS_openat, AT_FDCWD, o->path, flags, 0600);
		if (fd == -ENOENT && !has_parents) {
			make_parents(o->path);
			has_parents = true;
			continue;
		}
		if (fd != -EEXIST)
			return fd;
		fd = open_existing(o->path, parts, n == 1);
		if (fd == -EEXIST)
			n++;
		else if (fd != 0)
			return fd;
	}
	return -EEXIST;
}

/* ---- writing ---- */

/* The pipe is full: waits for its reader, up to a bound. */
static bool wait_for_reader(struct gt_output *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };
	struct timespec ts = { STUCK_MS / 1000, 0 };
	return GT_SYS6(SYS_ppoll, &p, 1, &ts, NULL, 0, 0) == 1;
}

/* Leaves what is whole: a reader finds a valid file that ends early. */
static void give_up(struct gt_output *o, long rc, size_t lost)
{
	o->is_broken = true;
	GT_COUNT(lost_bytes, lost);
	if (o->is_regular)
		GT_SYS2(SYS_ftruncate, o->fd, o->whole);
	if (o->whole) /* else it failed at once, and the start says so */
		gt_log(GT_LOG_ERROR,
		       "%s: cannot write (errno %u): tracing stops, the program runs on", o->path,
		       (uint64_t)-rc);
}

static int put(struct gt_sink *sink, const void *bytes, size_t len)
{
	struct gt_output *o = (struct gt_output *)sink;
	const char *p = (const char *)bytes;
	if (o->is_broken || o->fd < 0) {
		GT_COUNT(lost_bytes, len);
		return -EIO;
	}
	while (len) {
		long n = GT_SYS3(SYS_write, o->fd, p, len);
		if (n == -EINTR || (n == -EAGAIN && wait_for_reader(o)))
			continue;
		if (GT_SYS_FAILED(n) || n == 0) {
			give_up(o, n ? n : -ENOSPC, len);
			return (int)(n ? n : -ENOSPC);
		}
		p += n;
		len -= (size_t)n;
		o->written += (uint64_t)n;
		GT_COUNT(written_bytes, n);
	}
	return 0;
}

int gt_output_open(struct gt_output *o, const char *pattern, const struct gt_name_parts *parts)
{
	o->sink.put = put;
	o->fd = -1;
	o->is_broken = false;
	o->written = o->whole = 0;
	const long fd = open_new(o, pattern, parts);
	if (GT_SYS_FAILED(fd))
		return (int)fd;
	struct stat st;
	o->is_regular = GT_SYS2(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);
	o->fd = (int)fd;
	GT_SYS2(SYS_flock, fd,
		LOCK_EX | LOCK_NB); /* "somebody is still writing": readers wait for it to go */
	const int rc = put(&o->sink, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	gt_output_mark_whole(o);
	return rc;
}

void gt_output_mark_whole(struct gt_output *o)
{
	o->whole = o->written;
}
