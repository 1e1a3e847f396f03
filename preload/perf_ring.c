#include "preload/perf_ring.h"

#include "preload/sys.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

int gt_ring_open(struct gt_ring *r, struct perf_event_attr *attr, int pid, int cpu, size_t bytes)
{
	const long fd = GT_SYS6(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return (int)fd;
	const long p =
		GT_SYS6(SYS_mmap, NULL, bytes + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	GT_SYS1(SYS_close, fd);
	if (GT_SYS_FAILED(p))
		return (int)p;
	GT_SYS3(SYS_madvise, p, bytes + PAGE,
		MADV_DONTFORK); /* the kernel says so itself; said twice is safe */
	*r = (struct gt_ring){ .page = (struct perf_event_mmap_page *)p,
			       .data = (uint8_t *)p + PAGE,
			       .bytes = bytes };
	return 0;
}

void gt_ring_close(struct gt_ring *r)
{
	if (r->page)
		GT_SYS2(SYS_munmap, r->page, r->bytes + PAGE);
	r->page = NULL;
}

const struct perf_event_header *gt_ring_peek(struct gt_ring *r, void *scratch)
{
	if (r->tail == r->head)
		return NULL;
	/* N.B. records are multiples of 8 bytes: a header never wraps */
	const size_t at = (size_t)r->tail & (r->bytes - 1);
	const struct perf_event_header *h = (const struct perf_event_header *)(r->data + at);
	if (h->size < sizeof(*h) ||
	    h->size > r->head - r->tail) { /* not what the kernel writes: give the ring up */
		r->tail = r->head;
		return NULL;
	}
	const size_t left = r->bytes - at;
	if (h->size <= left)
		return h;
	memcpy(scratch, h, left);
	memcpy((uint8_t *)scratch + left, r->data, h->size - left);
	return (const struct perf_event_header *)scratch;
}
