/*
 * The file is text, one line a thing:
 *
 *   gtrace-index 1 SIZE MTIME-NS HASH HAS-EVENTS
 *   gen NUMBER OFFSET END START-NS END-NS BATCHES EVENTS
 *   event ID COUNT BYTES
 *   end
 *
 * Invariants
 *
 * 1. An index is used only if size, time and hash are the file's. Otherwise a new trace of the same
 *    name is read at places that mean nothing.
 * 2. Its places increase and lie within the file. Otherwise a hostile index leads a reader astray;
 *    the worst that is left is an error of the reader.
 */
#include "tools/read/index.h"

#include "tools/lib/busy.h"
#include "tools/lib/mem.h"
#include "tools/lib/replace.h"
#include "tools/read/gen.h"
#include "tools/read/old.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASHED 4096 /* bytes at the beginning and at the end */

/* What a file is known by. */
struct stamp {
	uint64_t size, mtime_ns, hash;
};

static uint64_t hash_at(int fd, off_t at, uint64_t h)
{
	uint8_t buf[HASHED];
	const ssize_t n = pread(fd, buf, sizeof(buf), at);
	for (ssize_t i = 0; i < n; i++)
		h = (h ^ buf[i]) * 0x100000001b3ULL;
	return h;
}

static bool get_stamp(const char *path, struct stamp *s)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t header[16];
	const bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			pread(fd, header, sizeof(header), 0) == sizeof(header) &&
			!gt_old_version(header); /* that is read whole anyway */
	if (ok) {
		s->size = (uint64_t)st.st_size;
		s->mtime_ns =
			(uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
		s->hash = hash_at(fd, 0, 0xcbf29ce484222325ULL);
		s->hash = hash_at(fd, st.st_size > HASHED ? st.st_size - HASHED : 0, s->hash);
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

struct gt_index_gen *gt_index_add(struct gt_index *x)
{
	x->gens = gt_mem_grow(x->gens, x->n, &x->cap, sizeof(*x->gens));
	return &x->gens[x->n++];
}

void gt_index_free(struct gt_index *x)
{
	free(x->gens);
	*x = (struct gt_index){ .gens = NULL };
}

/* ---------------------------------------------------------------- the file */

static bool read_header(FILE *f, const struct stamp *s, struct gt_index *x)
{
	struct stamp is;
	int has_events;
	if (fscanf(f, "gtrace-index 1 %" SCNu64 " %" SCNu64 " %" SCNx64 " %d\n", &is.size,
		   &is.mtime_ns, &is.hash, &has_events) != 4)
		return false;
	x->has_events = has_events;
	return is.size == s->size && is.mtime_ns == s->mtime_ns && is.hash == s->hash;
}

static bool read_gen(const char *line, struct gt_index *x, uint64_t size)
{
	struct gt_index_gen g;
	const uint64_t last = x->n ? x->gens[x->n - 1].end : 0;
	if (sscanf(line,
		   "gen %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNu64
		   " %" SCNu64,
		   &g.number, &g.offset, &g.end, &g.start_ns, &g.end_ns, &g.batches,
		   &g.events) != 7 ||
	    g.offset < last || g.end <= g.offset || g.end > size)
		return false;
	*gt_index_add(x) = g;
	return true;
}

static bool read_lines(FILE *f, struct gt_index *x, uint64_t size)
{
	char line[256];
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned id;
		uint64_t count, bytes;
		if (strcmp(line, "end\n") == 0)
			return x->n > 0;
		if (sscanf(line, "event %u %" SCNu64 " %" SCNu64, &id, &count, &bytes) == 3 &&
		    id < 256) {
			x->event_count[id] = count;
			x->event_bytes[id] = bytes;
		} else if (!read_gen(line, x, size)) {
			return false;
		}
	}
	return false;
}

bool gt_index_load(struct gt_index *x, const char *path)
{
	*x = (struct gt_index){ .gens = NULL };
	struct stamp s;
	char *name = gt_mem_format("%s.idx", path);
	FILE *f = get_stamp(path, &s) ? fopen(name, "re") : NULL;
	free(name);
	const bool ok = f != NULL && read_header(f, &s, x) && read_lines(f, x, s.size);
	if (f != NULL)
		fclose(f);
	if (!ok)
		gt_index_free(x);
	return ok;
}

struct job {
	const struct gt_index *x;
	struct stamp s;
};

static int write_index(void *arg, FILE *f)
{
	const struct job *j = arg;
	const struct gt_index *x = j->x;
	fprintf(f, "gtrace-index 1 %" PRIu64 " %" PRIu64 " %" PRIx64 " %d\n", j->s.size,
		j->s.mtime_ns, j->s.hash, x->has_events);
	for (size_t i = 0; i < x->n; i++) {
		const struct gt_index_gen *g = &x->gens[i];
		fprintf(f,
			"gen %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIu64
			" %" PRIu64 "\n",
			g->number, g->offset, g->end, g->start_ns, g->end_ns, g->batches,
			g->events);
	}
	for (unsigned id = 0; id < 256 && x->has_events; id++) {
		if (x->event_count[id])
			fprintf(f, "event %u %" PRIu64 " %" PRIu64 "\n", id, x->event_count[id],
				x->event_bytes[id]);
	}
	fputs("end\n", f);
	return 0;
}

void gt_index_save(const struct gt_index *x, const char *path)
{
	struct job j = { .x = x };
	if (!get_stamp(path, &j.s) || j.s.size < GT_INDEX_MIN_BYTES || x->n == 0 || gt_busy(path))
		return;
	char *name = gt_mem_format("%s.idx", path);
	gt_replace_file(name, false, write_index, &j);
	free(name);
}

/* ---------------------------------------------------------------- without the file */

/* Places and times from the batches' headers and the clock; of a file in an old format for once. */
static bool scan(struct gt_index *x, const char *path)
{
	struct gt_file *f = gt_file_open(path, NULL);
	struct gt_gen *g = f != NULL ? gt_gen_new() : NULL;
	if (g != NULL)
		gt_file_skip_events(f);
	while (g != NULL && gt_gen_read(g, f, NULL) > 0)
		*gt_index_add(x) = (struct gt_index_gen){ .number = g->number,
							  .offset = g->offset,
							  .end = g->end,
							  .start_ns = gt_gen_ns(g, g->min_time),
							  .batches = g->n_batches + g->n_skipped };
	gt_gen_free(g);
	gt_file_close(f);
	return x->n > 0;
}

bool gt_index_open(struct gt_index *x, const char *path)
{
	struct stat st;
	*x = (struct gt_index){ .gens = NULL };
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || gt_busy(path))
		return false;
	if (gt_index_load(x, path))
		return true;
	if (!scan(x, path))
		return false;
	gt_index_save(x, path);
	return true;
}

/* N.B. Without the newest event's time one generation more in front: clocks of threads overlap at
 * its end. */
bool gt_index_find(const struct gt_index *x, int64_t from, int64_t to, size_t *first, size_t *last)
{
	size_t i = 0, n = 0;
	while (i + 1 < x->n && (x->has_events ? x->gens[i].end_ns < from
					      : i + 2 < x->n && x->gens[i + 2].start_ns <= from))
		i++;
	for (n = i; n < x->n && x->gens[n].start_ns <= to;)
		n++;
	*first = i;
	*last = n ? n - 1 : 0;
	return n > i;
}
