/*
 * ELF files (and images in memory: the vdso) as the writer reads them: by pread, a bit at a time;
 * nothing is mapped into the program, and a file that is cut or replaced meanwhile does no harm.
 */
#ifndef GT_ELF_H
#define GT_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_elf {
	long fd;           /* -1: in memory */
	uint64_t mem, len; /* where and how long */
	Elf64_Ehdr head;
	size_t start_len;
	uint8_t start[2048]; /* its first bytes: with the program headers, and mostly the build id
			      */
};

/* A table of symbols and its texts. */
struct gt_elf_symbols {
	Elf64_Shdr syms, strs;
};

/* The file `path`, if it (still) is the one with this inode. False: no names from it. */
bool gt_elf_open(struct gt_elf *e, const char *path, uint64_t inode);

/* An image in our own memory. It is read through the kernel: memory that is gone does not fault. */
bool gt_elf_open_memory(struct gt_elf *e, uint64_t start, uint64_t len);

void gt_elf_close(struct gt_elf *e);

/* Reads up to `len` bytes at file offset `at`; returns how many. */
size_t gt_elf_read(const struct gt_elf *e, void *buf, size_t len, uint64_t at);

/* File offset -> address as the symbol table counts it. */
bool gt_elf_vaddr(const struct gt_elf *e, uint64_t offset, uint64_t *vaddr);

/* .symtab, else .dynsym. */
bool gt_elf_symbols(const struct gt_elf *e, struct gt_elf_symbols *out);

/* GNU build id in hex (at most 20 bytes of it). False: it has none. */
bool gt_elf_build_id(const struct gt_elf *e, char out[41]);

#endif
