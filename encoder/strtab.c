/* Strings by open addressing with linear probing; the texts lie one behind the other in `text`. */
#include "encoder/strtab.h"

#include "encoder/hash.h"

/* What precedes the bytes of a text. */
struct entry {
	uint64_t id;
	uint32_t len;
};
#define GT_ENTRY_HEAD 12 /* N.B. not sizeof(struct entry), which ends in padding */

void gt_strtab_init(struct gt_strtab *t, uint64_t *slots, uint32_t n_slots, void *text,
		    size_t text_cap, _Atomic uint64_t *next_id)
{
	*t = (struct gt_strtab){
		.slots = slots,
		.n_slots = n_slots,
		.text = text,
		/* an offset + 1 must fit into half a slot */
		.text_cap = text_cap < UINT32_MAX ? text_cap : UINT32_MAX,
		.next_id = next_id,
	};
}

void gt_strtab_reset(struct gt_strtab *t)
{
	if (t->used) /* an unused table stays untouched, and its pages unmapped */
		memset(t->slots, 0, t->n_slots * sizeof(*t->slots));
	t->used = 0;
	t->text_len = 0;
}

static uint32_t hash_of(const char *text, size_t len)
{
	uint64_t h = gt_hash_mix(len, GT_HASH_SEED);
	while (len) {
		const size_t n = len < 8 ? len : 8;
		uint64_t word = 0;
		memcpy(&word, text, n);
		h = gt_hash_mix(h ^ word, GT_HASH_SEED);
		text += n;
		len -= n;
	}
	return (uint32_t)h;
}

/* Whether the entry of `slot` is this text; its id goes to *id. */
static bool is_same(const struct gt_strtab *t, uint64_t slot, const char *text, size_t len,
		    gt_str *id)
{
	const uint8_t *at = t->text + (uint32_t)slot - 1;
	struct entry e;
	memcpy(&e, at, GT_ENTRY_HEAD);
	if (e.len != len || memcmp(at + GT_ENTRY_HEAD, text, len) != 0)
		return false;
	id->v = e.id;
	return true;
}

/* Copies the text behind the others. Returns false when it or another slot does not fit. */
static bool add(struct gt_strtab *t, uint64_t *slot, uint32_t hash, const char *text, size_t len,
		gt_str *id)
{
	/* Beyond 3/4 probes get long. N.B. subtracted, so that even one slot can be used. */
	if (t->used >= t->n_slots - t->n_slots / 4)
		return false;
	const size_t left = t->text_cap - t->text_len;
	if (left < GT_ENTRY_HEAD || left - GT_ENTRY_HEAD < len)
		return false;

	/* Relaxed: the number only has to be unique; the text is read by this user alone. */
	const struct entry e = { atomic_fetch_add_explicit(t->next_id, 1, memory_order_relaxed),
				 (uint32_t)len };
	uint8_t *at = t->text + t->text_len;
	memcpy(at, &e, GT_ENTRY_HEAD);
	memcpy(at + GT_ENTRY_HEAD, text, len);
	*slot = (uint64_t)hash << 32 | (t->text_len + 1);

	const size_t end = (t->text_len + GT_ENTRY_HEAD + len + 7) & ~(size_t)7;
	t->text_len = end < t->text_cap ? end : t->text_cap;
	t->used++;
	id->v = e.id;
	return true;
}

gt_str gt_strtab_put(struct gt_strtab *t, const char *text, size_t len, bool *is_new)
{
	gt_str id = { 0 };
	*is_new = false;
	if (!len)
		return id;

	const uint32_t hash = hash_of(text, len);
	const uint32_t mask = t->n_slots - 1;
	for (uint32_t i = 0; i < t->n_slots; i++) { /* N.B. a tiny table has no empty slot */
		uint64_t *slot = &t->slots[(hash + i) & mask];
		if (!*slot) {
			*is_new = add(t, slot, hash, text, len, &id);
			return id;
		}
		if (*slot >> 32 == hash && is_same(t, *slot, text, len, &id))
			return id;
	}
	return id;
}
