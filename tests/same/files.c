/* open in all its shapes, modes, descriptors, locks on files, sync. */
#include "tests/same/see.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int __open_2(const char *path, int fl);

static void mode_of(const char *what, int fd)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		printf("%s: %d\n", what, fd < 0);
	else
		printf("%s: %o\n", what, st.st_mode & 07777);
}

int main(void)
{
	umask(027);
	int a = open("a", O_RDWR | O_CREAT, 0666);
	mode_of("open 0666", a);
	mode_of("open without a mode", open("a", O_RDONLY));
	mode_of("creat", creat("b", 0777));
	mode_of("openat", openat(AT_FDCWD, "c", O_WRONLY | O_CREAT | O_EXCL, 0604));
	mode_of("tmpfile", open(".", O_RDWR | O_TMPFILE, 0640));
	mode_of("open64", open64("a", O_RDWR));
	SEE(open("a", O_RDWR | O_CREAT | O_EXCL, 0600));
	SEE(open("nowhere/x", O_RDONLY));
	SEE(open(NULL, O_RDONLY));
	SEE(openat(-5, "x", O_RDONLY));
	printf("lowest free %d\n", dup(0));
	SEE(fcntl(a, F_GETFD));
	SEE(fcntl(a, F_SETFD, FD_CLOEXEC));
	SEE(fcntl(a, F_GETFD));
	SEE(fcntl(a, F_DUPFD, 100));
	SEE(fcntl(a, F_DUPFD_CLOEXEC, 100));
	SEE(fcntl(a, F_GETFL) & O_ACCMODE);
	SEE(fcntl(-1, F_GETFD));
	SEE(fcntl(a, 99999));
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	SEE(fcntl(a, F_SETLK, &l));
	SEE(fcntl(a, F_SETLKW, &l));
	l.l_type = F_RDLCK;
	SEE(fcntl(a, F_OFD_GETLK, &l));
	printf("type %d\n", l.l_type);
	SEE(flock(a, LOCK_EX));
	int b = open("a", O_RDWR);
	SEE(flock(b, LOCK_EX | LOCK_NB));
	SEE(flock(a, LOCK_UN));
	SEE(flock(b, LOCK_EX | LOCK_NB));
	SEE(flock(-1, LOCK_EX));
	SEE(lockf(a, F_TLOCK, 0));
	SEE(lockf(a, F_ULOCK, 0));
	SEE(lockf(a, 77, 0));
	SEE(pwrite(a, "hello", 5, 3));
	char buf[16];
	SEE(pread(a, buf, 16, 0));
	SEE(pread(a, buf, 16, -1));
	SEE(pwrite64(a, "x", 1, 1LL << 33));
	SEE(fsync(a));
	SEE(fdatasync(a));
	SEE(fsync(-1));
	SEE(fsync(0) == -1 || 1);
	SEE(dup2(a, 50));
	SEE(dup2(-1, 50));
	SEE(dup3(a, 50, 12345));
	SEE(dup3(a, 50, O_CLOEXEC));
	SEE(close(50));
	SEE(close(50));
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	SEE(msync(p, 4096, MS_SYNC));
	SEE(msync((void *)1, 4096, MS_SYNC));
	int n = -1;
	SEE(ioctl(a, FIONREAD, &n) || 1);
	return 0;
}
