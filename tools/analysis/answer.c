#include "tools/analysis/answer.h"

#include "encoder/section.h"
#include "tools/cmd.h"
#include "tools/lib/busy.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/read/rec.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void gt_answer_init(struct gt_answer *a, const struct gt_model_calls *calls, void *arg)
{
	*a = (struct gt_answer){ .model = gt_model_new(calls, arg) };
}

void gt_answer_free(struct gt_answer *a)
{
	for (size_t i = 0; i < a->whats.n; i++)
		free(a->what_of[i]);
	free(a->what_of);
	gt_keymap_free(&a->whats);
	gt_keymap_free(&a->looks);
	free(a->look_of);
	free(a->canon);
	gt_data_names_free(&a->data);
	gt_model_free(a->model);
	gt_keymap_free(&a->doubts.names);
	free(a->doubts.values);
	free(a->doubts.hooks);
	free(a->doubts.min_wait);
}

/* ---------------------------------------------------------------- reading */

static bool is_doubtful(struct gt_text t)
{
	const char *const refused = "_refused", *const cut = "stack_cut";
	return (t.len > 5 && memcmp(t.p, "lost_", 5) == 0) ||
	       (t.len > 8 && memcmp(t.p + t.len - 8, refused, 8) == 0) ||
	       (t.len == 9 && memcmp(t.p, cut, 9) == 0);
}

static bool is_text(struct gt_text t, const char *text)
{
	return t.len == strlen(text) && memcmp(t.p, text, t.len) == 0;
}

static void add_metric(struct gt_doubts *d, struct gt_text name, uint64_t value)
{
	if (value == 0 || !is_doubtful(name))
		return;
	bool is_new;
	const size_t i = gt_keymap_put(&d->names, name.p, name.len, &is_new);
	if (is_new) {
		d->values = gt_mem_grow(d->values, i, &d->cap_values, sizeof(*d->values));
		d->values[i] = 0;
	}
	const bool is_sum = memcmp(name.p, "lost_", 5) == 0 || name.p[0] == 's';
	d->values[i] = is_sum ? d->values[i] + value : value; /* an errno is no sum */
}

static void set_text(char **to, struct gt_text t)
{
	free(*to);
	*to = gt_mem_format("%.*s", (int)t.len, t.p);
}

static void add_config(struct gt_doubts *d, struct gt_text name, struct gt_text value)
{
	if (is_text(name, "GTRACE_MIN_WAIT"))
		set_text(&d->min_wait, value);
	else if (is_text(name, "GTRACE_HOOKS") && !is_text(value, "+all") && !is_text(value, "all"))
		set_text(&d->hooks, value);
}

void gt_answer_generation(struct gt_answer *a, const struct gt_gen *g)
{
	gt_maps_add(&a->data.maps, g);
	struct gt_rec_iter it = gt_rec_first(g);
	struct gt_rec_value r;
	int rc;
	while ((rc = gt_rec_next(&it, &r, NULL)) != 0) {
		if (rc > 0 && r.kind == GT_REC_METRIC)
			add_metric(&a->doubts, gt_gen_text(g, r.field[1]), r.field[2]);
		else if (rc > 0 && r.kind == GT_REC_CONFIG)
			add_config(&a->doubts, gt_gen_text(g, r.field[0]),
				   gt_gen_text(g, r.field[1]));
	}
}

int gt_answer_read(struct gt_answer *a, const char *verb, const struct gt_input *in)
{
	struct gt_err err = { .code = GT_ERR_NONE };
	const bool is_growing = strcmp(in->path, "-") != 0 && gt_busy_wait(in->path);
	a->focus = in->focus;
	const int rc = gt_model_read(a->model, in, NULL, &err);
	const struct gt_model_process *p = gt_model_process(a->model);
	a->is_complete = rc == 0 && !is_growing;
	if (is_growing && (rc == 0 || err.code == GT_ERR_TRUNCATED)) {
		fprintf(stderr, "gtrace %s: %s is still being written: this is its beginning\n",
			verb, in->path);
		return GT_EXIT_OK;
	}
	if (rc == 0)
		return GT_EXIT_OK;
	fprintf(stderr, "gtrace %s: ", verb);
	gt_err_print(&err, in->path, stderr);
	if (p->end == p->start)
		return GT_EXIT_USAGE;
	char text[GT_QUANTITY_TEXT];
	fprintf(stderr, "gtrace %s: only its first %s could be read\n", verb,
		gt_duration_print(text, (uint64_t)(p->end - p->start)));
	return GT_EXIT_FINDINGS;
}

