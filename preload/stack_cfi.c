/*
 * .eh_frame, as far as compilers use it: the binary search table of .eh_frame_hdr, then the
 * instructions of a CIE and an FDE up to the row of the pc. Three kinds of expressions are common
 * enough to be known: the PLT's, which linkers make; a sp saved in a word (functions that align
 * their stack, OpenSSL's assembler, signal frames); and registers saved at a distance from rbp or
 * rsp instead of the CFA (the same functions). What is rarer is said to be foreign and left to
 * libgcc.
 *
 * Sources: LSB Core 5.0, "Exception Frames"; DWARF 5, 6.4; System V ABI AMD64 supplement, 3.6.2
 * (register numbers).
 */
#include "preload/stack_cfi.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

void *gt_cfi_dlsym(void *handle, const char *name);
__asm__(".symver gt_cfi_dlsym, dlsym@GLIBC_2.2.5");

/* <dlfcn.h> of glibc 2.35: fixed by its ABI. */
struct found_object {
	unsigned long long flags;
	void *map_start, *map_end;
	void *link_map;
	void *eh_frame; /* PT_GNU_EH_FRAME */
	unsigned long long reserved[7];
};
static int (*find_object)(void *pc, struct found_object *out);

bool gt_cfi_init(void)
{
	find_object = (int (*)(void *, struct found_object *))gt_cfi_dlsym(RTLD_DEFAULT,
									   "_dl_find_object");
	return find_object != NULL;
}

/* ---- reading ---- */

struct cursor {
	const uint8_t *p, *end;
	bool is_bad; /* something was not as expected: whatever was read is not to be used */
};

static uint8_t take_u8(struct cursor *c)
{
	if (c->p >= c->end) {
		c->is_bad = true;
		return 0;
	}
	return *c->p++;
}

static uint64_t take(struct cursor *c, size_t bytes)
{
	uint64_t v = 0;
	if ((size_t)(c->end - c->p) < bytes) {
		c->is_bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&v, c->p, bytes); /* little endian */
	c->p += bytes;
	return v;
}

static uint64_t take_uleb(struct cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0;; shift += 7) {
		const uint8_t b = take_u8(c);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
}

static int64_t take_sleb(struct cursor *c)
{
	int64_t v = 0;
	for (unsigned shift = 0;;) {
		const uint8_t b = take_u8(c);
		if (shift < 64)
			v |= (int64_t)((uint64_t)(b & 0x7f) << shift);
		shift += 7;
		if (b < 0x80)
			return shift < 64 && (b & 0x40) ? v - ((int64_t)1 << shift) : v;
	}
}

static void skip(struct cursor *c, uint64_t bytes)
{
	if ((uint64_t)(c->end - c->p) < bytes)
		c->is_bad = true;
	else
		c->p += bytes;
}

/* DW_EH_PE_* */
enum {
	PE_ABS8 = 0x00,
	PE_UDATA4 = 0x03,
	PE_PCREL_SDATA4 = 0x1b,
	PE_DATAREL_SDATA4 = 0x3b,
	PE_OMIT = 0xff
};

static size_t encoded_size(uint8_t encoding)
{
	switch (encoding & 0x07) {
	case 0x02:
		return 2;
	case 0x03:
		return 4;
	default:
		return 8;
	}
}

/* ---- FDE and CIE ---- */

struct fde {
	uint64_t begin, range;
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointer_encoding;
	bool has_augmentation; /* 'z' */
	bool is_signal;        /* 'S' */
	struct cursor initial, body;
};

/* A record: length, then that many bytes. 64-bit lengths are not used on this platform. */
static struct cursor record_at(const uint8_t *p)
{
	uint32_t length;
	memcpy(&length, p, 4);
	if (length == 0 || length == 0xffffffff)
		return (struct cursor){ p, p, true };
	return (struct cursor){ p + 4, p + 4 + length, false };
}

