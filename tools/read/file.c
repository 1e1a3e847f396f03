#include "tools/read/file.h"

#include "encoder/event.h"
#include "encoder/file.h"
#include "tools/read/old.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER (2 + 4 * GT_VARINT_MAX) /* kind, experiment, gen, m, time, size */
#define BUFFER     (256 * 1024)
#define SMALL      4096 /* read at once when most of it is going to be skipped */

struct gt_file {
	int fd;             /* -1: memory */
	uint8_t *own;       /* buffer, NULL for memory */
	const uint8_t *buf; /* own, or the caller's memory */
	size_t pos, len;    /* next byte and end of what is in buf */
	uint64_t base;      /* place of buf[0] in the file */
	uint64_t size;
	bool skips_events;
	bool is_at_end; /* nothing more to read behind buf[len) */
	int version;
	struct gt_file_old old; /* version 0: it is none */
	uint64_t gen;           /* generation that is open, 0 = none */
	uint64_t last_gen;      /* the one before it, 0 = none */
	bool has_events;        /* the open generation has batches of events */
	bool is_behind;         /* see gt_file_failed_behind() */
	struct gt_err failed;
};

/* Tries to have n bytes from `pos` on; returns how many there are (fewer only at the end), or
 * -GT_ERR_IO. */
static int64_t fill(struct gt_file *f, size_t n, struct gt_err *err)
{
	if (f->len - f->pos >= n || f->is_at_end)
		return (int64_t)(f->len - f->pos);
	memmove(f->own, f->own + f->pos, f->len - f->pos);
	f->base += f->pos;
	f->len -= f->pos;
	f->pos = 0;
	while (f->len < n) {
		const size_t want = !f->skips_events ? BUFFER - f->len : n < SMALL ? SMALL : n;
		const ssize_t got = read(f->fd, f->own + f->len, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return gt_err_set(err, GT_ERR_IO, f->base + f->len, "cannot read: %s",
					  strerror(errno));
		if (got == 0) {
			f->is_at_end = true;
			break;
		}
		f->len += (size_t)got;
	}
	return (int64_t)f->len;
}

/* All of the file, of which nothing was consumed: *len bytes in own[]. */
static int fill_all(struct gt_file *f, size_t *len, struct gt_err *err)
{
	size_t cap = BUFFER;
	for (*len = f->len; !f->is_at_end;) {
		if (*len == cap) {
			uint8_t *more = realloc(f->own, 2 * cap);
			if (!more)
				return gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
			f->buf = f->own = more;
			cap *= 2;
		}
		const ssize_t got = read(f->fd, f->own + *len, cap - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return gt_err_set(err, GT_ERR_IO, *len, "cannot read: %s", strerror(errno));
		f->is_at_end = got == 0;
		*len += (size_t)got;
	}
	return 0;
}

/* A file in an old format: from now on what the new format makes of it is read. */
static int read_old(struct gt_file *f, struct gt_err *err)
{
	uint8_t *out;
	size_t len, out_len;
	int rc = fill_all(f, &len, err);
	if (rc == 0)
		rc = gt_old_convert(f->buf, len, &out, &out_len, &f->old.left_out, err);
	if (rc < 0)
		return rc;
	if (f->fd > 0)
		close(f->fd);
	f->fd = -1;
	free(f->own);
	f->buf = f->own = out;
	f->size = f->len = out_len;
	f->old.bytes = len;
	f->version = GT_OLD_VERSION;
	f->pos = GT_FILE_HEADER_LEN;
	return 0;
}

static int read_header(struct gt_file *f, struct gt_err *err)
{
	const int64_t have = fill(f, GT_FILE_HEADER_LEN, err);
	if (have < 0)
		return (int)have;
	const uint8_t *p = f->buf + f->pos;
	f->old.version = have >= GT_FILE_HEADER_LEN ? gt_old_version(p) : 0;
	if (f->old.version)
		return read_old(f, err);
	static const char model[] = GT_FILE_HEADER;
	if (have < GT_FILE_HEADER_LEN || memcmp(p, model, 5) ||
	    memcmp(p + 7, model + 7, GT_FILE_HEADER_LEN - 7))
		return gt_err_set(
			err, GT_ERR_HEADER, 0,
			"not a Go trace: expected a header \"go 1.26 trace\" of 16 bytes [C1]");
	if (p[5] < '0' || p[5] > '9' || p[6] < '0' || p[6] > '9')
		return gt_err_set(err, GT_ERR_HEADER, 5,
				  "not a Go trace: the header has no version number [C1]");
	f->version = (p[5] - '0') * 10 + (p[6] - '0');
	if (f->version != 22 && f->version != 23 && f->version != 25 && f->version != 26)
		return gt_err_set(err, GT_ERR_HEADER, 5,
				  "header go 1.%d trace: expected 1.5, 1.7 to 1.11, 1.19, 1.21, "
				  "1.22, 1.23, 1.25 or 1.26 [C1]",
				  f->version);
	f->pos += GT_FILE_HEADER_LEN;
	return 0;
}

/* The reader over what is set up in *init, or NULL. Takes the descriptor and the buffer. */
static struct gt_file *start(const struct gt_file *init, struct gt_err *err)
{
	struct gt_file *f = malloc(sizeof(*f));
	if (!f) {
		gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
		free(init->own);
		if (init->fd > 0)
			close(init->fd);
		return NULL;
	}
	*f = *init;
	if (read_header(f, err) < 0) {
		gt_file_close(f);
		return NULL;
	}
	return f;
}

struct gt_file *gt_file_open(const char *path, struct gt_err *err)
{
	const int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;
	if (fd < 0) {
		gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "cannot open: %s", strerror(errno));
		return NULL;
	}
	struct stat st;
	uint8_t *buf = malloc(BUFFER);
	struct gt_file init = { .fd = fd, .own = buf, .buf = buf };
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		init.size = (uint64_t)st.st_size;
	if (!buf) {
		gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET, "no memory");
		if (fd > 0)
			close(fd);
		return NULL;
	}
	return start(&init, err);
}