/* ---------------------------------------------------------------- words */

const char *gt_class_word(enum gt_class c)
{
	static const char *const words[] = { "contention", "io", "idle", "sleep" };
	return words[c];
}

/* Name of the function that was called. */
static const char *called(const struct gt_answer *a, gt_stack_id stack)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(a->model, stack, &n);
	return n > 0 ? gt_model_text(a->model, gt_model_frame(a->model, frames[0])->func) : "";
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* For waits that no record tells of: by the function, then by Go's word. */
static enum gt_class class_of_call(const struct gt_answer *a, const struct gt_wait *w)
{
	static const struct {
		const char *prefix;
		enum gt_class class;
	} calls[] = {
		{ "sem_", GT_CLASS_IDLE },
		{ "pthread_join", GT_CLASS_IDLE },
		{ "pthread_barrier", GT_CLASS_IDLE },
		{ "poll", GT_CLASS_IDLE },
		{ "ppoll", GT_CLASS_IDLE },
		{ "select", GT_CLASS_IDLE },
		{ "pselect", GT_CLASS_IDLE },
		{ "epoll_", GT_CLASS_IDLE },
		{ "wait", GT_CLASS_IDLE },
		{ "sync.(*WaitGroup)", GT_CLASS_IDLE },
		{ "sig", GT_CLASS_IDLE },
	};
	const char *function = called(a, w->stack);
	const char *reason = gt_model_text(a->model, w->reason);
	if (w->kind == GT_WAIT_CALL)
		return GT_CLASS_IO;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (begins(function, calls[i].prefix))
			return calls[i].class;
	}
	if (strcmp(reason, "sync") == 0)
		return GT_CLASS_LOCK;
	if (strcmp(reason, "network") == 0)
		return GT_CLASS_IO;
	return strcmp(reason, "sleep") == 0 ? GT_CLASS_SLEEP : GT_CLASS_IDLE;
}

enum gt_class gt_answer_class(const struct gt_answer *a, const struct gt_wait *w)
{
	switch (w->why) {
	case GT_WHY_MUTEX:
	case GT_WHY_RWLOCK:
	case GT_WHY_FLOCK:
	case GT_WHY_ONCE:
		return GT_CLASS_LOCK;
	case GT_WHY_COND:
	case GT_WHY_SEM:
	case GT_WHY_BARRIER:
	case GT_WHY_JOIN:
	case GT_WHY_FUTEX:
		return GT_CLASS_IDLE;
	default:
		return class_of_call(a, w);
	}
}

struct gt_object_id gt_object_of(const struct gt_wait *w)
{
	struct gt_object_id id;
	memset(&id, 0, sizeof(id)); /* its bytes are a key */
	id.address = w->object;
	id.why = w->why;
	id.name = w->name;
	return id;
}

static const char *word_of(uint32_t why)
{
	/* clang-format off */
	static const char *const names[256] = {
#define GT_WHY(id, name, form, object, reason, meaning) [id] = #name,
#include "gtrace/whys.def"
#undef GT_WHY
	};
	/* clang-format on */
	return why < 256 && names[why] != NULL ? names[why] : "";
}

const char *gt_answer_kind(const struct gt_answer *a, const struct gt_object_id *id,
			   gt_stack_id stack, char buf[static GT_LABEL_MAX])
{
	const char *word = word_of(id->why);
	if (*word == '\0' || (id->address == 0 && id->name == 0)) {
		const char *function = called(a, stack);
		return *function != '\0' ? function : "wait";
	}
	size_t i = 0;
	for (; word[i] != '\0'; i++)
		buf[i] = (char)tolower((unsigned char)word[i]);
	buf[i] = '\0';
	return buf;
}

static char *name_object(struct gt_answer *a, struct gt_object_id id)
{
	char buf[600];
	const char *name = gt_model_text(a->model, id.name);
	const uint64_t local = gt_address_local(id.address),
		       process = id.address >> GT_ADDRESS_BITS;
	const bool is_fd = local < 1 << 20;
	if (*name != '\0')
		return gt_mem_format("fd %" PRIu64 " (%s)", local, name);
	if (*word_of(id.why) == '\0' || id.address == 0)
		return gt_mem_text("-");
	if (id.why == GT_WHY_READ || id.why == GT_WHY_WRITE || is_fd)
		return gt_mem_format("fd %" PRIu64, local);
	if (id.why != GT_WHY_JOIN && gt_data_name(&a->data, id.address, buf, sizeof(buf)))
		return gt_mem_text(buf);
	return process == 0
		       ? gt_mem_format("0x%" PRIx64, local)
		       : gt_mem_format("0x%" PRIx64 " of process %" PRIu64, local, process + 1);
}

