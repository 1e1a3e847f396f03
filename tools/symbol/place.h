/* Where the code at an address comes from, told by one file's symbols and debug information. */
#ifndef GT_SYMBOL_PLACE_H
#define GT_SYMBOL_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A loadable part of a file. */
struct gt_segment {
	uint64_t offset, size; /* in the file */
	uint64_t vaddr;
};

/*
 * File offset -> the address that the file's symbols count in: the same for programs at fixed
 * addresses, position-independent ones and libraries. False: nothing is loaded from there.
 */
bool gt_segment_vaddr(const struct gt_segment *s, size_t n, uint64_t offset, uint64_t *vaddr);

/* One function at an address. Texts live as long as the gt_debug. */
struct gt_place {
	const char *func; /* symbol or plain name, maybe mangled; NULL = not known */
	const char *file; /* NULL = not known */
	uint64_t line;    /* 0 = not known */
};

#define GT_PLACES_MAX 32 /* functions at one address: deeper inlining is cut at its inner end */

struct gt_debug;

/* Was gtrace built with libdw? Without it no file can be opened. */
bool gt_debug_is_there(void);

/*
 * Looks for files and debug information in `dir`, too, which is laid out like /usr/lib/debug
 * (.build-id/xx/rest.debug, or paths). Before the first gt_debug_open(); NULL = nothing more.
 */
void gt_debug_set_dir(const char *dir);

/*
 * Opens `path` if its build id is `build_id` (hex; "" = it has none), else a file with that build
 * id from where the system keeps such, or from debuginfod if DEBUGINFOD_URLS is set. NULL: there is
 * none. Debug information is looked for in the file itself, by build id, by .gnu_debuglink and by
 * debuginfod; symbols also in .gnu_debugdata.
 */
struct gt_debug *gt_debug_open(const char *path, const char *build_id);
void gt_debug_close(struct gt_debug *d);

/* Has it line numbers at all? */
bool gt_debug_has_lines(struct gt_debug *d);

/*
 * Functions at `offset` of the file: inlined ones first, the innermost at [0], then the one that
 * all of them are in. `symbol` (may be NULL) is what the symbol table says of the last. Returns how
 * many: 0 = there is no debug information for it.
 */
size_t gt_debug_find(struct gt_debug *d, uint64_t offset, struct gt_place places[GT_PLACES_MAX],
		     const char **symbol);

/* The same for the function with symbol `name`, at its beginning. */
size_t gt_debug_find_name(struct gt_debug *d, const char *name,
			  struct gt_place places[GT_PLACES_MAX]);

/*
 * The variable at `vaddr`, an address that the file's symbols count in: its name, which lives as
 * long as the gt_debug, and how far inside it that is. NULL: no symbol covers it.
 */
const char *gt_debug_find_data(struct gt_debug *d, uint64_t vaddr, uint64_t *within);

/* File offset -> the address that the file's symbols count in. False: not loaded. */
bool gt_debug_vaddr(const struct gt_debug *d, uint64_t offset, uint64_t *vaddr);

#endif
