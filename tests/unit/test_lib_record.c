/* The parts of `gtrace record`: file names, and what can be preloaded. */
#include "tools/record/output.h"
#include "tools/record/target.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/gtrace-test-record.XXXXXX";

static void enter_dir(void)
{
	cr_assert(mkdtemp(dir) != NULL && chdir(dir) == 0);
}

static void remove_dir(void)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(chdir("/") == 0 && system(command) == 0);
}

TestSuite(record, .init = enter_dir, .fini = remove_dir);

static void make(const char *name, const void *bytes, size_t len, mode_t mode)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
	cr_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void text_file(const char *name)
{
	make(name, name, strlen(name), 0600);
}

static struct gt_output start(const char *pattern)
{
	struct gt_output o;
	char *why = gt_output_init(&o, pattern);
	cr_assert(why == NULL, "%s", why);
	return o;
}

static void expect_pattern(const char *pattern, const char *want)
{
	char full[256];
	struct gt_output o = start(pattern);
	snprintf(full, sizeof(full), "%s/%s", dir, want);
	cr_assert_str_eq(o.pattern, full);
	gt_output_free(&o);
}

Test(record, a_name_is_made_absolute_and_keeps_what_only_the_library_knows)
{
	setenv("WHO", "me%x", 1);
	expect_pattern("a.trace", "a.trace");
	expect_pattern("%e.%p.%n.%%", "%e.%p.%n.%%");
	expect_pattern("%q{WHO}-%q{NONE_OF_THAT_NAME}.t", "me%%x-.t");
}

Test(record, missing_directories_are_made_up_to_the_first_that_only_the_library_knows)
{
	struct stat st;
	struct gt_output o = start("x/100%%/%p/f");
	cr_assert(eq(int, stat("x/100%", &st), 0));
	cr_assert(eq(int, access("x/100%/%p", F_OK), -1));
	gt_output_free(&o);
}

Test(record, an_unknown_letter_is_refused)
{
	struct gt_output o;
	char *why = gt_output_init(&o, "a%z");
	cr_assert(why != NULL && strstr(why, "%z") != NULL);
	free(why);
	why = gt_output_init(&o, "a%");
	cr_assert(why != NULL);
	free(why);
	why = gt_output_init(&o, "a%q{VAR");
	cr_assert(why != NULL);
	free(why);
}

Test(record, only_new_files_are_found_and_the_program_s_own_are_told_apart)
{
	text_file("gtrace.a.7.trace");
	struct gt_output o = start("gtrace.%e.%p.trace");
	text_file("gtrace.app.12.trace");
	text_file("gtrace.app.12.trace.1");
	text_file("gtrace.app.123.trace");
	text_file("gtrace.app.12.trace.old");
	text_file("gtrace.app.x.trace");
	text_file("other");
	gt_output_find(&o, 12);
	size_t own = 0;
	for (size_t i = 0; i < o.n_files; i++)
		own += o.files[i].is_of_pid;
	cr_assert(eq(sz, o.n_files, 3));
	cr_assert(eq(sz, own, 2));
	gt_output_free(&o);
}

Test(record, letters_of_a_shell_pattern_in_a_name_mean_themselves)
{
	struct gt_output o = start("a[1]*.trace");
	text_file("a1x.trace");
	gt_output_find(&o, 1);
	cr_assert(eq(sz, o.n_files, 0));
	text_file("a[1]*.trace");
	gt_output_find(&o, 1);
	cr_assert(eq(sz, o.n_files, 1));
	gt_output_free(&o);
}

Test(record, a_finished_file_of_that_name_is_set_aside_one_in_use_is_not)
{
	text_file("f");
	struct gt_output o = start("f");
	gt_output_set_aside(&o);
	cr_assert(eq(int, access("f.old", F_OK), 0));
	cr_assert(eq(int, access("f", F_OK), -1));
	text_file("f");
	const int fd = open("f", O_RDONLY);
	cr_assert(eq(int, flock(fd, LOCK_EX), 0));
	gt_output_set_aside(&o);
	cr_assert(eq(int, access("f", F_OK), 0));
	close(fd);
	gt_output_free(&o);
}

