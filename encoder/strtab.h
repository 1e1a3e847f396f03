/*
 * String -> id within one generation. One user at a time. The memory is the caller's; ids come from
 * a counter that the caller may share with others who hand out string ids of the same generation.
 */
#ifndef GT_STRTAB_H
#define GT_STRTAB_H

#include "encoder/batch.h"

#include <stdatomic.h>

struct gt_strtab {
	uint64_t *slots;   /* hash in the upper half, offset of the text + 1 below; 0 = empty */
	uint32_t n_slots;  /* power of two */
	uint32_t n_active; /* of them, in use so far; power of two */
	uint32_t used;
	uint8_t *text; /* entries: id (8 bytes), len (4 bytes), bytes; each 8-aligned */
	size_t text_cap, text_len;
	_Atomic uint64_t *next_id;
};

/* Over zeroed slots[n_slots] (power of two) and text[text_cap]; new strings get *next_id on. */
void gt_strtab_init(struct gt_strtab *t, uint64_t *slots, uint32_t n_slots, void *text,
		    size_t text_cap, _Atomic uint64_t *next_id);

/* Forgets everything (a new generation begins); next_id is the caller's to reset. */
void gt_strtab_reset(struct gt_strtab *t);

/*
 * Id of text[0..len); *is_new says whether it was given just now and has to be written. The empty
 * string is id 0. Returns id 0 with *is_new false when the table is full (3/4 of the slots or all
 * text used), which the caller counts.
 */
gt_str gt_strtab_put(struct gt_strtab *t, const char *text, size_t len, bool *is_new);

#endif
