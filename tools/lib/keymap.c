#include "tools/lib/keymap.h"

#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, then mixed: its low bits alone are weak */
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return (h ^ h >> 32) * 0x9e3779b97f4a7c15u >> 16;
}

/* The slot of the key, or the empty one where it belongs. */
static size_t *probe(const struct gt_keymap *m, const void *key, size_t len)
{
	for (size_t i = hash(key, len);; i++) {
		size_t *slot = &m->slots[i & (m->n_slots - 1)];
		if (*slot == 0)
			return slot;
		const struct gt_keymap_key *k = &m->keys[*slot - 1];
		if (k->len == len && memcmp(k->bytes, key, len) == 0)
			return slot;
	}
}

static void grow(struct gt_keymap *m)
{
	m->n_slots = m->n_slots == 0 ? 64 : 2 * m->n_slots;
	m->slots = gt_mem_resize(m->slots, m->n_slots, sizeof(*m->slots));
	memset(m->slots, 0, m->n_slots * sizeof(*m->slots));
	for (size_t i = 0; i < m->n; i++)
		*probe(m, m->keys[i].bytes, m->keys[i].len) = i + 1;
}

size_t gt_keymap_put(struct gt_keymap *m, const void *key, size_t len, bool *is_new)
{
	if (2 * m->n >= m->n_slots)
		grow(m);
	size_t *slot = probe(m, key, len);
	if (is_new != NULL)
		*is_new = *slot == 0;
	if (*slot != 0)
		return *slot - 1;

	char *bytes = gt_mem_resize(NULL, len + 1, 1);
	memcpy(bytes, key, len);
	bytes[len] = '\0';
	m->keys = gt_mem_grow(m->keys, m->n, &m->cap, sizeof(*m->keys));
	m->keys[m->n] = (struct gt_keymap_key){ bytes, len };
	*slot = ++m->n;
	return m->n - 1;
}

void gt_keymap_free(struct gt_keymap *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->keys[i].bytes);
	free(m->keys);
	free(m->slots);
	*m = (struct gt_keymap){ 0 };
}
