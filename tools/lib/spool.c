/*
 * The file is slots of GT_SPOOL_CHUNK bytes: the number of the sequence's next slot, then data. A
 * sequence owns the slot that its present chunk will be written to, so the number is known when a
 * chunk is written.
 */
#include "tools/lib/spool.h"

#include "tools/lib/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA (GT_SPOOL_CHUNK - sizeof(uint64_t))

struct seq {
	uint8_t *chunk; /* the newest; NULL = the sequence is empty */
	uint64_t first, slot;
	uint64_t len;
};

struct gt_spool {
	FILE *file;
	int failed;
	struct seq *seqs;
	size_t n_seqs, cap_seqs;
	uint64_t n_slots;
};

struct gt_spool *gt_spool_new(void)
{
	FILE *f = tmpfile();
	if (f == NULL)
		return NULL;
	struct gt_spool *s = gt_mem_resize(NULL, 1, sizeof(*s));
	*s = (struct gt_spool){ .file = f };
	return s;
}

void gt_spool_free(struct gt_spool *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_seqs; i++)
		free(s->seqs[i].chunk);
	free(s->seqs);
	fclose(s->file);
	free(s);
}

static struct seq *seq_of(struct gt_spool *s, uint32_t seq)
{
	while (s->n_seqs <= seq) {
		s->seqs = gt_mem_grow(s->seqs, s->n_seqs, &s->cap_seqs, sizeof(*s->seqs));
		s->seqs[s->n_seqs++] = (struct seq){ .chunk = NULL };
	}
	struct seq *q = &s->seqs[seq];
	if (q->chunk == NULL) {
		q->chunk = gt_mem_resize(NULL, GT_SPOOL_CHUNK, 1);
		q->first = q->slot = s->n_slots++;
	}
	return q;
}

static void flush(struct gt_spool *s, struct seq *q)
{
	const uint64_t next = s->n_slots++;
	memcpy(q->chunk, &next, sizeof(next));
	const ssize_t n = pwrite(fileno(s->file), q->chunk, GT_SPOOL_CHUNK,
				 (off_t)(q->slot * GT_SPOOL_CHUNK));
	if (n != GT_SPOOL_CHUNK && s->failed == 0)
		s->failed = n < 0 ? errno : ENOSPC;
	q->slot = next;
}

void gt_spool_put(struct gt_spool *s, uint32_t seq, const void *bytes, size_t len)
{
	struct seq *q = seq_of(s, seq);
	const uint8_t *p = bytes;
	while (len > 0) {
		const size_t used = q->len % DATA;
		if (used == 0 && q->len > 0)
			flush(s, q);
		const size_t n = len < DATA - used ? len : DATA - used;
		memcpy(q->chunk + sizeof(uint64_t) + used, p, n);
		q->len += n;
		p += n;
		len -= n;
	}
}

int gt_spool_failed(const struct gt_spool *s)
{
	return s->failed;
}

int gt_spool_complain(const struct gt_spool *s, struct gt_err *err)
{
	return gt_err_set(err, GT_ERR_IO, GT_NO_OFFSET, "no room for a temporary file: %s",
			  strerror(s != NULL ? s->failed : errno));
}

uint64_t gt_spool_len(const struct gt_spool *s, uint32_t seq)
{
	return seq < s->n_seqs ? s->seqs[seq].len : 0;
}

struct gt_spool_reader gt_spool_read(struct gt_spool *s, uint32_t seq)
{
	return (struct gt_spool_reader){
		.spool = s,
		.seq = seq,
		.slot = seq < s->n_seqs ? s->seqs[seq].first : 0,
	};
}

/* The chunk at r->pos into r->chunk; the newest one is only in memory. */
static bool load(struct gt_spool_reader *r)
{
	const struct seq *q = &r->spool->seqs[r->seq];
	if (r->slot == q->slot) {
		memcpy(r->chunk, q->chunk, GT_SPOOL_CHUNK);
		return true;
	}
	const ssize_t n = pread(fileno(r->spool->file), r->chunk, GT_SPOOL_CHUNK,
				(off_t)(r->slot * GT_SPOOL_CHUNK));
	if (n != GT_SPOOL_CHUNK && r->spool->failed == 0)
		r->spool->failed = n < 0 ? errno : EIO;
	return n == GT_SPOOL_CHUNK;
}

bool gt_spool_get(struct gt_spool_reader *r, void *bytes, size_t len)
{
	uint8_t *p = bytes;
	if (r->spool->failed != 0 || gt_spool_len(r->spool, r->seq) - r->pos < len)
		return false;
	while (len > 0) {
		const size_t used = r->pos % DATA;
		if (used == 0 && r->pos > 0) {
			memcpy(&r->slot, r->chunk, sizeof(r->slot));
			r->is_loaded = false;
		}
		if (!r->is_loaded && !load(r))
			return false;
		r->is_loaded = true;
		const size_t n = len < DATA - used ? len : DATA - used;
		memcpy(p, r->chunk + sizeof(uint64_t) + used, n);
		r->pos += n;
		p += n;
		len -= n;
	}
	return true;
}
