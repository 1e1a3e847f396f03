#include "tools/lib/replace.h"

#include "tools/lib/mem.h"
#include "tools/lib/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
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

/* ---------------------------------------------------------------- files and folders */

/* Gives `temp` its name, or removes it: rc is how writing went. */
static int finish(const char *temp, const char *path, bool keep_old, int rc)
{
	if (rc == 0 && keep_old)
		rc = make_old(path);
	if (rc == 0 && rename(temp, path) != 0)
		rc = -errno;
	if (rc != 0)
		gt_stop_remove_now(temp);
	gt_stop_remove(NULL);
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
		gt_stop_remove(temp);
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
	gt_stop_remove_now(old);
	free(old);
	return 0;
}

int gt_replace_dir(const char *path, bool keep_old, int (*write)(void *arg, const char *dir),
		   void *arg)
{
	char *temp = gt_mem_format("%s.new", path);
	gt_stop_remove_now(temp);
	gt_stop_remove(temp);
	int rc = mkdir(temp, 0700) == 0 ? write(arg, temp) : -errno;
	if (rc == 0 && keep_old)
		rc = make_room(path);
	rc = finish(temp, path, keep_old, rc);
	free(temp);
	return rc;
}