struct gt_file *gt_file_open_mem(const void *bytes, size_t len, struct gt_err *err)
{
	struct gt_file init = {
		.fd = -1, .buf = bytes, .len = len, .size = len, .is_at_end = true
	};
	return start(&init, err);
}

void gt_file_close(struct gt_file *f)
{
	if (!f)
		return;
	if (f->fd > 0) /* N.B. standard input is not ours */
		close(f->fd);
	free(f->own);
	free(f);
}

int gt_file_version(const struct gt_file *f)
{
	return f->version;
}

const struct gt_file_old *gt_file_old(const struct gt_file *f)
{
	return f->old.version ? &f->old : NULL;
}

uint64_t gt_file_offset(const struct gt_file *f)
{
	return f->base + f->pos;
}

bool gt_file_failed_behind(const struct gt_file *f)
{
	return f->failed.code && f->is_behind;
}

bool gt_file_seek(struct gt_file *f, uint64_t offset, uint64_t before)
{
	if (f->size == 0 || offset > f->size || f->fd == 0)
		return false;
	if (f->fd < 0) {
		f->pos = offset;
	} else if (offset >= f->base && offset <= f->base + f->len) {
		f->pos = offset - f->base;
	} else {
		if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
			return false;
		f->base = offset;
		f->pos = f->len = 0;
		f->is_at_end = false;
	}
	f->gen = 0;
	f->last_gen = before;
	f->has_events = false;
	return true;
}

void gt_file_skip_events(struct gt_file *f)
{
	f->skips_events = f->size != 0 && f->fd > 0; /* standard input may not begin at 0 */
}

uint64_t gt_file_size(const struct gt_file *f)
{
	return f->size;
}

/* What the first data byte says. */
static enum gt_batch_kind kind_of(const struct gt_wire_batch *b, int version)
{
	const uint8_t first = b->size ? b->data[0] : 0;
	if (b->experiment)
		return first == GT_REC_BATCH_BYTE ? GT_BATCH_RECORDS : GT_BATCH_OPAQUE;
	switch (first) {
	case GT_EV_Strings:
		return GT_BATCH_STRINGS;
	case GT_EV_Stacks:
		return GT_BATCH_STACKS;
	case GT_EV_CPUSamples:
		return GT_BATCH_SAMPLES;
	case GT_EV_Sync:
		return version >= 25 ? GT_BATCH_SYNC : GT_BATCH_EVENTS;
	case GT_EV_Frequency:
		return version < 25 ? GT_BATCH_SYNC : GT_BATCH_EVENTS;
	default:
		return GT_BATCH_EVENTS;
	}
}

