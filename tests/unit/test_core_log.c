/* Messages (preload/log.c). */
#include "preload/config.h"
#include "preload/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

Test(core_log, numbers_texts_and_percent_signs)
{
	char buf[100];
	const size_t n = gt_format(buf, sizeof(buf), "%s: %u%% of %u, %s", "disk", (uint64_t)0,
				   UINT64_MAX, "");
	cr_assert(eq(str, buf, "disk: 0% of 18446744073709551615, "));
	cr_assert(eq(sz, n, strlen(buf)));
}

Test(core_log, every_capacity_is_kept_and_the_text_always_ends)
{
	const char *want = "ab12345678901234567890cd%";
	for (size_t cap = 1; cap <= strlen(want) + 2; cap++) {
		char buf[64];
		memset(buf, '#', sizeof(buf));
		const size_t n =
			gt_format(buf, cap, "ab%u%s%%", (uint64_t)12345678901234567890u, "cd");
		const size_t len = cap - 1 < strlen(want) ? cap - 1 : strlen(want);
		cr_assert(eq(sz, n, len));
		cr_assert(memcmp(buf, want, len) == 0 && buf[len] == 0);
		for (size_t i = len + 1; i < sizeof(buf); i++)
			cr_assert(buf[i] == '#', "capacity %zu, byte %zu", cap, i);
	}
}

Test(core_log, a_percent_sign_at_the_end_is_not_read_past)
{
	char buf[16];
	const char fmt[4] = { 'a', '%', 0, 'X' };
	cr_assert(eq(sz, gt_format(buf, sizeof(buf), fmt), 1));
	cr_assert(eq(str, buf, "a"));
}

/* Bytes that reach stderr. */
static size_t said(char *out, size_t cap, void (*fn)(void))
{
	int p[2];
	cr_assert(pipe(p) == 0);
	const int old = dup(2);
	dup2(p[1], 2);
	fn();
	dup2(old, 2);
	close(p[1]);
	const ssize_t n = read(p[0], out, cap);
	close(p[0]);
	return n > 0 ? (size_t)n : 0;
}

static void say_much(void)
{
	static char text[4000];
	memset(text, 'y', sizeof(text) - 1);
	gt_log(GT_LOG_ERROR, "%s", text);
}

Test(core_log, a_long_message_is_cut_and_is_still_one_line)
{
	char out[8000];
	const size_t n = said(out, sizeof(out), say_much);
	cr_assert(gt(sz, n, 400));
	cr_assert(le(sz, n, 512));
	cr_assert(out[n - 1] == '\n');
	cr_assert(memcmp(out, "gtrace: yyy", 11) == 0);
}

static void say_often(void)
{
	for (int i = 0; i < 100; i++)
		gt_log(GT_LOG_ERROR, "again");
}

Test(core_log, one_place_speaks_a_few_times_only)
{
	char out[8000];
	const size_t n = said(out, sizeof(out), say_often);
	cr_assert(eq(sz, n, GT_LOG_CAP * strlen("gtrace: again\n")));
}

static void say_debug(void)
{
	gt_log(GT_LOG_DEBUG, "x");
	gt_log(GT_LOG_INFO, "y");
}

Test(core_log, what_was_not_asked_for_is_not_said)
{
	char out[100];
	gt_cfg.log_level = GT_LOG_ERROR;
	cr_assert(eq(sz, said(out, sizeof(out), say_debug), 0));
	gt_cfg.log_level = GT_LOG_INFO;
	cr_assert(eq(sz, said(out, sizeof(out), say_debug), strlen("gtrace: y\n")));
}
