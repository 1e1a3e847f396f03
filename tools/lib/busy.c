#include "tools/lib/busy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* N.B. a shared lock, for a moment: the writer takes its own when it makes the file and keeps it to
 * its end. */
bool gt_busy(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	const bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return is_held;
}

/* The process that holds the lock, from /proc/locks: "1: FLOCK  ADVISORY  WRITE 4242 fe:01:1234 0
 * EOF". 0 = unknown. */
static pid_t holder_of(const char *path)
{
	struct stat st;
	char line[256];
	pid_t found = 0;
	FILE *f = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
	if (f == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), f) != NULL) {
		int pid;
		unsigned long long inode;
		if (sscanf(line, "%*s FLOCK ADVISORY WRITE %d %*[^:]:%*[^:]:%llu", &pid, &inode) ==
			    2 &&
		    inode == (unsigned long long)st.st_ino)
			found = pid;
	}
	fclose(f);
	return found;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[256];
	int parent = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (parent == 0 && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "PPid: %d", &parent);
	fclose(f);
	return parent;
}

static bool is_writer_task(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	const bool ok = fgets(name, sizeof(name), f) != NULL;
	fclose(f);
	return ok && strncmp(name, "gtrace-w", 8) == 0;
}

/*
 * Does the program live? The writer is its child and shares its memory; when the program ends the
 * writer gets another parent, with another memory. Where the kernel does not tell, "no": waiting
 * two seconds too long harms nobody.
 */
static bool is_program_alive(const char *path)
{
	const pid_t writer = holder_of(path);
	if (writer == 0)
		return false;
	if (!is_writer_task(writer))
		return true; /* the writer is a thread of the program */
	const pid_t parent = parent_of(writer);
	return parent > 1 && syscall(SYS_kcmp, parent, writer, KCMP_VM, 0L, 0L) == 0;
}

bool gt_busy_is_ending(const char *path)
{
	return gt_busy(path) && !is_program_alive(path);
}

bool gt_busy_wait(const char *path)
{
	const struct timespec nap = { 0, 10000000 };
	for (int i = 0; i < 200; i++) {
		if (!gt_busy(path))
			return false;
		if (is_program_alive(path))
			return true;
		nanosleep(&nap, NULL);
	}
	return gt_busy(path);
}
