/*
 * Looking up names in the tables that the loader itself uses (DT_GNU_HASH; its layout is that of
 * binutils and glibc's elf/dl-lookup.c).
 *
 * Invariants
 *
 * 1. Objects are taken in the loader's order, which dl_iterate_phdr has as well. Otherwise another
 *    object's function would be the next one.
 * 2. Of several versions the default one is taken, as dlsym does without a version.
 * 3. What is not understood ends the search, or leaves out the name: dlsym is asked then.
 */
#include "preload/next.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HIDDEN   0x8000u /* in a symbol's version: not the default one */
#define FOUND    0u      /* instead of a hash */
#define LEFT_OUT 1u

struct table {
	uint64_t base;
	const Elf64_Sym *symbols;
	const char *texts;
	const uint16_t *versions; /* NULL: none */
	const uint32_t *buckets, *chains;
	const uint64_t *bloom;
	uint32_t n_buckets, first, n_bloom, shift;
};

struct search {
	const char *const *names;
	size_t n;
	unsigned *hashes;
	gt_next_found *found;
	uint64_t own;
	bool is_behind; /* our own object has come */
};

static unsigned hash_of(const char *name)
{
	uint32_t h = 5381;
	for (; *name; name++)
		h = h * 33 + (uint8_t)*name;
	return h;
}

static void read_hash_table(struct table *t, const uint32_t *p)
{
	t->n_buckets = p[0];
	t->first = p[1];
	t->n_bloom = p[2];
	t->shift = p[3];
	t->bloom = (const uint64_t *)(p + 4);
	t->buckets = (const uint32_t *)(t->bloom + t->n_bloom);
	t->chains = t->buckets + t->n_buckets;
}

/* The loader has turned these into addresses; the vdso's it leaves alone. */
static bool read_tables(struct table *t, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *d = NULL;
	const uint32_t *hash = NULL;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	*t = (struct table){ .base = info->dlpi_addr };
	for (; d && d->d_tag != DT_NULL; d++) {
		const uint64_t at = d->d_un.d_ptr;
		if (d->d_tag == DT_GNU_HASH)
			hash = (const uint32_t *)at;
		else if (d->d_tag == DT_SYMTAB)
			t->symbols = (const Elf64_Sym *)at;
		else if (d->d_tag == DT_STRTAB)
			t->texts = (const char *)at;
		else if (d->d_tag == DT_VERSYM)
			t->versions = (const uint16_t *)at;
	}
	if ((uint64_t)hash < t->base || (uint64_t)t->symbols < t->base ||
	    (uint64_t)t->texts < t->base || !hash || !t->symbols || !t->texts)
		return false;
	read_hash_table(t, hash);
	return t->n_buckets && t->n_bloom;
}

static bool may_have(const struct table *t, uint32_t h)
{
	const uint64_t word = t->bloom[h / 64 & (t->n_bloom - 1)];
	return word >> (h % 64) & word >> ((h >> t->shift) % 64) & 1;
}

static bool is_default(const struct table *t, uint32_t i)
{
	return !t->versions || !(t->versions[i] & HIDDEN) || (t->versions[i] & ~HIDDEN) < 2;
}

/* The symbol that dlsym would take, or NULL. */
static const Elf64_Sym *find_in(const struct table *t, const char *name, uint32_t h)
{
	if (!may_have(t, h))
		return NULL;
	uint32_t i = t->buckets[h % t->n_buckets];
	if (i < t->first)
		return NULL;
	for (;; i++) {
		const uint32_t c = t->chains[i - t->first];
		const Elf64_Sym *s = &t->symbols[i];
		if ((c | 1) == (h | 1) && s->st_shndx != SHN_UNDEF && s->st_value &&
		    is_default(t, i) && strcmp(t->texts + s->st_name, name) == 0)
			return s;
		if (c & 1)
			return NULL;
	}
}

static bool contains(const struct dl_phdr_info *info, uint64_t at)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && at - info->dlpi_addr - p->p_vaddr < p->p_memsz)
			return true;
	}
	return false;
}

static bool is_libc(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, "libc.so.6") == 0;
}

static int search_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = (struct search *)arg;
	struct table t;
	(void)size;
	if (!s->is_behind) {
		s->is_behind = contains(info, s->own);
		return 0;
	}
	if (strncmp(info->dlpi_name, "linux-vdso", 10) == 0)
		return 0;
	if (!read_tables(&t, info))
		return 1;
	for (size_t i = 0; i < s->n; i++) {
		const Elf64_Sym *sym =
			s->hashes[i] > LEFT_OUT ? find_in(&t, s->names[i], s->hashes[i]) : NULL;
		if (!sym)
			continue;
		const bool is_plain = ELF64_ST_TYPE(sym->st_info) == STT_FUNC;
		s->hashes[i] = is_plain ? FOUND : LEFT_OUT;
		if (is_plain)
			s->found(i, (const void *)(t.base + sym->st_value));
	}
	return is_libc(
		info->dlpi_name); /* behind it there may be what somebody opened for himself */
}

void gt_next_find(const void *own, const char *const *names, size_t n, unsigned *hashes,
		  gt_next_found *found)
{
	struct search s = { names, n, hashes, found, (uint64_t)own, false };
	for (size_t i = 0; i < n; i++) {
		const unsigned h = hash_of(names[i]);
		hashes[i] = h > LEFT_OUT ? h : LEFT_OUT;
	}
	dl_iterate_phdr(search_object, &s);
}
