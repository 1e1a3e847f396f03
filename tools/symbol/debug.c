/*
 * Symbols and debug information by elfutils (libdwfl finds the files, libdw reads them).
 *
 * Each file is a Dwfl of its own, at its own addresses: where the program had it mapped is the
 * caller's arithmetic (gt_segment_vaddr), so that several programs and times can share it.
 *
 * Corner cases
 *
 * - Compilers other than gcc write no .debug_aranges: the compilation units are searched by their
 * ranges.
 * - At its first byte a function is itself, although the instruction there may belong to one that
 * was inlined: stacks name start routines by that address.
 * - Line 0 (code that stands for no line): the line of the function's declaration.
 */
#include "tools/symbol/place.h"

#ifdef GT_HAS_DW
#include "tools/lib/mem.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCOPES_MAX GT_PLACES_MAX

struct unit {
	Dwarf_Addr lo, hi;
	Dwarf_Die *die;
	Dwarf_Addr bias;
};

struct gt_debug {
	Dwfl *dwfl;
	Dwfl_Module *module;
	GElf_Addr bias; /* of dwfl's addresses to the file's */
	struct gt_segment *segments;
	size_t n_segments;
	struct unit *units; /* by address; filled when the first address is not found otherwise */
	size_t n_units;
	bool has_units;
	char **names; /* and paths that are made up of several texts */
	size_t n_names, cap_names;
};

static char *search_path; /* of libdwfl; NULL = its default */

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &search_path,
};

void gt_debug_set_dir(const char *dir)
{
	free(search_path);
	/* The default with one more, after what lies beside the program. */
	search_path = dir != NULL ? gt_mem_format(":.debug:%s:/usr/lib/debug", dir) : NULL;
}

bool gt_debug_is_there(void)
{
	return true;
}

/* ---- opening */

