/*
 * The judge of stack_cfi.c: for every byte of the text of ELF files, our rule against elfutils'
 * libdw.
 *
 *   sweep [-v] FILE...      exit 1 when a rule differs, or 0.5 % of a file's pcs or more are
 * foreign
 *
 * Both sides are evaluated with made-up registers and a made-up memory, so the form of a rule does
 * not matter, only what it says: where the caller's sp is, and where the return address and rbx rbp
 * r12-r15 lie. A file is mapped as the loader would map it, and not run.
 */
#include "preload/stack_cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FOREIGN 0.005
#define MAX_SHOWN   20

static bool is_verbose;

struct image {
	uint8_t *base; /* where vaddr 0 is */
	const uint8_t *hdr;
	Elf *elf;
	Dwarf_CFI *cfi;
	int fd;
};

struct counts {
	uint64_t pcs, equal, none, foreign, different;
};

/* ---- what both sides are evaluated with ---- */

struct world {
	uint64_t reg[17]; /* DWARF's numbers */
};

static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t memory(uint64_t at)
{
	return mix(at) & 0x7ffffffffff8;
}

/* What a row says, in numbers. */
struct row {
	uint64_t cfa, ra_at;
	uint64_t saved_at[GT_N_SAVED]; /* 0 = not saved */
	bool is_end;
};

static const uint8_t dwarf_number[] = {
	3, 6, 12, 13, 14, 15, 7, 0, 1, 2, 4, 5, 8, 9, 10, 11
}; /* of enum gt_reg */

/* ---- libdw's side ---- */

#define EVAL_DEPTH 16

static bool eval_op(const Dwarf_Op *op, const struct world *w, uint64_t cfa, uint64_t *s, size_t *n)
{
	const uint8_t a = op->atom;
	if (*n + 1 >= EVAL_DEPTH)
		return false;
	if (a >= DW_OP_breg0 && a <= DW_OP_breg16)
		s[(*n)++] = w->reg[a - DW_OP_breg0] + op->number;
	else if (a == DW_OP_bregx && op->number < 17)
		s[(*n)++] = w->reg[op->number] + op->number2;
	else if (a >= DW_OP_lit0 && a <= DW_OP_lit31)
		s[(*n)++] = a - DW_OP_lit0;
	else if ((a >= DW_OP_const1u && a <= DW_OP_consts))
		s[(*n)++] = op->number;
	else if (a == DW_OP_call_frame_cfa)
		s[(*n)++] = cfa;
	else if (a == DW_OP_plus_uconst && *n)
		s[*n - 1] += op->number;
	else if (a == DW_OP_deref && *n)
		s[*n - 1] = memory(s[*n - 1]);
	else if (a == DW_OP_dup && *n)
		s[*n] = s[*n - 1], (*n)++;
	else if (*n >= 2) {
		const uint64_t y = s[--*n], x = s[*n - 1];
		switch (a) {
		case DW_OP_plus:
			s[*n - 1] = x + y;
			break;
		case DW_OP_minus:
			s[*n - 1] = x - y;
			break;
		case DW_OP_and:
			s[*n - 1] = x & y;
			break;
		case DW_OP_shl:
			s[*n - 1] = x << (y & 63);
			break;
		case DW_OP_ge:
			s[*n - 1] = (int64_t)x >= (int64_t)y;
			break;
		default:
			return false;
		}
	} else {
		return false;
	}
	return true;
}

static bool eval(const Dwarf_Op *ops, size_t n_ops, const struct world *w, uint64_t cfa,
		 uint64_t *value)
{
	uint64_t s[EVAL_DEPTH];
	size_t n = 0;
	for (size_t i = 0; i < n_ops; i++)
		if (!eval_op(&ops[i], w, cfa, s, &n))
			return false;
	*value = n ? s[n - 1] : 0;
	return n > 0;
}

