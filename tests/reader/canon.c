/*
 * The events of traces in the form of `oracle -canon` (tests/oracle/canon.go), for comparing event
 * by event what our reader and Go's say.
 *
 *   canon FILE...      one line an event; "end" or "error" behind the last
 */
#include "encoder/event.h"
#include "tools/read/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct gt_gen *now; /* generation of the event at hand */

static size_t quote(char *to, struct gt_text t)
{
	size_t n = 0;
	for (uint32_t i = 0; i < t.len; i++) {
		const unsigned char c = (unsigned char)t.p[i];
		if (c > 0x20 && c < 0x7f && c != '%')
			to[n++] = (char)c;
		else
			n += (size_t)sprintf(to + n, "%%%02x", c);
	}
	to[n] = 0;
	return n;
}

static void put_text(struct gt_text t)
{
	char text[3 * 65536 + 1];
	quote(text, t);
	fputs(text, stdout);
}

static void put_string(uint64_t id)
{
	put_text(gt_gen_text(now, id));
}

static void hash(uint64_t *h, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*h = (*h ^ (unsigned char)bytes[i]) * 0x100000001b3ULL;
}

static void put_stack(uint64_t id)
{
	const struct gt_gen_stack *s = gt_gen_stack(now, id);
	uint64_t h = 0xcbf29ce484222325ULL;
	char text[4096];
	if (!s || s->n == 0) {
		fputs(" -", stdout);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		const struct gt_gen_frame *f = gt_gen_frame(now, s, i);
		hash(&h, text, (size_t)sprintf(text, "%" PRIu64 " ", f->pc));
		hash(&h, text, quote(text, gt_gen_text(now, f->func)));
		hash(&h, " ", 1);
		hash(&h, text, quote(text, gt_gen_text(now, f->file)));
		hash(&h, text, (size_t)sprintf(text, " %" PRIu64 "\n", f->line));
	}
	printf(" %u:%016" PRIx64, s->n, h);
}

static const char *state(uint8_t s)
{
	static const char *const names[] = { "Undetermined", "NotExist", "Runnable", "Running",
					     "Waiting",      "Syscall",  "Idle" };
	return names[s];
}

static void put_range(const struct gt_ordered *ev)
{
	const uint8_t id = ev->id;
	const bool is_end = id == GT_EV_STWEnd || id == GT_EV_GCEnd || id == GT_EV_GCSweepEnd ||
			    id == GT_EV_GCMarkAssistEnd;
	const bool is_active =
		id == GT_EV_GCActive || id == GT_EV_GCSweepActive || id == GT_EV_GCMarkAssistActive;
	printf("range-%s ", is_end ? "end" : is_active ? "active" : "begin");
	const int64_t on_g = (int64_t)(is_active ? ev->args[0] : ev->g);
	const int64_t on_p = (int64_t)(is_active ? ev->args[0] : ev->p);
	switch (id) {
	case GT_EV_STWBegin:
	case GT_EV_STWEnd:
		fputs("stop-the-world%20(", stdout);
		if (id == GT_EV_STWEnd)
			put_text(ev->name);
		else
			put_string(ev->args[0]);
		printf(") g%" PRId64, on_g);
		break;
	case GT_EV_GCBegin:
	case GT_EV_GCActive:
	case GT_EV_GCEnd:
		fputs("GC%20concurrent%20mark%20phase -", stdout);
		break;
	case GT_EV_GCSweepBegin:
	case GT_EV_GCSweepActive:
	case GT_EV_GCSweepEnd:
		printf("GC%%20incremental%%20sweep p%" PRId64, on_p);
		if (is_end)
			printf(" %" PRIu64 " %" PRIu64, ev->args[0], ev->args[1]);
		break;
	default:
		printf("GC%%20mark%%20assist g%" PRId64, on_g);
	}
}