/* N.B. the path stands in a trace, which may be anybody's: it must not hang on a pipe. */
static int open_regular(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool has_build_id(Dwfl_Module *m, const char *want)
{
	const unsigned char *bits;
	GElf_Addr at;
	const int len = dwfl_module_build_id(m, &bits, &at);
	char hex[41] = "";
	for (int i = 0; i < len && i < 20; i++) {
		hex[2 * i] = "0123456789abcdef"[bits[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[bits[i] & 15];
		hex[2 * i + 2] = 0;
	}
	return strcmp(hex, want) == 0;
}

/* Takes the descriptor. */
static bool report(struct gt_debug *d, int fd, const char *path, const char *build_id)
{
	d->dwfl = dwfl_begin(&callbacks);
	if (d->dwfl != NULL) {
		d->module = dwfl_report_elf(d->dwfl, path, path, fd, 0, true);
		dwfl_report_end(d->dwfl, NULL, NULL);
	}
	if (d->module != NULL && has_build_id(d->module, build_id))
		return true;
	if (d->module == NULL)
		close(fd);
	dwfl_end(d->dwfl);
	d->dwfl = NULL;
	d->module = NULL;
	return false;
}

static size_t parse_hex(const char *hex, unsigned char bits[20])
{
	size_t n = 0;
	for (unsigned v; n < 20 && hex[2 * n] && hex[2 * n + 1]; n++) {
		const char two[3] = { hex[2 * n], hex[2 * n + 1], 0 };
		char *end;
		v = (unsigned)strtoul(two, &end, 16);
		if (*end)
			return 0;
		bits[n] = (unsigned char)v;
	}
	return n;
}

/* Descriptor of a file with this build id, or -1. */
static int open_by_build_id(const char *build_id)
{
	unsigned char bits[20];
	const size_t n = parse_hex(build_id, bits);
	Dwfl *dwfl = n > 0 ? dwfl_begin(&callbacks) : NULL;
	if (dwfl == NULL)
		return -1;
	/* Any address will do: only the id is looked at. */
	Dwfl_Module *m = dwfl_report_module(dwfl, "wanted", 0x1000, 0x2000);
	int fd = -1;
	char *name = NULL;
	Elf *elf = NULL;
	if (m != NULL && dwfl_module_report_build_id(m, bits, n, 0x1000) == 0)
		fd = dwfl_build_id_find_elf(m, NULL, "wanted", 0x1000, &name, &elf);
	elf_end(elf);
	free(name);
	dwfl_end(dwfl);
	return fd;
}

static void read_segments(struct gt_debug *d)
{
	size_t n = 0;
	Elf *elf = dwfl_module_getelf(d->module, &d->bias);
	if (elf == NULL || elf_getphdrnum(elf, &n) != 0)
		return;
	d->segments = gt_mem_resize(NULL, n + 1, sizeof(*d->segments));
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;
		if (gelf_getphdr(elf, (int)i, &p) != NULL && p.p_type == PT_LOAD)
			d->segments[d->n_segments++] =
				(struct gt_segment){ p.p_offset, p.p_filesz, p.p_vaddr };
	}
}

struct gt_debug *gt_debug_open(const char *path, const char *build_id)
{
	struct gt_debug *d = gt_mem_resize(NULL, 1, sizeof(*d));
	memset(d, 0, sizeof(*d));
	int fd = open_regular(path);
	bool is_open = fd >= 0 && report(d, fd, path, build_id);
	if (!is_open && (fd = open_by_build_id(build_id)) >= 0)
		is_open = report(d, fd, path, build_id);
	if (!is_open) {
		free(d);
		return NULL;
	}
	read_segments(d);
	return d;
}

void gt_debug_close(struct gt_debug *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n_names; i++)
		free(d->names[i]);
	free(d->names);
	free(d->units);
	free(d->segments);
	dwfl_end(d->dwfl);
	free(d);
}

bool gt_debug_has_lines(struct gt_debug *d)
{
	Dwarf_Addr bias;
	return dwfl_module_getdwarf(d->module, &bias) != NULL;
}

/* ---- compilation units */

static int by_address(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void read_units(struct gt_debug *d)
{
	size_t cap = 0;
	Dwarf_Addr bias, base, lo, hi;
	d->has_units = true;
	for (Dwarf_Die *die = NULL; (die = dwfl_module_nextcu(d->module, die, &bias)) != NULL;) {
		for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0;) {
			if (lo >= hi)
				continue;
			d->units = gt_mem_grow(d->units, d->n_units, &cap, sizeof(*d->units));
			d->units[d->n_units++] = (struct unit){ lo + bias, hi + bias, die, bias };
		}
	}
	if (d->n_units > 0)
		qsort(d->units, d->n_units, sizeof(*d->units), by_address);
}

static Dwarf_Die *unit_of(struct gt_debug *d, Dwarf_Addr addr, Dwarf_Addr *bias)
{
	Dwarf_Die *die = dwfl_module_addrdie(d->module, addr, bias);
	if (die != NULL)
		return die;
	if (!d->has_units)
		read_units(d);
	size_t lo = 0, hi = d->n_units; /* the last that begins at or before the address */
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		if (d->units[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || addr >= d->units[lo - 1].hi)
		return NULL;
	*bias = d->units[lo - 1].bias;
	return d->units[lo - 1].die;
}

/* ---- names */

/* The DIE that describes the function itself, where its names and its class are. */
static Dwarf_Die definition_of(Dwarf_Die die)
{
	static const unsigned links[] = { DW_AT_abstract_origin, DW_AT_specification };
	for (unsigned steps = 0; steps < 8; steps++) {
		Dwarf_Attribute attr;
		Dwarf_Die next;
		if (dwarf_formref_die(dwarf_attr(&die, links[0], &attr), &next) == NULL &&
		    dwarf_formref_die(dwarf_attr(&die, links[1], &attr), &next) == NULL)
			break;
		die = next;
	}
	return die;
}

static const char *linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attr));
	if (name == NULL)
		name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr));
	return name;
}

/* "name" in "scope" is "scope::name". Takes `inner`. */
static char *within(const char *scope, char *inner)
{
	char *both = gt_mem_format("%s::%s", scope, inner);
	free(inner);
	return both;
}

/* Takes the text. */
static const char *keep_text(struct gt_debug *d, char *text)
{
	d->names = gt_mem_grow(d->names, d->n_names, &d->cap_names, sizeof(*d->names));
	d->names[d->n_names++] = text;
	return text;
}

static const char *qualified_name(struct gt_debug *d, Dwarf_Die *die, const char *name)
{
	Dwarf_Die self = definition_of(*die);
	Dwarf_Die *scopes = NULL;
	const int n = dwarf_getscopes_die(&self, &scopes);
	char *text = gt_mem_text(name);
	for (int i = 1; i < n; i++) {
		const int tag = dwarf_tag(&scopes[i]);
		const char *outer = dwarf_diename(&scopes[i]);
		if (outer != NULL && (tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
				      tag == DW_TAG_structure_type || tag == DW_TAG_union_type))
			text = within(outer, text);
	}
	free(scopes);
	return keep_text(d, text);
}

static const char *name_of(struct gt_debug *d, Dwarf_Die *die)
{
	const char *name = linkage_name(die);
	if (name != NULL)
		return name;
	name = dwarf_diename(die); /* looks at the definition, too */
	return name != NULL ? qualified_name(d, die, name) : NULL;
}

