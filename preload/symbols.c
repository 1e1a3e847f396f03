/*
 * Names for pcs.
 *
 * Invariants
 *
 * 1. A name is known only as long as the code it belongs to is mapped: when a library was closed
 * (gt_rules_epoch), names of mappings that are gone are forgotten. Otherwise other code at the same
 * place gets the old names.
 *
 * Corner cases
 *
 * - The file on disk is not the one that was mapped (replaced, deleted): its inode differs; no
 * names.
 * - A stripped file: .dynsym has only what is exported; a pc outside of every symbol is
 * module+offset.
 * - Code without a file: a JIT's map for perf, looked at again when it has grown; else the address.
 * - Several names for one address: the one with the fewest underscores in front, then a global one.
 */
#include "preload/symbols.h"

#include "preload/arena.h"
#include "preload/clock.h"
#include "preload/counters.h"
#include "preload/jit.h"
#include "preload/log.h"
#include "preload/modules.h"
#include "preload/stack_walk.h"
#include "preload/sys.h"

#include <string.h>

#define FEW_SLOTS    (1u << 9)
#define N_SLOTS      (1u << 15)
#define TEXT_BYTES   (2u << 20)
#define NAME_MAX_    1024u
#define BATCH_PCS    512
#define JIT_PCS      128
#define JIT_EVERY_NS 1000000000u
#define MAX_GIVEN    4

enum origin { FROM_FILE = 1, FROM_JIT, FORGOTTEN };

struct entry {
	uint64_t pc; /* 0 = empty */
	uint32_t name, len;
	uint32_t path;
	uint16_t path_len;
	uint8_t origin; /* enum origin */
};

static struct entry *entries; /* FEW_SLOTS, which most programs get by with; then N_SLOTS */
static uint32_t n_slots;
static uint32_t n_entries;
static char *text;
static uint32_t text_len;
static bool has_jit;   /* some names are FROM_JIT */
static uint32_t epoch; /* gt_rules_epoch that all names belong to */

static struct {
	uint64_t pc;
	const char *name;
} given[MAX_GIVEN];
static size_t n_given;

static uint8_t *block; /* one block of a symbol table */
#define BLOCK_BYTES (16u << 10)

static struct gt_jit_name *jit_names; /* JIT_PCS of them */

static void forget_range(uint64_t start, uint64_t end);
static void keep_given(void);

int gt_symbols_init(void)
{
	entries = (struct entry *)gt_arena_alloc((FEW_SLOTS + N_SLOTS) * sizeof(*entries));
	n_slots = FEW_SLOTS;
	text = (char *)gt_arena_alloc(TEXT_BYTES);
	block = (uint8_t *)gt_arena_alloc(BLOCK_BYTES);
	jit_names = (struct gt_jit_name *)gt_arena_alloc(JIT_PCS * sizeof(*jit_names));
	n_entries = text_len = 0;
	has_jit = false;
	n_given = 0;
	epoch = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	if (!entries || !text || !block || !jit_names)
		return -12;
	gt_jit_init((char *)block, BLOCK_BYTES);
	return gt_modules_init(forget_range, keep_given);
}

/* ---- cache ---- */

static struct entry *find(uint64_t pc)
{
	uint32_t i = (uint32_t)((pc * 0x9e3779b97f4a7c15ull) >> 40);
	for (;; i++) {
		struct entry *e = &entries[i & (n_slots - 1)];
		if (e->pc == pc || !e->pc)
			return e;
	}
}

static bool is_known(uint64_t pc)
{
	const struct entry *e = find(pc);
	return e->pc && e->origin != FORGOTTEN;
}

static void forget_all(void)
{
	memset(entries, 0, n_slots * sizeof(*entries));
	n_entries = text_len = 0;
	has_jit = false;
	keep_given();
}

/* N.B. slots stay in use: a hole would end the search for others */
static void forget_range(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < n_slots; i++)
		if (entries[i].pc - start < end - start)
			entries[i].origin = FORGOTTEN;
}

static void forget_jit(void)
{
	for (uint32_t i = 0; i < n_slots; i++)
		if (entries[i].origin == FROM_JIT)
			entries[i].origin = FORGOTTEN;
	has_jit = false;
}

static void grow(void)
{
	const struct entry *const few = entries;
	entries += FEW_SLOTS;
	n_slots = N_SLOTS;
	for (uint32_t i = 0; i < FEW_SLOTS; i++)
		if (few[i].pc)
			*find(few[i].pc) = few[i];
}

static void put(uint64_t pc, enum origin origin, const char *name, size_t len, const char *path,
		size_t path_len)
{
	struct entry *e = find(pc);
	if (!e->pc)
		n_entries++;
	*e = (struct entry){ pc,
			     text_len,
			     (uint32_t)len,
			     text_len + (uint32_t)len,
			     (uint16_t)path_len,
			     (uint8_t)origin };
	memcpy(text + text_len, name, len);
	memcpy(text + text_len + len, path, path_len);
	text_len += (uint32_t)(len + path_len);
	has_jit |= origin == FROM_JIT;
}

