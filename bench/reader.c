/*
 * How fast is the reader? Runs `gtrace check` and Go's reader on one big file, taking turns, and
 * prints processor time, elapsed time and memory of each, and whether the goals are met:
 *
 *   reader [-r ROUNDS] GTRACE ORACLE FILE     exit 1 when a goal is missed
 *
 * Whatever else runs on the machine only ever adds: the best round of each counts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GOAL_RATIO    5.0 /* times as fast as the oracle */
#define GOAL_MIB      200.0
#define GOAL_INFO_S   1.0 /* gtrace info with an index */
#define MAX_ARGUMENTS 8

struct cost {
	double elapsed_s, cpu_s, mib; /* best of the rounds; the most memory of all */
};

struct run {
	const char *title;
	const char *argv[MAX_ARGUMENTS];
	struct cost best;
};

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void run_once(struct run *r)
{
	const double start = now_s();
	const pid_t pid = fork();
	if (pid == 0) {
		const int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		execvp(r->argv[0], (char **)r->argv);
		_exit(127);
	}
	int status;
	struct rusage u;
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || status != 0) {
		fprintf(stderr, "%s failed (status %x)\n", r->title, status);
		exit(2);
	}
	const double elapsed = now_s() - start, cpu = seconds(u.ru_utime) + seconds(u.ru_stime);
	const double mib = (double)u.ru_maxrss / 1024;
	struct cost *b = &r->best;
	b->elapsed_s = b->elapsed_s == 0 || elapsed < b->elapsed_s ? elapsed : b->elapsed_s;
	b->cpu_s = b->cpu_s == 0 || cpu < b->cpu_s ? cpu : b->cpu_s;
	b->mib = mib > b->mib ? mib : b->mib;
}

static bool say(const char *what, double is, double goal, bool is_met, const char *unit)
{
	printf("%-46s %8.2f %s, goal %.0f %s: %s\n", what, is, unit, goal, unit,
	       is_met ? "met" : "MISSED");
	return is_met;
}

int main(int argc, char **argv)
{
	int rounds = 2, opt;
	while ((opt = getopt(argc, argv, "r:")) == 'r')
		rounds = atoi(optarg);
	if (opt != -1 || argc - optind != 3) {
		fprintf(stderr, "usage: reader [-r ROUNDS] GTRACE ORACLE FILE\n");
		return 2;
	}
	const char *gtrace = argv[optind], *oracle = argv[optind + 1], *file = argv[optind + 2];
	struct run runs[] = {
		{ "gtrace check -q", { gtrace, "check", "-q", file }, { 0, 0, 0 } },
		{ "Go: x/exp/trace alone", { oracle, "-read", file }, { 0, 0, 0 } },
		{ "gtrace info, index there", { gtrace, "info", file }, { 0, 0, 0 } },
		{ "Go: oracle -q", { oracle, "-q", file }, { 0, 0, 0 } },
	};
	enum { OURS, BARE, INFO, ORACLE, N };
	run_once(&runs[INFO]); /* makes the index */
	runs[INFO].best = (struct cost){ 0, 0, 0 };
	for (int i = 0; i < rounds; i++) {
		for (int k = 0; k < ORACLE + (i == 0); k++) /* the slowest only once */
			run_once(&runs[k]);
	}
	struct stat st;
	stat(file, &st);
	printf("%s: %.2f GB, best of %d rounds that take turns\n", file, (double)st.st_size / 1e9,
	       rounds);
	printf("%-28s %10s %10s %10s\n", "", "elapsed s", "CPU s", "MiB");
	for (int k = 0; k < N; k++)
		printf("%-28s %10.2f %10.2f %10.0f\n", runs[k].title, runs[k].best.elapsed_s,
		       runs[k].best.cpu_s, runs[k].best.mib);
	const double ratio = runs[ORACLE].best.elapsed_s / runs[OURS].best.elapsed_s;
	bool ok =
		say("times as fast as the oracle -q", ratio, GOAL_RATIO, ratio >= GOAL_RATIO, "x");
	printf("%-46s %8.2f x\n", "times as fast as x/exp/trace alone (CPU)",
	       runs[BARE].best.cpu_s / runs[OURS].best.cpu_s);
	ok &= say("memory of gtrace check", runs[OURS].best.mib, GOAL_MIB,
		  runs[OURS].best.mib <= GOAL_MIB, "MiB");
	ok &= say("gtrace info with its index", runs[INFO].best.elapsed_s, GOAL_INFO_S,
		  runs[INFO].best.elapsed_s <= GOAL_INFO_S, "s");
	return ok ? 0 : 1;
}
