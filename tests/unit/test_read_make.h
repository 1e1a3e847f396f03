/* Small traces for the tests of the reader, made with the encoder. */
#ifndef TEST_READ_MAKE_H
#define TEST_READ_MAKE_H

#include "encoder/file.h"
#include "encoder/section.h"

#include <string.h>

#define MAKE_MAX (1 << 20)

/* A trace that grows; the batch is the one being filled. */
struct make {
	uint8_t bytes[MAKE_MAX];
	size_t len;
	uint8_t mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
	struct gt_batch b;
};

static inline void make_begin(struct make *k)
{
	memcpy(k->bytes, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	k->len = GT_FILE_HEADER_LEN;
}

static inline struct gt_batch *make_batch(struct make *k, uint64_t time)
{
	k->b = gt_batch_init(k->mem, sizeof(k->mem), (gt_ns){ time });
	return &k->b;
}

/* Ends the batch and puts it into the file. */
static inline void make_seal(struct make *k, uint8_t experiment, uint64_t gen, uint64_t m)
{
	const uint8_t *start;
	const size_t n =
		gt_batch_seal(k->mem, k->b.len, experiment, gen, (gt_m){ m }, k->b.start, &start);
	memcpy(k->bytes + k->len, start, n);
	k->len += n;
}

static inline void make_sync(struct make *k, uint64_t gen, uint64_t time)
{
	gt_section_begin(make_batch(k, time), GT_EV_Sync, (gt_ns){ time });
	gt_section_sync(&k->b, 1000000000, (gt_ns){ time }, (gt_ns){ time }, 1800000000 + gen, 1);
	make_seal(k, 0, gen, 0);
}

static inline void make_end(struct make *k)
{
	k->bytes[k->len++] = GT_END_OF_GENERATION;
}

/* Strings 1 "sync", 2 "worker", 3 "app.c"; stack 1 = worker app.c:10. */
static inline void make_tables(struct make *k, uint64_t gen, uint64_t time)
{
	static const char *const texts[] = { "sync", "worker", "app.c" };
	gt_section_begin(make_batch(k, time), GT_EV_Strings, (gt_ns){ time });
	for (uint64_t i = 0; i < 3; i++)
		gt_section_string(&k->b, (gt_str){ i + 1 }, texts[i], strlen(texts[i]));
	make_seal(k, 0, gen, 0);
	const struct gt_frame f = { .pc = 0x1010, .func = { 2 }, .file = { 3 }, .line = 10 };
	gt_section_begin(make_batch(k, time), GT_EV_Stacks, (gt_ns){ time });
	gt_section_stack(&k->b, (gt_stack){ 1 }, &f, 1);
	make_seal(k, 0, gen, 0);
}

/* Begins the events of thread m, which runs goroutine g on processor p. */
static inline struct gt_batch *make_running(struct make *k, uint64_t time, uint64_t m, uint64_t g,
					    uint64_t p)
{
	struct gt_batch *b = make_batch(k, time);
	const gt_ns now = { time };
	gt_w_ProcStatus(b, now, (gt_p){ p }, GT_P_RUNNING);
	gt_w_GoStatusStack(b, now, (gt_g){ g }, (gt_m){ m }, GT_G_RUNNING, (gt_stack){ 1 });
	return b;
}

/* A whole generation in which thread 1000 waits once, for 40 ns from time + 5. */
static inline void make_wait(struct make *k, uint64_t gen, uint64_t time)
{
	make_sync(k, gen, time);
	struct gt_batch *b = make_running(k, time, 1000, 1, 1);
	gt_w_GoBlock(b, (gt_ns){ time + 5 }, (gt_str){ 1 }, (gt_stack){ 1 });
	gt_w_GoUnblock(b, (gt_ns){ time + 45 }, (gt_g){ 1 }, 1, (gt_stack){ 0 });
	gt_w_GoStart(b, (gt_ns){ time + 46 }, (gt_g){ 1 }, 2);
	make_seal(k, 0, gen, 1000);
	make_tables(k, gen, time);
	make_end(k);
}

#endif