static void keep(uint64_t pc, enum origin origin, const char *name, size_t len, const char *path,
		 size_t path_len)
{
	if (n_slots == FEW_SLOTS && n_entries > n_slots * 3 / 4)
		grow();
	if (n_entries > n_slots * 3 / 4 || text_len + len + path_len > TEXT_BYTES)
		forget_all(); /* a program with this many call sites pays by learning them again */
	put(pc, origin, name, len, path, path_len);
}

static void keep_given(void)
{
	for (size_t i = 0; i < n_given; i++) {
		const struct gt_module *m = gt_module_of(given[i].pc);
		if (m && !is_known(given[i].pc))
			put(given[i].pc, FROM_FILE, given[i].name, strlen(given[i].name),
			    gt_module_path(m), m->path_len);
	}
}

void gt_symbols_name(uint64_t pc, const char *name)
{
	if (n_given == MAX_GIVEN)
		return;
	given[n_given].pc = pc;
	given[n_given++].name = name;
}

/* ---- looking names up ---- */

struct wanted {
	uint64_t pc;
	uint64_t vaddr;
	uint32_t name; /* offset in the string table; 0 = none yet */
	uint32_t rank; /* of the name found; lower is better */
};

static struct wanted wanted[BATCH_PCS];

static uint32_t rank_of(const struct gt_elf *e, const Elf64_Shdr *strs, const Elf64_Sym *sym)
{
	char start[4] = "";
	gt_elf_read(e, start, 3, strs->sh_offset + sym->st_name);
	uint32_t rank = 1;
	for (int i = 0; start[i] == '_'; i++)
		rank += 2;
	return ELF64_ST_BIND(sym->st_info) == STB_LOCAL ? rank + 1 : rank;
}

/* First wanted pc that is not below `vaddr`; they are sorted. */
static size_t lower_bound(size_t n, uint64_t vaddr)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		if (wanted[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void match(const struct gt_elf *e, const Elf64_Shdr *strs, const Elf64_Sym *sym, size_t n)
{
	const unsigned type = ELF64_ST_TYPE(sym->st_info);
	if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) || !sym->st_shndx ||
	    !sym->st_name)
		return;
	for (size_t i = lower_bound(n, sym->st_value);
	     i < n && wanted[i].vaddr - sym->st_value < sym->st_size; i++) {
		const uint32_t rank = rank_of(e, strs, sym);
		if (!wanted[i].name || rank < wanted[i].rank) {
			wanted[i].name = sym->st_name;
			wanted[i].rank = rank;
		}
	}
}

static void scan_symbols(const struct gt_elf *e, const struct gt_elf_symbols *t, size_t n)
{
	const size_t step = BLOCK_BYTES / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
	for (uint64_t at = 0; at < t->syms.sh_size; at += step) {
		const size_t got = gt_elf_read(e, block, step, t->syms.sh_offset + at);
		if (got == 0)
			return;
		const uint64_t left = t->syms.sh_size - at;
		const size_t use = got < left ? got : (size_t)left;
		for (size_t i = 0; i + sizeof(Elf64_Sym) <= use; i += sizeof(Elf64_Sym))
			match(e, &t->strs, (const Elf64_Sym *)(block + i), n);
	}
}

/* The body of a hook whose entry is in assembly is gt_<name>: the program called <name>. */
static const char *as_called(const struct gt_module *m, const char *name, size_t *len)
{
	if (*len <= 3 || memcmp(name, "gt_", 3) != 0 ||
	    m != gt_module_of((uint64_t)(uintptr_t)gt_symbols_get))
		return name;
	*len -= 3;
	return name + 3;
}

static void keep_names(const struct gt_elf *e, const Elf64_Shdr *strs, const struct gt_module *m,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name = (char *)block;
		if (!wanted[i].name)
			continue;
		const size_t got =
			gt_elf_read(e, name, NAME_MAX_, strs->sh_offset + wanted[i].name);
		size_t len = strnlen(name, got);
		const char *called = as_called(m, name, &len);
		if (len)
			keep(wanted[i].pc, FROM_FILE, called, len, gt_module_path(m), m->path_len);
	}
}

/* Gives the wanted pcs their addresses in the file, and sorts them by these; returns how many have
 * one. */
static size_t place(const struct gt_elf *e, const struct gt_module *m, size_t n)
{
	size_t placed = 0;
	for (size_t i = 0; i < n; i++) {
		if (!gt_elf_vaddr(e, wanted[i].pc - m->start + m->offset, &wanted[i].vaddr))
			continue;
		struct wanted w = wanted[i];
		size_t k = placed++;
		for (; k > 0 && wanted[k - 1].vaddr > w.vaddr; k--)
			wanted[k] = wanted[k - 1];
		wanted[k] = w;
	}
	return placed;
}

