#include "tools/read/idmap.h"

#include <stdlib.h>
#include <string.h>

/* Finalizer of MurmurHash3; the seed keeps a file from choosing its collisions. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static uint32_t slot_of(const struct gt_idmap *m, uint64_t id)
{
	return (uint32_t)(mix(id ^ m->seed)) & (m->n_slots - 1);
}

void gt_idmap_free(struct gt_idmap *m)
{
	free(m->dense);
	free(m->keys);
	free(m->vals);
	memset(m, 0, sizeof(*m));
}

void gt_idmap_clear(struct gt_idmap *m)
{
	/* One large generation and a million small ones must not cost a million large clearings. */
	if (m->n_dense + m->n_slots > 16 * ((uint64_t)m->n + 256)) {
		gt_idmap_free(m);
		return;
	}
	if (m->n_dense)
		memset(m->dense, 0, m->n_dense * sizeof(*m->dense));
	if (m->n_slots)
		memset(m->vals, 0, m->n_slots * sizeof(*m->vals));
	m->n = m->n_hashed = 0;
}

uint32_t gt_idmap_get_hashed(const struct gt_idmap *m, uint64_t id)
{
	const uint32_t mask = m->n_slots - 1;
	for (uint32_t i = slot_of(m, id); m->vals[i]; i = (i + 1) & mask) {
		if (m->keys[i] == id)
			return m->vals[i] - 1;
	}
	return GT_NO_INDEX;
}

static void put_slot(struct gt_idmap *m, uint64_t id, uint32_t val)
{
	const uint32_t mask = m->n_slots - 1;
	uint32_t i = slot_of(m, id);
	while (m->vals[i])
		i = (i + 1) & mask;
	m->keys[i] = id;
	m->vals[i] = val;
}

static bool rehash(struct gt_idmap *m)
{
	const uint32_t old_n = m->n_slots, n = old_n ? 2 * old_n : 16;
	uint64_t *old_keys = m->keys, *keys = malloc(n * sizeof(*keys));
	uint32_t *old_vals = m->vals, *vals = calloc(n, sizeof(*vals));
	if (n < old_n || !keys || !vals) {
		free(keys);
		free(vals);
		return false;
	}
	m->keys = keys;
	m->vals = vals;
	m->n_slots = n;
	m->seed = mix((uint64_t)(uintptr_t)m); /* differs from run to run */
	for (uint32_t i = 0; i < old_n; i++) {
		if (old_vals[i])
			put_slot(m, old_keys[i], old_vals[i]);
	}
	free(old_keys);
	free(old_vals);
	return true;
}

/* Room in the array for `id`, if that is worth it: at most four words per entry are wasted. */
static bool make_dense(struct gt_idmap *m, uint64_t id)
{
	if (id < m->n_dense)
		return true;
	const uint64_t limit = 4 * ((uint64_t)m->n + 16);
	if (id >= limit)
		return false;
	uint32_t *d = reallocarray(m->dense, limit, sizeof(*d));
	if (!d)
		return false;
	memset(d + m->n_dense, 0, (limit - m->n_dense) * sizeof(*d));
	m->dense = d;
	m->n_dense = limit;
	return true;
}

bool gt_idmap_put(struct gt_idmap *m, uint64_t id, uint32_t index)
{
	if (make_dense(m, id)) {
		m->dense[id] = index + 1;
	} else {
		if (4 * ((uint64_t)m->n_hashed + 1) > 3 * (uint64_t)m->n_slots && !rehash(m))
			return false;
		put_slot(m, id, index + 1);
		m->n_hashed++;
	}
	m->n++;
	return true;
}

/* Closes the gap at slot `hole` so that no search ends there too early. */
static void close_gap(struct gt_idmap *m, uint32_t hole)
{
	const uint32_t mask = m->n_slots - 1;
	for (uint32_t i = (hole + 1) & mask; m->vals[i]; i = (i + 1) & mask) {
		const uint32_t home = slot_of(m, m->keys[i]);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->keys[hole] = m->keys[i];
		m->vals[hole] = m->vals[i];
		hole = i;
	}
	m->vals[hole] = 0;
}

void gt_idmap_remove(struct gt_idmap *m, uint64_t id)
{
	if (id < m->n_dense && m->dense[id]) {
		m->dense[id] = 0;
		m->n--;
		return;
	}
	if (!m->n_hashed)
		return;
	const uint32_t mask = m->n_slots - 1;
	for (uint32_t i = slot_of(m, id); m->vals[i]; i = (i + 1) & mask) {
		if (m->keys[i] != id)
			continue;
		close_gap(m, i);
		m->n_hashed--;
		m->n--;
		return;
	}
}
