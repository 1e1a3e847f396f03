/*
 * Stacks by open addressing with linear probing.
 *
 * A put that finds an empty slot first makes its entry: words, then index[id]; then it tries to put
 * the id into the slot. Whoever comes second sees the first one's slot: the same stack ends the
 * put, another one sends it on to the next slot with the entry it has already made.
 *
 * Invariants (1 and 2 in the header)
 *
 * 3. A slot changes once between two resets, from 0. Otherwise two probes for one stack could stop
 *    at different slots and give it two ids.
 * 4. Counters are looked at before they are raised. Otherwise puts into a full table, counted
 *    2^32 times, would wrap them around to ids that are in use. Racing puts can push a
 *    counter beyond its limit by one entry each, no more.
 *
 * Corner cases
 *
 * - A signal handler interrupts a put of its own thread and puts the same stack: the handler wins,
 *   the interrupted put loses the race like any other.
 * - A fork in the middle of a put leaves words and perhaps an id that no slot names.
 */
#include "encoder/stacktab.h"

#include "encoder/hash.h"
#include "encoder/section.h"

/*
 * A reset clears single slots when fewer than one in this many is used. Finding one costs about as
 * much as clearing two cache lines, and leaves pages alone that were never touched.
 */
#define GT_SPARSE 16

void gt_stacktab_init(struct gt_stacktab *t, _Atomic uint64_t *slots, uint32_t n_slots,
		      _Atomic uint32_t *index, uint32_t max_id, uint64_t *words, uint32_t n_words)
{
	t->slots = slots;
	t->n_slots = n_slots;
	t->index = index;
	t->max_id = max_id;
	t->words = words;
	t->n_words = n_words;
	atomic_init(&t->next_id, 1);
	atomic_init(&t->next_word, 0);
	atomic_init(&t->lost, 0);
}

/* The largest id: beyond 3/4 of the slots probes get long. */
static uint32_t last_id(const struct gt_stacktab *t)
{
	const uint32_t limit = t->n_slots - t->n_slots / 4;
	return t->max_id < limit ? t->max_id : limit;
}

uint32_t gt_stacktab_end(const struct gt_stacktab *t)
{
	const uint32_t next = atomic_load_explicit(&t->next_id, memory_order_relaxed);
	const uint32_t last = last_id(t);
	return next <= last ? next : last + 1; /* see invariant 4 */
}

/* Empties the one slot that holds `id`, whose stack has this hash. Relaxed: nobody else is here. */
static void clear_slot(struct gt_stacktab *t, uint32_t hash, uint32_t id)
{
	const uint32_t mask = t->n_slots - 1;
	/* N.B. an empty slot is not the end of the chain: it may have been cleared just now. */
	for (uint32_t i = 0; i < t->n_slots; i++) {
		_Atomic uint64_t *slot = &t->slots[(hash + i) & mask];
		if ((uint32_t)atomic_load_explicit(slot, memory_order_relaxed) == id) {
			atomic_store_explicit(slot, 0, memory_order_relaxed);
			return;
		}
	}
}

void gt_stacktab_reset(struct gt_stacktab *t)
{
	const uint32_t end = gt_stacktab_end(t);
	if (end > t->n_slots / GT_SPARSE) {
		memset((void *)t->slots, 0, t->n_slots * sizeof(*t->slots));
	} else {
		for (uint32_t id = 1; id < end; id++) {
			const uint32_t at =
				atomic_load_explicit(&t->index[id], memory_order_relaxed);
			if (at)
				clear_slot(t, (uint32_t)(t->words[at - 1] >> 32), id);
		}
	}
	memset((void *)t->index, 0, end * sizeof(*t->index));
	/* Relaxed: handing the table to other threads, the caller's duty, orders these stores. */
	atomic_store_explicit(&t->next_id, 1, memory_order_relaxed);
	atomic_store_explicit(&t->next_word, 0, memory_order_relaxed);
	atomic_store_explicit(&t->lost, 0, memory_order_relaxed);
}

static uint32_t hash_of(const uint64_t *pcs, size_t n)
{
	uint64_t h = gt_hash_mix(n, GT_HASH_SEED);
	size_t i = 0;
	for (; i + 1 < n; i += 2)
		h = gt_hash_mix(h ^ pcs[i], GT_HASH_SEED ^ pcs[i + 1]);
	if (i < n)
		h = gt_hash_mix(h ^ pcs[i], GT_HASH_SEED);
	return (uint32_t)h;
}