/* ---- places */

/* Paths may be relative to where the compiler ran. */
static const char *whole_path(struct gt_debug *d, Dwarf_Die *unit, const char *file)
{
	Dwarf_Attribute attr;
	if (file == NULL || file[0] == '/')
		return file;
	const char *dir = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attr));
	if (dir == NULL || dir[0] != '/')
		return file;
	while (strncmp(file, "./", 2) == 0)
		file += 2;
	return keep_text(d, gt_mem_format("%s/%s", dir, file));
}

static void set_line(struct gt_debug *d, struct gt_place *p, Dwarf_Die *unit, Dwarf_Addr addr)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, addr);
	int number = 0;
	p->file = line != NULL ? whole_path(d, unit, dwarf_linesrc(line, NULL, NULL)) : NULL;
	if (p->file != NULL && dwarf_lineno(line, &number) == 0 && number > 0)
		p->line = (uint64_t)number;
}

/* Where the inlined function was called: a place in the function around it. */
static void set_call(struct gt_debug *d, struct gt_place *p, Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Word file = 0, line = 0;
	Dwarf_Files *files;
	size_t n;
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attr), &file) != 0 ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attr), &line) != 0 ||
	    dwarf_getsrcfiles(unit, &files, &n) != 0)
		return;
	p->file = whole_path(d, unit, dwarf_filesrc(files, file, NULL, NULL));
	p->line = line;
}

/* A function as a whole: where it is declared. */
static void set_declaration(struct gt_debug *d, struct gt_place *p, Dwarf_Die *unit,
			    Dwarf_Die *function)
{
	int line;
	const char *file = dwarf_decl_file(function);
	if (file == NULL || dwarf_decl_line(function, &line) != 0 || line <= 0)
		return;
	p->file = whole_path(d, unit, file);
	p->line = (uint64_t)line;
}

static bool is_first_byte(Dwarf_Die *function, Dwarf_Addr addr)
{
	Dwarf_Addr start;
	return dwarf_lowpc(function, &start) == 0 && start == addr;
}

static void set_name(struct gt_debug *d, struct gt_place *p, Dwarf_Die *die)
{
	int line;
	p->func = name_of(d, die);
	if (p->file != NULL && p->line == 0 && dwarf_decl_line(die, &line) == 0 && line > 0)
		p->line = (uint64_t)line;
}

/* ---- scopes */

/*
 * N.B. not dwarf_getscopes(): it does not look into namespaces, where rustc and clang keep
 * functions, and what it tells to be around an inlined function is where that was written, not
 * where it is.
 */

static bool has_pc(Dwarf_Die *die, Dwarf_Addr addr)
{
	return dwarf_haspc(die, addr) > 0;
}

static bool may_hold_functions(int tag, bool is_thorough)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return true;
	default: /* nested functions, methods of local classes */
		return is_thorough && (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block);
	}
}

