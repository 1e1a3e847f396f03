#include "tests/unit/test_read_make.h"
#include "tools/read/strict.h"
#include "tools/read/text.h"
#include "tools/read/trace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct make k;
static struct gt_err err;
static struct gt_ordered evs[400];
static int n_evs;

static uint64_t arg(int i, int a)
{
	return evs[i].args[a];
}

/* Reads all of the file; events go to evs. */
static int read_all(void)
{
	struct gt_trace *t = gt_trace_open_mem(k.bytes, k.len, &err);
	cr_assert(ne(ptr, t, NULL), "%s", err.text);
	int rc;
	for (n_evs = 0; n_evs < 400 && (rc = gt_trace_next(t, &evs[n_evs], &err)) > 0;)
		n_evs++;
	gt_trace_close(t);
	return rc;
}

Test(read_order, a_wait_is_a_change_of_states)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	cr_assert(eq(int, read_all(), 0), "%s", err.text);
	cr_assert(eq(int, n_evs, 6)); /* sync, two statuses, three of the wait */
	cr_assert(eq(u8, evs[0].id, GT_EV_Sync));
	cr_assert(eq(u8, evs[3].id, GT_EV_GoBlock));
	cr_assert(eq(u8, evs[3].from, GT_STATE_RUNNING));
	cr_assert(eq(u8, evs[3].to, GT_STATE_WAITING));
	cr_assert(eq(u64, evs[3].g, 1));
	cr_assert(eq(u64, evs[3].p, 1));
	cr_assert(eq(u64, evs[3].m, 1000));
	cr_assert(eq(i64, evs[3].time, 1005));
	cr_assert(eq(u64, gt_ordered_reason(&evs[3]), 1));
	cr_assert(eq(u64, gt_ordered_stack(&evs[3]), 1));
	cr_assert(eq(u64, evs[4].g, GT_NO_ID));
	cr_assert(eq(u64, evs[4].who, 1));
	cr_assert(eq(u8, evs[5].to, GT_STATE_RUNNING));
}

Test(read_order, times_increase_even_if_the_clock_stood_still)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	cr_assert(eq(int, read_all(), 0), "%s", err.text);
	for (int i = 1; i < n_evs; i++)
		cr_assert(gt(i64, evs[i].time, evs[i - 1].time));
	cr_assert(eq(i64, evs[2].time, 1002)); /* the second of two at 1000, behind the sync */
}

Test(read_order, threads_are_merged_by_time)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	for (uint64_t m = 0; m < 20; m++) {
		struct gt_batch *b = make_running(&k, 1000, 100 + m, 1 + m, 1 + m);
		for (uint64_t i = 0; i < 10; i++)
			gt_w_HeapAlloc(b, (gt_ns){ 2000 + 20 * i + m * 13 % 20 },
				       20 * i + m * 13 % 20);
		make_seal(&k, 0, 1, 100 + m);
	}
	make_tables(&k, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_all(), 0), "%s", err.text);
	int at = n_evs - 200;
	cr_assert(ge(int, at, 0));
	for (uint64_t i = 0; i < 200; i++)
		cr_assert(eq(u64, arg(at + (int)i, 0), i));
}

Test(read_order, a_counter_beats_the_clock)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	struct gt_batch *b = make_running(&k, 1000, 1000, 1, 1);
	gt_w_GoBlock(b, (gt_ns){ 1010 }, (gt_str){ 1 }, (gt_stack){ 0 });
	gt_w_GoStart(b, (gt_ns){ 1020 }, (gt_g){ 1 }, 2);
	make_seal(&k, 0, 1, 1000);
	b = make_running(&k, 1000, 1001, 2, 2);
	gt_w_GoUnblock(b, (gt_ns){ 5000 }, (gt_g){ 1 }, 1, (gt_stack){ 1 });
	make_seal(&k, 0, 1, 1001);
	make_tables(&k, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_all(), 0), "%s", err.text);
	cr_assert(eq(u8, evs[n_evs - 2].id, GT_EV_GoUnblock));
	cr_assert(eq(u64, evs[n_evs - 2].g, 2)); /* the waker */
	cr_assert(eq(u8, evs[n_evs - 1].id, GT_EV_GoStart));
	cr_assert(eq(i64, evs[n_evs - 1].time, 5001));
}

Test(read_order, a_switch_is_three_events)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	struct gt_batch *b = make_running(&k, 1000, 1000, 1, 1);
	gt_w_GoCreateBlocked(b, (gt_ns){ 1010 }, (gt_g){ 2 }, (gt_stack){ 1 }, (gt_stack){ 0 });
	gt_w_GoSwitchDestroy(b, (gt_ns){ 1020 }, (gt_g){ 2 }, 1);
	make_seal(&k, 0, 1, 1000);
	make_tables(&k, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_all(), 0), "%s", err.text);
	const struct gt_ordered *e = &evs[n_evs - 3];
	cr_assert(eq(u64, gt_ordered_subject_stack(e - 1), 1)); /* the start routine */
	cr_assert(eq(u64, gt_ordered_stack(e - 1), 0));
	cr_assert(e[0].id == GT_EV_GoSwitchDestroy && e[0].who == 2 &&
		  e[0].to == GT_STATE_RUNNABLE && !e[0].is_made_up);
	cr_assert(e[1].id == GT_EV_GoDestroy && e[1].who == 1 && e[1].to == GT_STATE_NOT_EXIST &&
		  e[1].is_made_up);
	cr_assert(e[2].id == GT_EV_GoStart && e[2].who == 2 && e[2].g == GT_NO_ID &&
		  e[2].is_made_up);
}

