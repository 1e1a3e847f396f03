/*
 * Names for pcs.
 *
 * Corner cases
 *
 * - The file on disk is not the one that was mapped (replaced, deleted): its inode differs; no
 * names.
 * - A stripped file: .dynsym has only what is exported; a pc outside of every symbol is
 * module+offset.
 * - Code without a file (JIT, vdso): the address, in file [anon] or what the map says.
 * - Several names for one address: the one with the fewest underscores in front, then a global one.
 */
#include "preload/symbols.h"

#include "preload/arena.h"
#include "preload/counters.h"
#include "preload/log.h"
#include "preload/sys.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define N_SLOTS     (1u << 15)
#define TEXT_BYTES  (2u << 20)
#define NAME_MAX_   1024u
#define MAX_MODULES 1024
#define PATHS_BYTES (256u << 10)
#define BATCH_PCS   512

struct entry {
	uint64_t pc; /* 0 = empty */
	uint32_t name, len;
	uint32_t path, path_len;
};

static struct entry *entries;
static uint32_t n_entries;
static char *text;
static uint32_t text_len;

static struct gt_module *modules;
static size_t n_modules;
static char *paths;
static uint32_t paths_len;

static uint8_t *block; /* one block of a symbol table, or of the map */
#define BLOCK_BYTES (64u << 10)

int gt_symbols_init(void)
{
	entries = (struct entry *)gt_arena_alloc(N_SLOTS * sizeof(*entries));
	text = (char *)gt_arena_alloc(TEXT_BYTES);
	modules = (struct gt_module *)gt_arena_alloc(MAX_MODULES * sizeof(*modules));
	paths = (char *)gt_arena_alloc(PATHS_BYTES);
	block = (uint8_t *)gt_arena_alloc(BLOCK_BYTES);
	n_entries = text_len = paths_len = 0;
	n_modules = 0;
	return entries && text && modules && paths && block ? 0 : -12;
}

/* ---- cache ---- */

static struct entry *find(uint64_t pc)
{
	uint32_t i = (uint32_t)((pc * 0x9e3779b97f4a7c15ull) >> 40);
	for (;; i++) {
		struct entry *e = &entries[i & (N_SLOTS - 1)];
		if (e->pc == pc || !e->pc)
			return e;
	}
}

static void forget_all(void)
{
	memset(entries, 0, N_SLOTS * sizeof(*entries));
	n_entries = text_len = 0;
}

static void keep(uint64_t pc, const char *name, size_t len, const char *path, size_t path_len)
{
	if (n_entries > N_SLOTS * 3 / 4 || text_len + len + path_len > TEXT_BYTES)
		forget_all(); /* a program with this many call sites pays by learning them again */
	struct entry *e = find(pc);
	if (!e->pc)
		n_entries++;
	*e = (struct entry){ pc, text_len, (uint32_t)len, text_len + (uint32_t)len,
			     (uint32_t)path_len };
	memcpy(text + text_len, name, len);
	memcpy(text + text_len + len, path, path_len);
	text_len += (uint32_t)(len + path_len);
}

void gt_symbols_name(uint64_t pc, const char *name)
{
	gt_modules_read();
	for (size_t i = 0; i < n_modules; i++)
		if (pc - modules[i].start < modules[i].end - modules[i].start)
			keep(pc, name, strlen(name), gt_module_path(&modules[i]),
			     modules[i].path_len);
}

/* ---- modules ---- */

static uint64_t take_hex(const char **p)
{
	uint64_t v = 0;
	for (;; (*p)++) {
		const char c = **p;
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return v;
	}
}

static void skip(const char **p, char upto)
{
	while (**p && **p != upto)
		(*p)++;
	if (**p)
		(*p)++;
}

/* "start-end perms offset dev inode   path" */
static void take_mapping(const char *line)
{
	const char *p = line;
	struct gt_module m = { 0 };
	m.start = take_hex(&p);
	p++;
	m.end = take_hex(&p);
	if (p[0] != ' ' || p[3] != 'x')
		return;
	p += 6;
	m.offset = take_hex(&p);
	p++;
	skip(&p, ' ');
	for (; *p >= '0' && *p <= '9'; p++)
		m.inode = m.inode * 10 + (uint64_t)(*p - '0');
	while (*p == ' ')
		p++;
	const size_t len = strlen(p);
	if (n_modules == MAX_MODULES || paths_len + len + 8 > PATHS_BYTES)
		return;
	const char *name = len ? p : "[anon]";
	m.path = paths_len;
	m.path_len = (uint32_t)strlen(name);
	memcpy(paths + paths_len, name, m.path_len + 1u);
	paths_len += m.path_len + 1;
	modules[n_modules++] = m;
}

/* Build ids cost a look into the file: those of modules that are still there are taken over. */
static void take_over_build_id(struct gt_module *m, const struct gt_module *old, size_t n_old)
{
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].start == m->start && old[i].inode == m->inode && old[i].has_build_id) {
			memcpy(m->build_id, old[i].build_id, sizeof(m->build_id));
			m->has_build_id = true;
			return;
		}
	}
}