const char *gt_answer_object(struct gt_answer *a, struct gt_object_id id)
{
	bool is_new;
	const size_t i = gt_keymap_put(&a->whats, &id, sizeof(id), &is_new);
	if (is_new) {
		a->what_of = gt_mem_grow(a->what_of, i, &a->cap_whats, sizeof(*a->what_of));
		a->what_of[i] = name_object(a, id);
	}
	return a->what_of[i];
}

static bool is_lock(struct gt_answer *a, const struct gt_wait *w, const char *want)
{
	char address[24];
	snprintf(address, sizeof(address), "0x%" PRIx64, w->object);
	return strstr(gt_answer_object(a, gt_object_of(w)), want) != NULL ||
	       strcmp(address, want) == 0;
}

bool gt_answer_is_wanted(struct gt_answer *a, const struct gt_wait *w)
{
	const struct gt_model_thread *t = gt_model_thread(a->model, w->thread);
	return gt_focus_has_thread(&a->focus, t->tid, t->g) &&
	       (a->focus.lock == NULL || is_lock(a, w, a->focus.lock));
}

const char *gt_answer_what(struct gt_answer *a, struct gt_object_id id, gt_stack_id stack,
			   char buf[static GT_LABEL_MAX])
{
	char word[GT_LABEL_MAX];
	const char *kind = gt_answer_kind(a, &id, stack, word);
	const char *name = gt_answer_object(a, id);
	if (strcmp(name, "-") == 0)
		snprintf(buf, GT_LABEL_MAX, "%s", kind);
	else
		snprintf(buf, GT_LABEL_MAX, "%.*s%s %.*s", GT_LABEL_MAX / 4, kind,
			 begins(name, "fd ") ? " of" : "", GT_LABEL_MAX / 2, name);
	return buf;
}

/* "fill", or "fill (app.c:12)" where a real line is known. */
static int put_frame(const struct gt_answer *a, uint32_t frame, char *buf, size_t cap)
{
	const struct gt_model_frame *f = gt_model_frame(a->model, frame);
	const char *file = gt_model_text(a->model, f->file);
	const char *base = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
	const char *func = gt_model_text(a->model, f->func);
	if (f->line > 1 && *base != '\0')
		return snprintf(buf, cap, "%s (%s:%" PRIu64 ")", func, base, f->line);
	return snprintf(buf, cap, "%s", *func != '\0' ? func : "?");
}

const char *gt_answer_stack(const struct gt_answer *a, gt_stack_id stack, unsigned max,
			    char buf[static GT_LABEL_MAX])
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(a->model, stack, &n);
	size_t len = 0;
	if (n == 0)
		return "-";
	for (uint32_t i = 0; i < n && len + 200 < GT_LABEL_MAX; i++) {
		if (i == max) {
			snprintf(buf + len, GT_LABEL_MAX - len, " < ...");
			break;
		}
		len += (size_t)snprintf(buf + len, GT_LABEL_MAX - len, "%s", i > 0 ? " < " : "");
		const int put = put_frame(a, frames[i], buf + len, GT_LABEL_MAX - len);
		len += put > 0 ? (size_t)put : 0;
	}
	return buf;
}

static gt_stack_id find_look(struct gt_answer *a, gt_stack_id stack)
{
	struct {
		uint64_t line;
		gt_text_id func, file;
	} look[GT_STACK_MAX];
	uint32_t n;
	const uint32_t *frames = gt_model_stack(a->model, stack, &n);
	memset(look, 0, n * sizeof(look[0]));
	for (uint32_t i = 0; i < n; i++) {
		const struct gt_model_frame *f = gt_model_frame(a->model, frames[i]);
		look[i].func = f->func;
		look[i].line = f->line > 1 ? f->line : 0;
		look[i].file = f->line > 1 ? f->file : 0;
	}
	bool is_new;
	const size_t i = gt_keymap_put(&a->looks, look, n * sizeof(look[0]), &is_new);
	if (is_new) {
		a->look_of = gt_mem_grow(a->look_of, i, &a->cap_looks, sizeof(*a->look_of));
		a->look_of[i] = stack;
	}
	return a->look_of[i];
}