/* Reads the number `what` of a batch header at *p; `offset` is the batch's. */
static int header_number(const uint8_t **p, const uint8_t *end, const char *what, uint64_t offset,
			 uint64_t *v, struct gt_err *err)
{
	const uint8_t *q = gt_varint_get(*p, end, v);
	if (!q && end - *p < GT_VARINT_MAX)
		return gt_err_set(err, GT_ERR_TRUNCATED, offset,
				  "the file ends inside a batch header: no %s [C9]", what);
	if (!q)
		return gt_err_set(err, GT_ERR_FORMAT, offset,
				  "batch header: %s does not fit into 64 bits [C2]", what);
	*p = q;
	return 0;
}

/* Parses the batch header at [p, end) and returns its length, or -code. */
static int parse_header(struct gt_file *f, const uint8_t *p, const uint8_t *end,
			struct gt_wire_batch *b, struct gt_err *err)
{
	const uint8_t *start_p = p;
	const uint8_t type = *p++;
	if (type != GT_EV_EventBatch && type != GT_EV_ExperimentalBatch)
		return gt_err_set(err, GT_ERR_FORMAT, b->offset,
				  "byte %u where a batch has to begin [C2]", type);
	if (type == GT_EV_ExperimentalBatch) {
		if (f->version < 23)
			return gt_err_set(err, GT_ERR_FORMAT, b->offset,
					  "experimental batch in a go 1.22 trace [C2]");
		if (p == end)
			return gt_err_set(err, GT_ERR_TRUNCATED, b->offset,
					  "the file ends behind the first byte of an experimental "
					  "batch [C9]");
		b->experiment = *p++;
		/* N.B. Go reads others, and then panics when the batches are asked for. */
		if (b->experiment != GT_EXPERIMENT)
			return gt_err_set(err, GT_ERR_FORMAT, b->offset,
					  "batch of experiment %u: readers know only 1 [C2]",
					  b->experiment);
	}
	uint64_t size;
	int rc;
	if ((rc = header_number(&p, end, "generation", b->offset, &b->gen, err)) < 0 ||
	    (rc = header_number(&p, end, "thread", b->offset, &b->m, err)) < 0 ||
	    (rc = header_number(&p, end, "time", b->offset, &b->time, err)) < 0 ||
	    (rc = header_number(&p, end, "size", b->offset, &size, err)) < 0)
		return rc;
	if (size > GT_BATCH_MAX_DATA)
		return gt_err_set(err, GT_ERR_FORMAT, b->offset,
				  "batch of %" PRIu64 " bytes, at most %d are allowed [C3]", size,
				  GT_BATCH_MAX_DATA);
	b->size = (uint32_t)size;
	return (int)(p - start_p);
}

/* An end-of-generation mark; `len` bytes of the file are it. */
static int end_mark(struct gt_file *f, struct gt_wire_batch *b, size_t len)
{
	b->kind = GT_BATCH_END;
	b->gen = f->gen;
	f->last_gen = f->gen;
	f->gen = 0;
	f->has_events = false;
	f->pos += len;
	return 1;
}

/* 1: the batch belongs to the open generation; 0: a generation ends before it (go before 1.26);
 * -code. */
static int check_generation(struct gt_file *f, const struct gt_wire_batch *b, struct gt_err *err)
{
	if (b->gen == 0)
		return gt_err_set(err, GT_ERR_FORMAT, b->offset, "batch of generation 0 [C4]");
	if (f->version < 26 && f->gen && b->gen == f->gen + 1)
		return 0;
	if (f->version < 26 && !f->gen && f->last_gen && b->gen != f->last_gen + 1)
		return gt_err_set(err, GT_ERR_FORMAT, b->offset,
				  "generation %" PRIu64 " after %" PRIu64 " [C4]", b->gen,
				  f->last_gen);
	if (f->gen && b->gen != f->gen)
		return gt_err_set(err, GT_ERR_FORMAT, b->offset,
				  "batch of generation %" PRIu64 " before the end of %" PRIu64
				  " [C4]",
				  b->gen, f->gen);
	f->gen = b->gen;
	return 1;
}

