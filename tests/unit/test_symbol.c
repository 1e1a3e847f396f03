#include "tests/unit/test_read_make.h"
#include "tools/lib/demangle.h"
#include "tools/symbol/maps.h"
#include "tools/symbol/place.h"
#include "tools/symbol/resolve.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static char buf[2000];

/* The name, or the symbol itself where there is none. */
static char *name(const char *symbol)
{
	const char *text = gt_demangle(buf, sizeof(buf), symbol, strlen(symbol));
	return text != NULL ? buf : (char *)symbol;
}

static void need_demangler(void)
{
	if (!gt_demangle_is_there())
		cr_skip_test("built without libiberty");
}

TestSuite(demangle, .init = need_demangler);

Test(demangle, cxx_names_have_parameters_and_no_return_type)
{
	cr_assert(
		eq(str, name("_ZN4shop5serveERNS_5QueueIlEE"), "shop::serve(shop::Queue<long>&)"));
	cr_assert(eq(str, name("_ZNSt6thread4joinEv"), "std::thread::join()"));
	cr_assert(eq(str, name("_Z3minIiET_S0_S0_"), "min<int>(int, int)"));
}

Test(demangle, pieces_of_a_function_are_the_function)
{
	cr_assert(eq(str, name("_Z4workv.part.0"), "work()"));
	cr_assert(eq(str, name("_Z4workv.cold"), "work()"));
}

