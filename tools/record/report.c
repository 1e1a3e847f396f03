#include "tools/record/report.h"

#include "tools/analysis/summary.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOP_CALLS 4
#define MAX_LOOK  64 /* files that are opened to find the program's own */

/* The path as one would type it: relative to here, quoted where the shell needs it. The caller's to
 * free. */
static char *typed(const char *path)
{
	char *cwd = getcwd(NULL, 0);
	const size_t n = cwd != NULL ? strlen(cwd) : 0;
	if (n > 1 && strncmp(path, cwd, n) == 0 && path[n] == '/')
		path += n + 1;
	free(cwd);
	if (strpbrk(path, " \t\n'\"\\$&;|<>()*?[]#~`!{}") == NULL)
		return gt_mem_text(path);
	char *quoted = gt_mem_resize(NULL, 4 * strlen(path) + 3, 1), *q = quoted;
	*q++ = '\'';
	for (; *path != '\0'; path++) {
		if (*path == '\'')
			q = stpcpy(q, "'\\'");
		*q++ = *path;
	}
	strcpy(q, "'");
	return quoted;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/*
 * The file that tells most about the program: the largest of its own, as with exec there are
 * several of one pid. Names tell whose they are when the pattern has a %p; else the files
 * themselves do.
 */
static const struct gt_output_file *main_file(const struct gt_output *out, pid_t pid)
{
	const struct gt_output_file *best = NULL;
	for (size_t i = 0; i < out->n_files && i < MAX_LOOK; i++) {
		const struct gt_output_file *f = &out->files[i];
		if (f->is_of_pid && (out->n_files == 1 || gt_summary_pid(f->path) == (uint64_t)pid))
			return f;
		if (best == NULL && f->is_of_pid)
			best = f;
	}
	return best != NULL ? best : &out->files[0];
}

static void say_nothing_appeared(const struct gt_output *out)
{
	char *dir = gt_mem_text(out->pattern);
	*strrchr(dir, '/') = '\0';
	fprintf(stderr, "gtrace: no trace appeared as %s: ", out->pattern);
	if (strchr(dir, '%') == NULL && access(dir[0] != '\0' ? dir : "/", W_OK) != 0)
		fprintf(stderr, "its directory cannot be written: %s\n", strerror(errno));
	else if (getenv("GTRACE_DISABLE") != NULL)
		fputs("GTRACE_DISABLE is set\n", stderr);
	else
		fputs("the library did not start in the program; try: gtrace record -v\n", stderr);
	free(dir);
}

static void say_file(const struct gt_output *out, const struct gt_output_file *f,
		     const struct gt_summary *s, const char *name)
{
	char size[GT_QUANTITY_TEXT], time[GT_QUANTITY_TEXT];
	fprintf(stderr, "gtrace: %s: %s, %s, %zu generation%s, %zu thread%s", name,
		gt_size_print(size, f->size),
		gt_duration_print(time, (uint64_t)(s->end_ns - s->start_ns)), s->n_gens,
		plural(s->n_gens), s->n_threads, plural(s->n_threads));
	if (out->n_files > 1)
		fprintf(stderr, "; %zu more file%s of child processes and exec", out->n_files - 1,
			plural(out->n_files - 1));
	fputc('\n', stderr);
}

static bool is_loss(const char *name)
{
	return strncmp(name, "lost_", 5) == 0 || strncmp(name, "drop_", 5) == 0;
}

static void say_events(const struct gt_summary *s)
{
	const uint64_t n = gt_summary_events(s);
	unsigned causes = 0;
	fprintf(stderr, "gtrace: %" PRIu64 " event%s", n, plural(n));
	for (size_t i = 0; i < s->n_metrics; i++) {
		char name[80];
		if (!is_loss(s->metrics[i].name) || s->metrics[i].value == 0)
			continue;
		gt_utf8_clean(name, sizeof(name), s->metrics[i].name);
		fprintf(stderr, "%s%s %" PRIu64, causes++ == 0 ? "; LOST: " : ", ", name,
			s->metrics[i].value);
	}
	fputs(causes == 0 ? ", nothing lost\n" : "\n", stderr);
}

static void say_top_calls(const struct gt_summary *s)
{
	size_t n;
	struct gt_sum_call *calls = gt_summary_by_call(s, &n);
	for (size_t i = 0; i < n && i < TOP_CALLS && calls[i].total_ns > 0; i++) {
		char name[80], total[GT_QUANTITY_TEXT], longest[GT_QUANTITY_TEXT];
		gt_utf8_clean(name, sizeof(name), calls[i].name);
		fprintf(stderr,
			"gtrace:   %-24s %8s in %" PRIu64 " call%s, %" PRIu64
			" wait%s, longest %s\n",
			name, gt_duration_print(total, calls[i].total_ns), calls[i].count,
			plural(calls[i].count), calls[i].waits, plural(calls[i].waits),
			gt_duration_print(longest, calls[i].max_ns));
	}
	free(calls);
}

static void say_cost(const struct gt_summary *s, const struct gt_run *run)
{
	const uint64_t cpu = gt_summary_metric(s, "writer_cpu_ns");
	char text[GT_QUANTITY_TEXT];
	if (cpu == 0 || run->elapsed_ns == 0)
		return;
	fprintf(stderr, "gtrace: own cost: %s of CPU in the background (%.1f%% of one CPU)\n",
		gt_duration_print(text, cpu), 100.0 * (double)cpu / (double)run->elapsed_ns);
}

static void say_unfinished(const struct gt_summary *s, const char *name, bool is_complete)
{
	if (!is_complete)
		fprintf(stderr, "gtrace: the writer is still completing %s\n", name);
	else if (s->err.code == GT_ERR_TRUNCATED)
		fprintf(stderr, "gtrace: the file is cut off; try: gtrace recover %s\n", name);
	else if (s->err.code != GT_ERR_NONE)
		gt_err_print(&s->err, name, stderr);
}

void gt_record_report(const struct gt_output *out, const struct gt_run *run, bool is_complete)
{
	if (out->n_files == 0) {
		if (!gt_output_is_stream(out))
			say_nothing_appeared(out);
		return;
	}
	const struct gt_output_file *f = main_file(out, run->pid);
	char *name = typed(f->path);
	struct gt_summary s;
	if (gt_summary_read(&s, f->path, NULL)) {
		say_file(out, f, &s, name);
		say_events(&s);
		say_top_calls(&s);
		say_cost(&s, run);
	}
	say_unfinished(&s, name, is_complete);
	fprintf(stderr, "gtrace: next: gtrace stat %s   or: go tool trace %s\n", name, name);
	gt_summary_free(&s);
	free(name);
}