/* false: a form that this program cannot evaluate, or that rules cannot say. */
static bool row_of_libdw(Dwarf_Frame *f, const struct world *w, struct row *r)
{
	Dwarf_Op *ops, mem[3];
	size_t n;
	if (dwarf_frame_cfa(f, &ops, &n) || !eval(ops, n, w, 0, &r->cfa))
		return false;
	if (dwarf_frame_register(f, 16, mem, &ops, &n))
		return false;
	r->is_end = n == 0;
	if (!r->is_end && !eval(ops, n, w, r->cfa, &r->ra_at))
		return false;
	for (int i = 0; i < GT_N_SAVED; i++) {
		r->saved_at[i] = 0;
		if (dwarf_frame_register(f, dwarf_number[i], mem, &ops, &n))
			return false;
		if (n && (ops[n - 1].atom == DW_OP_stack_value || ops[0].atom == DW_OP_regx))
			return false;
		if (n && !eval(ops, n, w, r->cfa, &r->saved_at[i]))
			return false;
	}
	return true;
}

/* ---- our side ---- */

static void row_of_rule(const struct gt_rule *rule, const struct world *w, struct row *r)
{
	r->cfa = w->reg[dwarf_number[rule->cfa_reg]] + (uint64_t)(int64_t)rule->cfa_offset;
	if (rule->kind == GT_RULE_DEREF)
		r->cfa = memory(r->cfa) + (uint64_t)(int64_t)rule->cfa_add;
	r->is_end = rule->kind == GT_RULE_END;
	const uint64_t base = w->reg[rule->base_is_sp ? 7 : 6];
	r->ra_at = (rule->based >> GT_BASED_RA & 1 ? base : r->cfa) +
		   (uint64_t)((int64_t)rule->ra_offset * 8);
	for (int i = 0; i < GT_N_SAVED; i++) {
		const uint64_t from = rule->based >> i & 1 ? base : r->cfa;
		r->saved_at[i] =
			rule->saved >> i & 1 ? from + (uint64_t)((int64_t)rule->offset[i] * 8) : 0;
	}
}

static bool is_same(const struct row *a, const struct row *b)
{
	if (a->is_end || b->is_end)
		return a->is_end == b->is_end;
	return a->cfa == b->cfa && a->ra_at == b->ra_at &&
	       !memcmp(a->saved_at, b->saved_at, sizeof(a->saved_at));
}

/* ---- one file ---- */

static bool map_file(const char *path, struct image *im)
{
	memset(im, 0, sizeof(*im));
	im->fd = open(path, O_RDONLY | O_CLOEXEC);
	im->elf = im->fd < 0 ? NULL : elf_begin(im->fd, ELF_C_READ_MMAP, NULL);
	im->cfi = im->elf ? dwarf_getcfi_elf(im->elf) : NULL;
	size_t n = 0;
	if (!im->cfi || elf_getphdrnum(im->elf, &n))
		return false;
	uint64_t lo = UINT64_MAX, hi = 0;
	GElf_Phdr p;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(im->elf, (int)i, &p) && p.p_type == PT_LOAD) {
			lo = p.p_vaddr < lo ? p.p_vaddr & ~4095ull : lo;
			hi = p.p_vaddr + p.p_memsz > hi ? p.p_vaddr + p.p_memsz : hi;
		}
	uint8_t *mem =
		(uint8_t *)mmap(NULL, hi - lo, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return false;
	im->base = mem - lo;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(im->elf, (int)i, &p))
			return false;
		const uint64_t in_page = p.p_vaddr & 4095;
		if (p.p_type == PT_LOAD &&
		    mmap(im->base + p.p_vaddr - in_page, p.p_filesz + in_page, PROT_READ,
			 MAP_PRIVATE | MAP_FIXED, im->fd,
			 (off_t)(p.p_offset - in_page)) == MAP_FAILED)
			return false;
		if (p.p_type == PT_GNU_EH_FRAME)
			im->hdr = im->base + p.p_vaddr;
	}
	return im->hdr != NULL;
}

static void show(const char *path, uint64_t at, const char *what, const struct row *a,
		 const struct row *b)
{
	static unsigned shown;
	if (shown++ >= MAX_SHOWN && !is_verbose)
		return;
	printf("  %s+%#" PRIx64 ": %s", path, at, what);
	if (a && b) {
		printf("; ours: cfa %" PRIx64 " ra %" PRIx64 " end %d; libdw: cfa %" PRIx64
		       " ra %" PRIx64 " end %d",
		       a->cfa, a->ra_at, a->is_end, b->cfa, b->ra_at, b->is_end);
		for (int i = 0; i < GT_N_SAVED; i++)
			if (a->saved_at[i] != b->saved_at[i])
				printf("; r%d: %" PRIx64 " %" PRIx64, dwarf_number[i],
				       a->saved_at[i], b->saved_at[i]);
	}
	putchar('\n');
}

