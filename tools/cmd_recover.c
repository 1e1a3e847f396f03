/* gtrace recover: makes a valid trace of a file that was cut off. */
#include "encoder/file.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/busy.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/replace.h"
#include "tools/recover/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
	const char *in, *out;
	bool is_in_place, is_quiet;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE", "where to write (FILE.recovered)" },
		{ 0, "in-place", GT_OPT_FLAG, &s->is_in_place, NULL, "replace FILE itself" },
		{ 'q', "quiet", GT_OPT_FLAG, &s->is_quiet, NULL, "say only what went wrong" },
	};
	const struct gt_args args = {
		.verb = "recover",
		.operands = "FILE",
		.about = "Makes a valid trace of a file whose program and writer were both killed: "
			 "all whole generations, and\n"
			 "the unfinished one closed where that is possible. An older output file "
			 "becomes FILE.old.\n"
			 "Status 1: there is nothing to save.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->in = argv[first];
	return rc;
}

/* 0, or -errno. */
static int copy_bytes(int from, FILE *to, uint64_t n)
{
	char buf[65536];
	while (n > 0) {
		const ssize_t got = read(from, buf, n < sizeof(buf) ? (size_t)n : sizeof(buf));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO; /* shorter than a moment ago */
		if (fwrite(buf, 1, (size_t)got, to) != (size_t)got)
			return -errno;
		n -= (uint64_t)got;
	}
	return 0;
}

struct job {
	const struct gt_recovery *r;
	const char *in;
};

static int write_to(void *arg, FILE *out)
{
	const struct job *j = arg;
	const int fd = open(j->in, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = copy_bytes(fd, out, j->r->whole_bytes);
	close(fd);
	const size_t len = j->r->is_closed ? j->r->image.len - GT_FILE_HEADER_LEN : 0;
	if (rc == 0 && len > 0 &&
	    fwrite(j->r->image.bytes + GT_FILE_HEADER_LEN, 1, len, out) != len)
		rc = -errno;
	return rc;
}

/* 0, or -errno. */
static int write_file(const struct gt_recovery *r, const char *in, const char *path)
{
	struct job j = { r, in };
	return gt_replace_file(path, !gt_is_same_file(in, path), write_to, &j);
}

static void say_result(const struct gt_recovery *r, const char *in, const char *out)
{
	char a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT], c[GT_QUANTITY_TEXT];
	const uint64_t kept =
		r->whole_bytes + (r->is_closed ? r->image.len - GT_FILE_HEADER_LEN : 0);
	printf("%s: kept %zu whole generation%s", out, r->n_whole, r->n_whole == 1 ? "" : "s");
	if (r->is_closed)
		printf(" and closed the unfinished one (%" PRIu64 " of its %" PRIu64 " events)",
		       r->kept_events, r->read_events);
	printf(", %s of trace, %s\n", gt_duration_print(a, (uint64_t)(r->end_ns - r->start_ns)),
	       gt_size_print(b, kept));
	if (r->is_complete) {
		printf("%s: %s is whole as it is: there was nothing to repair\n", out, in);
		return;
	}
	/* Batches that were whole but had to be shortened, and the bytes behind the last whole one.
	 */
	const uint64_t behind = r->file_bytes - r->whole_bytes - (r->is_closed ? r->read_bytes : 0);
	printf("%s: lost everything after %s", out,
	       gt_duration_print(a, (uint64_t)(r->end_ns - r->start_ns)));
	if (behind > 0)
		printf(": the last %s of %s", gt_size_print(b, behind),
		       gt_size_print(c, r->file_bytes));
	if (r->is_closed && r->read_events > r->kept_events)
		printf("%s %" PRIu64 " of the closed one's events, which need what was lost",
		       behind > 0 ? ", and" : ":", r->read_events - r->kept_events);
	printf("\n");
}

static int refuse_output(const struct settings *s, const char *out)
{
	if (!s->is_in_place && gt_is_same_file(s->in, out)) {
		fprintf(stderr,
			"gtrace recover: %s is the input; to replace it: gtrace recover --in-place "
			"%s\n",
			out, s->in);
		return GT_EXIT_USAGE;
	}
	if (s->is_in_place && s->out != NULL && !gt_is_same_file(s->in, out)) {
		fprintf(stderr,
			"gtrace recover: --in-place writes %s itself, -o says %s: which one?\n",
			s->in, out);
		return GT_EXIT_USAGE;
	}
	return -1;
}

static int recover(const struct settings *s, const char *out)
{
	if (gt_busy_wait(s->in)) {
		fprintf(stderr,
			"gtrace recover: %s is still being written; its own writer will complete "
			"it\n",
			s->in);
		return GT_EXIT_USAGE;
	}
	struct gt_recovery r;
	struct gt_err err;
	if (!gt_recover(&r, s->in, &err)) {
		fputs("gtrace recover: ", stderr);
		gt_err_print(&err, s->in, stderr);
		gt_recovery_free(&r);
		return err.code == GT_ERR_HEADER ? GT_EXIT_FINDINGS : GT_EXIT_USAGE;
	}
	int status = GT_EXIT_OK;
	if (r.n_whole == 0 && !r.is_closed) {
		fprintf(stderr,
			"gtrace recover: %s: nothing can be saved: there is no whole generation, "
			"and the first one "
			"holds no events that can be read\n",
			s->in);
		status = GT_EXIT_FINDINGS;
	} else {
		const int rc = write_file(&r, s->in, out);
		if (rc != 0) {
			fprintf(stderr, "gtrace recover: cannot write %s: %s\n", out,
				strerror(-rc));
			status = GT_EXIT_USAGE;
		} else if (!s->is_quiet) {
			say_result(&r, s->in, out);
		}
	}
	gt_recovery_free(&r);
	return status;
}

int gt_cmd_recover(int argc, char **argv)
{
	struct settings s = { 0 };
	const int rc = parse(&s, argc, argv);
	if (rc >= 0)
		return rc;
	char *out = s.out != NULL   ? gt_mem_text(s.out)
		    : s.is_in_place ? gt_mem_text(s.in)
				    : gt_mem_format("%s.recovered", s.in);
	const int refused = refuse_output(&s, out);
	const int status = refused >= 0 ? refused : recover(&s, out);
	free(out);
	return status;
}
