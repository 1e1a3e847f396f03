/*
 * make bench: what tracing costs.
 *
 * Each work runs in processes of its own, one for each mode (modes.def), one mode after the other
 * in every round, and from round to round in turned order. A process measures itself in slices of
 * about a millisecond and reports the median slice (harness.c); rows.def says which results are
 * compared and what the goal is; report.c judges.
 *
 *   bench                    all rows; table on stdout, Markdown into the file named by
 * BENCH_RESULTS bench WORD...            only works whose name begins with one of the words bench
 * --work NAME MS     a measured process
 *
 * BENCH_QUICK=1: fewer and shorter rounds. BENCH_ROUNDS=n.
 */
#include "bench/driver.h"

#include "bench/harness.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAIRS 128
#define CHILD_MS  20000 /* the longest that a measured process may take */
#define LAUNCHES  "12"

struct settings settings;
static struct pair pairs[MAX_PAIRS];
static unsigned n_pairs;

/* ---- a measured process ---- */

static int measured_process(const char *name, const char *amount)
{
	static const struct work *const all[] = { works_sync, works_io, works_mem, works_proc };
	if (strcmp(name, "true") == 0)
		return bench_launches((unsigned)atoi(LAUNCHES));
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct work *w = all[i]; w->name; w++)
			if (strcmp(w->name, name) == 0)
				return bench_work(w, (unsigned)atoi(amount));
	fprintf(stderr, "bench: no work named %s\n", name);
	return 2;
}

/* ---- one round of one (work, mode) ---- */

static bool is_wanted(char *const *words, const char *work)
{
	if (!*words)
		return true;
	for (; *words; words++)
		if (strncmp(work, *words, strlen(*words)) == 0)
			return true;
	return false;
}

static void add_pair(const char *work, enum mode mode)
{
	if (pair_find(pairs, n_pairs, work, mode) || n_pairs == MAX_PAIRS)
		return;
	struct pair *const p = &pairs[n_pairs++];
	*p = (struct pair){ .work = work, .mode = mode, .bytes = -1 };
}