static bool read_cie(const uint8_t *p, struct fde *f)
{
	struct cursor c = record_at(p);
	if (take(&c, 4) != 0) /* the mark of a CIE */
		return false;
	const uint8_t version = take_u8(&c);
	const char *augmentation = (const char *)c.p;
	while (take_u8(&c) && !c.is_bad)
		;
	f->code_align = take_uleb(&c);
	f->data_align = take_sleb(&c);
	const uint64_t ra = version == 1 ? take_u8(&c) : take_uleb(&c);
	if (c.is_bad || (version != 1 && version != 3) || ra != 16)
		return false;
	f->pointer_encoding = PE_ABS8;
	f->has_augmentation = augmentation[0] == 'z';
	if (f->has_augmentation) {
		const uint64_t len = take_uleb(&c);
		const uint8_t *rest = c.p + len;
		for (const char *a = augmentation + 1; *a; a++) {
			if (*a == 'R')
				f->pointer_encoding = take_u8(&c);
			else if (*a == 'L')
				take_u8(&c);
			else if (*a == 'P')
				skip(&c, encoded_size(take_u8(&c)));
			else if (*a == 'S')
				f->is_signal = true;
			else
				return false;
		}
		c.p = rest;
	} else if (augmentation[0]) {
		return false;
	}
	f->initial = c;
	return !c.is_bad && c.p <= c.end;
}

static bool read_fde(const uint8_t *p, struct fde *f)
{
	memset(f, 0, sizeof(*f));
	struct cursor c = record_at(p);
	const uint8_t *at = c.p;
	const uint64_t back = take(&c, 4);
	if (c.is_bad || !back || !read_cie(at - back, f) || f->pointer_encoding != PE_PCREL_SDATA4)
		return false;
	const uint8_t *field = c.p;
	f->begin = (uint64_t)field + (uint64_t)(int64_t)(int32_t)take(&c, 4);
	f->range = take(&c, 4);
	if (f->has_augmentation) {
		const uint64_t len = take_uleb(&c);
		skip(&c, len);
	}
	f->body = c;
	return !c.is_bad;
}

/* The FDE that may hold `pc`, by the sorted table; NULL = none, or a table of a kind that linkers
 * do not make. */