static void find_build_id(struct gt_module *m);

size_t gt_modules_read(void)
{
	static struct gt_module old[MAX_MODULES];
	const size_t n_old = n_modules;
	memcpy(old, modules, n_old * sizeof(*old));
	n_modules = 0;
	paths_len = 0;

	/* N.B. "self" is the writer: it shares the program's memory, and so its map, also after the
	 * program died */
	const long fd =
		GT_SYS4(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return 0;
	char *buf = (char *)block;
	size_t have = 0;
	for (;;) {
		const long n = GT_SYS3(SYS_read, fd, buf + have, BLOCK_BYTES - 1 - have);
		if (GT_SYS_FAILED(n) || n == 0)
			break;
		have += (size_t)n;
		buf[have] = 0;
		char *line = buf;
		for (char *nl; (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = 0;
			take_mapping(line);
		}
		have = (size_t)(buf + have - line);
		memmove(buf, line, have);
	}
	GT_SYS1(SYS_close, fd);
	for (size_t i = 0; i < n_modules; i++) {
		take_over_build_id(&modules[i], old, n_old);
		if (!modules[i].has_build_id)
			find_build_id(&modules[i]);
	}
	return n_modules;
}

const struct gt_module *gt_module_at(size_t i)
{
	return &modules[i];
}

const char *gt_module_path(const struct gt_module *m)
{
	return paths + m->path;
}

static const struct gt_module *module_of(uint64_t pc)
{
	for (size_t i = 0; i < n_modules; i++)
		if (pc - modules[i].start < modules[i].end - modules[i].start)
			return &modules[i];
	return NULL;
}

/* ---- ELF ---- */

struct elf {
	long fd;
	Elf64_Ehdr head;
};

static bool read_at(long fd, void *buf, size_t len, uint64_t at)
{
	return GT_SYS4(SYS_pread64, fd, buf, len, at) == (long)len;
}

static bool elf_open(struct elf *e, const struct gt_module *m)
{
	const char *path = gt_module_path(m);
	if (path[0] != '/')
		return false;
	e->fd = GT_SYS4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			0);
	if (GT_SYS_FAILED(e->fd))
		return false;
	struct stat st;
	if (GT_SYS2(SYS_fstat, e->fd, &st) == 0 && st.st_ino == m->inode &&
	    read_at(e->fd, &e->head, sizeof(e->head), 0) &&
	    memcmp(e->head.e_ident, ELFMAG, SELFMAG) == 0 &&
	    e->head.e_ident[EI_CLASS] == ELFCLASS64 && e->head.e_phentsize == sizeof(Elf64_Phdr))
		return true;
	GT_SYS1(SYS_close, e->fd);
	return false;
}

/* File offset -> address as the symbol table counts it. */
static bool to_vaddr(const struct elf *e, uint64_t offset, uint64_t *vaddr)
{
	for (int i = 0; i < e->head.e_phnum; i++) {
		Elf64_Phdr p;
		if (!read_at(e->fd, &p, sizeof(p), e->head.e_phoff + (uint64_t)i * sizeof(p)))
			return false;
		if (p.p_type == PT_LOAD && offset - p.p_offset < p.p_filesz) {
			*vaddr = offset - p.p_offset + p.p_vaddr;
			return true;
		}
	}
	return false;
}

static bool find_section(const struct elf *e, uint32_t type, Elf64_Shdr *out)
{
	for (int i = 0; i < e->head.e_shnum; i++) {
		if (!read_at(e->fd, out, sizeof(*out),
			     e->head.e_shoff + (uint64_t)i * e->head.e_shentsize))
			return false;
		if (out->sh_type == type && out->sh_entsize == sizeof(Elf64_Sym))
			return true;
	}
	return false;
}

static void hex(char *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = "0123456789abcdef"[from[i] >> 4];
		to[2 * i + 1] = "0123456789abcdef"[from[i] & 15];
	}
	to[2 * n] = 0;
}

/* The GNU build id among the notes of one PT_NOTE segment. */
static bool take_note(const uint8_t *p, size_t len, char *out)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		memcpy(&n, p, sizeof(n));
		const size_t name = (n.n_namesz + 3u) & ~3u, desc = (n.n_descsz + 3u) & ~3u;
		if (sizeof(n) + name + desc > len)
			return false;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(p + sizeof(n), "GNU", 4) == 0) {
			hex(out, p + sizeof(n) + name, n.n_descsz <= 20 ? n.n_descsz : 20);
			return true;
		}
		p += sizeof(n) + name + desc;
		len -= sizeof(n) + name + desc;
	}
	return false;
}