/* The function with code at `addr` among what is in *in; depth-first. */
static bool find_function(Dwarf_Die *in, Dwarf_Addr addr, bool is_thorough, unsigned depth,
			  Dwarf_Die *function)
{
	Dwarf_Die child;
	if (depth == SCOPES_MAX || dwarf_child(in, &child) != 0)
		return false;
	do {
		const int tag = dwarf_tag(&child);
		if (tag == DW_TAG_subprogram && has_pc(&child, addr)) {
			*function = child;
			return true;
		}
		if (may_hold_functions(tag, is_thorough) &&
		    find_function(&child, addr, is_thorough, depth + 1, function))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* The block or inlined function with code at `addr` that is directly in *in. */
static bool find_inner(Dwarf_Die *in, Dwarf_Addr addr, Dwarf_Die *inner)
{
	if (dwarf_child(in, inner) != 0)
		return false;
	do {
		const int tag = dwarf_tag(inner);
		if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
		     tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
		    has_pc(inner, addr))
			return true;
	} while (dwarf_siblingof(inner, inner) == 0);
	return false;
}

/* The function at `addr`, then what is inlined in it, from outside to inside. Returns how many. */
static size_t find_scopes(Dwarf_Die *unit, Dwarf_Addr addr, Dwarf_Die scopes[SCOPES_MAX])
{
	Dwarf_Die at;
	size_t n = 0;
	if (!find_function(unit, addr, false, 0, &at) && !find_function(unit, addr, true, 0, &at))
		return 0;
	scopes[n++] = at;
	if (is_first_byte(&at, addr))
		return n;
	for (Dwarf_Die inner; n < SCOPES_MAX && find_inner(&at, addr, &inner); at = inner) {
		if (dwarf_tag(&inner) == DW_TAG_inlined_subroutine)
			scopes[n++] = inner;
	}
	return n;
}

static size_t find_places(struct gt_debug *d, Dwarf_Addr addr, struct gt_place *places)
{
	Dwarf_Addr bias;
	Dwarf_Die scopes[SCOPES_MAX];
	Dwarf_Die *unit = unit_of(d, addr, &bias);
	if (unit == NULL)
		return 0;
	const size_t n = find_scopes(unit, addr - bias, scopes);
	places[0] = (struct gt_place){ 0 };
	set_line(d, &places[0], unit, addr - bias);
	if (n == 0) /* assembly: lines without functions */
		return places[0].file != NULL ? 1 : 0;
	if (is_first_byte(&scopes[0], addr - bias))
		set_declaration(d, &places[0], unit, &scopes[0]);
	for (size_t i = 0; i < n; i++) {
		set_name(d, &places[i], &scopes[n - 1 - i]);
		if (i + 1 == n)
			break;
		places[i + 1] = (struct gt_place){ 0 };
		set_call(d, &places[i + 1], unit, &scopes[n - 1 - i]);
	}
	return n;
}

size_t gt_debug_find(struct gt_debug *d, uint64_t offset, struct gt_place places[GT_PLACES_MAX],
		     const char **symbol)
{
	uint64_t addr;
	GElf_Sym sym;
	GElf_Off within_sym;
	*symbol = NULL;
	if (!gt_segment_vaddr(d->segments, d->n_segments, offset, &addr))
		return 0;
	addr += d->bias;
	const char *name =
		dwfl_module_addrinfo(d->module, addr, &within_sym, &sym, NULL, NULL, NULL);
	/* Without a size it may be the nearest of others. */
	if (name != NULL && name[0] && within_sym < sym.st_size)
		*symbol = name;
	return find_places(d, addr, places);
}

size_t gt_debug_find_name(struct gt_debug *d, const char *name,
			  struct gt_place places[GT_PLACES_MAX])
{
	const int n = dwfl_module_getsymtab(d->module);
	for (int i = 1; i < n; i++) {
		GElf_Sym sym;
		GElf_Addr addr;
		const char *at =
			dwfl_module_getsym_info(d->module, i, &sym, &addr, NULL, NULL, NULL);
		if (at != NULL && GELF_ST_TYPE(sym.st_info) == STT_FUNC && strcmp(at, name) == 0)
			return find_places(d, addr, places);
	}
	return 0;
}

const char *gt_debug_find_data(struct gt_debug *d, uint64_t vaddr, uint64_t *within)
{
	GElf_Sym sym;
	const char *name =
		dwfl_module_addrinfo(d->module, vaddr + d->bias, within, &sym, NULL, NULL, NULL);
	const bool is_data = name != NULL && name[0] && *within < sym.st_size &&
			     GELF_ST_TYPE(sym.st_info) == STT_OBJECT;
	return is_data ? name : NULL;
}

bool gt_debug_vaddr(const struct gt_debug *d, uint64_t offset, uint64_t *vaddr)
{
	return gt_segment_vaddr(d->segments, d->n_segments, offset, vaddr);
}

#else

void gt_debug_set_dir(const char *dir)
{
	(void)dir;
}

bool gt_debug_is_there(void)
{
	return false;
}

struct gt_debug *gt_debug_open(const char *path, const char *build_id)
{
	(void)path, (void)build_id;
	return NULL;
}

void gt_debug_close(struct gt_debug *d)
{
	(void)d;
}

bool gt_debug_has_lines(struct gt_debug *d)
{
	(void)d;
	return false;
}

size_t gt_debug_find(struct gt_debug *d, uint64_t offset, struct gt_place places[GT_PLACES_MAX],
		     const char **symbol)
{
	(void)d, (void)offset, (void)places;
	*symbol = NULL;
	return 0;
}

size_t gt_debug_find_name(struct gt_debug *d, const char *name,
			  struct gt_place places[GT_PLACES_MAX])
{
	(void)d, (void)name, (void)places;
	return 0;
}

const char *gt_debug_find_data(struct gt_debug *d, uint64_t vaddr, uint64_t *within)
{
	(void)d, (void)vaddr, (void)within;
	return NULL;
}

bool gt_debug_vaddr(const struct gt_debug *d, uint64_t offset, uint64_t *vaddr)
{
	(void)d, (void)offset, (void)vaddr;
	return false;
}

#endif
