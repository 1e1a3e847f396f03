#include "preload/elf.h"

#include "preload/sys.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

static size_t read_memory(const struct gt_elf *e, void *buf, size_t len, uint64_t at)
{
	if (at >= e->len)
		return 0;
	const size_t n = len < e->len - at ? len : (size_t)(e->len - at);
	struct iovec to = { buf, n }, from = { (void *)(e->mem + at), n };
	const long got = GT_SYS6(SYS_process_vm_readv, gt_sys_getpid(), &to, 1, &from, 1, 0);
	return GT_SYS_FAILED(got) ? 0 : (size_t)got;
}

static size_t read_file(const struct gt_elf *e, void *buf, size_t len, uint64_t at)
{
	const long got = GT_SYS4(SYS_pread64, e->fd, buf, len, at);
	return GT_SYS_FAILED(got) ? 0 : (size_t)got;
}

size_t gt_elf_read(const struct gt_elf *e, void *buf, size_t len, uint64_t at)
{
	if (at <= e->start_len && len <= e->start_len - at) {
		memcpy(buf, e->start + at, len);
		return len;
	}
	return e->fd < 0 ? read_memory(e, buf, len, at) : read_file(e, buf, len, at);
}

static bool read_whole(const struct gt_elf *e, void *buf, size_t len, uint64_t at)
{
	return gt_elf_read(e, buf, len, at) == len;
}

static bool read_head(struct gt_elf *e)
{
	e->start_len = e->fd < 0 ? read_memory(e, e->start, sizeof(e->start), 0)
				 : read_file(e, e->start, sizeof(e->start), 0);
	return read_whole(e, &e->head, sizeof(e->head), 0) &&
	       memcmp(e->head.e_ident, ELFMAG, SELFMAG) == 0 &&
	       e->head.e_ident[EI_CLASS] == ELFCLASS64 &&
	       e->head.e_phentsize == sizeof(Elf64_Phdr) &&
	       (!e->head.e_shnum || e->head.e_shentsize == sizeof(Elf64_Shdr));
}

bool gt_elf_open(struct gt_elf *e, const char *path, uint64_t inode)
{
	e->fd = -1;
	e->start_len = 0;
	if (path[0] != '/')
		return false;
	e->fd = GT_SYS4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			0);
	if (GT_SYS_FAILED(e->fd))
		return false;
	struct stat st;
	if (GT_SYS2(SYS_fstat, e->fd, &st) == 0 && st.st_ino == inode && read_head(e))
		return true;
	gt_elf_close(e);
	return false;
}

bool gt_elf_open_memory(struct gt_elf *e, uint64_t start, uint64_t len)
{
	e->fd = -1;
	e->mem = start;
	e->len = len;
	e->start_len = 0;
	return read_head(e);
}

void gt_elf_close(struct gt_elf *e)
{
	if (e->fd >= 0)
		GT_SYS1(SYS_close, e->fd);
	e->fd = -1;
}

static bool program_header(const struct gt_elf *e, int i, Elf64_Phdr *p)
{
	return read_whole(e, p, sizeof(*p), e->head.e_phoff + (uint64_t)i * sizeof(*p));
}

static bool section_header(const struct gt_elf *e, uint64_t i, Elf64_Shdr *s)
{
	return read_whole(e, s, sizeof(*s), e->head.e_shoff + i * sizeof(*s));
}

bool gt_elf_vaddr(const struct gt_elf *e, uint64_t offset, uint64_t *vaddr)
{
	Elf64_Phdr p;
	for (int i = 0; i < e->head.e_phnum && program_header(e, i, &p); i++) {
		if (p.p_type == PT_LOAD && offset - p.p_offset < p.p_filesz) {
			*vaddr = offset - p.p_offset + p.p_vaddr;
			return true;
		}
	}
	return false;
}

static bool find_section(const struct gt_elf *e, uint32_t type, Elf64_Shdr *out)
{
	Elf64_Shdr some[8]; /* N.B. each look is a system call */
	for (uint64_t i = 0; i < e->head.e_shnum; i += 8) {
		const uint64_t n = e->head.e_shnum - i < 8 ? e->head.e_shnum - i : 8;
		if (!read_whole(e, some, n * sizeof(*some), e->head.e_shoff + i * sizeof(*some)))
			return false;
		for (uint64_t k = 0; k < n; k++) {
			*out = some[k];
			if (out->sh_type == type && out->sh_entsize == sizeof(Elf64_Sym))
				return true;
		}
	}
	return false;
}

bool gt_elf_symbols(const struct gt_elf *e, struct gt_elf_symbols *out)
{
	return (find_section(e, SHT_SYMTAB, &out->syms) ||
		find_section(e, SHT_DYNSYM, &out->syms)) &&
	       section_header(e, out->syms.sh_link, &out->strs);
}

static void put_hex(char *to, const uint8_t *from, size_t n)
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
		const size_t name = ((size_t)n.n_namesz + 3u) & ~(size_t)3u,
			     desc = ((size_t)n.n_descsz + 3u) & ~(size_t)3u;
		if (sizeof(n) + name + desc > len)
			return false;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(p + sizeof(n), "GNU", 4) == 0) {
			put_hex(out, p + sizeof(n) + name, n.n_descsz <= 20 ? n.n_descsz : 20);
			return true;
		}
		p += sizeof(n) + name + desc;
		len -= sizeof(n) + name + desc;
	}
	return false;
}

static bool is_in_notes(const struct gt_elf *e, const Elf64_Phdr *p, char *out)
{
	uint8_t notes[512];
	const size_t len = p->p_filesz < sizeof(notes) ? p->p_filesz : sizeof(notes);
	return read_whole(e, notes, len, p->p_offset) && take_note(notes, len, out);
}

bool gt_elf_build_id(const struct gt_elf *e, char out[41])
{
	Elf64_Phdr p;
	for (int i = 0; i < e->head.e_phnum && program_header(e, i, &p); i++)
		if (p.p_type == PT_NOTE && is_in_notes(e, &p, out))
			return true;
	return false;
}
