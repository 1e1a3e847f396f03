/*
 * Resolved frames.
 *
 * Invariants
 *
 * 1. One PC is one frame: a PC that a generation has keeps its place in its tables, and an inlined
 *    function gets a PC of its own, the same wherever it appears. Otherwise readers, which keep the
 * first definition of a PC, show one function for another.
 * 2. The outermost of a PC's functions has the PC itself, and no frame of the file is dropped.
 * Otherwise goroutines, which are named after the outermost frame, change their names.
 * 3. A name that the program's own symbol table gave stays. Otherwise a hook, the entry of a
 * program and functions with several names would be told by a name that nobody calls them by.
 *
 * Corner cases
 *
 * - A frame with a line was resolved before (symbolize twice, or a trace of Go): it stays.
 * - The tracer's own library: what is inlined into a hook is of no interest; the hook stays as it
 * is.
 * - "main" at the entry of the program (the library names it so): main's own file and line.
 */
#include "tools/symbol/resolve.h"

#include "encoder/section.h"
#include "tools/lib/demangle.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"
#include "tools/read/edit.h"
#include "tools/symbol/maps.h"
#include "tools/symbol/place.h"

#include <stdlib.h>
#include <string.h>

#define NO_TEXT ((size_t)-1)

struct frame {
	size_t func, file; /* indices into texts; NO_TEXT = not known */
	uint64_t line;
};

/* What an address of a file stands for: frames[first .. first + n), innermost first. */
struct found {
	size_t first, n;
};

struct module {
	struct gt_debug *debug; /* NULL: not found */
	bool is_looked_for, has_lines;
};

struct gt_resolver {
	bool has_lines;
	struct gt_maps maps;
	struct module *modules; /* as maps.modules */
	size_t n_modules;
	struct gt_keymap texts;   /* every name and file; never moves */
	struct gt_keymap symbols; /* raw names; demangled[index] is a text */
	size_t *demangled;
	size_t n_demangled, cap_demangled;
	struct gt_keymap places; /* struct place_key; its index is that of found[] */
	struct found *found;
	size_t n_found, cap_found;
	struct frame *frames; /* index + GT_MADE_UP_PC + 1 = PC of an inlined one */
	size_t n_frames, cap_frames;
	uint64_t *ids; /* of texts in this generation; 0 = not there yet */
	size_t n_ids;
	struct gt_resolved counts;
};

struct place_key {
	uint64_t module, offset;
	size_t name; /* in symbols: the same address can have a made-up name */
};

struct gt_resolver *gt_resolver_new(bool has_lines)
{
	struct gt_resolver *r = gt_mem_resize(NULL, 1, sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->has_lines = has_lines;
	return r;
}

void gt_resolver_free(struct gt_resolver *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n_modules; i++)
		gt_debug_close(r->modules[i].debug);
	free(r->modules);
	gt_maps_free(&r->maps);
	gt_keymap_free(&r->texts);
	gt_keymap_free(&r->symbols);
	gt_keymap_free(&r->places);
	free(r->demangled);
	free(r->found);
	free(r->frames);
	free(r->ids);
	free(r);
}

/* ---- texts */

/* Too long for a trace: the tail tells more. */
static size_t text_of(struct gt_resolver *r, const char *text, size_t len)
{
	if (len > GT_STRING_MAX) {
		text += len - GT_STRING_MAX;
		len = GT_STRING_MAX;
	}
	return gt_keymap_put(&r->texts, text, len, NULL);
}

static size_t demangle(struct gt_resolver *r, size_t symbol)
{
	char buf[GT_STRING_MAX + 1];
	const struct gt_keymap_key *k = &r->symbols.keys[symbol];
	const char *name = gt_demangle(buf, sizeof(buf), k->bytes, k->len);
	return name != NULL ? text_of(r, name, strlen(name)) : text_of(r, k->bytes, k->len);
}

static size_t symbol_of(struct gt_resolver *r, const char *raw, size_t len)
{
	bool is_new;
	const size_t i = gt_keymap_put(&r->symbols, raw, len, &is_new);
	if (is_new) {
		r->demangled = gt_mem_grow(r->demangled, r->n_demangled, &r->cap_demangled,
					   sizeof(*r->demangled));
		r->demangled[r->n_demangled++] = demangle(r, i);
	}
	return i;
}

static size_t name_of(struct gt_resolver *r, const char *raw)
{
	const size_t i = symbol_of(r, raw, strlen(raw)); /* N.B. moves the array */
	return r->demangled[i];
}

/* ---- names */

/* "0x...", "libfoo.so+0x...": what the library writes when it finds no symbol. */
static bool is_nameless(const char *raw, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	const size_t len = strlen(base);
	return strncmp(raw, "0x", 2) == 0 ||
	       (strncmp(raw, base, len) == 0 && strncmp(raw + len, "+0x", 3) == 0);
}

