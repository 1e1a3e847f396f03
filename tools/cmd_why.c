/* gtrace why: why a thread waited, to the end of the chain. */
#include "tools/analysis/why.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEEP 12 /* frames of a stack */

struct settings {
	struct gt_input in;
	struct gt_why_question question;
	const char *at;
	bool is_json;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 't', "thread", GT_OPT_TEXT, &s->question.thread, "T",
		  "its name, its tid, or g12; without: who waited longest for a lock" },
		{ 0, "at", GT_OPT_TEXT, &s->at, "TIME",
		  "since the start of the trace (12.5ms), or on its clock in ns; without: its "
		  "longest wait" },
		GT_LINES_OPTS(s->in, "source lines and inlined functions in stacks"),
		GT_FOCUS_OPTS(s->in.focus),
		GT_FOCUS_LOCK_OPT(s->in.focus),
		GT_FORM_JSON_OPT(*s, "gtrace-why/1"),
	};
	const struct gt_args args = {
		.verb = "why",
		.operands = "FILE",
		.about = "Why a thread waited: for which lock, who had it meanwhile, what that one "
			 "waited for, and so on to\n"
			 "the end of the chain. Of several holders the chain follows the one that "
			 "had it longest, or at TIME.\n"
			 "The file is read twice. Status 1: nothing to tell, or the file is "
			 "damaged.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->in.path = argv[first];
	return rc;
}

static bool parse_time(struct settings *s)
{
	char *end;
	uint64_t ns;
	if (s->at == NULL)
		return true;
	s->question.has_time = true;
	if (gt_duration_parse(s->at, &ns)) {
		s->question.time = (int64_t)ns;
		return true;
	}
	errno = 0;
	s->question.time = strtoll(s->at, &end, 10);
	s->question.is_absolute = true;
	if (end != s->at && *end == '\0' && errno == 0 && s->question.time >= 0)
		return true;
	fprintf(stderr,
		"gtrace why: --at %s: expected a time like 12.5ms since the start, or ns of the "
		"trace's clock\n",
		s->at);
	return false;
}

/* ---- text */

static void print_what(struct gt_why *y, const struct gt_wait *w)
{
	char what[GT_LABEL_MAX];
	fputs(gt_answer_what(&y->answer, gt_object_of(w), w->stack, what), stdout);
}

static void print_span(const struct gt_why *y, int64_t from, int64_t to)
{
	char a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT];
	const int64_t start = gt_model_process(y->answer.model)->trace_start;
	printf("from %s to %s", gt_duration_print(a, (uint64_t)(from - start)),
	       gt_duration_print(b, (uint64_t)(to - start)));
}

static void print_holders(struct gt_why *y, const struct gt_why_link *l)
{
	char who[GT_LABEL_MAX], stack[GT_LABEL_MAX], a[GT_QUANTITY_TEXT];
	for (size_t i = 0; i < l->n_holders; i++) {
		const struct gt_why_holder *h = &l->holders[i];
		printf("    held by %s for %s, ", gt_answer_thread(&y->answer, h->thread, who),
		       gt_duration_print(a, (uint64_t)(h->to - h->from)));
		print_span(y, h->from, h->to);
		if (h->let_go != 0)
			printf(", let go in %s",
			       gt_answer_stack(&y->answer, h->let_go, DEEP, stack));
		putchar('\n');
	}
	if (l->is_cut)
		puts("    and by more");
	if (l->n_holders == 0)
		puts("    who held it is not known");
}

