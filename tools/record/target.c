#include "tools/record/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "port me: the ELF machine of this build"
#endif

#define MAX_SCRIPTS 5 /* the kernel's own limit for #! lines that lead to #! lines */

/* A file in memory; all reads of it go through part(). */
struct image {
	const uint8_t *bytes;
	size_t len;
};

/* len bytes at `offset`, or NULL when the file is not that long. N.B. unaligned. */
static const void *part(const struct image *f, uint64_t offset, uint64_t len)
{
	return offset <= f->len && len <= f->len - offset ? f->bytes + offset : NULL;
}

static bool map(struct image *f, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	*f = (struct image){ NULL, 0 };
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED)
			*f = (struct image){ p, (size_t)st.st_size };
	}
	if (fd >= 0)
		close(fd);
	return f->bytes != NULL;
}

static void unmap(struct image *f)
{
	munmap((void *)(uintptr_t)f->bytes, f->len);
}

/* execvp()'s search: first executable file of PATH, when `cmd` has no slash. */
static bool search(const char *cmd, char path[static PATH_MAX])
{
	if (strchr(cmd, '/') != NULL)
		return snprintf(path, PATH_MAX, "%s", cmd) < PATH_MAX;
	const char *dirs = getenv("PATH");
	if (dirs == NULL)
		dirs = "/bin:/usr/bin";
	for (;;) {
		const int n = (int)strcspn(dirs, ":");
		struct stat st;
		if (snprintf(path, PATH_MAX, "%.*s%s%s", n, dirs, n > 0 ? "/" : "", cmd) <
			    PATH_MAX &&
		    access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return true;
		if (dirs[n] == '\0')
			break;
		dirs += n + 1;
	}
	path[0] = '\0';
	return false;
}

/* The interpreter of a "#!" line into `path`; false when it is no script. */
static bool read_interpreter(const struct image *f, char path[static PATH_MAX])
{
	const char *text = part(f, 0, 2);
	if (text == NULL || memcmp(text, "#!", 2) != 0)
		return false;
	const size_t max =
		f->len < 256 ? f->len : 256; /* the kernel looks no further (BINPRM_BUF_SIZE) */
	size_t from = 2;
	while (from < max && (text[from] == ' ' || text[from] == '\t'))
		from++;
	size_t to = from;
	while (to < max && strchr(" \t\n", text[to]) == NULL)
		to++;
	snprintf(path, PATH_MAX, "%.*s", (int)(to - from), text + from);
	return to > from;
}

__attribute__((format(printf, 3, 4))) static void
verdict(struct gt_target *t, enum gt_target_verdict v, const char *format, ...)
{
	va_list ap;
	t->verdict = v;
	va_start(ap, format);
	vsnprintf(t->why, sizeof(t->why), format, ap);
	va_end(ap);
}

static bool read_segment(const struct image *f, const Elf64_Ehdr *e, uint32_t type,
			 Elf64_Phdr *found)
{
	for (unsigned i = 0; i < e->e_phnum; i++) {
		const void *p = part(f, e->e_phoff + (uint64_t)i * e->e_phentsize, sizeof(*found));
		if (p == NULL)
			return false;
		memcpy(found, p, sizeof(*found));
		if (found->p_type == type)
			return true;
	}
	return false;
}

/* File offset of a virtual address; UINT64_MAX when it is in no loaded segment. */
static uint64_t offset_of(const struct image *f, const Elf64_Ehdr *e, uint64_t address)
{
	for (unsigned i = 0; i < e->e_phnum; i++) {
		Elf64_Phdr ph;
		const void *p = part(f, e->e_phoff + (uint64_t)i * e->e_phentsize, sizeof(ph));
		if (p == NULL)
			break;
		memcpy(&ph, p, sizeof(ph));
		if (ph.p_type == PT_LOAD && address >= ph.p_vaddr &&
		    address - ph.p_vaddr < ph.p_filesz)
			return ph.p_offset + (address - ph.p_vaddr);
	}
	return UINT64_MAX;
}

/*
 * A dynamic address or thread sanitizer ends the program ("runtime does not come first") or crashes
 * when another library is preloaded before it. With its own name first in LD_PRELOAD it is content.
 */
static void find_sanitizer(struct gt_target *t, const struct image *f, const Elf64_Ehdr *e)
{
	Elf64_Phdr ph;
	Elf64_Dyn dyn;
	uint64_t strings = UINT64_MAX;
	if (!read_segment(f, e, PT_DYNAMIC, &ph))
		return;
	const uint64_t n = ph.p_filesz / sizeof(dyn);
	const uint8_t *table = part(f, ph.p_offset, n * sizeof(dyn));
	if (table == NULL)
		return;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&dyn, table + i * sizeof(dyn), sizeof(dyn));
		if (dyn.d_tag == DT_STRTAB)
			strings = offset_of(f, e, dyn.d_un.d_ptr);
	}
	if (strings == UINT64_MAX)
		return;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&dyn, table + i * sizeof(dyn), sizeof(dyn));
		const char *name =
			dyn.d_tag == DT_NEEDED ? part(f, strings + dyn.d_un.d_val, 11) : NULL;
		if (name != NULL && (strncmp(name, "libasan.so.", 11) == 0 ||
				     strncmp(name, "libtsan.so.", 11) == 0))
			snprintf(t->sanitizer, sizeof(t->sanitizer), "%.*s",
				 (int)strnlen(name,
					      f->len - (size_t)((const uint8_t *)name - f->bytes)),
				 name);
	}
}

