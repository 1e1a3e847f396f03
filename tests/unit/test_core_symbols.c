/* Names of pcs (preload/symbols.c). */
#include "preload/modules.h"
#include "tests/unit/core.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>

__attribute__((noinline)) int core_symbols_landmark(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

static void init(void)
{
	cr_assert(eq(int, gt_arena_init(1 << 20, 4, sizeof(struct gt_thread)), 0));
	cr_assert(eq(int, gt_symbols_init(), 0));
}

static char func[400], file[4200];

static void look_up(uint64_t pc)
{
	char buf[300];
	gt_symbols_learn(&pc, 1);
	const struct gt_symbol s = gt_symbols_get(pc, buf, sizeof(buf));
	snprintf(func, sizeof(func), "%.*s", (int)s.func_len, s.func);
	snprintf(file, sizeof(file), "%.*s", (int)s.file_len, s.file);
}

static void *in_libc(const char *name)
{
	return dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name);
}

Test(core_symbols, a_function_of_the_program_has_its_name_and_file)
{
	char exe[4096] = "";
	init();
	cr_assert(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	look_up((uint64_t)&core_symbols_landmark + 1);
	cr_assert(eq(str, func, "core_symbols_landmark"));
	cr_assert(eq(str, file, exe));
}

Test(core_symbols, the_first_byte_of_a_function_belongs_to_it)
{
	init();
	look_up((uint64_t)&core_symbols_landmark);
	cr_assert(eq(str, func, "core_symbols_landmark"));
}

Test(core_symbols, a_function_of_libc_has_its_name_without_needless_underscores)
{
	init();
	look_up((uint64_t)in_libc("qsort") + 4);
	cr_assert(eq(str, func, "qsort"));
	cr_assert(strstr(file, "/libc.so.6") != NULL);
	look_up((uint64_t)in_libc("write") + 4);
	cr_assert(eq(str, func, "write"));
}

Test(core_symbols, a_pc_of_a_module_without_a_symbol_is_module_plus_offset)
{
	char want[32];
	init();
	/* the ELF header is in no executable mapping: take the end of one, behind the last function
	 */
	gt_modules_read();
	for (size_t i = 0;; i++) {
		const struct gt_module *m = gt_module_at(i);
		if (!strstr(gt_module_path(m), "/libc.so.6"))
			continue;
		snprintf(want, sizeof(want), "libc.so.6+0x%" PRIx64,
			 m->end - 1 - m->start + m->offset);
		look_up(m->end - 1);
		break;
	}
	cr_assert(eq(str, func, want));
}

Test(core_symbols, a_pc_outside_of_every_module_is_a_number)
{
	init();
	look_up(0x123456);
	cr_assert(eq(str, func, "0x123456"));
	cr_assert(eq(str, file, "[anon]"));
}

Test(core_symbols, code_without_a_file_is_a_number)
{
	char want[32];
	init();
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snprintf(want, sizeof(want), "0x%" PRIx64, (uint64_t)code + 16);
	look_up((uint64_t)code + 16);
	cr_assert(eq(str, func, want));
}

Test(core_symbols, a_name_may_be_given_by_hand)
{
	init();
	gt_symbols_name((uint64_t)&core_symbols_landmark, "main");
	look_up((uint64_t)&core_symbols_landmark);
	cr_assert(eq(str, func, "main"));
}

Test(core_symbols, many_pcs_are_learnt_in_one_go)
{
	static const char *const names[] = { "qsort", "getenv", "fgets", "rand", "setlocale" };
	uint64_t pcs[2000];
	char buf[300];
	init();
	for (size_t i = 0; i < 2000; i++)
		pcs[i] = i % 2 ? (uint64_t)in_libc(names[i / 2 % 5]) + 1 : 0x1000 + i;
	gt_symbols_learn(pcs, 2000);
	for (size_t i = 0; i < 2000; i++) {
		const struct gt_symbol s = gt_symbols_get(pcs[i], buf, sizeof(buf));
		if (i % 2)
			cr_assert(s.func_len == strlen(names[i / 2 % 5]) &&
				  memcmp(s.func, names[i / 2 % 5], s.func_len) == 0);
		else
			cr_assert(memcmp(s.func, "0x", 2) == 0);
	}
}

static long no_pread(long nr)
{
	return nr == SYS_pread64 || nr == SYS_openat ? -EMFILE : 0;
}

Test(core_symbols, without_descriptors_there_are_numbers_and_no_crash)
{
	init();
	gt_modules_read();
	gt_sys_fault = no_pread;
	look_up((uint64_t)&core_symbols_landmark);
	cr_assert(strstr(func, "+0x") != NULL, "%s", func);
}

Test(core_symbols, modules_have_a_build_id)
{
	bool has_one = false;
	init();
	gt_modules_read();
	const size_t n = gt_modules_count();
	for (size_t i = 0; i < n; i++) {
		const struct gt_module *m = gt_module_at(i);
		if (strstr(gt_module_path(m), "/libc.so.6"))
			has_one = strlen(m->build_id) == 40;
	}
	cr_assert(has_one);
}