Test(read_order, whole_generations_before_the_damage_are_delivered)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	make_wait(&k, 2, 2000);
	make_wait(&k, 3, 3000);
	k.len -= 5;
	cr_assert(eq(int, read_all(), -GT_ERR_TRUNCATED));
	cr_assert(eq(int, n_evs, 12));
}

Test(read_order, a_region_is_open_in_the_next_generation_though_its_name_has_another_id)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	struct gt_batch *b = make_running(&k, 1000, 1000, 1, 1);
	gt_w_UserTaskBegin(b, (gt_ns){ 1010 }, (gt_task){ 5 }, (gt_task){ 0 }, (gt_str){ 3 },
			   (gt_stack){ 0 });
	gt_w_UserRegionBegin(b, (gt_ns){ 1010 }, (gt_task){ 5 }, (gt_str){ 2 }, (gt_stack){ 0 });
	make_seal(&k, 0, 1, 1000);
	make_tables(&k, 1, 1000);
	make_end(&k);
	make_sync(&k, 2, 2000);
	b = make_batch(&k, 2000);
	gt_w_UserRegionEnd(b, (gt_ns){ 2010 }, (gt_task){ 5 }, (gt_str){ 77 }, (gt_stack){ 0 });
	gt_w_UserTaskEnd(b, (gt_ns){ 2020 }, (gt_task){ 5 }, (gt_stack){ 0 });
	make_seal(&k, 0, 2, 1000);
	gt_section_begin(make_batch(&k, 2000), GT_EV_Strings, (gt_ns){ 2000 });
	gt_section_string(&k.b, (gt_str){ 77 }, "worker", 6);
	make_seal(&k, 0, 2, 0);
	make_end(&k);

	struct gt_trace *t = gt_trace_open_mem(k.bytes, k.len, &err);
	struct gt_ordered ev = { 0 };
	int rc;
	char name[16] = "";
	while ((rc = gt_trace_next(t, &ev, &err)) > 0) {
		if (ev.id == GT_EV_UserTaskEnd)
			snprintf(name, sizeof(name), "%.*s", (int)ev.name.len, ev.name.p);
	}
	cr_assert(eq(int, rc, 0), "%s", err.text);
	cr_assert(eq(str, name, (char *)"app.c"));
	gt_trace_close(t);
}

Test(read_order, an_error_names_thread_event_reason_and_rule)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	struct gt_batch *b = make_running(&k, 1000, 1000, 1, 1);
	gt_w_GoSyscallBegin(b, (gt_ns){ 1010 }, 9, (gt_stack){ 0 });
	make_seal(&k, 0, 1, 1000);
	make_tables(&k, 1, 1000);
	make_end(&k);
	cr_assert(eq(int, read_all(), -GT_ERR_ORDER));
	cr_assert(eq(str, err.text,
		     (char *)"thread 1000: GoSyscallBegin: processor 1's counter is 0, the event "
			     "carries 9 "
			     "[O2]"));
	char line[200];
	gt_err_format(&err, "out.trace", line, sizeof(line));
	cr_assert(eq(int, strncmp(line, "out.trace: 0x", 13), 0));
}

Test(read_order, a_generation_must_be_taken_to_its_end_before_the_next)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	struct gt_file *f = gt_file_open_mem(k.bytes, k.len, &err);
	struct gt_gen *g = gt_gen_new();
	struct gt_order *o = gt_order_new();
	cr_assert(eq(int, gt_gen_read(g, f, &err), 1));
	cr_assert(eq(int, gt_order_begin(o, g, &err), 0));
	cr_assert(eq(int, gt_order_begin(o, g, &err), -GT_ERR_USAGE));
	gt_order_free(o);
	gt_gen_free(g);
	gt_file_close(f);
}

/* ---------------------------------------------------------------- strict checks, text */

static int n_errors, n_warnings;

static void on_finding(void *user, enum gt_severity severity, const struct gt_err *e)
{
	(void)user;
	(void)e;
	*(severity == GT_ERROR ? &n_errors : &n_warnings) += 1;
}

Test(read_strict, findings_of_one_kind_are_told_only_a_few_times)
{
	make_begin(&k);
	make_sync(&k, 1, 1000);
	struct gt_batch *b = make_running(&k, 1000, 1000, 1, 1);
	for (uint64_t i = 0; i < 100; i++)
		gt_w_GoLabel(b, (gt_ns){ 1010 }, (gt_str){ 0 });
	make_seal(&k, 0, 1, 1000);
	make_tables(&k, 1, 1000);
	make_end(&k);
	struct gt_trace *t = gt_trace_open_mem(k.bytes, k.len, &err);
	struct gt_strict *s = gt_strict_new(on_finding, NULL);
	struct gt_ordered ev;
	while (gt_trace_next(t, &ev, &err) > 0)
		cr_assert(eq(int, gt_strict_event(s, gt_trace_gen(t), &ev), 0));
	gt_strict_end(s, gt_trace_gen(t));
	cr_assert(eq(int, n_errors, 20));
	cr_assert(eq(int, n_warnings, 1)); /* no ProcsChange */
	gt_strict_free(s);
	gt_trace_close(t);
}

Test(read_text, what_could_move_a_cursor_is_escaped)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	gt_dump_quoted(out, "a\x1b[2J\"\\\n\0\xff\xc3\xa9", 12);
	fclose(out);
	cr_assert(eq(str, text, (char *)"\"a\\x1b[2J\\\"\\\\\\n\\x00\\xff\xc3\xa9\""));
	free(text);
}