/* Wanted pcs of one file or image. */
static void learn_from(const struct gt_module *m, size_t n)
{
	static struct gt_elf e; /* large */
	struct gt_elf_symbols t;
	if (!gt_module_open(m, &e))
		return;
	const size_t placed = place(&e, m, n);
	if (placed && gt_elf_symbols(&e, &t)) {
		scan_symbols(&e, &t, placed);
		keep_names(&e, &t.strs, m, placed);
	}
	gt_elf_close(&e);
}

/* Wanted pcs of code without a file. Those that the JIT does not name keep their address, until its
 * file has grown. */
static void learn_jit(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = i;
		for (; k > 0 && jit_names[k - 1].pc > wanted[i].pc; k--)
			jit_names[k].pc = jit_names[k - 1].pc;
		jit_names[k].pc = wanted[i].pc;
	}
	for (size_t i = 0; i < n; i++)
		jit_names[i].len = 0;
	gt_jit_find(jit_names, n);
	for (size_t i = 0; i < n; i++) {
		char buf[300];
		const struct gt_jit_name *j = &jit_names[i];
		if (is_known(j->pc)) /* wanted twice */
			continue;
		struct gt_symbol s = gt_symbols_get(j->pc, buf, sizeof(buf));
		if (j->len)
			s = (struct gt_symbol){ j->name, j->len, s.file, s.file_len };
		keep(j->pc, FROM_JIT, s.func, s.func_len, s.file, s.file_len);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static size_t put_hex(char *buf, uint64_t v)
{
	char digits[16];
	size_t n = 0;
	do {
		digits[n++] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	for (size_t i = 0; i < n; i++)
		buf[i] = digits[n - 1 - i];
	return n;
}

struct gt_symbol gt_symbols_get(uint64_t pc, char *buf, size_t cap)
{
	const struct entry *e = find(pc);
	if (e->pc && e->origin != FORGOTTEN)
		return (struct gt_symbol){ text + e->name, e->len, text + e->path, e->path_len };
	const struct gt_module *m = gt_module_of(pc);
	size_t n = 0;
	const char *path = m ? gt_module_path(m) : "[anon]";
	if (m && path[0] == '/')
		n = gt_format(buf, cap - 24, "%s+", base_name(path));
	buf[n++] = '0';
	buf[n++] = 'x';
	n += put_hex(buf + n, m && path[0] == '/' ? pc - m->start + m->offset : pc);
	return (struct gt_symbol){ buf, n, path, strlen(path) };
}

/* What has no name keeps its address as one, so that no table is searched for it again. */
static void keep_nameless(const uint64_t *pcs, size_t n)
{
	char buf[300];
	for (size_t i = 0; i < n; i++) {
		if (is_known(pcs[i]))
			continue;
		const struct gt_symbol s = gt_symbols_get(pcs[i], buf, sizeof(buf));
		keep(pcs[i], FROM_FILE, s.func, s.func_len, s.file, s.file_len);
	}
}

/* Forgets what has changed since the last call, and reads the map if a pc lies outside of all
 * modules. */
static void refresh(const uint64_t *pcs, size_t n)
{
	const uint32_t now = atomic_load_explicit(&gt_rules_epoch, memory_order_acquire);
	if (now != epoch) {
		epoch = now;
		gt_modules_read();
	}
	if (has_jit && gt_jit_has_news(gt_now().v, JIT_EVERY_NS))
		forget_jit();
	for (size_t i = 0; i < n; i++) {
		if (!is_known(pcs[i]) && !gt_module_of(pcs[i])) {
			gt_modules_read();
			return;
		}
	}
}

static void learn_module(const struct gt_module *m, const uint64_t *pcs, size_t n)
{
	const bool is_jit = m->kind == GT_MODULE_ANON;
	const size_t most = is_jit ? JIT_PCS : BATCH_PCS;
	size_t n_wanted = 0;
	for (size_t i = 0; i < n; i++) {
		if (pcs[i] - m->start < m->end - m->start && !is_known(pcs[i]))
			wanted[n_wanted++] = (struct wanted){ .pc = pcs[i] };
		if (n_wanted && (n_wanted == most || i + 1 == n)) {
			if (is_jit)
				learn_jit(n_wanted);
			else
				learn_from(m, n_wanted);
			n_wanted = 0;
		}
	}
}

void gt_symbols_learn(const uint64_t *pcs, size_t n)
{
	refresh(pcs, n);
	for (size_t k = 0; k < gt_modules_count(); k++)
		learn_module(gt_module_at(k), pcs, n);
	keep_nameless(pcs, n);
}