/* "work.part.0" is a piece of "work". */
static bool is_piece_of(const char *raw, const char *whole)
{
	const size_t len = strlen(whole);
	return strncmp(raw, whole, len) == 0 && raw[len] == '.';
}

/* The name of the function that has the PC: invariant 3. */
static size_t outermost_name(struct gt_resolver *r, size_t raw, const char *path, const char *func,
			     const char *symbol)
{
	const char *text = r->symbols.keys[raw].bytes;
	if (is_nameless(text, path))
		text = symbol;
	if (func != NULL && (text == NULL || is_piece_of(text, func)))
		return name_of(r, func);
	return text == symbol && symbol != NULL ? name_of(r, symbol) : r->demangled[raw];
}

/* ---- places */

static struct module *module_at(struct gt_resolver *r, size_t i)
{
	const size_t n = r->maps.modules.n;
	if (n > r->n_modules) {
		r->modules = gt_mem_resize(r->modules, n, sizeof(*r->modules));
		memset(r->modules + r->n_modules, 0, (n - r->n_modules) * sizeof(*r->modules));
		r->n_modules = n;
	}
	struct module *m = &r->modules[i];
	if (!m->is_looked_for) {
		m->is_looked_for = true;
		const char *path = gt_maps_path(&r->maps, i);
		if (path[0] == '/')
			m->debug = gt_debug_open(path, gt_maps_build_id(&r->maps, i));
		m->has_lines = m->debug != NULL && gt_debug_has_lines(m->debug);
	}
	return m;
}

static void add_frame(struct gt_resolver *r, size_t func, const struct gt_place *p)
{
	size_t file = NO_TEXT;
	if (p->file != NULL && p->file[0])
		file = text_of(r, p->file, strlen(p->file));
	r->frames = gt_mem_grow(r->frames, r->n_frames, &r->cap_frames, sizeof(*r->frames));
	r->frames[r->n_frames++] = (struct frame){ func, file, p->line > 0 ? p->line : 1 };
}

static void look_up(struct gt_resolver *r, const struct place_key *k, struct found *found)
{
	struct module *m = module_at(r, k->module);
	struct gt_place places[GT_PLACES_MAX];
	const char *symbol = NULL;
	const char *raw = r->symbols.keys[k->name].bytes, *path = gt_maps_path(&r->maps, k->module);
	size_t n = m->debug != NULL ? gt_debug_find(m->debug, k->offset, places, &symbol) : 0;
	if (strcmp(raw, "main") == 0 && symbol != NULL && strcmp(symbol, "_start") == 0)
		n = gt_debug_find_name(m->debug, raw, places);
	if (n == 0)
		places[n++] = (struct gt_place){ 0 };
	*found = (struct found){ r->n_frames, n };
	for (size_t i = 0; i + 1 < n; i++)
		add_frame(r, name_of(r, places[i].func != NULL ? places[i].func : "?"), &places[i]);
	add_frame(r, outermost_name(r, k->name, path, places[n - 1].func, symbol), &places[n - 1]);
	r->counts.n_pcs++;
	r->counts.n_lines += r->frames[r->n_frames - 1].file != NO_TEXT;
	r->counts.n_inlined += n - 1;
}

static const struct found *find(struct gt_resolver *r, const struct gt_map *m, uint64_t pc,
				size_t raw)
{
	const struct place_key key = { m->module, gt_map_offset(m, pc), raw };
	bool is_new;
	const size_t i = gt_keymap_put(&r->places, &key, sizeof(key), &is_new);
	if (is_new) {
		struct found found;
		look_up(r, &key, &found);
		r->found = gt_mem_grow(r->found, r->n_found, &r->cap_found, sizeof(*r->found));
		r->found[r->n_found++] = found;
	}
	return &r->found[i];
}

/* ---- the tables of a generation */

static bool set_text(struct gt_resolver *r, struct gt_gen *g, size_t text, uint64_t *id)
{
	if (text >= r->n_ids) {
		const size_t n = 2 * text + 64;
		r->ids = gt_mem_resize(r->ids, n, sizeof(*r->ids));
		memset(r->ids + r->n_ids, 0, (n - r->n_ids) * sizeof(*r->ids));
		r->n_ids = n;
	}
	const struct gt_keymap_key *k = &r->texts.keys[text];
	const struct gt_text now = gt_gen_text(g, *id);
	if (now.len == k->len && memcmp(now.p, k->bytes, k->len) == 0)
		return true;
	if (r->ids[text] == 0)
		r->ids[text] = gt_gen_put_string(g, (struct gt_text){ k->bytes, (uint32_t)k->len });
	if (r->ids[text] == 0)
		return false;
	*id = r->ids[text];
	return true;
}

