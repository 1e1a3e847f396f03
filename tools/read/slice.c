#include "tools/read/slice.h"

#include "encoder/file.h"
#include "tools/lib/quantity.h"
#include "tools/lib/term.h"
#include "tools/read/index.h"
#include "tools/read/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COPIED (1 << 20) /* bytes at once */

/* Of the whole file, whose index it is: what comes behind the last generation that is known. */
static void look_behind(struct gt_slice *s, const struct gt_index *x, const char *path)
{
	struct gt_file *f = gt_file_open(path, NULL);
	struct gt_gen *g = f != NULL ? gt_gen_new() : NULL;
	const struct gt_index_gen *last = &x->gens[x->n - 1];
	if (g != NULL && gt_file_seek(f, last->end, last->number))
		gt_gen_read(g, f, &s->rest);
	gt_gen_free(g);
	gt_file_close(f);
}

static int find(struct gt_slice *s, const struct gt_index *x, const struct gt_focus *focus,
		struct gt_err *err)
{
	const int64_t start = x->gens[0].start_ns;
	const int64_t to = focus->to_ns ? start + (int64_t)focus->to_ns : INT64_MAX;
	char from_text[GT_QUANTITY_TEXT];
	size_t first, last;
	if (!gt_index_find(x, start + (int64_t)focus->from_ns, to, &first, &last))
		return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
				  "no generation lies at %s; gtrace info -v prints where they are",
				  gt_duration_print(from_text, focus->from_ns));
	s->first = first + 1;
	s->last = last + 1;
	s->n = x->n;
	s->offset = x->gens[first].offset;
	s->end = x->gens[last].end;
	s->start_ns = x->gens[first].start_ns - start;
	return 0;
}

/* Their order is found, as if nothing had been before them. */
static int check(struct gt_slice *s, int64_t start, const char *path, const struct gt_focus *focus,
		 struct gt_err *err)
{
	struct gt_trace *t = gt_trace_open(path, err);
	if (t == NULL)
		return -(int)err->code;
	gt_trace_set_focus(t, path, focus);
	struct gt_ordered ev;
	int rc;
	while ((rc = gt_trace_next(t, &ev, err)) > 0) {
		if (gt_trace_gen(t)->offset >= s->end) /* what is behind a damage is not taken */
			break;
		s->stop_ns = ev.time - start;
		s->events += ev.id != GT_EV_Sync && !ev.is_made_up;
	}
	s->version = gt_file_version(gt_trace_file(t));
	gt_trace_close(t);
	if (rc >= 0 || err->offset >= s->end)
		return 0;
	gt_err_prefix(err, "these generations are no trace without those before them");
	return -(int)err->code;
}

int gt_slice_find(struct gt_slice *s, const char *path, const struct gt_focus *focus,
		  struct gt_err *err)
{
	*s = (struct gt_slice){ .rest = { .code = GT_ERR_NONE } };
	struct gt_file *f = gt_file_open(path, err); /* for what is wrong with it */
	if (f == NULL)
		return -(int)err->code;
	const struct gt_file_old *old = gt_file_old(f);
	if (old != NULL)
		gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
			   "a go 1.%d trace has no generations; gtrace convert --to go makes a "
			   "newer one",
			   old->version);
	const bool is_old = old != NULL;
	gt_file_close(f);
	if (is_old)
		return -GT_ERR_USAGE;
	struct gt_index x;
	if (!gt_index_open(&x, path))
		return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET,
				  "expected a file with a whole generation that can be sought in "
				  "(no pipe, not being written)");
	int rc = find(s, &x, focus, err);
	if (rc == 0)
		rc = check(s, x.gens[0].start_ns, path, focus, err);
	if (rc == 0 && s->last == x.n)
		look_behind(s, &x, path);
	gt_index_free(&x);
	return rc;
}

static int copy(FILE *in, FILE *out, uint64_t n, struct gt_err *err)
{
	static uint8_t buf[COPIED];
	struct gt_progress bar = { .title = "copying" };
	const uint64_t all = n;
	while (n > 0) {
		const size_t want = n < sizeof(buf) ? n : sizeof(buf);
		if (fread(buf, 1, want, in) != want)
			return gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET,
					  "%" PRIu64 " bytes could not be read: %s", n,
					  ferror(in) ? strerror(errno) : "the file became shorter");
		if (fwrite(buf, 1, want, out) != want)
			return gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot write: %s",
					  strerror(errno));
		n -= want;
		gt_progress_update(&bar, all - n, all);
	}
	gt_progress_end(&bar);
	return 0;
}

int gt_slice_copy(const struct gt_slice *s, const char *path, FILE *out, struct gt_err *err)
{
	FILE *in = fopen(path, "rbe");
	int rc = in != NULL ? copy(in, out, GT_FILE_HEADER_LEN, err) : -1;
	if (rc == 0 && fseeko(in, (off_t)s->offset, SEEK_SET) == 0)
		rc = copy(in, out, s->end - s->offset, err);
	else if (rc == -1)
		rc = gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "%s", strerror(errno));
	if (in != NULL)
		fclose(in);
	return rc;
}