/* The pairs that the rows name, those of one work together. */
static void add_pairs(char *const *words)
{
	/* clang-format off */
#define ROW(base_work, base_mode, work, mode, value, scale, unit, goal, figure, bytes, text) \
	if (is_wanted(words, #work)) { \
		add_pair(#base_work, M_##base_mode); \
		add_pair(#work, M_##mode); \
	}
#include "bench/rows.def"
#undef ROW
	/* clang-format on */
	if (is_wanted(words, "read") || n_pairs) /* goals are counted in clock reads */
		add_pair("core.now", M_NATIVE);
}

static bool run_process(const char *work, enum mode mode, double *ns, double *ops)
{
	char program[4096], ms[16], out[256];
	const bool is_core = strncmp(work, "core.", 5) == 0;
	snprintf(program, sizeof(program), "%s/%s", settings.dir, is_core ? "nohooks" : "bench");
	snprintf(ms, sizeof(ms), "%u", settings.ms);
	const char *const core[] = { program, work, ms, NULL };
	const char *const bench[] = { program, "--work", work, ms, NULL };
	struct child c = child_start(is_core ? core : bench, mode, strcmp(work, "true") == 0, -1);
	return child_finish(&c, out, sizeof(out), CHILD_MS) && sscanf(out, "%lf %lf", ns, ops) == 2;
}

static void process_round(struct pair *p, unsigned round)
{
	double ns, ops;
	if (!run_process(p->work, p->mode, &ns, &ops)) {
		fprintf(stderr, "bench: %s (mode %d) failed\n", p->work, (int)p->mode);
		return;
	}
	p->value[0][round] = ns;
	const bool has_bytes =
		child_trace(p->mode) && p->mode != M_DORMANT && strcmp(p->work, "true") != 0;
	if (has_bytes && round < (settings.is_quick ? 1 : 2)) {
		const double bytes = (double)child_trace_bytes() - settings.empty_bytes;
		p->bytes = ops > 0 && bytes > 0 ? bytes / ops : 0;
	}
	child_traces_remove();
}

static void measure_empty_trace(void)
{
	double ns, ops;
	if (run_process("nothing", M_TRACED, &ns, &ops))
		settings.empty_bytes = (double)child_trace_bytes();
	child_traces_remove();
}

/* ---- rounds ---- */

/* One round of pairs [from, to), which are of one work; every second round the other way round. */
static void round_of_work(unsigned from, unsigned to, unsigned round)
{
	const bool is_redis = strcmp(pairs[from].work, "redis") == 0;
	if (is_redis && (redis_missing() || round >= settings.redis_rounds))
		return;
	for (unsigned k = from; k < to; k++) {
		struct pair *const p = &pairs[round % 2 ? to - 1 - (k - from) : k];
		if (is_redis && !redis_round(p, round))
			fprintf(stderr, "bench: redis (mode %d) failed\n", (int)p->mode);
		else if (is_redis)
			child_traces_remove();
		else
			process_round(p, round);
	}
}

/* The works of nohooks.c are compared with one another: they count as one. */
static bool is_same_work(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (strncmp(a, "core.", 5) == 0 && strncmp(b, "core.", 5) == 0);
}

static void one_round(unsigned round)
{
	for (unsigned from = 0, to; from < n_pairs; from = to) {
		for (to = from + 1; to < n_pairs && is_same_work(pairs[from].work, pairs[to].work);)
			to++;
		round_of_work(from, to, round);
	}
}

/* ---- the machine, for RESULTS.md ---- */

static void cpu_model(char *buf, size_t cap)
{
	char line[256];
	snprintf(buf, cap, "unknown CPU");
	FILE *f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		const char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) == 0 && colon) {
			snprintf(buf, cap, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	if (f)
		fclose(f);
}

static void print_head(FILE *f, bool is_markdown, double seconds)
{
	char model[256], date[64];
	struct utsname u;
	const time_t now = time(NULL);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime(&now));
	cpu_model(model, sizeof(model));
	uname(&u);
	if (is_markdown)
		fprintf(f, "# What tracing costs\n\nWritten by `%smake bench`; do not edit.\n\n",
			settings.is_quick ? "BENCH_QUICK=1 " : "");
	fprintf(f,
		"%s; %s, %ld CPUs; Linux %s; %u rounds of %u ms (redis: %u rounds), %.0f s in "
		"all.\n"
		"\n"
		"Medians over rounds. Difference and ratio: medians of those of each round; +-: "
		"half the distance\n"
		"of the quartiles of the differences. Least: the best round of each side; on a "
		"busy machine their\n"
		"difference is the better one to read, as other people's work only ever adds. Met, "
		"NOT MET: by the\n"
		"medians and by the best rounds; at best: met by the best rounds only; unclear: by "
		"the medians\n"
		"only; ? = the median difference is nearer to the goal than +-.\n"
		"\n"
		"Times are CPU time, which is wall time without what other processes took, but "
		"wall time for\n"
		"contended and /bin/true. Hand-overs: both threads on CPU %d, no wake-up "
		"preemption, the cost is\n"
		"that of one wait. Contended: CPUs %d and %d. Redis: server on %d, clients on %d. "
		"/bin/true is not\n"
		"pinned; everything else on CPU %d. The tracer's writer is never pinned, and in no "
		"figure but its\n"
		"own. Bytes: of the file, without those of an empty trace, per operation.%s%s\n\n",
		date, model, sysconf(_SC_NPROCESSORS_ONLN), u.release, settings.rounds, settings.ms,
		settings.redis_rounds, seconds, bench_cpu_main(), bench_cpu_main(),
		bench_cpu_other(), bench_cpu_main(), bench_cpu_other(), bench_cpu_main(),
		redis_missing() ? " redis: " : "", redis_missing() ? redis_missing() : "");
}

/* ---- */

static unsigned from_env(const char *name, unsigned otherwise)
{
	const char *s = getenv(name);
	const int v = s ? atoi(s) : 0;
	return v > 0 ? (unsigned)v : otherwise;
}

static void read_settings(const char *self)
{
	static char dir[4096], lib[4200], twin[4200];
	char copy[4096];
	snprintf(copy, sizeof(copy), "%s", self);
	snprintf(dir, sizeof(dir), "%s", dirname(copy));
	snprintf(lib, sizeof(lib), "%s/../libgtrace.so", dir);
	snprintf(twin, sizeof(twin), "%s/null.so", dir);
	const bool is_quick = from_env("BENCH_QUICK", 0);
	settings = (struct settings){
		.dir = dir,
		.lib = lib,
		.twin = twin,
		.is_quick = is_quick,
		.rounds = from_env("BENCH_ROUNDS", is_quick ? 7 : 13),
		.redis_rounds = is_quick ? 3 : 7,
		.ms = is_quick ? 15 : 50,
	};
	if (settings.rounds > MAX_ROUNDS)
		settings.rounds = MAX_ROUNDS;
	if (settings.redis_rounds > settings.rounds)
		settings.redis_rounds = settings.rounds;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--work") == 0)
		return measured_process(argv[2], argv[3]);
	read_settings(argv[0]);
	add_pairs(argv + 1);
	const uint64_t begin = bench_now_ns();
	child_traces_remove(); /* also makes the folder */
	measure_empty_trace();
	for (unsigned round = 0; round < settings.rounds; round++)
		one_round(round);
	const double seconds = (double)(bench_now_ns() - begin) / 1e9;

	print_head(stdout, false, seconds);
	report(stdout, pairs, n_pairs, false);
	const char *results = getenv("BENCH_RESULTS");
	FILE *f = results && argc == 1 ? fopen(results, "w") : NULL;
	if (f) {
		print_head(f, true, seconds);
		report(f, pairs, n_pairs, true);
		fclose(f);
	}
	return 0;
}
