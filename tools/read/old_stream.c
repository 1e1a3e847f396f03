#include "tools/read/old_stream.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_MIN  256 /* a thread that only waits has few events */
#define BATCH_MAX  (32 * 1024)
#define P_MAX      65536 /* larger numbers of processors are not kept: viewers have a row for each */
#define THREAD_MAX (1ULL << 32)

void gt_old_put_bytes(void *arg, const void *bytes, size_t len)
{
	struct gt_old_streams *s = arg;
	if (s->len + len > s->cap) {
		s->cap = 2 * (s->len + len);
		s->out = gt_mem_resize(s->out, s->cap, 1);
	}
	memcpy(s->out + s->len, bytes, len);
	s->len += len;
}

void gt_old_streams_init(struct gt_old_streams *s, const struct gt_old *o)
{
	*s = (struct gt_old_streams){ .n_ps = o->n_procs + 1 };
	uint64_t next = 0;
	for (uint32_t i = 0; i < o->n_procs; i++) {
		const int64_t n = o->procs[i].number;
		if (n >= 0 && n < P_MAX && (uint64_t)n >= next)
			next = (uint64_t)n + 1;
	}
	s->ps = gt_mem_resize(NULL, s->n_ps, sizeof(*s->ps));
	for (size_t i = 0; i < s->n_ps; i++) {
		const int64_t n = i < o->n_procs ? o->procs[i].number : -1;
		s->ps[i] = (struct gt_old_p){ .id = n >= 0 && n < P_MAX ? (uint64_t)n : next++,
					      .m = GT_OLD_NONE,
					      .thread = GT_NO_ID };
	}
	for (uint32_t i = 0; i < o->n_order; i++) {
		const struct gt_old_event *e = gt_old_event(o, i);
		if (e->type == GT_OLD_ProcStart && e->args[0] >= s->next_m &&
		    e->args[0] < THREAD_MAX)
			s->next_m = e->args[0] + 1;
	}
}

void gt_old_streams_free(struct gt_old_streams *s)
{
	for (size_t i = 0; i < s->n_ms; i++)
		free(s->ms[i].batch.mem);
	free(s->ms);
	free(s->ps);
	free(s->spare);
	gt_idmap_free(&s->m_ids);
}

/* ---------------------------------------------------------------- batches */

static void flush(struct gt_old_streams *s, struct gt_old_thread *m)
{
	const uint8_t *from;
	if (m->batch.mem == NULL || gt_batch_len(&m->batch) == 0)
		return;
	const size_t n = gt_batch_seal(m->batch.mem, m->batch.len, 0, 1, (gt_m){ m->id },
				       m->batch.start, &from);
	gt_old_put_bytes(s, from, n);
	m->batch.len = GT_BATCH_HEADER;
}

void gt_old_flush(struct gt_old_streams *s)
{
	for (size_t i = 0; i < s->n_ms; i++)
		flush(s, &s->ms[i]);
}

struct gt_batch *gt_old_batch(struct gt_old_streams *s, uint32_t i)
{
	struct gt_old_thread *m = &s->ms[i];
	struct gt_batch *b = &m->batch;
	if (b->mem == NULL)
		*b = gt_batch_init(gt_mem_resize(NULL, 1, BATCH_MIN), BATCH_MIN, (gt_ns){ s->now });
	if (!gt_batch_has_room(b, GT_EVENT_MAX) && b->cap < BATCH_MAX) {
		b->cap *= 4;
		b->mem = gt_mem_resize(b->mem, b->cap, 1);
	} else if (!gt_batch_has_room(b, GT_EVENT_MAX)) {
		flush(s, m);
	}
	if (gt_batch_len(b) == 0)
		*b = gt_batch_init(b->mem, b->cap, (gt_ns){ s->now });
	return b;
}

gt_ns gt_old_now(struct gt_old_streams *s)
{
	s->now = s->at > s->now ? s->at : s->now + 1;
	return (gt_ns){ s->now };
}

gt_ns gt_old_soon(struct gt_old_streams *s)
{
	return (gt_ns){ ++s->now };
}

/* ---------------------------------------------------------------- threads */

static bool is_free(const struct gt_old_thread *m)
{
	return m->p == GT_OLD_NONE && m->g == GT_OLD_NONE;
}

static uint32_t new_thread(struct gt_old_streams *s, uint64_t id, bool is_made_up)
{
	s->ms = gt_mem_grow(s->ms, s->n_ms, &s->cap_ms, sizeof(*s->ms));
	s->ms[s->n_ms] = (struct gt_old_thread){
		.id = id, .p = GT_OLD_NONE, .g = GT_OLD_NONE, .is_made_up = is_made_up
	};
	return (uint32_t)s->n_ms++;
}

uint32_t gt_old_free_thread(struct gt_old_streams *s, uint64_t id)
{
	if (id < THREAD_MAX) {
		uint32_t i = gt_idmap_get(&s->m_ids, id);
		if (i == GT_NO_INDEX) {
			i = new_thread(s, id, false);
			gt_idmap_put(&s->m_ids, id, i);
		}
		if (is_free(&s->ms[i]))
			return i;
	}
	while (s->n_spare > 0) {
		const uint32_t i = s->spare[--s->n_spare];
		s->ms[i].is_listed = false;
		if (is_free(&s->ms[i]))
			return i;
	}
	return new_thread(s, s->next_m++, true);
}

void gt_old_release(struct gt_old_streams *s, uint32_t i)
{
	struct gt_old_thread *m = &s->ms[i];
	if (!m->is_made_up || m->is_listed || !is_free(m))
		return;
	s->spare = gt_mem_grow(s->spare, s->n_spare, &s->cap_spare, sizeof(*s->spare));
	s->spare[s->n_spare++] = i;
	m->is_listed = true;
}

/* ---------------------------------------------------------------- processors */

uint32_t gt_old_start_p(struct gt_old_streams *s, uint32_t i, bool is_told)
{
	struct gt_old_p *p = &s->ps[i];
	const uint32_t m = gt_old_free_thread(s, p->thread);
	if (p->state == GT_OLD_P_NEW)
		gt_w_ProcStatus(gt_old_batch(s, m), gt_old_soon(s), (gt_p){ p->id }, GT_P_IDLE);
	gt_w_ProcStart(gt_old_batch(s, m), is_told ? gt_old_now(s) : gt_old_soon(s),
		       (gt_p){ p->id }, ++p->seq);
	p->state = GT_OLD_P_RUNNING;
	p->m = m;
	s->ms[m].p = i;
	return m;
}

void gt_old_steal_p(struct gt_old_streams *s, uint32_t i, bool is_told)
{
	struct gt_old_p *p = &s->ps[i];
	gt_w_ProcSteal(gt_old_batch(s, p->m), is_told ? gt_old_now(s) : gt_old_soon(s),
		       (gt_p){ p->id }, ++p->seq, (gt_m){ s->ms[p->m].id });
	s->ms[p->m].p = GT_OLD_NONE;
	gt_old_release(s, p->m);
	p->state = GT_OLD_P_IDLE;
	p->m = GT_OLD_NONE;
}

uint32_t gt_old_ready(struct gt_old_streams *s, uint32_t i)
{
	if (s->ps[i].state == GT_OLD_P_SYSCALL)
		gt_old_steal_p(s, i, false);
	return s->ps[i].m != GT_OLD_NONE ? s->ps[i].m : gt_old_start_p(s, i, false);
}