/* First word of an entry. */
static uint64_t head_of(uint32_t hash, size_t n)
{
	return (uint64_t)hash << 32 | n;
}

/* Whether entry `id`, read from a slot with acquire, is this stack. */
static bool is_same(const struct gt_stacktab *t, uint32_t id, uint64_t head, const uint64_t *pcs,
		    size_t n)
{
	/* Relaxed: index[id] was written before the slot that told us the id. */
	const uint32_t at = atomic_load_explicit(&t->index[id], memory_order_relaxed);
	const uint64_t *entry = &t->words[at - 1];
	return entry[0] == head && memcmp(entry + 1, pcs, n * sizeof(*pcs)) == 0;
}

/* Writes an entry and returns its id, or 0 when ids or words are used up. */
static uint32_t make_entry(struct gt_stacktab *t, uint64_t head, const uint64_t *pcs, size_t n)
{
	/* Relaxed throughout: the counters only have to give every number once. */
	const uint32_t need = (uint32_t)n + 1;
	if (atomic_load_explicit(&t->next_id, memory_order_relaxed) > last_id(t) ||
	    atomic_load_explicit(&t->next_word, memory_order_relaxed) + (uint64_t)need > t->n_words)
		return 0;
	const uint32_t at = atomic_fetch_add_explicit(&t->next_word, need, memory_order_relaxed);
	if (at + (uint64_t)need > t->n_words)
		return 0;
	const uint32_t id = atomic_fetch_add_explicit(&t->next_id, 1, memory_order_relaxed);
	if (id > last_id(t))
		return 0;

	t->words[at] = head;
	memcpy(&t->words[at + 1], pcs, n * sizeof(*pcs));
	/* Release: to gt_stacktab_get(), which does not come by way of a slot. */
	atomic_store_explicit(&t->index[id], at + 1, memory_order_release);
	return id;
}

/* An entry whose race was lost: no event names it, so it must not look like a stack. */
static gt_stack drop_entry(struct gt_stacktab *t, uint32_t id, uint32_t winner)
{
	if (id)
		atomic_store_explicit(&t->index[id], 0, memory_order_relaxed);
	return (gt_stack){ winner };
}

gt_stack gt_stacktab_put(struct gt_stacktab *t, const uint64_t *pcs, size_t n)
{
	if (!n)
		return (gt_stack){ 0 };
	if (n > GT_STACK_MAX)
		n = GT_STACK_MAX;

	const uint32_t hash = hash_of(pcs, n);
	const uint64_t head = head_of(hash, n);
	uint32_t mine = 0;
	for (uint32_t i = 0; i < t->n_slots; i++) {
		_Atomic uint64_t *slot = &t->slots[(hash + i) & (t->n_slots - 1)];
		/* Acquire: pairs with the exchange below, before we read the entry. */
		uint64_t seen = atomic_load_explicit(slot, memory_order_acquire);
		if (!seen) {
			if (!mine && !(mine = make_entry(t, head, pcs, n)))
				break;
			/* Release: our entry before the slot. Acquire: the winner's, as above. */
			if (atomic_compare_exchange_strong_explicit(
				    slot, &seen, head_of(hash, mine), memory_order_acq_rel,
				    memory_order_acquire))
				return (gt_stack){ mine };
		}
		if (seen >> 32 == hash && is_same(t, (uint32_t)seen, head, pcs, n))
			return drop_entry(t, mine, (uint32_t)seen);
	}
	drop_entry(t, mine, 0);
	atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
	return (gt_stack){ 0 };
}

size_t gt_stacktab_get(const struct gt_stacktab *t, uint64_t id, const uint64_t **pcs)
{
	if (id > t->max_id)
		return 0;
	/* Acquire: pairs with make_entry(). N.B. index[0] is never written: id 0 is no stack. */
	const uint32_t at = atomic_load_explicit(&t->index[id], memory_order_acquire);
	if (!at)
		return 0;
	*pcs = &t->words[at];
	return (uint32_t)t->words[at - 1];
}