static const uint8_t *find_fde(const uint8_t *hdr, uint64_t pc, bool *is_foreign)
{
	*is_foreign = hdr[0] != 1 || hdr[1] == PE_OMIT || hdr[2] != PE_UDATA4 ||
		      hdr[3] != PE_DATAREL_SDATA4;
	if (*is_foreign)
		return NULL;
	uint32_t n;
	memcpy(&n, hdr + 4 + encoded_size(hdr[1]), 4);
	const int32_t *table = (const int32_t *)(hdr + 8 + encoded_size(hdr[1]));
	uint32_t lo = 0, hi = n;
	while (lo < hi) { /* the last entry that does not begin behind pc */
		const uint32_t mid = (lo + hi) / 2;
		if ((uint64_t)hdr + (uint64_t)(int64_t)table[2 * mid] <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? hdr + table[2 * (lo - 1) + 1] : NULL;
}

/* ---- instructions ---- */

/* Where DWARF's register is in our order; -1: none that a frame is found by. */
static int reg_of(uint64_t dwarf)
{
	static const int8_t map[16] = { GT_RAX, GT_RDX, GT_RCX, GT_RBX, GT_RSI, GT_RDI,
					GT_RBP, GT_RSP, GT_R8,  GT_R9,  GT_R10, GT_R11,
					GT_R12, GT_R13, GT_R14, GT_R15 };
	return dwarf < 16 ? map[dwarf] : -1;
}

#define MAX_REMEMBERED 4

/*
 * struct gt_rule.odd: bit r < GT_N_SAVED: register r; these two for the CFA and the return address.
 * A row with any of them is foreign; a later row may be an ordinary one.
 */
#define ODD_CFA 0x40
#define ODD_RA  0x80

struct machine {
	struct gt_rule now;
	struct gt_rule initial; /* after the CIE: what DW_CFA_restore goes back to */
	struct gt_rule remembered[MAX_REMEMBERED];
	unsigned n_remembered;
	uint64_t loc;
	uint64_t pc;     /* that the row is wanted for */
	bool is_foreign; /* not to be understood, from here on */
};

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	const int r = reg_of(reg);
	const bool is_odd = r < 0 || offset != (int32_t)offset;
	m->now.kind = m->now.kind == GT_RULE_DEREF ? GT_RULE_FRAME : m->now.kind;
	m->now.odd = (uint8_t)((m->now.odd & ~ODD_CFA) | (is_odd ? ODD_CFA : 0));
	m->now.cfa_reg = (uint8_t)(r < 0 ? GT_RSP : r);
	m->now.cfa_offset = (int32_t)offset;
}

/* The PLT's: two kinds of instructions, before and after the push. For one pc it is a constant. */
static bool is_plt(const uint8_t *p, uint64_t n)
{
	static const uint8_t plt[11] = {
		0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
	};
	return n == sizeof(plt) && !memcmp(p, plt, sizeof(plt));
}

/* Takes a block (length, bytes) as a cursor of its own. */
static void skip_block(struct cursor *c, struct cursor *block)
{
	const uint64_t n = take_uleb(c);
	*block = *c;
	skip(c, n);
	block->end = c->is_bad ? block->p : c->p;
}

static void set_cfa_expression(struct machine *m, struct cursor *c)
{
	struct cursor e;
	skip_block(c, &e);
	if (is_plt(e.p, (uint64_t)(e.end - e.p))) {
		set_cfa(m, 7, 8 + ((m->pc & 15) >= 11 ? 8 : 0));
		return;
	}
	const uint8_t base = take_u8(&e);
	const int64_t offset = take_sleb(&e);
	const bool is_deref = take_u8(&e) == 0x06;
	const uint64_t add = e.p < e.end && take_u8(&e) == 0x23 ? take_uleb(&e) : 0;
	if (base >= 0x70 && base <= 0x7f && is_deref && e.p == e.end && !e.is_bad && add < 1024 &&
	    m->now.kind != GT_RULE_END) { /* breg0 to 15; deref; plus_uconst */
		set_cfa(m, base - 0x70u, offset);
		m->now.kind = GT_RULE_DEREF;
		m->now.cfa_add = (int16_t)add;
	} else {
		m->now.odd |= ODD_CFA;
	}
}

/* A register or the return address is where no rule of ours can say. */
static void set_odd(struct machine *m, uint64_t reg)
{
	const int r = reg_of(reg);
	if (reg == 16)
		m->now.odd |= ODD_RA;
	else if (r == GT_RSP)
		m->now.odd |= ODD_CFA; /* the caller's sp is not the CFA */
	else if (r >= 0 && r < GT_N_SAVED)
		m->now.odd |= (uint8_t)(1u << r);
}

/* A register is saved at breg6 or breg7 + offset. */
static void set_based(struct machine *m, uint64_t reg, struct cursor e)
{
	const int r = reg_of(reg);
	if (reg != 16 && (r < 0 || r > GT_RSP))
		return; /* nobody asks for it */
	const uint8_t base = take_u8(&e);
	const int64_t offset = take_sleb(&e);
	struct gt_rule *now = &m->now;
	const bool is_sp = base == 0x77;
	const bool is_plain = (base == 0x76 || is_sp) && e.p == e.end && !e.is_bad &&
			      offset % 8 == 0 && (!now->based || now->base_is_sp == is_sp) &&
			      offset / 8 == (int16_t)(offset / 8);
	if (r == GT_RSP) { /* (a signal frame says it twice) */
		if (!is_plain || now->kind != GT_RULE_DEREF ||
		    now->cfa_reg != (is_sp ? GT_RSP : GT_RBP) || now->cfa_offset != offset ||
		    now->cfa_add)
			set_odd(m, reg);
	} else if (!is_plain || (reg == 16 && offset / 8 != (int8_t)(offset / 8))) {
		set_odd(m, reg);
	} else if (reg == 16) {
		now->ra_offset = (int8_t)(offset / 8);
		now->based |= 1u << GT_BASED_RA;
		now->base_is_sp = is_sp;
		now->odd &= (uint8_t)~ODD_RA;
	} else {
		now->saved |= (uint8_t)(1u << r);
		now->based |= (uint8_t)(1u << r);
		now->base_is_sp = is_sp;
		now->offset[r] = (int16_t)(offset / 8);
		now->odd &= (uint8_t) ~(1u << r);
	}
}

static void set_saved(struct machine *m, uint64_t reg, int64_t offset)
{
	const int r = reg_of(reg);
	if (reg == 16)
		m->now.based &= (uint8_t) ~(1u << GT_BASED_RA);
	else if (r >= 0 && r < GT_N_SAVED)
		m->now.based &= (uint8_t) ~(1u << r);
	if (offset % 8 || offset / 8 != (int16_t)(offset / 8) || r == GT_RSP) {
		set_odd(m, reg);
	} else if (reg == 16) { /* the return address */
		m->now.odd = (uint8_t)((m->now.odd & ~ODD_RA) |
				       (offset / 8 != (int8_t)(offset / 8) ? ODD_RA : 0));
		m->now.ra_offset = (int8_t)(offset / 8);
		m->now.kind = m->now.kind == GT_RULE_END ? GT_RULE_FRAME : m->now.kind;
	} else if (r >= 0 && r < GT_N_SAVED) {
		m->now.odd &= (uint8_t) ~(1u << r);
		m->now.saved |= (uint8_t)(1u << r);
		m->now.offset[r] = (int16_t)(offset / 8);
	}
}

/* The register is what it was at entry. */
static void set_same(struct machine *m, uint64_t reg, const struct gt_rule *from)
{
	const int r = reg_of(reg);
	if (from && (from->based || from->odd)) /* a CIE with expressions: nobody makes them */
		m->is_foreign = true;
	if (reg == 16 && from) {
		m->now.ra_offset = from->ra_offset;
		m->now.based &= (uint8_t) ~(1u << GT_BASED_RA);
		m->now.odd &= (uint8_t)~ODD_RA;
	}
	if (r < 0 || r >= GT_N_SAVED)
		return;
	const uint8_t bit = (uint8_t)(1u << r);
	m->now.based &= (uint8_t)~bit;
	m->now.odd &= (uint8_t)~bit;
	m->now.saved = (uint8_t)((m->now.saved & ~bit) | (from ? from->saved & bit : 0));
	if (from)
		m->now.offset[r] = from->offset[r];
}

static void set_undefined(struct machine *m, uint64_t reg)
{
	if (reg == 16)
		m->now.kind = GT_RULE_END;
	else
		set_same(m, reg,
			 NULL); /* its value is lost; nobody who follows the rules needs it */
}

/* An instruction whose upper two bits are 0. */
static void run_extended(struct machine *m, struct cursor *c, uint8_t op, const struct fde *f)
{
	uint64_t reg;
	struct cursor e;
	switch (op) {
	case 0x00: /* nop */
		return;
	case 0x02: /* advance_loc1, 2, 4 */
		m->loc += take(c, 1) * f->code_align;
		return;
	case 0x03:
		m->loc += take(c, 2) * f->code_align;
		return;
	case 0x04:
		m->loc += take(c, 4) * f->code_align;
		return;
	case 0x05: /* offset_extended */
		reg = take_uleb(c);
		set_saved(m, reg, (int64_t)take_uleb(c) * f->data_align);
		return;
	case 0x06: /* restore_extended */
		set_same(m, take_uleb(c), &m->initial);
		return;
	case 0x07:
		set_undefined(m, take_uleb(c));
		return;
	case 0x08: /* same_value */
		set_same(m, take_uleb(c), NULL);
		return;
	case 0x0a: /* remember_state */
		if (m->n_remembered == MAX_REMEMBERED)
			m->is_foreign = true;
		else
			m->remembered[m->n_remembered++] = m->now;
		return;
	case 0x0b: /* restore_state */
		if (m->n_remembered == 0)
			m->is_foreign = true;
		else
			m->now = m->remembered[--m->n_remembered];
		return;
	case 0x0c: /* def_cfa */
		reg = take_uleb(c);
		set_cfa(m, reg, (int64_t)take_uleb(c));
		return;
	case 0x0d: /* def_cfa_register */
		set_cfa(m, take_uleb(c), m->now.cfa_offset);
		return;
	case 0x0e: /* def_cfa_offset */
		m->now.cfa_offset = (int32_t)take_uleb(
			c); /* (of the register that is in use; an odd one stays odd) */
		return;
	case 0x11: /* offset_extended_sf */
		reg = take_uleb(c);
		set_saved(m, reg, take_sleb(c) * f->data_align);
		return;
	case 0x12: /* def_cfa_sf */
		reg = take_uleb(c);
		set_cfa(m, reg, take_sleb(c) * f->data_align);
		return;
	case 0x13: /* def_cfa_offset_sf */
		m->now.cfa_offset = (int32_t)(take_sleb(c) * f->data_align);
		return;
	case 0x0f: /* def_cfa_expression */
		set_cfa_expression(m, c);
		return;
	case 0x09: /* register */
	case 0x14: /* val_offset */
		set_odd(m, take_uleb(c));
		take_uleb(c);
		return;
	case 0x10: /* expression */
		reg = take_uleb(c);
		skip_block(c, &e);
		set_based(m, reg, e);
		return;
	case 0x16: /* val_expression */
		set_odd(m, take_uleb(c));
		skip_block(c, &e);
		return;
	case 0x2e: /* GNU_args_size */
		take_uleb(c);
		return;
	default:
		m->is_foreign = true;
	}
}

/* Runs instructions until the row of address `upto` is complete. */
static void run(struct machine *m, struct cursor c, uint64_t upto, const struct fde *f)
{
	while (c.p < c.end && !m->is_foreign && !c.is_bad && m->loc <= upto) {
		const uint8_t op = take_u8(&c);
		const uint64_t low = op & 0x3f;
		switch (op >> 6) {
		case 1: /* advance_loc */
			m->loc += low * f->code_align;
			break;
		case 2: /* offset */
			set_saved(m, low, (int64_t)take_uleb(&c) * f->data_align);
			break;
		case 3: /* restore */
			set_same(m, low, &m->initial);
			break;
		default:
			run_extended(m, &c, op, f);
		}
	}
	if (c.is_bad)
		m->is_foreign = true;
}

void gt_cfi_find(uint64_t pc, struct gt_rule *rule)
{
	struct found_object o;
	if (!find_object || find_object((void *)pc, &o) != 0 || !o.eh_frame)
		memset(rule, 0, sizeof(*rule));
	else
		gt_cfi_find_in((const uint8_t *)o.eh_frame, pc, rule);
}

void gt_cfi_find_in(const uint8_t *hdr, uint64_t pc, struct gt_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	bool is_foreign;
	const uint8_t *p = find_fde(hdr, pc, &is_foreign);
	struct fde f;
	if (is_foreign || (p && !read_fde(p, &f))) {
		rule->kind = GT_RULE_FOREIGN;
		return;
	}
	if (!p || pc - f.begin >= f.range)
		return;
	struct machine m = { .loc = f.begin, .pc = pc };
	m.now.kind = GT_RULE_FRAME;
	m.now.ra_offset = -1;
	run(&m, f.initial, UINT64_MAX, &f);
	m.initial = m.now;
	m.loc = f.begin;
	run(&m, f.body, pc, &f);
	*rule = m.now;
	rule->is_signal = f.is_signal;
	if (m.is_foreign || (m.now.odd && m.now.kind != GT_RULE_END))
		rule->kind = GT_RULE_FOREIGN;
}
