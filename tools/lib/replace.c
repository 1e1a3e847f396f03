#include "tools/lib/replace.h"

#include "tools/lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool gt_is_same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The name is free afterwards. */
static int make_old(const char *path)
{
	char *old = gt_mem_format("%s.old", path);
	const int rc = rename(path, old) != 0 && errno != ENOENT ? -errno : 0;
	free(old);
	return rc;
}

/* ---------------------------------------------------------------- ends by a signal */

static const char *volatile doomed; /* what was begun; NULL = nothing */
static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
#define N_DEADLY (sizeof(deadly) / sizeof(deadly[0]))

/*
 * Removes a file, or a folder with its files. N.B. also runs in a signal handler: system calls
 * only.
 */
static void remove_now(const char *path)
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

static void on_signal(int sig)
{
	const char *path = doomed;
	if (path != NULL)
		remove_now(path);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* From now on a signal removes `path`; NULL: as it was. A signal that was ignored stays so. */
static void watch(const char *path)
{
	static struct sigaction before[N_DEADLY];
	doomed = path;
	for (size_t i = 0; i < N_DEADLY; i++) {
		struct sigaction act = { .sa_handler = on_signal };
		if (path == NULL) {
			sigaction(deadly[i], &before[i], NULL);
			continue;
		}
		sigaction(deadly[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(deadly[i], &act, NULL);
	}
}

/* ---------------------------------------------------------------- files and folders */

/* Gives `temp` its name, or removes it: rc is how writing went. */
static int finish(const char *temp, const char *path, bool keep_old, int rc)
{
	if (rc == 0 && keep_old)
		rc = make_old(path);
	if (rc == 0 && rename(temp, path) != 0)
		rc = -errno;
	if (rc != 0)
		remove_now(temp);
	watch(NULL);
	return rc;
}

/* A device or a FIFO is written to. N.B. root would replace /dev/null by a file, for everybody. */
static bool is_special(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* Under another name first: a full disk or a kill leaves what was there. */
int gt_replace_file(const char *path, bool keep_old, int (*write)(void *arg, FILE *out), void *arg)
{
	const bool in_place = is_special(path);
	char *temp = gt_mem_format(in_place ? "%s" : "%s.new", path);
	if (!in_place)
		watch(temp);
	const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *out = fd >= 0 ? fdopen(fd, "wb") : NULL;
	int rc = out != NULL ? write(arg, out) : -errno;
	/* N.B. a write that failed long ago is known to ferror() only */
	const bool is_bad = out != NULL && (fflush(out) != 0 || ferror(out));
	if (is_bad && rc == 0)
		rc = errno != 0 ? -errno : -EIO;
	if (out != NULL && fclose(out) != 0 && rc == 0)
		rc = -errno;
	if (!in_place)
		rc = finish(temp, path, keep_old, rc);
	free(temp);
	return rc;
}

/* A folder of an earlier run that is in the way: rename() replaces only empty ones. */
static int make_room(const char *path)
{
	char *old = gt_mem_format("%s.old", path);
	remove_now(old);
	free(old);
	return 0;
}

int gt_replace_dir(const char *path, bool keep_old, int (*write)(void *arg, const char *dir),
		   void *arg)
{
	char *temp = gt_mem_format("%s.new", path);
	remove_now(temp);
	watch(temp);
	int rc = mkdir(temp, 0700) == 0 ? write(arg, temp) : -errno;
	if (rc == 0 && keep_old)
		rc = make_room(path);
	rc = finish(temp, path, keep_old, rc);
	free(temp);
	return rc;
}
