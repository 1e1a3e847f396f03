/*
 * Writes a trace as libgtrace.so would of a busy server: threads that wait for locks, wake each
 * other, make system calls, with stacks, names and counters; generations of a second. What happens
 * is made up, the bytes are those of our encoder. The same arguments make the same file.
 *
 *   bigtrace FILE BYTES [THREADS [SEED]]      BYTES as 1G, 64M; ends with the generation that
 * reaches it
 */
#include "encoder/file.h"
#include "encoder/section.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 1024
#define SYMBOLS     1500
#define STACKS      2000
#define CALLS       12
#define PERIOD_NS   1000000000ULL
#define START_NS    8640000000000ULL /* a machine up for a day keeps its threads' times long */

enum { STR_SYNC = 1, STR_COND, STR_NETWORK, STR_REGION, STR_FILE, STR_SYMBOL }; /* string ids */
enum what { RUN, WOKEN, NEEDS_WAKER, IN_SYSCALL };                              /* what ends next */

struct thread {
	struct gt_batch b;
	uint64_t next_ns; /* when it goes on */
	enum what what;
	uint64_t g_seq, p_seq;
	bool has_region;
	uint64_t counts[CALLS];
};

static struct thread threads[MAX_THREADS];
static uint8_t mem[MAX_THREADS][GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
static uint32_t heap[MAX_THREADS]; /* threads, the one that goes on first in front */
static uint32_t n_threads = 40;
static uint64_t gen, written, events, seed = 1;
static FILE *out;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(((seed >> 32) * n) >> 32);
}

/* Mostly short, seldom long. */
static uint64_t some_time(uint32_t typical)
{
	return 200 + rnd(typical) + (rnd(100) == 0 ? rnd(50 * typical) : 0);
}

static gt_stack some_stack(void)
{
	const uint32_t a = 1 + rnd(STACKS), b = 1 + rnd(STACKS);
	return (gt_stack){ rnd(4) ? (a < b ? a : b) / 8 + 1 : a }; /* a few are hot */
}

static gt_m tid_of(uint32_t i)
{
	return (gt_m){ 41230 + i };
}

/* ---- writing ---- */

static void put(const void *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, out) != n) {
		perror("bigtrace");
		exit(1);
	}
	written += n;
}

static void put_batch(struct gt_batch *b, uint8_t experiment, gt_m m)
{
	const uint8_t *start;
	const size_t n = gt_batch_seal(b->mem, b->len, experiment, gen, m, b->start, &start);
	put(start, n);
}

/* Room for a few events at `now`. */
static struct gt_batch *room(uint32_t i, uint64_t now)
{
	struct thread *t = &threads[i];
	if (!gt_batch_has_room(&t->b, 4 * GT_EVENT_MAX)) {
		put_batch(&t->b, 0, tid_of(i));
		t->b = gt_batch_init(mem[i], sizeof(mem[i]), (gt_ns){ now });
	}
	return &t->b;
}

/* ---- tables ---- */

static struct gt_batch table;
static uint8_t table_mem[GT_BATCH_HEADER + GT_BATCH_MAX_DATA];
static gt_ns table_time;

static void begin_table(enum gt_event kind)
{
	table = gt_batch_init(table_mem, sizeof(table_mem), table_time);
	gt_section_begin(&table, kind, table_time);
}

static void put_string(uint64_t id, const char *text)
{
	if (gt_section_string(&table, (gt_str){ id }, text, strlen(text)))
		return;
	put_batch(&table, 0, GT_NO_M);
	begin_table(GT_EV_Strings);
	gt_section_string(&table, (gt_str){ id }, text, strlen(text));
}

static void put_strings(void)
{
	static const char *const fixed[] = { "",        "sync",    "sync.(*Cond).Wait",
					     "network", "request", "/srv/app/bin/server" };
	char text[64];
	begin_table(GT_EV_Strings);
	for (uint64_t id = 1; id < STR_SYMBOL; id++)
		put_string(id, fixed[id]);
	for (uint32_t i = 0; i < SYMBOLS; i++) {
		snprintf(text, sizeof(text), "server::module%u::function_%u", i / 50, i);
		put_string(STR_SYMBOL + i, text);
	}
	put_batch(&table, 0, GT_NO_M);
}

