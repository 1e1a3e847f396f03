/*
 * .eh_frame, as far as compilers use it for ordinary functions: the binary search table of
 * .eh_frame_hdr, then the instructions of a CIE and an FDE up to the row of the pc. What is rarer
 * (expressions, signal frames, other encodings) is said to be foreign and left to libgcc.
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

/* Where DWARF's register is in our order; -1: a register that no frame is found by. */
static int reg_of(uint64_t dwarf)
{
	static const int8_t map[17] = { -1, -1, -1, GT_RBX, -1,     -1,     GT_RBP, GT_RSP, -1,
					-1, -1, -1, GT_R12, GT_R13, GT_R14, GT_R15, -1 };
	return dwarf < 17 ? map[dwarf] : -1;
}

#define MAX_REMEMBERED 4

struct machine {
	struct gt_rule now;
	struct gt_rule initial; /* after the CIE: what DW_CFA_restore goes back to */
	struct gt_rule remembered[MAX_REMEMBERED];
	unsigned n_remembered;
	uint64_t loc;
	bool is_foreign;
	bool is_end; /* the return address is undefined */
};

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	const int r = reg_of(reg);
	if (r < 0 || offset != (int32_t)offset)
		m->is_foreign = true;
	m->now.cfa_reg = (uint8_t)r;
	m->now.cfa_offset = (int32_t)offset;
}

static void set_saved(struct machine *m, uint64_t reg, int64_t offset)
{
	if (offset % 8 || offset / 8 != (int16_t)(offset / 8)) {
		m->is_foreign = true;
		return;
	}
	if (reg == 16) { /* the return address */
		if (offset / 8 != (int8_t)(offset / 8))
			m->is_foreign = true;
		m->now.ra_offset = (int8_t)(offset / 8);
		m->is_end = false;
		return;
	}
	const int r = reg_of(reg);
	if (r >= 0 && r < GT_N_SAVED) {
		m->now.saved |= (uint8_t)(1u << r);
		m->now.offset[r] = (int16_t)(offset / 8);
	} else if (r == GT_RSP) {
		m->is_foreign = true;
	}
}

/* The register is what it was at entry. */
static void set_same(struct machine *m, uint64_t reg, const struct gt_rule *from)
{
	const int r = reg_of(reg);
	if (reg == 16)
		m->now.ra_offset = from ? from->ra_offset : m->now.ra_offset;
	if (r < 0 || r >= GT_N_SAVED)
		return;
	const uint8_t bit = (uint8_t)(1u << r);
	m->now.saved = (uint8_t)((m->now.saved & ~bit) | (from ? from->saved & bit : 0));
	if (from)
		m->now.offset[r] = from->offset[r];
}

static void set_undefined(struct machine *m, uint64_t reg)
{
	if (reg == 16)
		m->is_end = true;
	else
		set_same(m, reg,
			 NULL); /* its value is lost; nobody who follows the rules needs it */
}

/* An instruction whose upper two bits are 0. */
static void run_extended(struct machine *m, struct cursor *c, uint8_t op, const struct fde *f)
{
	uint64_t reg;
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
		m->now.cfa_offset = (int32_t)take_uleb(c);
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
	case 0x2e: /* GNU_args_size */
		take_uleb(c);
		return;
	default: /* expressions, register moves, ... */
		m->is_foreign = true;
	}
}

/* Runs instructions until the row of `pc` is complete. */
static void run(struct machine *m, struct cursor c, uint64_t pc, const struct fde *f)
{
	while (c.p < c.end && !m->is_foreign && !c.is_bad && m->loc <= pc) {
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
	memset(rule, 0, sizeof(*rule));
	struct found_object o;
	if (!find_object || find_object((void *)pc, &o) != 0 || !o.eh_frame)
		return;
	bool is_foreign;
	const uint8_t *p = find_fde((const uint8_t *)o.eh_frame, pc, &is_foreign);
	struct fde f;
	if (is_foreign || (p && !read_fde(p, &f))) {
		rule->kind = GT_RULE_FOREIGN;
		return;
	}
	if (!p || pc - f.begin >= f.range)
		return;
	if (f.is_signal) {
		rule->kind = GT_RULE_SIGNAL;
		return;
	}
	struct machine m = { .loc = f.begin };
	m.now.ra_offset = -1;
	run(&m, f.initial, UINT64_MAX, &f);
	m.initial = m.now;
	m.loc = f.begin;
	run(&m, f.body, pc, &f);
	*rule = m.now;
	rule->kind = m.is_foreign ? GT_RULE_FOREIGN : m.is_end ? GT_RULE_END : GT_RULE_FRAME;
}
