/* gtrace record: sets GTRACE_* and LD_PRELOAD, runs the program, says what came of it. */
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/record/output.h"
#include "tools/record/report.h"
#include "tools/record/run.h"
#include "tools/record/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNSET           UINT64_MAX
#define WRITER_LIMIT_NS UINT64_C(5000000000)
#define DEFAULT_PATTERN "gtrace.%e.%p.trace"

struct settings {
	const char *out, *full, *writer, *hooks, *syscalls;
	uint64_t min_wait_ns, period_ns, buffer_bytes;
	bool no_follow, is_verbose, is_quiet;
};

static int parse(struct settings *s, int argc, char **argv, int *first)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE",
		  "%p pid, %e program, %h host, %t time, %n number, %q{VAR}" },
		{ 't', "threshold", GT_OPT_DURATION, &s->min_wait_ns, "TIME",
		  "shorter calls are counted, not written (1us; 0 = all)" },
		{ 0, "period", GT_OPT_DURATION, &s->period_ns, "TIME",
		  "length of a generation (1s)" },
		{ 0, "buffer", GT_OPT_SIZE, &s->buffer_bytes, "SIZE",
		  "most memory for events not yet stored (64M)" },
		{ 0, "full", GT_OPT_CHOICE, &s->full, "drop|block",
		  "when it is full: drop waits, or wait" },
		{ 0, "no-follow", GT_OPT_FLAG, &s->no_follow, NULL, "leave child processes alone" },
		{ 0, "hooks", GT_OPT_TEXT, &s->hooks, "GROUPS",
		  "which functions: -malloc, or -all,+sync (gtrace list groups)" },
		{ 0, "syscalls", GT_OPT_CHOICE, &s->syscalls, "off|all",
		  "all: also calls that pass by libc's functions (off)" },
		{ 0, "writer", GT_OPT_CHOICE, &s->writer, "task|thread",
		  "the library's background writer (task)" },
		{ 'v', "verbose", GT_OPT_FLAG, &s->is_verbose, NULL,
		  "say what is set; let the library talk" },
		{ 'q', "quiet", GT_OPT_FLAG, &s->is_quiet, NULL, "no report" },
	};
	const struct gt_args args = {
		.verb = "record",
		.operands = "-- CMD [ARG...]",
		.about = "Runs CMD, records what its threads wait for, and ends as CMD ends (same "
			 "status or signal).\n"
			 "The file is " DEFAULT_PATTERN
			 " unless -o or GTRACE_OUT says otherwise; an older\n"
			 "one of the same name becomes FILE.old. gtrace's own failures: 2 wrong "
			 "option, 125 cannot\n"
			 "record, 126 CMD is not executable, 127 not found.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.is_command_last = true,
		.min = 1,
		.max = -1,
	};
	return gt_args_parse(&args, argc, argv, first);
}

/* The library: beside us in the build tree, under ../lib when installed. NULL when it is not there.
 */
static char *find_library(void)
{
	static const char *const places[] = { "", "../lib/gtrace/", "../lib/" };
	char self[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return NULL;
	self[n] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *path = gt_mem_format("%s%slibgtrace.so", self, places[i]);
		char *real = realpath(path, NULL);
		free(path);
		if (real != NULL)
			return real;
	}
	return NULL;
}

static bool has_entry(const char *list, const char *entry)
{
	const size_t len = strlen(entry);
	for (; *list != '\0'; list += strspn(list, ": ")) {
		const size_t n = strcspn(list, ": ");
		if (n == len && strncmp(list, entry, n) == 0)
			return true;
		list += n;
	}
	return false;
}

/* LD_PRELOAD as it was, with the library appended: others keep their place in front. */
static char *preload_list(const char *library, const char *sanitizer)
{
	const char *old = getenv("LD_PRELOAD");
	if (old == NULL)
		old = "";
	const bool needs_first = sanitizer[0] != '\0' && !has_entry(old, sanitizer);
	const bool needs_us = !has_entry(old, library);
	return gt_mem_format("%s%s%s%s%s", needs_first ? sanitizer : "",
			     needs_first && (old[0] != '\0' || needs_us) ? ":" : "", old,
			     old[0] != '\0' && needs_us ? ":" : "", needs_us ? library : "");
}

/* A duration the way the library reads it: a whole number and a unit. */
static char *time_text(uint64_t ns)
{
	return ns == UNSET ? NULL : gt_mem_format("%" PRIu64 "ns", ns);
}

static char *size_text(uint64_t bytes)
{
	return bytes == UNSET ? NULL : gt_mem_format("%" PRIu64, bytes);
}