/* The loader itself, started as a program, preloads though it has no interpreter. */
static bool is_loader(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	return strncmp(name, "ld-", 3) == 0 || strncmp(name, "ld.so", 5) == 0;
}

static void inspect_elf(struct gt_target *t, const struct image *f)
{
	Elf64_Ehdr e;
	const void *p = part(f, 0, sizeof(e));
	if (p == NULL || memcmp(p, ELFMAG, SELFMAG) != 0)
		return;
	memcpy(&e, p, sizeof(e));
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.e_machine != OUR_MACHINE) {
		verdict(t, GT_TARGET_HARMFUL,
			"%s is made for another architecture than libgtrace.so", t->path);
		return;
	}
	Elf64_Phdr ph;
	if (!read_segment(f, &e, PT_INTERP, &ph)) {
		if (!is_loader(t->path))
			verdict(t, GT_TARGET_NOT_ITSELF,
				"%s is statically linked: nothing can be preloaded into it",
				t->path);
		return;
	}
	const char *loader = part(f, ph.p_offset, ph.p_filesz);
	if (loader != NULL && memmem(loader, ph.p_filesz, "ld-musl", 7) != NULL) {
		verdict(t, GT_TARGET_HARMFUL,
			"%s uses the C library musl, libgtrace.so was built for glibc", t->path);
		return;
	}
	find_sanitizer(t, f, &e);
}

/*
 * Where a program gains rights by its file, the loader ignores LD_PRELOAD without a word. Only real
 * gains count: root gains nothing from a root-owned setuid file, and a nosuid mount or no_new_privs
 * gives nothing to anybody.
 */
static void inspect_rights(struct gt_target *t)
{
	struct stat st;
	struct statvfs fs;
	if (stat(t->path, &st) != 0 || (statvfs(t->path, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0))
		return;
	const char *what = NULL;
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != geteuid())
		what = "setuid";
	else if ((st.st_mode & S_ISGID) != 0 && (st.st_mode & S_IXGRP) != 0 &&
		 st.st_gid != getegid())
		what = "setgid";
	else if (getuid() != 0 && getxattr(t->path, "security.capability", NULL, 0) > 0)
		what = "a program with file capabilities";
	if (what != NULL)
		verdict(t, GT_TARGET_NOT_ITSELF,
			"%s is %s: the loader ignores LD_PRELOAD there; run gtrace itself with "
			"those rights",
			t->path, what);
}

void gt_target_inspect(struct gt_target *t, const char *cmd)
{
	memset(t, 0, sizeof(*t));
	if (!search(cmd, t->path))
		return;
	for (int i = 0; i < MAX_SCRIPTS; i++) {
		struct image f;
		if (!map(&f, t->path))
			return;
		char next[PATH_MAX];
		const bool is_script = read_interpreter(&f, next);
		if (!is_script) {
			inspect_elf(t, &f);
			unmap(&f);
			break;
		}
		unmap(&f);
		memcpy(t->path, next,
		       sizeof(next)); /* rights of a script are not honoured by the kernel */
	}
	if (t->verdict == GT_TARGET_FINE)
		inspect_rights(t);
}
