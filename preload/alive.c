/*
 * Is the program still there?
 *
 * Exit, a crash and SIGKILL make the pidfd readable (where there is none, the pid is gone). exec
 * does not, but the kernel clears the main thread's tid word, as the memory is still shared; if the
 * leader is no zombie then, the process runs another program. main's pthread_exit clears that word
 * as well, and leaves a zombie leader: the program goes on.
 */
#include "preload/alive.h"

#include "preload/boot.h"
#include "preload/log.h"
#include "preload/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

static int pidfd;          /* -1: none */
static int *main_tid_word; /* NULL: unknown */

void gt_alive_init(void)
{
	pidfd = -1;
	if (GT_SYS2(SYS_prctl, PR_GET_TID_ADDRESS, &main_tid_word) ||
	    gt_sys_gettid() != gt_host_pid)
		main_tid_word = NULL;
}

bool gt_alive_watch(void)
{
	const long fd = GT_SYS2(SYS_pidfd_open, gt_host_pid, 0);
	pidfd = GT_SYS_FAILED(fd) ? -1 : (int)fd;
	return fd != -ESRCH;
}

/* State letter of the leader in /proc/PID/stat; 0 = gone. */
static char leader_state(void)
{
	char path[32], stat[256];
	gt_format(path, sizeof(path), "/proc/%u/stat", (uint64_t)gt_host_pid);
	if (gt_sys_read_file(path, stat, sizeof(stat)) <= 0)
		return 0;
	const char *p = strrchr(stat, ')');
	return p && p[1] ? p[2] : 0;
}

static bool is_exec_done(void)
{
	if (!main_tid_word) /* a child made by a raw fork has none */
		return GT_SYS6(SYS_kcmp, gt_sys_getpid(), gt_host_pid, KCMP_VM, 0, 0, 0) > 0;
	if (__atomic_load_n(main_tid_word, __ATOMIC_RELAXED) != 0)
		return false;
	const char state = leader_state();
	return state != 'Z' && state != 'X';
}

bool gt_alive_is_gone(uint64_t wait_ns)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct timespec ts = { 0, (long)wait_ns };
	const long n = GT_SYS6(SYS_ppoll, &p, pidfd >= 0, &ts, NULL, 0, 0);
	if (pidfd >= 0 ? n == 1 : GT_SYS2(SYS_kill, gt_host_pid, 0) == -ESRCH)
		return true;
	return is_exec_done();
}

bool gt_alive_is_alone(void)
{
	if (!main_tid_word || __atomic_load_n(main_tid_word, __ATOMIC_RELAXED) != 0)
		return false;
	struct stat st; /* the directory has two links, and one for each task: the zombie leader's
			   and ours */
	return GT_SYS4(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) == 0 &&
	       st.st_nlink <= 4;
}
