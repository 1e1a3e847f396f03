/* What a program sees of itself: descriptors, children, signals, ids, limits, single-threadedness.
 * same: not with a thread */
#include "tests/same/see.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void list(const char *dir, int is_count)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			if (!is_count)
				printf("%s ", e->d_name);
			n++;
		}
	closedir(d);
	printf("%s: %d\n", dir, n);
}

int main(void)
{
	printf("single %d\n", __libc_single_threaded);
	list("/proc/self/fd", 0);
	list("/proc/self/task", 1);
	SEE_RC(waitpid(-1, NULL, 0));
	SEE_RC(wait(NULL));
	SEE_RC(waitpid(-1, NULL, WNOHANG));
	sigset_t s;
	sigprocmask(SIG_BLOCK, NULL, &s);
	for (int i = 1; i < 65; i++) {
		struct sigaction a;
		if (sigismember(&s, i) || (!sigaction(i, NULL, &a) && a.sa_handler != SIG_DFL))
			printf("signal %d is not as usual\n", i);
	}
	mode_t um = umask(022);
	printf("umask %o, pgrp is mine %d, sid %d\n", um, getpgrp() == getpid(), getsid(0) != 0);
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	printf("files %ld\n", (long)r.rlim_cur);
	r.rlim_cur = 3;
	SEE_RC(setrlimit(RLIMIT_NOFILE, &r));
	SEE_RC(open("/", O_RDONLY));
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	SEE_RC(close_range(3, ~0U, 0));
	printf("%d\n", open("/", O_RDONLY));
	pid_t pid = fork();
	if (!pid) {
		list("/proc/self/fd", 0);
		_exit(9);
	}
	int st = 0;
	CHECK(waitpid(-1, &st, 0) == pid);
	printf("status %d\n", WEXITSTATUS(st));
	SEE_RC(waitpid(-1, NULL, 0));
	if (getuid() == 0 && !(pid = fork())) {
		SEE_RC(setgid(65534));
		SEE_RC(setuid(65534));
		prog_sleep_ms(1);
		fflush(stdout);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 3;
}
