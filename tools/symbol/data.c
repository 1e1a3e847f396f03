/*
 * MODULE records tell of code only. A module's data lies behind its code, and before the code of
 * the next one: so the mapping nearest below the address is the only one that is looked at, and its
 * symbols are the judge. An address on the heap or a stack lies behind some module, too, but in
 * none of its symbols.
 */
#include "tools/symbol/data.h"

#include "tools/lib/demangle.h"
#include "tools/lib/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gt_data_file {
	struct gt_debug *debug; /* NULL = not there */
	bool is_asked;
};

/* The newest of those that begin nearest below. */
static const struct gt_map *below(const struct gt_maps *maps, uint64_t address)
{
	const struct gt_map *best = NULL;
	for (size_t i = 0; i < maps->n; i++) {
		const struct gt_map *m = &maps->list[i];
		if (m->start <= address && (best == NULL || m->start >= best->start))
			best = m;
	}
	return best;
}

static struct gt_debug *file_of(struct gt_data_names *n, size_t module)
{
	if (module >= n->n_files) {
		const size_t old = n->n_files;
		n->n_files = n->maps.modules.n;
		n->files = gt_mem_resize(n->files, n->n_files, sizeof(*n->files));
		memset(n->files + old, 0, (n->n_files - old) * sizeof(*n->files));
	}
	struct gt_data_file *f = &n->files[module];
	if (!f->is_asked)
		f->debug = gt_debug_open(gt_maps_path(&n->maps, module),
					 gt_maps_build_id(&n->maps, module));
	f->is_asked = true;
	return f->debug;
}

bool gt_data_name(struct gt_data_names *n, uint64_t address, char *buf, size_t cap)
{
	const struct gt_map *m = below(&n->maps, address);
	struct gt_debug *d = m != NULL ? file_of(n, m->module) : NULL;
	uint64_t start, within;
	if (d == NULL || !gt_debug_vaddr(d, m->offset, &start))
		return false;
	const char *name = gt_debug_find_data(d, address - m->start + start, &within);
	if (name == NULL)
		return false;
	char plain[512];
	const char *cxx = gt_demangle(plain, sizeof(plain), name, strlen(name));
	name = cxx != NULL ? cxx : name;
	if (within != 0)
		snprintf(buf, cap, "%s+0x%" PRIx64, name, within);
	else
		snprintf(buf, cap, "%s", name);
	return true;
}

void gt_data_names_free(struct gt_data_names *n)
{
	for (size_t i = 0; i < n->n_files; i++)
		gt_debug_close(n->files[i].debug);
	free(n->files);
	gt_maps_free(&n->maps);
	*n = (struct gt_data_names){ 0 };
}
