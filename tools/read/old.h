/*
 * Traces of Go 1.5 to 1.21: read whole, put in order, checked by the rules of Go 1.19's own parser,
 * and told anew as a Go 1.23 trace of one generation, which the rest of the reader takes as it is.
 */
#ifndef GT_READ_OLD_H
#define GT_READ_OLD_H

#include "tools/lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
enum gt_old_id {
#define GT_OLD(id, name, since, old, from, args, stack) GT_OLD_##name = id,
#include "tools/read/old.def"
#undef GT_OLD
};
/* clang-format on */

#define GT_OLD_VERSION 23 /* of what is made of it */

/* 5 to 21 if these 16 bytes are the header of an old format that is read; otherwise 0. */
int gt_old_version(const uint8_t header[16]);

/*
 * The trace bytes[0..len), header included, in the new format: *out, to be freed by the caller, and
 * its length. *left_out = number of events for which the new format has no place. 0, or -code with
 * *err and nothing in *out.
 */
int gt_old_convert(const uint8_t *bytes, size_t len, uint8_t **out, size_t *out_len,
		   uint64_t *left_out, struct gt_err *err);

#endif