static void print_end(struct gt_why *y, const struct gt_why_link *l)
{
	char who[GT_LABEL_MAX], stack[GT_LABEL_MAX];
	const struct gt_wait *w = &l->wait;
	if (w->is_open)
		puts("    it still waits at the end of the trace");
	if (w->is_expired)
		puts("    its time was over");
	if (l->class == GT_CLASS_LOCK)
		print_holders(y, l);
	else if (w->waker_g != 0)
		printf("    woken by %s, in %s\n",
		       gt_answer_thread(&y->answer, gt_model_find(y->answer.model, w->waker_g),
					who),
		       gt_answer_stack(&y->answer, w->waker_stack, DEEP, stack));
	char a[GT_QUANTITY_TEXT];
	if (l->late_ns > (uint64_t)(w->end - w->begin) / 20)
		printf("    it came to run %s after it was let go\n",
		       gt_duration_print(a, l->late_ns));
}

static void print_link(struct gt_why *y, size_t i)
{
	static const char *const verbs[] = { "waited", "was", "waited", "slept" };
	static const char *const links[] = { "for", "in", "for", "in" };
	const struct gt_why_link *l = &y->links[i];
	const struct gt_wait *w = &l->wait;
	char who[GT_LABEL_MAX], stack[GT_LABEL_MAX], a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT];
	printf("%s %s%s %s %s ", gt_answer_thread(&y->answer, l->thread, who),
	       i > 0 ? "meanwhile " : "", verbs[l->class],
	       gt_duration_print(a, (uint64_t)(w->end - w->begin)), links[l->class]);
	print_what(y, w);
	fputs(", ", stdout);
	print_span(y, w->begin, w->end);
	putchar('\n');
	printf("    in %s\n", gt_answer_stack(&y->answer, w->stack, DEEP, stack));
	if (i > 0 && l->ran_ns > l->part_ns / 100)
		printf("    (of %s it ran %s)\n", gt_duration_print(a, l->part_ns),
		       gt_duration_print(b, l->ran_ns));
	print_end(y, l);
}

static void print_conclusion(struct gt_why *y)
{
	const struct gt_why_link *l = &y->links[y->n_links - 1];
	char who[GT_LABEL_MAX], a[GT_QUANTITY_TEXT], b[GT_QUANTITY_TEXT];
	fputs("the end: ", stdout);
	switch (y->end) {
	case GT_WHY_END_RAN:
		printf("%s ran for %s of these %s, or was ready to run\n",
		       gt_answer_thread(&y->answer, y->last, who),
		       gt_duration_print(a, y->last_ran_ns), gt_duration_print(b, y->last_part_ns));
		break;
	case GT_WHY_END_TIME:
		printf("%s waited for time to pass\n",
		       gt_answer_thread(&y->answer, l->thread, who));
		break;
	case GT_WHY_END_LATE:
		printf("%s was let go, and came to run only %s later: it had no CPU, or another "
		       "was faster\n",
		       gt_answer_thread(&y->answer, l->thread, who),
		       gt_duration_print(a, l->late_ns));
		break;
	case GT_WHY_END_UNKNOWN:
		printf("no thread of this program is known to have ended the wait of %s\n",
		       gt_answer_thread(&y->answer, l->thread, who));
		break;
	case GT_WHY_END_CIRCLE:
		printf("%s again: they wait for each other\n",
		       gt_answer_thread(&y->answer, l->next, who));
		break;
	case GT_WHY_END_LONG:
		puts("it goes on");
		break;
	}
}

static void print_text(struct gt_why *y)
{
	if (y->n_alike > 1 && y->question.thread != NULL)
		printf("(%" PRIu32 " threads are called %s; this is the longest wait of them)\n",
		       y->n_alike, y->question.thread);
	for (size_t i = 0; i < y->n_links; i++)
		print_link(y, i);
	print_conclusion(y);
	puts("\nhow far to believe it");
	gt_doubts_print(&y->answer.doubts, stdout, 2);
}

/* ---- JSON */

static void json_thread(struct gt_json *j, const struct gt_why *y, const char *key, uint32_t thread)
{
	char buf[GT_LABEL_MAX];
	if (thread == GT_NO_THREAD) {
		gt_json_null(j, key);
		return;
	}
	const struct gt_model_thread *t = gt_model_thread(y->answer.model, thread);
	gt_json_object(j, key, true);
	gt_json_text(j, "name", gt_model_label(y->answer.model, thread, buf));
	gt_json_u64(j, "tid", t->tid);
	gt_json_u64(j, "g", t->g);
	gt_json_end_object(j);
}