/* libdw's row of a pc, kept for as long as it is valid. */
struct libdw_row {
	Dwarf_Frame *frame;
	uint64_t begin, end;
	bool is_signal;
};

static void find_libdw_row(struct image *im, uint64_t at, struct libdw_row *r)
{
	if (r->frame && at >= r->begin && at < r->end)
		return;
	free(r->frame);
	r->frame = NULL;
	if (dwarf_cfi_addrframe(im->cfi, at, &r->frame))
		r->frame = NULL;
	else
		dwarf_frame_info(r->frame, &r->begin, &r->end, &r->is_signal);
}

static void judge_pc(const char *path, struct image *im, uint64_t at, struct libdw_row *dw,
		     struct counts *c)
{
	struct gt_rule rule;
	gt_cfi_find_in(im->hdr, (uint64_t)im->base + at, &rule);
	find_libdw_row(im, at, dw);
	if (rule.kind == GT_RULE_NONE && !dw->frame) {
		c->none++; /* nobody knows: padding, code without data */
		return;
	}
	c->pcs++;
	if (rule.kind == GT_RULE_FOREIGN) {
		c->foreign++;
		if (is_verbose)
			show(path, at, dw->frame ? "foreign" : "foreign, and unknown to libdw",
			     NULL, NULL);
		return;
	}
	if (rule.kind == GT_RULE_NONE || !dw->frame) {
		c->different++;
		show(path, at, dw->frame ? "only libdw knows it" : "only we know it", NULL, NULL);
		return;
	}
	for (uint64_t seed = 0; seed < 2; seed++) {
		struct world w;
		for (unsigned i = 0; i < 17; i++)
			w.reg[i] = mix(seed * 17 + i) & 0x7ffffffffff8;
		w.reg[16] = at; /* N.B. rules of a PLT look at its lowest bits: bases are page
				   aligned */
		struct row ours, theirs;
		row_of_rule(&rule, &w, &ours);
		if (!row_of_libdw(dw->frame, &w, &theirs)) {
			c->different++;
			show(path, at, "libdw's row is none that a rule can say", NULL, NULL);
			return;
		}
		if (dw->is_signal != rule.is_signal || !is_same(&ours, &theirs)) {
			c->different++;
			show(path, at,
			     dw->is_signal != rule.is_signal ? "a signal frame?" : "different",
			     &ours, &theirs);
			return;
		}
	}
	c->equal++;
}

static bool sweep(const char *path)
{
	struct image im;
	if (!map_file(path, &im)) {
		printf("%-44s cannot be read: %s\n", path, dwarf_errmsg(-1));
		return false;
	}
	struct counts c = { 0 };
	struct libdw_row dw = { 0 };
	size_t n;
	elf_getphdrnum(im.elf, &n);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;
		if (!gelf_getphdr(im.elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		for (uint64_t at = p.p_vaddr; at < p.p_vaddr + p.p_filesz; at++)
			judge_pc(path, &im, at, &dw, &c);
	}
	const double foreign = c.pcs ? (double)c.foreign / (double)c.pcs : 1;
	const bool is_good = c.pcs && !c.different && foreign < MAX_FOREIGN;
	printf("%-44s %10" PRIu64 " %10" PRIu64 " %9.4f %% %9" PRIu64 "  %s\n", path, c.pcs,
	       c.equal, foreign * 100, c.different, is_good ? "ok" : "FAIL");
	return is_good;
}

int main(int argc, char **argv)
{
	elf_version(EV_CURRENT);
	int i = 1;
	if (argc > 1 && !strcmp(argv[1], "-v")) {
		is_verbose = true;
		i++;
	}
	bool is_good = i < argc;
	printf("%-44s %10s %10s %11s %9s\n", "file", "pcs", "equal", "foreign", "different");
	for (; i < argc; i++)
		is_good &= sweep(argv[i]);
	return is_good ? 0 : 1;
}