static void put_stacks(void)
{
	const uint64_t saved = seed;
	begin_table(GT_EV_Stacks);
	seed = 12345; /* the same stacks in every generation */
	for (uint64_t id = 1; id <= STACKS; id++) {
		struct gt_frame frames[32];
		const size_t n = 6 + rnd(20);
		for (size_t k = 0; k < n; k++) {
			const uint32_t symbol = rnd(SYMBOLS);
			frames[k] = (struct gt_frame){ 0x55d0c0de1000 + symbol * 64ULL,
						       { STR_SYMBOL + symbol },
						       { STR_FILE },
						       1 + symbol % 900 };
		}
		if (!gt_section_stack(&table, (gt_stack){ id }, frames, n)) {
			put_batch(&table, 0, GT_NO_M);
			begin_table(GT_EV_Stacks);
			gt_section_stack(&table, (gt_stack){ id }, frames, n);
		}
	}
	put_batch(&table, 0, GT_NO_M);
	seed = saved;
}

static void begin_records(void)
{
	table = gt_batch_init(table_mem, sizeof(table_mem), table_time);
	gt_section_begin_records(&table, table_time);
}

static void put_records(void)
{
	begin_records();
	for (uint32_t i = 0; i < n_threads; i++) {
		struct thread *t = &threads[i];
		if (!gt_batch_has_room(&table, 4096)) {
			put_batch(&table, GT_EXPERIMENT, GT_NO_M);
			begin_records();
		}
		gt_r_THREAD(&table, table_time, tid_of(i), (gt_g){ i + 1 }, (gt_p){ i + 1 },
			    (gt_str){ STR_SYMBOL + i }, (gt_str){ STR_SYMBOL }, 0, 0);
		for (uint32_t c = 0; c < CALLS; c++) {
			const uint64_t buckets[16] = { [10] = t->counts[c], [14] = 3 };
			gt_section_call(&table, table_time, tid_of(i), (gt_g){ i + 1 },
					(gt_str){ STR_SYMBOL + c }, t->counts[c] * 3, t->counts[c],
					t->counts[c] * 1500, 90000, buckets, 16);
			t->counts[c] = 0;
		}
	}
	put_batch(&table, GT_EXPERIMENT, GT_NO_M);
}

/* ---- generations ---- */

static void put_status(uint32_t i, uint64_t now)
{
	struct thread *t = &threads[i];
	const gt_ns ns = { now };
	const bool is_waiting = t->what == WOKEN || t->what == NEEDS_WAKER;
	t->b = gt_batch_init(mem[i], sizeof(mem[i]), ns);
	gt_w_ProcStatus(&t->b, ns, (gt_p){ i + 1 },
			t->what == IN_SYSCALL ? GT_P_SYSCALL : GT_P_RUNNING);
	gt_w_GoStatusStack(&t->b, ns, (gt_g){ i + 1 }, tid_of(i),
			   is_waiting              ? GT_G_WAITING
			   : t->what == IN_SYSCALL ? GT_G_SYSCALL
						   : GT_G_RUNNING,
			   (gt_stack){ 1 });
	t->g_seq = t->p_seq = 0;
	events += 2;
}

static void begin_generation(uint64_t now)
{
	gen++;
	table_time = (gt_ns){ now };
	begin_table(GT_EV_Sync);
	gt_section_sync(&table, 1000000000, table_time, table_time, 1800000000 + now / 1000000000,
			now % 1000000000);
	put_batch(&table, 0, GT_NO_M);
	for (uint32_t i = 0; i < n_threads; i++)
		put_status(i, now);
	for (uint32_t i = 0; i < n_threads; i++) {
		if (threads[i].what == RUN) {
			gt_w_ProcsChange(&threads[i].b, (gt_ns){ now }, 16, (gt_stack){ 0 });
			break;
		}
	}
}

static void end_generation(void)
{
	for (uint32_t i = 0; i < n_threads; i++)
		put_batch(&threads[i].b, 0, tid_of(i));
	put_stacks();
	put_strings();
	put_records();
	const uint8_t end = GT_END_OF_GENERATION;
	put(&end, 1);
}

/* ---- threads ---- */

static void sift_down(void)
{
	const uint32_t x = heap[0];
	uint32_t i = 0;
	for (uint32_t k; (k = 2 * i + 1) < n_threads; i = k) {
		if (k + 1 < n_threads && threads[heap[k + 1]].next_ns < threads[heap[k]].next_ns)
			k++;
		if (threads[heap[k]].next_ns >= threads[x].next_ns)
			break;
		heap[i] = heap[k];
	}
	heap[i] = x;
}

static void unblock(uint32_t by, uint32_t whom, uint64_t now)
{
	gt_w_GoUnblock(room(by, now), (gt_ns){ now }, (gt_g){ whom + 1 }, ++threads[whom].g_seq,
		       by == whom ? (gt_stack){ 0 } : some_stack());
	events++;
}

