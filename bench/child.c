#include "bench/driver.h"

#include "bench/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIFE_S 120

extern char **environ;

struct start {
	const char *preload, *set1, *set2;
};

static const struct start starts[N_MODES] = {
/* clang-format off */
#define MODE(id, preload, set1, set2, name) [M_##id] = { #preload, set1, set2 },
#include "bench/modes.def"
#undef MODE
	/* clang-format on */
};

const char *child_trace(enum mode mode)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/traces/run", settings.dir);
	return strcmp(starts[mode].preload, "gtrace") == 0 ? path : NULL;
}

void child_traces_remove(void)
{
	char path[4600];
	snprintf(path, sizeof(path), "%s/traces", settings.dir);
	mkdir(path, 0777);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof(path), "%s/traces/%s", settings.dir, e->d_name);
		unlink(path); /* . and .. refuse */
	}
	if (d)
		closedir(d);
}

/* What the caller of make has set must not reach the children. */
static void forget_settings(void)
{
	for (char **e = environ; *e;) {
		char name[256];
		const size_t n = strcspn(*e, "=");
		const bool is_one =
			strncmp(*e, "GTRACE_", 7) == 0 || strncmp(*e, "LD_PRELOAD=", 11) == 0;
		if (!is_one || n >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = 0;
		unsetenv(name);
	}
}

static void set(const char *setting)
{
	char name[64];
	const size_t n = strcspn(setting, "=");
	if (!setting[n] || n >= sizeof(name))
		return;
	memcpy(name, setting, n);
	name[n] = 0;
	setenv(name, setting + n + 1, 1);
}

static void set_mode(enum mode mode, bool is_launcher)
{
	const struct start *s = &starts[mode];
	const char *trace = child_trace(mode);
	forget_settings();
	set(s->set1);
	set(s->set2);
	/* empty: nohooks holds the library's constructor, which must not start by itself */
	setenv("GTRACE_OUT", trace ? trace : "", 1);
	const char *lib = trace ? settings.lib : settings.twin;
	if (strcmp(s->preload, "none") != 0)
		setenv(is_launcher ? "BENCH_PRELOAD" : "LD_PRELOAD", lib, 1);
}

struct child child_start(const char *const argv[], enum mode mode, bool is_launcher, int cpu)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return (struct child){ -1, -1 };
	const pid_t parent = getpid();
	const pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		alarm(LIFE_S);
		dup2(ends[1], STDOUT_FILENO);
		if (cpu >= 0)
			bench_pin(cpu);
		set_mode(mode, is_launcher);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	return (struct child){ pid, ends[0] };
}

/* Up to `ms` until the process is gone. */
static bool wait_bounded(pid_t pid, unsigned ms, int *status)
{
	for (unsigned i = 0; i <= ms; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		usleep(1000);
	}
	return false;
}

void child_stop(struct child *c)
{
	int status;
	if (c->pid > 0) {
		kill(c->pid, SIGTERM);
		if (!wait_bounded(c->pid, 3000, &status)) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
		}
	}
	if (c->out >= 0)
		close(c->out);
	*c = (struct child){ -1, -1 };
}

bool child_finish(struct child *c, char *buf, size_t cap, unsigned ms)
{
	const uint64_t end = bench_now_ns() + ms * 1000000ull;
	size_t len = 0;
	bool is_over = c->pid < 0;
	while (!is_over && bench_now_ns() < end && len + 1 < cap) {
		struct pollfd p = { .fd = c->out, .events = POLLIN };
		if (poll(&p, 1, 100) <= 0)
			continue;
		const ssize_t n = read(c->out, buf + len, cap - len - 1);
		is_over = n <= 0;
		len += n > 0 ? (size_t)n : 0;
	}
	buf[len] = 0;
	int status = -1;
	const bool is_gone = c->pid > 0 && is_over && wait_bounded(c->pid, 1000, &status);
	if (is_gone)
		c->pid = -1;
	child_stop(c);
	return is_gone && status == 0;
}

long child_trace_bytes(void)
{
	struct stat st;
	long size = -1;
	for (int i = 0; i < 20; i++) {
		const long before = size;
		if (stat(child_trace(M_TRACED), &st))
			return -1;
		size = (long)st.st_size;
		if (size == before && i >= 3)
			break;
		usleep(20000);
	}
	return size;
}