gt_stack_id gt_answer_look(struct gt_answer *a, gt_stack_id stack)
{
	const size_t all = gt_model_n_stacks(a->model);
	if (stack == 0)
		return 0;
	if (stack >= a->n_canon) {
		const size_t n = all + all / 2 + 16;
		a->canon = gt_mem_resize(a->canon, n, sizeof(*a->canon));
		memset(a->canon + a->n_canon, 0, (n - a->n_canon) * sizeof(*a->canon));
		a->n_canon = n;
	}
	if (a->canon[stack] == 0)
		a->canon[stack] = find_look(a, stack);
	return a->canon[stack];
}

void gt_answer_json_stack(const struct gt_answer *a, struct gt_json *j, const char *key,
			  gt_stack_id stack)
{
	uint32_t n;
	const uint32_t *frames = gt_model_stack(a->model, stack, &n);
	char buf[GT_LABEL_MAX];
	gt_json_array(j, key, true);
	for (uint32_t i = 0; i < n; i++) {
		put_frame(a, frames[i], buf, sizeof(buf));
		gt_json_text(j, NULL, buf);
	}
	gt_json_end_array(j);
}

const char *gt_answer_thread(const struct gt_answer *a, uint32_t thread,
			     char buf[static GT_LABEL_MAX])
{
	char label[GT_LABEL_MAX];
	if (thread == GT_NO_THREAD)
		return "not known";
	const struct gt_model_thread *t = gt_model_thread(a->model, thread);
	const char *name = gt_model_label(a->model, thread, label);
	if (t->name == 0 && t->start == 0)
		snprintf(buf, GT_LABEL_MAX, "%s", name);
	else
		snprintf(buf, GT_LABEL_MAX, "%.*s (%s %" PRIu64 ")", GT_LABEL_MAX - 40, name,
			 gt_model_process(a->model)->is_go ? "goroutine" : "tid", t->tid);
	return buf;
}

/* ---------------------------------------------------------------- doubts */

static void count_line(FILE *out, unsigned indent, uint64_t n, uint64_t of, const char *what)
{
	if (n > 0)
		fprintf(out, "%*s%" PRIu64 " of %" PRIu64 " waits: %s\n", (int)indent, "", n, of,
			what);
}

void gt_doubts_print(const struct gt_doubts *d, FILE *out, unsigned indent)
{
	if (d->min_wait != NULL && strcmp(d->min_wait, "0") != 0)
		fprintf(out, "%*scalls shorter than %s are not in it (gtrace stat counts them)\n",
			(int)indent, "", d->min_wait);
	if (d->hooks != NULL)
		fprintf(out, "%*ssome calls were not traced: GTRACE_HOOKS=%s\n", (int)indent, "",
			d->hooks);
	for (size_t i = 0; i < d->names.n; i++)
		fprintf(out, "%*s%s %" PRIu64 "\n", (int)indent, "", d->names.keys[i].bytes,
			d->values[i]);
	if (d->names.n == 0)
		fprintf(out, "%*snothing lost\n", (int)indent, "");
	count_line(out, indent, d->no_holder, d->n_waits, "for a lock whose holder is not known");
	count_line(out, indent, d->no_waker, d->n_waits, "who ended them is not known");
	count_line(out, indent, d->cut, d->n_waits, "the trace ended first");
}

void gt_doubts_json(const struct gt_doubts *d, struct gt_json *j)
{
	gt_json_object(j, "doubts", false);
	gt_json_text(j, "min_wait", d->min_wait);
	gt_json_text(j, "hooks", d->hooks);
	gt_json_object(j, "lost", true);
	for (size_t i = 0; i < d->names.n; i++)
		gt_json_u64(j, d->names.keys[i].bytes, d->values[i]);
	gt_json_end_object(j);
	gt_json_u64(j, "waits", d->n_waits);
	gt_json_u64(j, "holder_unknown", d->no_holder);
	gt_json_u64(j, "waker_unknown", d->no_waker);
	gt_json_u64(j, "cut_by_end", d->cut);
	gt_json_end_object(j);
}

void gt_answer_json_head(const struct gt_answer *a, struct gt_json *j, const char *schema,
			 const char *path)
{
	const struct gt_model_process *p = gt_model_process(a->model);
	gt_json_text(j, "schema", schema);
	gt_json_text(j, "file", path);
	gt_json_bool(j, "complete", a->is_complete);
	gt_json_u64(j, "start_ns", (uint64_t)p->start);
	gt_json_u64(j, "duration_ns", (uint64_t)(p->end - p->start));
}