static void go_on(uint32_t i, uint64_t now)
{
	gt_w_GoStart(room(i, now), (gt_ns){ now }, (gt_g){ i + 1 }, ++threads[i].g_seq);
	threads[i].what = RUN;
	threads[i].next_ns = now + some_time(8000);
	events++;
}

/* Somebody who runs wakes the thread, or nobody does and it finds out itself. */
static void wake(uint32_t i, uint64_t now)
{
	uint32_t by = i;
	for (int tries = 0; by == i && tries < 8; tries++) {
		const uint32_t k = rnd(n_threads);
		by = threads[k].what == RUN && threads[k].b.last.v <= now ? k : i;
	}
	unblock(by, i, now);
	go_on(i, now + (by == i ? 60 : some_time(3000)));
}

/* A running thread does something. */
static void act(uint32_t i, uint64_t now)
{
	struct thread *t = &threads[i];
	struct gt_batch *b = room(i, now);
	const gt_ns ns = { now };
	const uint32_t dice = rnd(100);
	t->counts[dice % CALLS]++;
	if (dice < 60) {
		static const uint8_t reasons[] = { STR_SYNC, STR_SYNC, STR_COND, STR_NETWORK };
		gt_w_GoBlock(b, ns, (gt_str){ reasons[dice % 4] }, some_stack());
		t->what = dice < 40 ? WOKEN : NEEDS_WAKER;
		t->next_ns = now + some_time(10000);
	} else if (dice < 95) {
		gt_w_GoSyscallBegin(b, ns, ++t->p_seq, some_stack());
		t->what = IN_SYSCALL;
		t->next_ns = now + some_time(2000);
	} else if (dice < 97) {
		gt_w_HeapAlloc(b, ns, 900000000 + rnd(100000000));
		t->next_ns = now + 300;
	} else {
		if (t->has_region)
			gt_w_UserRegionEnd(b, ns, (gt_task){ 0 }, (gt_str){ STR_REGION },
					   some_stack());
		else
			gt_w_UserRegionBegin(b, ns, (gt_task){ 0 }, (gt_str){ STR_REGION },
					     some_stack());
		t->has_region = !t->has_region;
		t->next_ns = now + some_time(1000);
	}
	events++;
}

static void step(uint32_t i)
{
	struct thread *t = &threads[i];
	const uint64_t now = t->next_ns;
	switch (t->what) {
	case RUN:
		act(i, now);
		break;
	case WOKEN:
		unblock(i, i, now);
		go_on(i, now + 60);
		break;
	case NEEDS_WAKER:
		wake(i, now);
		break;
	case IN_SYSCALL:
		gt_w_GoSyscallEnd(room(i, now), (gt_ns){ now });
		t->what = RUN;
		t->next_ns = now + some_time(4000);
		events++;
		break;
	}
}

static uint64_t parse_size(const char *text)
{
	char *unit;
	const uint64_t n = strtoull(text, &unit, 10);
	return *unit == 'G' ? n << 30 : *unit == 'M' ? n << 20 : *unit == 'K' ? n << 10 : n;
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 5 || !(out = fopen(argv[1], "wb"))) {
		fprintf(stderr, "usage: bigtrace FILE BYTES [THREADS [SEED]]\n");
		return 2;
	}
	const uint64_t bytes = parse_size(argv[2]);
	if (argc > 3)
		n_threads = (uint32_t)strtoul(argv[3], NULL, 10);
	if (argc > 4)
		seed = strtoull(argv[4], NULL, 10);
	if (n_threads < 1 || n_threads > MAX_THREADS)
		return 2;
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	put(GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	for (uint32_t i = 0; i < n_threads; i++) {
		heap[i] = i;
		threads[i].next_ns = START_NS + 1000 + i * 100ULL;
	}
	begin_generation(START_NS);
	while (written < bytes) {
		const uint64_t end = START_NS + gen * PERIOD_NS;
		while (threads[heap[0]].next_ns < end) {
			step(heap[0]);
			sift_down();
		}
		end_generation();
		if (written < bytes)
			begin_generation(end);
	}
	if (fclose(out) != 0) {
		perror(argv[1]);
		return 1;
	}
	printf("%s: %" PRIu64 " bytes, %" PRIu64 " events, %" PRIu64 " generations, %u threads\n",
	       argv[1], written, events, gen, n_threads);
	return 0;
}