static void put_transition(const struct gt_ordered *ev)
{
	if (ev->subject == GT_SUBJECT_P) {
		printf("p%" PRId64 " %s->%s", (int64_t)ev->who, state(ev->from), state(ev->to));
		return;
	}
	printf("g%" PRId64 " %s->%s ", (int64_t)ev->who, state(ev->from), state(ev->to));
	put_string(gt_ordered_reason(ev));
	put_stack(gt_ordered_subject_stack(ev));
}

static void put_annotation(const struct gt_ordered *ev)
{
	const uint64_t *a = ev->args;
	switch (ev->id) {
	case GT_EV_ProcsChange:
		printf("metric /sched/gomaxprocs:threads %" PRIu64, a[0]);
		break;
	case GT_EV_HeapAlloc:
		printf("metric /memory/classes/heap/objects:bytes %" PRIu64, a[0]);
		break;
	case GT_EV_HeapGoal:
		printf("metric /gc/heap/goal:bytes %" PRIu64, a[0]);
		break;
	case GT_EV_GoLabel:
		fputs("label ", stdout);
		put_string(a[0]);
		printf(" g%" PRId64, (int64_t)ev->g);
		break;
	case GT_EV_CPUSample:
		fputs("sample", stdout);
		break;
	case GT_EV_UserTaskBegin:
	case GT_EV_UserTaskEnd:
		printf("task-%s %" PRIu64 " %" PRIu64 " ",
		       ev->id == GT_EV_UserTaskEnd ? "end" : "begin", a[0], ev->parent);
		if (ev->id == GT_EV_UserTaskEnd)
			put_text(ev->name);
		else
			put_string(a[2]);
		break;
	case GT_EV_UserRegionBegin:
	case GT_EV_UserRegionEnd:
		printf("region-%s %" PRIu64 " ", ev->id == GT_EV_UserRegionEnd ? "end" : "begin",
		       a[0]);
		put_string(a[1]);
		break;
	case GT_EV_UserLog:
		printf("log %" PRIu64 " ", a[0]);
		put_string(a[1]);
		putchar(' ');
		put_string(a[2]);
		break;
	default:
		if (ev->id < 128) {
			put_range(ev);
			break;
		}
		printf("experiment %s", gt_event_name(ev->id));
		for (unsigned i = 0; i < ev->nargs; i++)
			printf(" %" PRIu64, a[i]);
	}
}

/* As Go's time.Unix makes them fit. */
static void put_sync(const struct gt_ordered *ev)
{
	int64_t sec = (int64_t)now->snap_sec, ns = (int64_t)now->snap_nsec;
	const int64_t second = 1000000000;
	if (ns < 0 || ns >= second) {
		sec += ns / second;
		ns %= second;
		if (ns < 0) {
			ns += second;
			sec--;
		}
	}
	printf("%" PRId64 " sync %" PRId64 " %" PRIu64 " %" PRId64 ".%" PRId64 "\n", ev->time,
	       gt_gen_ns(now, now->snap_time), now->snap_mono_ns, sec, ns);
}

static void put_event(const struct gt_ordered *ev)
{
	if (ev->id == GT_EV_Sync) {
		if (now->has_clock)
			put_sync(ev);
		return;
	}
	printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " ", ev->time, (int64_t)ev->m,
	       (int64_t)ev->p, (int64_t)ev->g);
	if (ev->subject == GT_SUBJECT_NONE)
		put_annotation(ev);
	else
		put_transition(ev);
	put_stack(gt_ordered_stack(ev));
	putchar('\n');
}

int main(int argc, char **argv)
{
	int status = 0;
	for (int i = 1; i < argc; i++) {
		struct gt_err err = { .code = GT_ERR_NONE };
		struct gt_ordered ev;
		int rc = -1;
		printf("file %s\n", argv[i]);
		struct gt_trace *t = gt_trace_open(argv[i], &err);
		while (t && (rc = gt_trace_next(t, &ev, &err)) > 0) {
			now = (struct gt_gen *)gt_trace_gen(t);
			put_event(&ev);
		}
		gt_trace_close(t);
		puts(rc == 0 ? "end" : "error");
		if (rc < 0)
			gt_err_print(&err, argv[i], stderr);
		status |= rc < 0;
	}
	return status;
}
