/* Which file was mapped where, over the whole trace (MODULE records). */
#ifndef GT_SYMBOL_MAPS_H
#define GT_SYMBOL_MAPS_H

#include "tools/lib/keymap.h"
#include "tools/read/gen.h"

struct gt_map {
	uint64_t start, end, offset;
	size_t module; /* index into gt_maps.modules */
};

/* Zero-initialised. */
struct gt_maps {
	struct gt_keymap modules; /* path, zero, build id */
	struct gt_map *list;      /* the newest last */
	size_t n, cap;
};

void gt_maps_free(struct gt_maps *maps);

/* Takes in the MODULE records of a generation. Mappings of before stay known: libraries are closed.
 */
void gt_maps_add(struct gt_maps *maps, const struct gt_gen *g);

/* The newest mapping of file `path` that holds `pc`, or NULL. */
const struct gt_map *gt_maps_find(const struct gt_maps *maps, uint64_t pc, struct gt_text path);

static inline uint64_t gt_map_offset(const struct gt_map *m, uint64_t pc)
{
	return pc - m->start + m->offset;
}

const char *gt_maps_path(const struct gt_maps *maps, size_t module);
const char *gt_maps_build_id(const struct gt_maps *maps, size_t module);

#endif