static int at_end(struct gt_file *f, struct gt_wire_batch *b, struct gt_err *err)
{
	/* N.B. as Go's reader: from 1.26 on a file may hold nothing */
	if (!f->gen && f->version < 26 && gt_file_offset(f) == GT_FILE_HEADER_LEN)
		return gt_err_set(err, GT_ERR_FORMAT, GT_FILE_HEADER_LEN,
				  "no generation: the file ends behind its header [C9]");
	if (!f->gen)
		return 0;
	if (f->version < 26)
		return end_mark(f, b, 0);
	/* N.B. Tables without events may be cut anywhere: Go's reader takes no notice of them. */
	if (!f->has_events)
		return 0;
	return gt_err_set(err, GT_ERR_TRUNCATED, gt_file_offset(f),
			  "the file ends inside generation %" PRIu64
			  ": expected its end mark 0x34 [C9]",
			  f->gen);
}

/* Passes over a batch of events of which the header was read. */
static int skip_batch(struct gt_file *f, struct gt_wire_batch *b, struct gt_err *err)
{
	const uint64_t end = b->data_offset + b->size;
	if (end > f->size)
		return gt_err_set(err, GT_ERR_TRUNCATED, b->offset,
				  "the file ends inside a batch: %" PRIu32
				  " bytes of data expected, %" PRIu64 " left [C9]",
				  b->size, f->size - b->data_offset);
	f->is_behind = false;
	b->data = NULL;
	const int rc = check_generation(f, b, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return end_mark(f, b, 0);
	const uint64_t gen = f->gen, before = f->last_gen;
	if (!gt_file_seek(f, end, before))
		return gt_err_set(err, GT_ERR_IO, end, "cannot seek: %s", strerror(errno));
	f->gen = gen;
	f->has_events = true;
	return 1;
}

/* Go's reader takes such a batch, of whatever generation, for the end of the open one. */
static bool is_false_end(const struct gt_file *f, const struct gt_wire_batch *b)
{
	return f->version >= 26 && !b->experiment && b->size && *b->data == GT_END_OF_GENERATION;
}

static int next_batch(struct gt_file *f, struct gt_wire_batch *b, struct gt_err *err)
{
	const int64_t have = fill(f, MAX_HEADER + 1, err);
	*b = (struct gt_wire_batch){ .offset = gt_file_offset(f), .m = GT_NO_ID };
	if (have < 0)
		return (int)have;
	if (have == 0)
		return at_end(f, b, err);
	const uint8_t *p = f->buf + f->pos;
	if (*p == GT_END_OF_GENERATION && f->version >= 26) {
		if (!f->gen)
			return gt_err_set(err, GT_ERR_FORMAT, b->offset,
					  "end of generation without a generation [C2]");
		return end_mark(f, b, 1);
	}
	f->is_behind = f->gen && f->version < 26 && *p != GT_END_OF_GENERATION;
	const int len = parse_header(f, p, p + have, b, err);
	if (len < 0)
		return len;
	b->data = p + len;
	b->data_offset = b->offset + (uint64_t)len;
	if (f->skips_events && b->size && len < have && !is_false_end(f, b) &&
	    (b->kind = kind_of(b, f->version)) == GT_BATCH_EVENTS)
		return skip_batch(f, b, err);
	const int64_t whole = fill(f, (size_t)len + b->size, err);
	if (whole < 0)
		return (int)whole;
	if (whole < len + (int64_t)b->size)
		return gt_err_set(err, GT_ERR_TRUNCATED, b->offset,
				  "the file ends inside a batch: %" PRIu32
				  " bytes of data expected, %" PRId64 " left [C9]",
				  b->size, whole - len);
	f->is_behind = false;
	b->data = f->buf + f->pos + len; /* filling may have moved it */
	if (is_false_end(f, b))
		return gt_err_set(err, GT_ERR_FORMAT, b->offset,
				  "a batch that begins with the mark of a generation's end [C2]");
	const int rc = check_generation(f, b, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return end_mark(f, b, 0);
	b->kind = kind_of(b, f->version);
	f->has_events |= b->kind == GT_BATCH_EVENTS;
	f->pos += (size_t)len + b->size;
	return 1;
}

int gt_file_next(struct gt_file *f, struct gt_wire_batch *b, struct gt_err *err)
{
	if (f->failed.code) {
		if (err)
			*err = f->failed;
		return -(int)f->failed.code;
	}
	const int rc = next_batch(f, b, &f->failed);
	if (rc < 0 && err)
		*err = f->failed;
	return rc;
}
