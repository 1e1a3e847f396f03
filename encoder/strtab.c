/*
 * Strings by open addressing with linear probing; the texts lie one behind the other in `text`.
 *
 * Only the first `n_active` slots are in use: few strings touch few pages, and forgetting them is
 * cheap. More are taken into use when half of them are full.
 */
#include "encoder/strtab.h"

#include "encoder/hash.h"

/* What precedes the bytes of a text. */
struct entry {
	uint64_t id;
	uint32_t len;
};
#define GT_ENTRY_HEAD 12 /* N.B. not sizeof(struct entry), which ends in padding */
#define FIRST_SLOTS   256u

void gt_strtab_init(struct gt_strtab *t, uint64_t *slots, uint32_t n_slots, void *text,
		    size_t text_cap, _Atomic uint64_t *next_id)
{
	*t = (struct gt_strtab){
		.slots = slots,
		.n_slots = n_slots,
		.n_active = n_slots < FIRST_SLOTS ? n_slots : FIRST_SLOTS,
		.text = text,
		/* an offset + 1 must fit into half a slot */
		.text_cap = text_cap < UINT32_MAX ? text_cap : UINT32_MAX,
		.next_id = next_id,
	};
}

void gt_strtab_reset(struct gt_strtab *t)
{
	if (t->used) /* an unused table stays untouched, and its pages unmapped */
		memset(t->slots, 0, t->n_active * sizeof(*t->slots));
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

static size_t end_of_entry(const struct gt_strtab *t, size_t at, size_t len)
{
	const size_t end = (at + GT_ENTRY_HEAD + len + 7) & ~(size_t)7;
	return end < t->text_cap ? end : t->text_cap;
}

/* Four times the slots; each text finds its place anew. */
static void grow(struct gt_strtab *t)
{
	memset(t->slots, 0, t->n_active * sizeof(*t->slots));
	t->n_active = t->n_slots / 4 > t->n_active ? t->n_active * 4 : t->n_slots;
	const uint32_t mask = t->n_active - 1;
	for (size_t at = 0; at < t->text_len;) {
		struct entry e;
		memcpy(&e, t->text + at, GT_ENTRY_HEAD);
		const uint32_t hash = hash_of((const char *)t->text + at + GT_ENTRY_HEAD, e.len);
		uint32_t i = hash;
		while (t->slots[i & mask])
			i++;
		t->slots[i & mask] = (uint64_t)hash << 32 | (at + 1);
		at = end_of_entry(t, at, e.len);
	}
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

	t->text_len = end_of_entry(t, t->text_len, len);
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

	if (t->used >= t->n_active / 2 && t->n_active < t->n_slots)
		grow(t);
	const uint32_t hash = hash_of(text, len);
	const uint32_t mask = t->n_active - 1;
	for (uint32_t i = 0; i < t->n_active; i++) { /* N.B. a tiny table has no empty slot */
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