Test(demangle, old_rust_names_lose_their_hash)
{
	cr_assert(eq(str, name("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write"));
	cr_assert(eq(
		str,
		name("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
		     "3bar17h930b740aa94f1d3aE"),
		"<Test + 'static as foo::Bar<Test>>::bar"));
	cr_assert(eq(str, name("_ZN4core3fmt5write17h0123456789abcdefE.llvm.123"),
		     "core::fmt::write"));
}

Test(demangle, new_rust_names)
{
	cr_assert(eq(str, name("_RNvCs1234_7mycrate3foo"), "mycrate::foo"));
	cr_assert(eq(str, name("_RNCNvCsgStHSCytQ6I_7mycrate4main0B3_"),
		     "mycrate::main::{closure#0}"));
}

Test(demangle, other_names_stay)
{
	static const char *const names[] = {
		"main", "pthread_mutex_lock", "_start", "_", "", "_Z", "_R",
		"_Zx~", "libfoo.so+0x12"
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert(eq(str, name(names[i]), (char *)names[i]));
}

Test(demangle, a_short_symbol_for_an_endless_text_is_refused)
{
	/* Each parameter is a pair of the one before: 2^30 times "char". */
	char symbol[2000] = "_Z1f4PairIccE";
	size_t n = strlen(symbol);
	n += (size_t)sprintf(symbol + n, "S_IS0_S0_E");
	for (char c = '1'; c <= '9'; c++)
		n += (size_t)sprintf(symbol + n, "S_IS%c_S%c_E", c, c);
	for (char c = 'A'; c <= 'U'; c++)
		n += (size_t)sprintf(symbol + n, "S_IS%c_S%c_E", c, c);
	const char *text = gt_demangle(buf, sizeof(buf), symbol, n);
	cr_assert(text == NULL || strlen(text) < sizeof(buf));
}

Test(demangle, a_name_that_is_too_long_loses_its_parameters)
{
	char small[20];
	cr_assert(eq(str,
		     (char *)gt_demangle(small, sizeof(small), "_ZN4shop5serveERNS_5QueueIlEE", 29),
		     "shop::serve"));
	cr_assert(
		eq(ptr, (void *)gt_demangle(small, 5, "_ZN4shop5serveERNS_5QueueIlEE", 29), NULL));
}

/* ---- places */

Test(segment, addresses_of_every_kind_of_file)
{
	uint64_t v;
	/* ld -pie: text at the same number in file and memory; data is moved by a page. */
	const struct gt_segment pie[] = { { 0, 0x628, 0 },
					  { 0x1000, 0x200, 0x1000 },
					  { 0x2de0, 0x230, 0x3de0 } };
	cr_assert(gt_segment_vaddr(pie, 3, 0x1044, &v));
	cr_assert(eq(u64, v, 0x1044));
	cr_assert(gt_segment_vaddr(pie, 3, 0x2de0, &v));
	cr_assert(eq(u64, v, 0x3de0));
	/* ld -no-pie */
	const struct gt_segment fixed[] = { { 0, 0x500, 0x400000 }, { 0x1000, 0x200, 0x401000 } };
	cr_assert(gt_segment_vaddr(fixed, 2, 0x1044, &v));
	cr_assert(eq(u64, v, 0x401044));
	/* lld: every segment is moved by more */
	const struct gt_segment lld[] = { { 0, 0x5d0, 0 },
					  { 0x5d0, 0x1f0, 0x15d0 },
					  { 0x7c0, 0x1a0, 0x27c0 } };
	cr_assert(gt_segment_vaddr(lld, 3, 0x5d0, &v));
	cr_assert(eq(u64, v, 0x15d0));
	cr_assert(gt_segment_vaddr(lld, 3, 0x7bf, &v));
	cr_assert(eq(u64, v, 0x17bf));
}

Test(segment, between_and_behind_segments_is_nothing)
{
	uint64_t v;
	const struct gt_segment s[] = { { 0x1000, 0x200, 0x1000 } };
	cr_assert(not(gt_segment_vaddr(s, 1, 0xfff, &v)));
	cr_assert(not(gt_segment_vaddr(s, 1, 0x1200, &v)));
	cr_assert(not(gt_segment_vaddr(s, 0, 0x1000, &v)));
}

/* A trace with MODULE records, to find what is mapped where. */
static struct make k;
static struct gt_err err;

static void put_module(uint64_t start, uint64_t end, uint64_t offset, uint64_t path)
{
	gt_r_MODULE(&k.b, k.b.start, start, end, offset, (gt_str){ path }, (gt_str){ 0 });
}

/* One generation with two mappings; strings 2 and 3 are the paths. */
static void put_generation(uint64_t gen, uint64_t start_a, uint64_t start_b)
{
	make_sync(&k, gen, 1000 * gen);
	make_tables(&k, gen, 1000 * gen);
	gt_section_begin_records(make_batch(&k, 1000 * gen), (gt_ns){ 1000 * gen });
	put_module(start_a, start_a + 0x1000, 0x3000, 2);
	put_module(start_b, start_b + 0x1000, 0, 3);
	make_seal(&k, GT_EXPERIMENT, gen, 0);
	make_end(&k);
}

static struct gt_text text(const char *t)
{
	return (struct gt_text){ t, (uint32_t)strlen(t) };
}

Test(maps, a_pc_is_looked_for_in_its_file_and_the_newest_mapping_counts)
{
	make_begin(&k);
	put_generation(1, 0x10000, 0x20000);
	put_generation(2, 0x20000, 0x50000); /* the first where the second was */
	struct gt_file *f = gt_file_open_mem(k.bytes, k.len, &err);
	struct gt_gen *g = gt_gen_new();
	struct gt_maps maps = { 0 };
	while (gt_gen_read(g, f, &err) > 0)
		gt_maps_add(&maps, g);
	const struct gt_map *m = gt_maps_find(&maps, 0x20010, text("worker"));
	cr_assert(ne(ptr, (void *)m, NULL));
	cr_assert(eq(u64, gt_map_offset(m, 0x20010), 0x3010));
	m = gt_maps_find(&maps, 0x20010, text("app.c")); /* code that was there before */
	cr_assert(ne(ptr, (void *)m, NULL));
	cr_assert(eq(u64, gt_map_offset(m, 0x20010), 0x10));
	cr_assert(eq(ptr, (void *)gt_maps_find(&maps, 0x60000, text("app.c")), NULL));
	cr_assert(eq(ptr, (void *)gt_maps_find(&maps, 0x20010, text("other")), NULL));
	gt_maps_free(&maps);
	gt_gen_free(g);
	gt_file_close(f);
}

/* ---- this very program */

/* Kept in two lines each, so that the numbers are right whatever stands above. */
enum { INLINED_LINE = __LINE__ + 4, OUTER_LINE = __LINE__ + 10 };
static inline __attribute__((always_inline)) uint64_t inlined_place(void)
{
	uint64_t pc;
	__asm__ volatile("leaq 0f(%%rip), %0\n\tnop\n0:\tnop\n\tnop" : "=r"(pc));
	return pc;
}

__attribute__((noinline)) static uint64_t outer_place(void)
{
	return inlined_place() + 1;
}

/* Offset in our file of an address of ours. */
static uint64_t offset_of(uint64_t pc)
{
	char line[600];
	FILE *f = fopen("/proc/self/maps", "r");
	uint64_t offset = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long lo, hi, at;
		if (sscanf(line, "%lx-%lx %*s %lx", &lo, &hi, &at) == 3 && pc >= lo && pc < hi)
			offset = pc - lo + at;
	}
	fclose(f);
	return offset;
}

static char *own_build_id(void)
{
	static char hex[41];
	FILE *p = popen("readelf -n /proc/$PPID/exe 2>/dev/null | sed -n 's/.*Build ID: //p'", "r");
	if (p == NULL || fscanf(p, "%40s", hex) != 1)
		hex[0] = 0;
	if (p != NULL)
		pclose(p);
	return hex;
}

static struct gt_debug *open_self(void)
{
	if (!gt_debug_is_there())
		cr_skip_test("built without libdw");
	struct gt_debug *d = gt_debug_open("/proc/self/exe", own_build_id());
	cr_assert(ne(ptr, (void *)d, NULL));
	return d;
}

Test(debug, inlined_functions_come_first_and_lines_are_those_of_the_source)
{
	struct gt_debug *d = open_self();
	struct gt_place p[GT_PLACES_MAX];
	const char *symbol;
	cr_assert(gt_debug_has_lines(d));
	cr_assert(eq(sz, gt_debug_find(d, offset_of(outer_place() - 1), p, &symbol), 2));
	cr_assert(eq(str, (char *)p[0].func, "inlined_place"));
	cr_assert(eq(u64, p[0].line, INLINED_LINE));
	cr_assert(eq(str, (char *)p[1].func, "outer_place"));
	cr_assert(eq(u64, p[1].line, OUTER_LINE));
	cr_assert(strstr(p[1].file, "tests/unit/test_symbol.c") != NULL);
	cr_assert(p[1].file[0] == '/');
	cr_assert(eq(str, (char *)symbol, "outer_place"));
	gt_debug_close(d);
}

Test(debug, a_function_at_its_first_byte_is_itself)
{
	struct gt_debug *d = open_self();
	struct gt_place p[GT_PLACES_MAX];
	const char *symbol;
	cr_assert(eq(sz, gt_debug_find(d, offset_of((uint64_t)outer_place), p, &symbol), 1));
	cr_assert(eq(str, (char *)p[0].func, "outer_place"));
	cr_assert(eq(sz, gt_debug_find_name(d, "outer_place", p), 1));
	gt_debug_close(d);
}

Test(debug, another_build_id_is_another_file)
{
	if (!gt_debug_is_there())
		cr_skip_test("built without libdw");
	cr_assert(eq(ptr, (void *)gt_debug_open("/proc/self/exe", "00112233445566778899"), NULL));
	cr_assert(eq(ptr, (void *)gt_debug_open("/no/such/file", ""), NULL));
	cr_assert(eq(ptr, (void *)gt_debug_open("/dev/null", ""), NULL));
}