static void say_environment(const struct gt_env *env)
{
	for (; env->name != NULL; env++) {
		if (env->value != NULL)
			fprintf(stderr, "gtrace: %s=%s\n", env->name, env->value);
	}
}

/* Is a writer about to complete one of our files? Children that still run are not waited for. */
struct busy {
	struct gt_output *out;
	pid_t pid;
};

static bool is_busy(void *arg)
{
	const struct busy *b = arg;
	gt_output_find(b->out, b->pid);
	for (size_t i = 0; i < b->out->n_files; i++) {
		if (b->out->files[i].is_of_pid && gt_busy_is_ending(b->out->files[i].path))
			return true;
	}
	return false;
}

static int say_not_started(const char *cmd, int error)
{
	fprintf(stderr, "gtrace: cannot run %s: %s\n", cmd,
		error == ENOENT ? "not found" : strerror(error));
	if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE)
		return GT_EXIT_OWN; /* fork or the pipe failed: CMD has not been tried */
	return error == ENOENT ? GT_EXIT_NOT_FOUND : GT_EXIT_NOT_EXECUTABLE;
}

static int run_and_report(const struct settings *s, struct gt_output *out, struct gt_run *run,
			  bool is_traced)
{
	if (is_traced)
		gt_output_set_aside(out);
	const int rc = gt_run(run);
	if (rc != 0)
		return say_not_started(run->argv[0], -rc);
	if (is_traced) {
		struct busy b = { out, run->pid };
		const bool is_complete = gt_run_wait_for_writers(WRITER_LIMIT_NS, is_busy, &b);
		gt_output_find(out, run->pid);
		if (!s->is_quiet)
			gt_record_report(out, run, is_complete);
	}
	return -1;
}

/* What is wrong before anything is run; NULL when recording can begin. */
static char *prepare(const struct settings *s, struct gt_output *out, char **library)
{
	*library = find_library();
	if (*library == NULL)
		return gt_mem_text("libgtrace.so is neither beside gtrace nor in ../lib/gtrace; is "
				   "it installed?");
	if (strpbrk(*library, ": ") != NULL)
		return gt_mem_format(
			"%s: LD_PRELOAD cannot hold a path with a blank or a colon; move gtrace",
			*library);
	const char *pattern = s->out != NULL ? s->out : getenv("GTRACE_OUT");
	return gt_output_init(out,
			      pattern != NULL && pattern[0] != '\0' ? pattern : DEFAULT_PATTERN);
}

int gt_cmd_record(int argc, char **argv)
{
	struct settings s = { .min_wait_ns = UNSET, .period_ns = UNSET, .buffer_bytes = UNSET };
	int first;
	const int rc = parse(&s, argc, argv, &first);
	if (rc >= 0)
		return rc;
	struct gt_output out = { 0 };
	char *library;
	char *why = prepare(&s, &out, &library);
	if (why != NULL) {
		fprintf(stderr, "gtrace: %s\n", why);
		return GT_EXIT_OWN;
	}
	struct gt_target target;
	gt_target_inspect(&target, argv[first]);
	if (target.verdict != GT_TARGET_FINE && !s.is_quiet)
		fprintf(stderr, "gtrace: no trace of %s: %s\n", argv[first], target.why);

	const bool is_traced = target.verdict != GT_TARGET_HARMFUL;
	const struct gt_env env[] = {
		{ "LD_PRELOAD", preload_list(library, target.sanitizer) },
		{ "GTRACE_OUT", out.pattern },
		{ "GTRACE_MIN_WAIT", time_text(s.min_wait_ns) },
		{ "GTRACE_PERIOD", time_text(s.period_ns) },
		{ "GTRACE_BUFFER", size_text(s.buffer_bytes) },
		{ "GTRACE_FULL", s.full },
		{ "GTRACE_FOLLOW", s.no_follow ? "0" : NULL },
		{ "GTRACE_HOOKS", s.hooks },
		{ "GTRACE_WRITER", s.writer },
		{ "GTRACE_SYSCALLS", s.syscalls },
		{ "GTRACE_LOG", s.is_verbose ? "info" : NULL },
		{ NULL, NULL },
	};
	struct gt_run run = { .argv = argv + first,
			      .env = is_traced ? env : &env[sizeof(env) / sizeof(env[0]) - 1] };
	if (s.is_verbose)
		say_environment(run.env);
	/* Without an effect on the program itself no file is expected, and none is missed. */
	const int status = run_and_report(&s, &out, &run, target.verdict == GT_TARGET_FINE);
	gt_output_free(&out);
	if (status >= 0)
		return status;
	gt_run_exit_like(run.status);
}
