#include "preload/arena.h"
#include "preload/boot.h"
#include "preload/modules.h"
#include "preload/stack_walk.h"
#include "preload/symbols.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

static char name_buf[1200];

static void init(void)
{
	cr_assert(eq(int, gt_arena_init(1 << 20, 16, 4096), 0));
	cr_assert(eq(int, gt_symbols_init(), 0));
	gt_host_pid = getpid();
}

/* Name of a pc that was learnt before. */
static const char *known_name(uint64_t pc)
{
	char buf[300];
	const struct gt_symbol s = gt_symbols_get(pc, buf, sizeof(buf));
	memcpy(name_buf, s.func, s.func_len);
	name_buf[s.func_len] = 0;
	return name_buf;
}

static const char *name_of(uint64_t pc)
{
	gt_symbols_learn(&pc, 1);
	return known_name(pc);
}

static uint64_t anonymous_code(void)
{
	void *p = mmap(NULL, 65536, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(p != MAP_FAILED);
	return (uint64_t)p;
}

static void write_map(const char *mode, const char *line)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	FILE *f = fopen(path, mode);
	cr_assert(f != NULL);
	fputs(line, f);
	fclose(f);
}

static void remove_map(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
}

__attribute__((noinline, used)) static void a_function_of_this_file(void)
{
	__asm__ volatile("");
}

Test(symbols, a_local_function_has_its_name)
{
	init();
	cr_assert(eq(str, (char *)name_of((uint64_t)a_function_of_this_file),
		     "a_function_of_this_file"));
}

/* Every function of the vdso lies somewhere in its first pages; one of them at least is found. */
Test(symbols, functions_of_the_vdso_have_their_names)
{
	init();
	const uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
	unsigned n = 0;
	gt_modules_read();
	for (uint64_t pc = vdso; vdso && pc < gt_module_of(vdso)->end; pc += 16)
		n += strncmp(name_of(pc), "__vdso_", 7) == 0 ||
		     strncmp(known_name(pc), "clock_", 6) == 0;
	cr_assert(vdso == 0 || n > 0);
}

Test(symbols, code_of_a_jit_is_named_by_its_map_and_by_the_last_line_that_covers_it)
{
	init();
	const uint64_t code = anonymous_code();
	char lines[400];
	snprintf(lines, sizeof(lines),
		 "%lx 40 old\n%lx 20 LazyCompile:*work /a/b.js:1\n%lx 20 other\nbad line\n", code,
		 code, code + 0x20);
	write_map("w", lines);
	const uint64_t pcs[] = { code + 0x20, code + 0x1f, code + 0x40 };
	gt_symbols_learn(pcs, 3);
	remove_map();
	cr_assert(eq(str, (char *)known_name(code + 0x1f), "LazyCompile:*work /a/b.js:1"));
	cr_assert(eq(str, (char *)known_name(code + 0x20), "other"));
	cr_assert(strncmp(known_name(code + 0x40), "0x", 2) == 0);
}

Test(symbols, a_map_that_has_grown_is_read_again)
{
	init();
	const uint64_t code = anonymous_code();
	char line[100];
	remove_map();
	cr_assert(strncmp(name_of(code), "0x", 2) == 0);
	cr_assert(strncmp(name_of(code), "0x", 2) == 0);
	snprintf(line, sizeof(line), "%lx 40 late\n", code);
	write_map("w", line);
	usleep(1100000); /* it is looked at once a second */
	const char *late = name_of(code);
	remove_map();
	cr_assert(eq(str, (char *)late, "late"));
}

Test(symbols, a_map_of_another_user_is_not_believed)
{
	init();
	if (getuid() != 0)
		return;
	const uint64_t code = anonymous_code();
	char line[100], path[64];
	snprintf(line, sizeof(line), "%lx 40 forged\n", code);
	write_map("w", line);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	const int rc = chown(path, 65534, 65534);
	const char *got = name_of(code);
	remove_map();
	cr_assert(rc == 0);
	cr_assert(strncmp(got, "0x", 2) == 0);
}

Test(symbols, names_of_a_closed_library_are_forgotten_and_others_are_not)
{
	init();
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t code = (uint64_t)p;
	char line[100];
	snprintf(line, sizeof(line), "%lx 40 first\n", code);
	write_map("w", line);
	cr_assert(eq(str, (char *)name_of(code), "first"));
	name_of((uint64_t)a_function_of_this_file);
	remove_map();
	munmap(p, 4096);
	gt_rules_forget();
	cr_assert(strncmp(name_of(code), "0x", 2) == 0);
	cr_assert(eq(str, (char *)known_name((uint64_t)a_function_of_this_file),
		     "a_function_of_this_file"));
}

Test(symbols, a_given_name_stays)
{
	init();
	gt_symbols_name((uint64_t)a_function_of_this_file, "main");
	gt_rules_forget();
	cr_assert(eq(str, (char *)name_of((uint64_t)a_function_of_this_file), "main"));
}
