/*
 * redis-server under redis-benchmark over a Unix socket, the server's main thread on one CPU and
 * the clients on the other. The CPU time of the server is exact (the kernel's, in ns) and does not
 * hold the tracer's writer, which is a process of its own; that is found and reported beside it.
 */
#include "bench/driver.h"

#include "bench/harness.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char socket_path[100];

static bool is_program(const char *name)
{
	char path[4096];
	const char *dirs = getenv("PATH");
	for (; dirs && *dirs; dirs += strcspn(dirs, ":") + (dirs[strcspn(dirs, ":")] != 0)) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(dirs, ":"), dirs, name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

const char *redis_missing(void)
{
	return is_program("redis-server") && is_program("redis-benchmark") ? NULL
									   : "no redis-server here";
}

static bool is_listening(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
	for (int i = 0; i < 500; i++) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		const int rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
		close(fd);
		if (rc == 0)
			return true;
		usleep(10000);
	}
	return false;
}

static double cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;
	if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The tracer's writer is a child of the server. 0 = none. */
static pid_t writer_of(pid_t server)
{
	pid_t found = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[300], comm[64] = "";
		int pid, parent;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		FILE *f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fscanf(f, "%d (%63[^)]) %*c %d", &pid, comm, &parent) == 3 &&
		    parent == server && strncmp(comm, "gtrace", 6) == 0)
			found = pid;
		fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

static void pin_process(pid_t pid, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(pid, sizeof(set), &set); /* its main thread; the writer stays free */
}

/* ns per request from the lines "SET","12345.67",... of redis-benchmark --csv; 0 = none found. */
static double ns_per_request(const char *csv)
{
	double ns = 0;
	unsigned n = 0;
	for (const char *line = csv; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		double rate = 0;
		if (sscanf(line, "\"%*[A-Z]\",\"%lf", &rate) == 1 && rate > 0) {
			ns += 1e9 / rate;
			n++;
		}
	}
	return n ? ns / n : 0;
}

/* Runs the clients once; returns ns per request, 0 = failed. */
static double load(const char *requests)
{
	char out[8192];
	const char *const argv[] = { "redis-benchmark", "-s", socket_path, "-t",    "set,get", "-n",
				     requests,          "-c", "50",        "--csv", NULL };
	struct child c = child_start(argv, M_NATIVE, false, bench_cpu_other());
	return child_finish(&c, out, sizeof(out), 60000) ? ns_per_request(out) : 0;
}

bool redis_round(struct pair *p, unsigned round)
{
	const unsigned requests = settings.is_quick ? 10000 : 30000;
	char count[16];
	snprintf(count, sizeof(count), "%u", requests);
	snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", settings.dir);
	unlink(socket_path);
	const char *const argv[] = { "redis-server", "--port",      "0",  "--unixsocket",
				     socket_path,    "--save",      "",   "--appendonly",
				     "no",           "--daemonize", "no", "--loglevel",
				     "warning",      NULL };
	struct child server = child_start(argv, p->mode, false, -1);
	bool is_good = server.pid > 0 && is_listening();
	if (is_good) {
		pin_process(server.pid, bench_cpu_main());
		load("2000"); /* warm */
		const pid_t writer = writer_of(server.pid);
		const double server_before = cpu_ns(server.pid), writer_before = cpu_ns(writer);
		const double ns = load(count);
		const double n = 2.0 * requests;
		const double used = cpu_ns(server.pid) - server_before;
		is_good = ns > 0;
		if (is_good) {
			p->value[0][round] = used / n;
			p->value[1][round] = (used + cpu_ns(writer) - writer_before) / n;
			p->value[2][round] = ns;
		}
	}
	child_stop(&server);
	unlink(socket_path);
	return is_good;
}