static struct gt_target inspect(const char *cmd)
{
	struct gt_target t;
	gt_target_inspect(&t, cmd);
	return t;
}

Test(record, an_ordinary_program_is_fine_and_found_in_the_path)
{
	setenv("PATH", "/nowhere:/usr/bin:/bin", 1);
	const struct gt_target t = inspect("ls");
	cr_assert(eq(int, t.verdict, GT_TARGET_FINE));
	cr_assert(strstr(t.path, "/ls") != NULL);
	cr_assert(eq(int, inspect("no-such-program").verdict, GT_TARGET_FINE));
}

/* A program header table of one entry. */
static void make_elf(const char *name, uint8_t class, uint16_t machine, uint32_t type,
		     const char *text)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
		char text[64];
	} f = { .e = { .e_machine = machine, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 1 } };
	memcpy(f.e.e_ident, ELFMAG, SELFMAG);
	f.e.e_ident[EI_CLASS] = class;
	f.e.e_ident[EI_DATA] = ELFDATA2LSB;
	f.e.e_phentsize = sizeof(Elf64_Phdr);
	f.p = (Elf64_Phdr){ .p_type = type,
			    .p_offset = sizeof(f.e) + sizeof(f.p),
			    .p_filesz = sizeof(f.text) };
	snprintf(f.text, sizeof(f.text), "%s", text);
	make(name, &f, sizeof(f), 0700);
}

static uint16_t our_machine(void)
{
	Elf64_Ehdr e = { .e_machine = 0 };
	FILE *f = fopen("/proc/self/exe", "rb");
	cr_assert(f != NULL && fread(&e, sizeof(e), 1, f) == 1);
	fclose(f);
	return e.e_machine;
}

Test(record, what_cannot_be_preloaded_is_told)
{
	make_elf("static", ELFCLASS64, our_machine(), PT_LOAD, "");
	cr_assert(eq(int, inspect("./static").verdict, GT_TARGET_NOT_ITSELF));
	make_elf("other", ELFCLASS64, EM_S390, PT_INTERP, "/lib/ld.so");
	cr_assert(eq(int, inspect("./other").verdict, GT_TARGET_HARMFUL));
	make_elf("small", ELFCLASS32, EM_386, PT_INTERP, "/lib/ld-linux.so.2");
	cr_assert(eq(int, inspect("./small").verdict, GT_TARGET_HARMFUL));
	make_elf("musl", ELFCLASS64, our_machine(), PT_INTERP, "/lib/ld-musl-x86_64.so.1");
	cr_assert(eq(int, inspect("./musl").verdict, GT_TARGET_HARMFUL));
	make_elf("glibc", ELFCLASS64, our_machine(), PT_INTERP, "/lib64/ld-linux-x86-64.so.2");
	cr_assert(eq(int, inspect("./glibc").verdict, GT_TARGET_FINE));
	make_elf("ld-linux.so.2", ELFCLASS64, our_machine(), PT_LOAD, "");
	cr_assert(eq(int, inspect("./ld-linux.so.2").verdict, GT_TARGET_FINE));
}

Test(record, a_script_is_judged_by_its_interpreter)
{
	char text[128];
	make_elf("static", ELFCLASS64, our_machine(), PT_LOAD, "");
	snprintf(text, sizeof(text), "#! %s/static -x\n", dir);
	make("script", text, strlen(text), 0700);
	cr_assert(eq(int, inspect("./script").verdict, GT_TARGET_NOT_ITSELF));
	snprintf(text, sizeof(text), "#!%s/loop\n", dir);
	make("loop", text, strlen(text), 0700);
	cr_assert(eq(int, inspect("./loop").verdict, GT_TARGET_FINE)); /* the kernel refuses it */
}

Test(record, a_cut_elf_file_is_no_trap)
{
	make_elf("whole", ELFCLASS64, our_machine(), PT_INTERP, "/lib64/ld.so");
	uint8_t bytes[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 64];
	FILE *f = fopen("whole", "rb");
	cr_assert(eq(sz, fread(bytes, 1, sizeof(bytes), f), sizeof(bytes)));
	fclose(f);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		make("cut", bytes, n, 0700);
		inspect("./cut");
	}
}
