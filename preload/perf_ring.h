/*
 * One ring of perf records, shared with the kernel: opened, read in order, closed. Knows nothing of
 * what is in a record.
 */
#ifndef GT_PERF_RING_H
#define GT_PERF_RING_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

struct gt_ring {
	struct perf_event_mmap_page *page; /* NULL: closed */
	uint8_t *data;
	size_t bytes; /* of data; a power of two */
	uint64_t head, tail;
};

#define GT_RING_RECORD_MAX 65536 /* bytes; a record's length is 16 bits */

/*
 * The event for task `pid` on `cpu`, with a ring of `bytes`. 0 or -errno. No descriptor stays open:
 * the mapping alone keeps the event, until gt_ring_close(). The mapping is not inherited by fork.
 */
int gt_ring_open(struct gt_ring *r, struct perf_event_attr *attr, int pid, int cpu, size_t bytes);
void gt_ring_close(struct gt_ring *r);

/* What the kernel has written up to now becomes readable. */
static inline void gt_ring_begin(struct gt_ring *r)
{
	r->head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	r->tail = r->page->data_tail;
}

/* The oldest record, or NULL; one that wraps round is put together in scratch[GT_RING_RECORD_MAX].
 */
const struct perf_event_header *gt_ring_peek(struct gt_ring *r, void *scratch);

static inline void gt_ring_pop(struct gt_ring *r, const struct perf_event_header *h)
{
	r->tail += h->size;
}

/* The kernel may use the room of what was popped. */
static inline void gt_ring_end(struct gt_ring *r)
{
	__atomic_store_n(&r->page->data_tail, r->tail, __ATOMIC_RELEASE);
}

#endif
