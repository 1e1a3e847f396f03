/*
 * Names of addresses in a program's data: "cache_lock", "queue+0x28", from the symbol tables of the
 * modules that the trace tells of.
 */
#ifndef GT_SYMBOL_DATA_H
#define GT_SYMBOL_DATA_H

#include "tools/symbol/maps.h"
#include "tools/symbol/place.h"

struct gt_data_file;

/* Zero-initialised; gt_maps_add(&n->maps, gen) with each generation. */
struct gt_data_names {
	struct gt_maps maps;
	struct gt_data_file *files; /* by module; data.c */
	size_t n_files;
};

/* Name of `address` into buf[cap]; false: it is in no variable that a symbol names. */
bool gt_data_name(struct gt_data_names *n, uint64_t address, char *buf, size_t cap);

void gt_data_names_free(struct gt_data_names *n);

#endif
