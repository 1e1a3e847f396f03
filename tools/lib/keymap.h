/* Any bytes as a key -> a dense index 0, 1, 2 ...: for tables that are collected over many
 * generations. */
#ifndef GT_KEYMAP_H
#define GT_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_keymap_key {
	char *bytes; /* a zero follows them */
	size_t len;
};

/* Zero-initialised. */
struct gt_keymap {
	struct gt_keymap_key *keys;
	size_t n, cap;
	size_t *slots; /* index + 1, 0 = empty */
	size_t n_slots;
};

/* Index of the key; *is_new (may be NULL) says that it was given just now. The bytes are copied. */
size_t gt_keymap_put(struct gt_keymap *m, const void *key, size_t len, bool *is_new);

void gt_keymap_free(struct gt_keymap *m);

#endif