static bool set_frame(struct gt_resolver *r, struct gt_gen *g, const struct frame *from,
		      struct gt_gen_frame *to)
{
	if (from->func != NO_TEXT && !set_text(r, g, from->func, &to->func))
		return false;
	if (from->file == NO_TEXT)
		return true;
	to->line = from->line;
	return set_text(r, g, from->file, &to->file);
}

static bool is_own(struct gt_text path)
{
	static const char name[] = "/libgtrace.so";
	const size_t len = sizeof(name) - 1;
	return path.len >= len && memcmp(path.p + path.len - len, name, len) == 0;
}

/* Resolves frame `i`; what is inlined there goes to *inlined. False without memory. */
static bool resolve_frame(struct gt_resolver *r, struct gt_gen *g, uint32_t i,
			  struct found *inlined)
{
	struct gt_gen_frame f = g->frames[i];
	const struct gt_text path = gt_gen_text(g, f.file), func = gt_gen_text(g, f.func);
	const size_t raw = symbol_of(r, func.p, func.len);
	const bool is_raw = r->has_lines && f.line <= 1 && f.pc < GT_MADE_UP_PC && !is_own(path);
	const struct gt_map *m = is_raw ? gt_maps_find(&r->maps, f.pc, path) : NULL;
	bool ok;
	if (m != NULL) {
		const struct found *found = find(r, m, f.pc, raw);
		*inlined = (struct found){ found->first, found->n - 1 };
		ok = set_frame(r, g, &r->frames[found->first + found->n - 1], &f);
	} else {
		*inlined = (struct found){ 0, 0 };
		ok = func.len == 0 || set_text(r, g, r->demangled[raw], &f.func);
	}
	g->frames[i] = f;
	return ok;
}

/* Index of the frame of an inlined function, which stands in the file's path if it has none. */
static uint32_t inlined_frame(struct gt_resolver *r, struct gt_gen *g, struct gt_idmap *made,
			      size_t which, uint64_t path)
{
	const uint32_t known = gt_idmap_get(made, which);
	if (known != GT_NO_INDEX)
		return known;
	struct gt_gen_frame f = { .pc = GT_MADE_UP_PC + 1 + which, .file = path, .line = 1 };
	if (!set_frame(r, g, &r->frames[which], &f))
		return GT_NO_INDEX;
	const uint32_t i = gt_gen_put_frame(g, &f);
	if (i != GT_NO_INDEX && !gt_idmap_put(made, which, i))
		return GT_NO_INDEX;
	return i;
}

/* The frames of one stack with what is inlined in them; its real ones all have room. */
static bool expand(struct gt_resolver *r, struct gt_gen *g, const struct found *inlined,
		   struct gt_idmap *made, uint32_t stack)
{
	uint32_t frames[GT_STACK_MAX], n = 0;
	const struct gt_gen_stack s = g->stacks[stack];
	uint32_t room = GT_STACK_MAX - s.n;
	for (uint32_t i = 0; i < s.n; i++) {
		const uint32_t real = g->frame_of[s.first + i];
		for (size_t k = 0; k < inlined[real].n && room > 0; k++) {
			const uint32_t f = inlined_frame(r, g, made, inlined[real].first + k,
							 g->frames[real].file);
			if (f == GT_NO_INDEX)
				continue; /* somebody else's made-up PC */
			frames[n++] = f;
			room--;
		}
		frames[n++] = real;
	}
	return n == s.n || gt_gen_set_frames(g, stack, frames, n);
}

int gt_resolve(void *resolver, struct gt_gen *g, struct gt_err *err)
{
	struct gt_resolver *r = resolver;
	const uint32_t n = g->n_frames;
	struct found *inlined = gt_mem_resize(NULL, (size_t)n + 1, sizeof(*inlined));
	struct gt_idmap made = { 0 };
	bool ok = true;
	if (r->n_ids > 0)
		memset(r->ids, 0, r->n_ids * sizeof(*r->ids));
	gt_maps_add(&r->maps, g);
	for (uint32_t i = 0; i < n && ok; i++)
		ok = resolve_frame(r, g, i, &inlined[i]);
	for (uint32_t i = 1; i < g->n_stacks && ok; i++)
		ok = expand(r, g, inlined, &made, i);
	gt_idmap_free(&made);
	free(inlined);
	return ok ? 0
		  : gt_err_set(err, GT_ERR_MEMORY, GT_NO_OFFSET,
			       "no memory, or no string ids left");
}

struct gt_resolved gt_resolver_counts(const struct gt_resolver *r)
{
	return r->counts;
}

void gt_resolver_missing(struct gt_resolver *r,
			 void (*tell)(void *arg, const char *path, const char *why), void *arg)
{
	for (size_t i = 0; i < r->n_modules; i++) {
		const struct module *m = &r->modules[i];
		if (!m->is_looked_for || m->has_lines)
			continue;
		tell(arg, gt_maps_path(&r->maps, i),
		     m->debug != NULL ? "no debug information" : "not found, or another build");
	}
}
