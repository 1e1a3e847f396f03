/*
 * Threads put stacks from one small pool into one table, round after round, while another looks at
 * every id it can see. Every table size is tried, also those that get full.
 *
 *   stress_stacktab [SEED [ROUNDS]]
 *
 * The same seed puts the same stacks in the same order; who wins a race is up to the machine.
 */
#include "encoder/stacktab.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS   4
#define POOL      512
#define PUTS      2000 /* by each thread and round */
#define MAX_DEPTH 40
#define SLOTS     2048
#define WORDS     (SLOTS * MAX_DEPTH)
#define UNTOUCHED 0xeeeeeeeeeeeeeeee

static _Atomic uint64_t slots[SLOTS];
static _Atomic uint32_t ids[SLOTS + 1];
static uint64_t words[WORDS];
static struct gt_stacktab table;

static uint64_t pool[POOL][MAX_DEPTH]; /* [i][0] is i + 1, so that frames name their stack */
static size_t depth[POOL];

static pthread_barrier_t gate;
static _Atomic int racing; /* putters still at work */
static _Atomic bool failed;

struct putter {
	uint64_t rng;
	uint64_t id[POOL]; /* what each stack got in this round; 0 = nothing yet */
	uint32_t refused;
};

static struct putter putters[THREADS];

#define CHECK(cond, what, number)                                                                  \
	do {                                                                                       \
		if (!(cond) && !atomic_exchange(&failed, true))                                    \
			fprintf(stderr, "%s: %" PRIu64 "\n", what, (uint64_t)(number));            \
	} while (0)

/* splitmix64 */
static uint64_t next(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void fill_pool(uint64_t *rng)
{
	for (size_t i = 0; i < POOL; i++) {
		depth[i] = 1 + next(rng) % MAX_DEPTH;
		pool[i][0] = i + 1;
		for (size_t k = 1; k < depth[i]; k++)
			pool[i][k] = next(rng);
	}
}

static void put_one(struct putter *p, size_t i)
{
	const uint64_t id = gt_stacktab_put(&table, pool[i], depth[i]).v;
	if (!id)
		p->refused++;
	CHECK(id || !p->id[i], "a stack was found once and lost later", i);
	CHECK(!p->id[i] || p->id[i] == id, "a thread saw two ids for stack", i);
	p->id[i] = id;
}

static void *put_all(void *arg)
{
	struct putter *p = arg;
	memset(p->id, 0, sizeof(p->id));
	p->refused = 0;
	pthread_barrier_wait(&gate);
	/* First all of them in one order, to collide as often as possible, then as it comes. */
	for (size_t i = 0; i < POOL; i++)
		put_one(p, i);
	for (size_t n = POOL; n < PUTS; n++)
		put_one(p, next(&p->rng) % POOL);
	/* Release: what this thread did is over; the looker's load acquires. */
	atomic_fetch_sub_explicit(&racing, 1, memory_order_release);
	return NULL;
}

/* What the table shows for `id` is nothing (0), or a whole stack of the pool (its index + 1). */
static uint64_t look(uint64_t id)
{
	const uint64_t *pcs = NULL;
	const size_t n = gt_stacktab_get(&table, id, &pcs);
	if (!n)
		return 0;
	const uint64_t i = pcs[0] - 1;
	CHECK(i < POOL && depth[i] == n && memcmp(pool[i], pcs, n * sizeof(*pcs)) == 0,
	      "torn stack", id);
	return pcs[0];
}

static void *look_around(void *arg)
{
	pthread_barrier_wait(&gate);
	while (atomic_load_explicit(&racing, memory_order_acquire))
		for (uint32_t id = 0; id <= gt_stacktab_end(&table); id++)
			look(id);
	return arg;
}

/* After a round, alone: all threads agree, and every id shows the stack it was given for. */
static void check_round(void)
{
	uint32_t refused = 0, shown = 0, known = 0;
	for (int k = 0; k < THREADS; k++)
		refused += putters[k].refused;
	CHECK(refused == atomic_load(&table.lost), "`lost` is not what was refused", refused);

	for (size_t i = 0; i < POOL; i++) {
		uint64_t id = 0;
		for (int k = 0; k < THREADS; k++) {
			CHECK(!id || !putters[k].id[i] || putters[k].id[i] == id,
			      "two ids for stack", i);
			id = putters[k].id[i] ? putters[k].id[i] : id;
		}
		CHECK(!id || look(id) == i + 1, "wrong stack behind id", id);
		known += id != 0;
	}
	for (size_t i = table.n_words; i < WORDS; i++)
		CHECK(words[i] == UNTOUCHED, "written behind the last word", i);
	for (uint32_t id = 0; id <= table.max_id; id++)
		shown += look(id) != 0;
	CHECK(shown == known, "stacks shown that nobody was given", shown - known);
}

static void run_round(void)
{
	pthread_t threads[THREADS + 1];
	atomic_store(&racing, THREADS);
	for (int k = 0; k < THREADS; k++)
		if (pthread_create(&threads[k], NULL, put_all, &putters[k]))
			abort();
	if (pthread_create(&threads[THREADS], NULL, look_around, NULL))
		abort();
	for (int k = 0; k <= THREADS; k++)
		pthread_join(threads[k], NULL);
}

/* Sizes from far too small to ample, each limit at its own. */
static void init_table(uint64_t *rng)
{
	const uint32_t n_slots = 1u << (3 + next(rng) % 9);
	const uint32_t max_id = next(rng) % 2 ? SLOTS : (uint32_t)(1 + next(rng) % SLOTS);
	const uint32_t n_words = next(rng) % 2 ? WORDS : (uint32_t)(1 + next(rng) % WORDS);
	for (size_t i = 0; i < WORDS; i++)
		words[i] = UNTOUCHED;
	gt_stacktab_init(&table, slots, n_slots, ids, max_id, words, n_words);
}

static void check_empty(void)
{
	for (size_t i = 0; i < SLOTS; i++)
		CHECK(!atomic_load(&slots[i]), "slot left by a reset", i);
	for (size_t i = 0; i <= SLOTS; i++)
		CHECK(!atomic_load(&ids[i]), "id left by a reset", i);
}

int main(int argc, char **argv)
{
	const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	const unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 300;
	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);

	uint64_t rng = seed;
	pthread_barrier_init(&gate, NULL, THREADS + 1);
	for (int k = 0; k < THREADS; k++)
		putters[k].rng = next(&rng);
	for (unsigned long round = 0; round < rounds && !atomic_load(&failed); round++) {
		fill_pool(&rng);
		init_table(&rng);
		run_round();
		check_round();
		gt_stacktab_reset(&table);
		check_empty();
	}
	return atomic_load(&failed);
}
