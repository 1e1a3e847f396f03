/* Settings (preload/config.c). */
#include "preload/config.h"
#include "preload/hook_types.h"
#include "preload/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull
#define S  1000000000ull

/* What was said on stderr while one variable was read. */
static char said[4096];

static void read_one(const char *variable)
{
	char *const envp[] = { (char *)"HOME=/", (char *)variable, NULL };
	int p[2];
	cr_assert(pipe(p) == 0);
	const int old = dup(2);
	dup2(p[1], 2);
	gt_config_read(envp);
	dup2(old, 2);
	close(old);
	close(p[1]);
	const ssize_t n = read(p[0], said, sizeof(said) - 1);
	close(p[0]);
	said[n > 0 ? n : 0] = 0;
}

static void period(const char *variable, uint64_t want)
{
	read_one(variable);
	cr_assert(eq(u64, gt_cfg.period_ns, want), "%s", variable);
	cr_assert(eq(str, said, ""));
}

static void buffer(const char *variable, uint64_t want)
{
	read_one(variable);
	cr_assert(eq(u64, gt_cfg.buffer, want), "%s", variable);
	cr_assert(eq(str, said, ""));
}

static unsigned lines(void)
{
	unsigned n = 0;
	for (const char *p = said; *p; p++)
		n += *p == '\n';
	return n;
}

static void refused(const char *variable)
{
	read_one(variable);
	cr_assert(eq(u64, gt_cfg.period_ns, S), "%s", variable);
	cr_assert(eq(u64, gt_cfg.buffer, 64u << 20), "%s", variable);
	cr_assert(eq(int, gt_cfg.follow, 1), "%s", variable);
	cr_assert(eq(int, gt_cfg.full_policy, GT_FULL_DROP), "%s", variable);
	cr_assert(eq(u32, lines(), 1), "%s: %s", variable, said);
	cr_assert(strstr(said, variable) && strncmp(said, "gtrace: ", 8) == 0, "%s", said);
}

Test(core_config, without_variables_everything_has_its_default)
{
	read_one("X=1");
	cr_assert(eq(str, said, ""));
	cr_assert(eq(str, gt_cfg.out.s, "gtrace.%e.%p.trace"));
	cr_assert(eq(u64, gt_cfg.period_ns, S));
	cr_assert(eq(u64, gt_cfg.min_wait_ns, 1000));
	cr_assert(eq(u64, gt_cfg.buffer, 64u << 20));
	cr_assert(eq(int, gt_cfg.follow, 1));
	cr_assert(eq(int, gt_cfg.disable, 0));
	cr_assert(eq(int, gt_cfg.writer, GT_WRITER_TASK));
}

Test(core_config, times_have_units)
{
	period("GTRACE_PERIOD=5ns", 5);
	period("GTRACE_PERIOD=7us", 7000);
	period("GTRACE_PERIOD=100ms", 100 * MS);
	period("GTRACE_PERIOD=2s", 2 * S);
	period("GTRACE_PERIOD=3m", 180 * S);
	period("GTRACE_PERIOD=1h", 3600 * S);
	period("GTRACE_PERIOD=0", 0);
	period("GTRACE_PERIOD=0s", 0);
	period("GTRACE_PERIOD=5124095h", 5124095ull * 3600 * S);
}

Test(core_config, sizes_have_units)
{
	buffer("GTRACE_BUFFER=12345", 12345);
	buffer("GTRACE_BUFFER=64K", 64u << 10);
	buffer("GTRACE_BUFFER=8M", 8u << 20);
	buffer("GTRACE_BUFFER=3G", 3ull << 30);
	buffer("GTRACE_BUFFER=0", 0);
}

Test(core_config, words_and_flags)
{
	read_one("GTRACE_FULL=block");
	cr_assert(eq(int, gt_cfg.full_policy, GT_FULL_BLOCK));
	read_one("GTRACE_WRITER=thread");
	cr_assert(eq(int, gt_cfg.writer, GT_WRITER_THREAD));
	cr_assert(eq(int, gt_cfg.full_policy, GT_FULL_DROP),
		  "each reading starts from the defaults");
	read_one("GTRACE_CLOCK=mono");
	cr_assert(eq(int, gt_cfg.clock, GT_CLOCK_MONO));
	read_one("GTRACE_FOLLOW=0");
	cr_assert(eq(int, gt_cfg.follow, 0));
	read_one("GTRACE_OUT=");
	cr_assert(eq(str, gt_cfg.out.s, ""));
}

/* N.B. a test each: one place speaks at most GT_LOG_CAP times */
Test(core_config, a_bad_time_keeps_the_default_and_says_one_line)
{
	refused("GTRACE_PERIOD=5");
	refused("GTRACE_PERIOD=5x");
	refused("GTRACE_PERIOD=ms");
	refused("GTRACE_PERIOD=");
	refused("GTRACE_PERIOD=1s ");
}

Test(core_config, a_time_that_is_no_number_of_nanoseconds_is_refused)
{
	refused("GTRACE_PERIOD=-1s");
	refused("GTRACE_PERIOD=0x10ms");
	refused("GTRACE_PERIOD=1.5s");
	refused("GTRACE_PERIOD=18446744073709551616ns");
	refused("GTRACE_PERIOD=5124096h");
}

