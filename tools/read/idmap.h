/*
 * id -> index. Ids in files are mostly small and dense, but nobody promises it: small ones are
 * looked up in an array, the others in a hash table. Memory stays within a small multiple of the
 * number of entries.
 */
#ifndef GT_READ_IDMAP_H
#define GT_READ_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#define GT_NO_INDEX UINT32_MAX

struct gt_idmap {
	uint32_t *dense; /* dense[id] = index + 1; 0 = look into the hash table */
	uint64_t n_dense;
	uint64_t *keys; /* hash table with linear probing; vals[i] = index + 1, 0 = empty */
	uint32_t *vals;
	uint32_t n_slots; /* power of two, or 0 */
	uint32_t n_hashed;
	uint32_t n; /* entries */
	uint64_t seed;
};

void gt_idmap_free(struct gt_idmap *m);

/* Forgets the entries; keeps the memory if it was well used. */
void gt_idmap_clear(struct gt_idmap *m);

uint32_t gt_idmap_get_hashed(const struct gt_idmap *m, uint64_t id);

/* Index of `id`, or GT_NO_INDEX. */
static inline uint32_t gt_idmap_get(const struct gt_idmap *m, uint64_t id)
{
	if (id < m->n_dense && m->dense[id])
		return m->dense[id] - 1;
	return m->n_hashed ? gt_idmap_get_hashed(m, id) : GT_NO_INDEX;
}

/* Adds `id`, which must not be there. False when there is no memory. */
bool gt_idmap_put(struct gt_idmap *m, uint64_t id, uint32_t index);

/* Removes `id`; nothing happens when it is not there. */
void gt_idmap_remove(struct gt_idmap *m, uint64_t id);

#endif