static void json_link(struct gt_json *j, struct gt_why *y, const struct gt_why_link *l)
{
	const struct gt_wait *w = &l->wait;
	const struct gt_object_id id = gt_object_of(w);
	char buf[GT_LABEL_MAX];
	gt_json_object(j, NULL, false);
	json_thread(j, y, "thread", l->thread);
	gt_json_text(j, "class", gt_class_word(l->class));
	gt_json_text(j, "kind", gt_answer_kind(&y->answer, &id, w->stack, buf));
	gt_json_text(j, "lock", gt_answer_object(&y->answer, id));
	gt_json_u64(j, "begin_ns", (uint64_t)w->begin);
	gt_json_u64(j, "end_ns", (uint64_t)w->end);
	gt_json_u64(j, "wait_ns", (uint64_t)(w->end - w->begin));
	gt_json_u64(j, "part_ns", l->part_ns);
	gt_json_u64(j, "ran_ns", l->ran_ns);
	gt_json_u64(j, "late_ns", l->late_ns);
	gt_json_bool(j, "expired", w->is_expired);
	gt_json_bool(j, "open", w->is_open);
	gt_answer_json_stack(&y->answer, j, "stack", w->stack);
	json_thread(j, y, "waker", gt_model_find(y->answer.model, w->waker_g));
	gt_answer_json_stack(&y->answer, j, "waker_stack", w->waker_stack);
	gt_json_array(j, "holders", false);
	for (size_t i = 0; i < l->n_holders; i++) {
		const struct gt_why_holder *h = &l->holders[i];
		gt_json_object(j, NULL, true);
		json_thread(j, y, "thread", h->thread);
		gt_json_u64(j, "from_ns", (uint64_t)h->from);
		gt_json_u64(j, "to_ns", (uint64_t)h->to);
		gt_answer_json_stack(&y->answer, j, "let_go", h->let_go);
		gt_json_end_object(j);
	}
	gt_json_end_array(j);
	gt_json_end_object(j);
}

static void print_json(struct gt_why *y, const char *path)
{
	static const char *const ends[] = { "ran", "time", "late", "unknown", "circle", "long" };
	struct gt_json j = { .out = stdout };
	gt_json_object(&j, NULL, false);
	gt_answer_json_head(&y->answer, &j, "gtrace-why/1", path);
	gt_doubts_json(&y->answer.doubts, &j);
	gt_json_u64(&j, "alike", y->n_alike);
	gt_json_array(&j, "chain", false);
	for (size_t i = 0; i < y->n_links; i++)
		json_link(&j, y, &y->links[i]);
	gt_json_end_array(&j);
	gt_json_text(&j, "end", ends[y->end]);
	json_thread(&j, y, "last",
		    y->end == GT_WHY_END_RAN ? y->last : y->links[y->n_links - 1].thread);
	gt_json_u64(&j, "last_ran_ns", y->last_ran_ns);
	gt_json_end_object(&j);
}

int gt_cmd_why(int argc, char **argv)
{
	struct settings o = { .at = NULL };
	const int rc = parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.in.focus, "why") || !parse_time(&o))
		return GT_EXIT_USAGE;
	struct gt_why y;
	gt_why_init(&y);
	y.question = o.question;
	int status = gt_why_read(&y, "why", &o.in);
	if (status != GT_EXIT_USAGE && y.n_links == 0) {
		fprintf(stderr, "gtrace why: %s\n", y.complaint);
		status = GT_EXIT_FINDINGS;
	} else if (status != GT_EXIT_USAGE) {
		if (o.is_json)
			print_json(&y, o.in.path);
		else
			print_text(&y);
	}
	gt_why_free(&y);
	return status;
}