Test(core_config, a_bad_size_keeps_the_default_and_says_one_line)
{
	refused("GTRACE_BUFFER=1k");
	refused("GTRACE_BUFFER=1MB");
	refused("GTRACE_BUFFER=K");
	refused("GTRACE_BUFFER=99999999999G");
	refused("GTRACE_BUFFER= 1M");
}

Test(core_config, a_bad_word_or_flag_keeps_the_default_and_says_one_line)
{
	refused("GTRACE_FULL=dro");
	refused("GTRACE_FULL=drop|block");
	refused("GTRACE_FULL=");
	refused("GTRACE_FOLLOW=yes");
	refused("GTRACE_FOLLOW=10");
}

Test(core_config, a_path_that_is_too_long_is_refused)
{
	static char variable[GT_TEXT_MAX + 100];
	memset(variable, 'x', sizeof(variable) - 1);
	memcpy(variable, "GTRACE_OUT=", 11);
	read_one(variable);
	cr_assert(eq(str, gt_cfg.out.s, "gtrace.%e.%p.trace"));
	cr_assert(eq(u32, lines(), 1));
}

Test(core_config, a_variable_is_found_by_its_whole_name)
{
	char *const envp[] = { (char *)"AB=1", (char *)"A", (char *)"A=2", (char *)"A=3", NULL };
	cr_assert(eq(str, (char *)gt_env_get(envp, "A"), "2"));
	cr_assert(gt_env_get(envp, "B") == NULL);
	cr_assert(gt_env_get(NULL, "A") == NULL);
}

static void removed(const char *list, const char *want)
{
	char buf[200];
	strcpy(buf, list);
	gt_env_remove_library(buf, "libgtrace.so");
	cr_assert(eq(str, buf, (char *)want), "'%s'", list);
}

Test(core_config, our_library_leaves_a_preload_list_in_place_and_others_stay)
{
	removed("/x/libgtrace.so", "");
	removed("libgtrace.so", "");
	removed("", "");
	removed("/a.so", "/a.so");
	removed("/x/libgtrace.so:/a.so", "/a.so");
	removed("/x/libgtrace.so /a.so", "/a.so");
	removed("/a.so:/x/libgtrace.so:/b.so", "/a.so:/b.so");
	removed("/x/libgtrace.so:/a.so:libgtrace.so", "/a.so:");
	removed("/x/mylibgtrace.so:/x/libgtrace.so.1", "/x/mylibgtrace.so:/x/libgtrace.so.1");
	removed("/x/libgtrace.so::/a.so", "/a.so");
}

static unsigned n_settings;

static void see(const char *name, const char *value, void *arg)
{
	(void)arg;
	n_settings++;
	if (strcmp(name, "GTRACE_PERIOD") == 0)
		cr_assert(eq(str, (char *)value, "250ms"));
	if (strcmp(name, "GTRACE_WRITER") == 0)
		cr_assert(eq(str, (char *)value, "thread"));
	if (strcmp(name, "GTRACE_LOG") == 0)
		cr_assert(eq(str, (char *)value, "error"));
}

Test(core_config, settings_are_told_as_they_can_be_written)
{
	char *const envp[] = { (char *)"GTRACE_PERIOD=250ms", (char *)"GTRACE_WRITER=thread",
			       NULL };
	gt_config_read(envp);
	gt_config_each(see, NULL);
	cr_assert(ge(u32, n_settings, 10));
}

static void hooks(const char *variable, uint32_t want)
{
	read_one(variable);
	cr_assert(eq(u32, gt_cfg.hooks_off, want), "%s", variable);
	cr_assert(eq(str, said, ""));
}

Test(config, groups_of_hooks_are_switched_from_left_to_right)
{
	const uint32_t all = (1u << GT_N_GROUPS) - 2;
	hooks("GTRACE_HOOKS=+all", 0);
	hooks("GTRACE_HOOKS=-all", all);
	hooks("GTRACE_HOOKS=+io,-malloc", 1u << GT_GROUP_malloc);
	hooks("GTRACE_HOOKS=-all,+io", all & ~(1u << GT_GROUP_io));
	hooks("GTRACE_HOOKS=+io,-all", all);
	hooks("GTRACE_HOOKS=-io,-fs,+io", 1u << GT_GROUP_fs);
	hooks("OTHER=", 0);
}

Test(config, a_group_that_there_is_not_is_refused_in_one_line)
{
	/* (no more than these: messages are capped) */
	const char *const bad[] = { "", "io", "+io,", "-malloc,-mallo", "+io-fs" };
	char variable[64];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(variable, sizeof(variable), "GTRACE_HOOKS=%s", bad[i]);
		read_one(variable);
		cr_assert(eq(u32, gt_cfg.hooks_off, 0), "%s", variable);
		cr_assert(eq(uint, lines(), 1), "%s: %s", variable, said);
		cr_assert(ne(ptr, strstr(said, "malloc"), NULL), "%s", said);
	}
}
