#include "tools/symbol/maps.h"

#include "tools/lib/mem.h"
#include "tools/read/rec.h"

#include <stdlib.h>
#include <string.h>

#define MAPS_MAX                                                                                   \
	4096 /* the oldest are forgotten: a list that is searched must not grow for ever           \
	      */

void gt_maps_free(struct gt_maps *maps)
{
	gt_keymap_free(&maps->modules);
	free(maps->list);
	*maps = (struct gt_maps){ 0 };
}

const char *gt_maps_path(const struct gt_maps *maps, size_t module)
{
	return maps->modules.keys[module].bytes;
}

const char *gt_maps_build_id(const struct gt_maps *maps, size_t module)
{
	const char *path = gt_maps_path(maps, module);
	return path + strlen(path) + 1;
}

/* A mapping that is there again becomes the newest. */
static void add(struct gt_maps *maps, const struct gt_map *m)
{
	size_t i = 0;
	while (i < maps->n && memcmp(&maps->list[i], m, sizeof(*m)) != 0)
		i++;
	if (i < maps->n) {
		memmove(&maps->list[i], &maps->list[i + 1], (maps->n - i - 1) * sizeof(*m));
		maps->list[maps->n - 1] = *m;
		return;
	}
	if (maps->n == MAPS_MAX)
		memmove(maps->list, maps->list + 1, --maps->n * sizeof(*m));
	maps->list = gt_mem_grow(maps->list, maps->n, &maps->cap, sizeof(*m));
	maps->list[maps->n++] = *m;
}

static size_t module_of(struct gt_maps *maps, struct gt_text path, struct gt_text build_id)
{
	char key[2048 + 2];
	if (memchr(path.p, 0, path.len) != NULL || path.len > 1024 || build_id.len > 1024)
		path.len = build_id.len = 0; /* no file is called so */
	memcpy(key, path.p, path.len);
	key[path.len] = 0;
	memcpy(key + path.len + 1, build_id.p, build_id.len);
	return gt_keymap_put(&maps->modules, key, path.len + 1 + build_id.len, NULL);
}

void gt_maps_add(struct gt_maps *maps, const struct gt_gen *g)
{
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	struct gt_err err;
	for (int rc; (rc = gt_rec_next(&it, &r, &err)) != 0;) {
		if (rc < 0 || r.kind != GT_REC_MODULE)
			continue;
		const struct gt_text path = gt_gen_text(g, r.field[3]);
		const struct gt_map m = { r.field[0], r.field[1], r.field[2],
					  module_of(maps, path, gt_gen_text(g, r.field[4])) };
		add(maps, &m);
	}
}

const struct gt_map *gt_maps_find(const struct gt_maps *maps, uint64_t pc, struct gt_text path)
{
	for (size_t i = maps->n; i-- > 0;) {
		const struct gt_map *m = &maps->list[i];
		const char *have = gt_maps_path(maps, m->module);
		if (pc - m->start < m->end - m->start && strlen(have) == path.len &&
		    memcmp(have, path.p, path.len) == 0)
			return m;
	}
	return NULL;
}