static void find_build_id(struct gt_module *m)
{
	m->has_build_id = true;
	struct elf e;
	if (!elf_open(&e, m))
		return;
	for (int i = 0; i < e.head.e_phnum; i++) {
		Elf64_Phdr p;
		uint8_t notes[512];
		if (!read_at(e.fd, &p, sizeof(p), e.head.e_phoff + (uint64_t)i * sizeof(p)))
			break;
		const size_t len = p.p_filesz < sizeof(notes) ? p.p_filesz : sizeof(notes);
		if (p.p_type == PT_NOTE && read_at(e.fd, notes, len, p.p_offset) &&
		    take_note(notes, len, m->build_id))
			break;
	}
	GT_SYS1(SYS_close, e.fd);
}

/* ---- looking names up ---- */

struct wanted {
	uint64_t pc;
	uint64_t vaddr;
	uint32_t name; /* offset in the string table; 0 = none yet */
	uint32_t rank; /* of the name found; lower is better */
};

static struct wanted wanted[BATCH_PCS];

static uint32_t rank_of(const struct elf *e, const Elf64_Shdr *strs, const Elf64_Sym *sym)
{
	char start[4] = "";
	GT_SYS4(SYS_pread64, e->fd, start, 3, strs->sh_offset + sym->st_name);
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

static void match(const struct elf *e, const Elf64_Shdr *strs, const Elf64_Sym *sym, size_t n)
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

static void scan_symbols(const struct elf *e, const Elf64_Shdr *syms, const Elf64_Shdr *strs,
			 size_t n)
{
	const size_t step = BLOCK_BYTES / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
	for (uint64_t at = 0; at < syms->sh_size; at += step) {
		const long got = GT_SYS4(SYS_pread64, e->fd, block, step, syms->sh_offset + at);
		if (GT_SYS_FAILED(got) || got == 0)
			return;
		const uint64_t left = syms->sh_size - at;
		const size_t use = (uint64_t)got < left ? (size_t)got : (size_t)left;
		for (size_t i = 0; i + sizeof(Elf64_Sym) <= use; i += sizeof(Elf64_Sym))
			match(e, strs, (const Elf64_Sym *)(block + i), n);
	}
}

static void keep_names(const struct elf *e, const Elf64_Shdr *strs, const struct gt_module *m,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name = (char *)block;
		if (!wanted[i].name)
			continue;
		const long got = GT_SYS4(SYS_pread64, e->fd, name, NAME_MAX_,
					 strs->sh_offset + wanted[i].name);
		if (GT_SYS_FAILED(got))
			continue;
		const size_t len = strnlen(name, (size_t)got);
		if (len)
			keep(wanted[i].pc, name, len, gt_module_path(m), m->path_len);
	}
}

/* Wanted pcs of one module, from its .symtab or else its .dynsym. */
static void learn_from(const struct gt_module *m, size_t n)
{
	struct elf e;
	if (!elf_open(&e, m))
		return;
	size_t placed = 0;
	for (size_t i = 0; i < n; i++) {
		if (!to_vaddr(&e, wanted[i].pc - m->start + m->offset, &wanted[i].vaddr))
			continue;
		struct wanted w = wanted[i];
		size_t k = placed++;
		for (; k > 0 && wanted[k - 1].vaddr > w.vaddr; k--)
			wanted[k] = wanted[k - 1];
		wanted[k] = w;
	}
	Elf64_Shdr syms, strs;
	if ((find_section(&e, SHT_SYMTAB, &syms) || find_section(&e, SHT_DYNSYM, &syms)) &&
	    read_at(e.fd, &strs, sizeof(strs),
		    e.head.e_shoff + (uint64_t)syms.sh_link * e.head.e_shentsize)) {
		scan_symbols(&e, &syms, &strs, placed);
		keep_names(&e, &strs, m, placed);
	}
	GT_SYS1(SYS_close, e.fd);
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
	if (e->pc)
		return (struct gt_symbol){ text + e->name, e->len, text + e->path, e->path_len };
	const struct gt_module *m = module_of(pc);
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
		if (find(pcs[i])->pc)
			continue;
		const struct gt_symbol s = gt_symbols_get(pcs[i], buf, sizeof(buf));
		keep(pcs[i], s.func, s.func_len, s.file, s.file_len);
	}
}

void gt_symbols_learn(const uint64_t *pcs, size_t n)
{
	bool is_fresh = false;
	for (size_t i = 0; i < n; i++)
		if (!find(pcs[i])->pc && !module_of(pcs[i]) && !is_fresh) {
			gt_modules_read();
			is_fresh = true;
		}
	for (size_t k = 0; k < n_modules; k++) {
		const struct gt_module m = modules[k];
		size_t n_wanted = 0;
		for (size_t i = 0; i < n; i++) {
			if (pcs[i] - m.start >= m.end - m.start || find(pcs[i])->pc)
				continue;
			wanted[n_wanted++] = (struct wanted){ .pc = pcs[i] };
			if (n_wanted == BATCH_PCS) {
				learn_from(&m, n_wanted);
				n_wanted = 0;
			}
		}
		if (n_wanted)
			learn_from(&m, n_wanted);
	}
	keep_nameless(pcs, n);
}
