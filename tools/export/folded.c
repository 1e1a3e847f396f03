/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: "thread;outer;...;inner;[wait
 * sync] ns". The off-wake form goes on with "--" and the waker's stack, innermost first, and ends
 * with the waker's name, as offwaketime's does.
 *
 * N.B. nanoseconds: speedscope reads whole numbers only, and microseconds would not add up.
 */
#include "tools/export/export.h"
#include "tools/lib/keymap.h"
#include "tools/lib/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What makes a line; its bytes are the key. */
struct line {
	uint32_t thread, waker;
	gt_stack_id stack, waker_stack;
	gt_text_id reason;
	uint32_t kind;
};

struct folded {
	struct gt_model *model;
	bool has_wakers;
	struct gt_keymap lines;
	uint64_t *ns;
	size_t cap_ns;
};

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct folded *f = arg;
	struct line key;
	memset(&key, 0, sizeof(key));
	key.thread = w->thread;
	key.stack = w->stack;
	key.reason = w->reason;
	key.kind = w->kind;
	if (f->has_wakers) {
		key.waker = gt_model_find(f->model, w->waker_g);
		key.waker_stack = w->waker_stack;
	}
	bool is_new;
	const size_t i = gt_keymap_put(&f->lines, &key, sizeof(key), &is_new);
	if (is_new) {
		f->ns = gt_mem_grow(f->ns, i, &f->cap_ns, sizeof(*f->ns));
		f->ns[i] = 0;
	}
	f->ns[i] += (uint64_t)(w->end - w->begin);
}

/* A name between semicolons. */
static void put_name(FILE *out, const char *text)
{
	if (*text == '\0')
		fputc('?', out);
	for (; *text != '\0'; text++)
		fputc(*text == ';' ? ':' : (unsigned char)*text < ' ' ? ' ' : *text, out);
}

static void put_frame(FILE *out, const struct gt_model *m, uint32_t frame)
{
	fputc(';', out);
	put_name(out, gt_model_text(m, gt_model_frame(m, frame)->func));
}

static void put_waker(FILE *out, const struct gt_model *m, const struct line *l)
{
	char buf[GT_LABEL_MAX];
	uint32_t n;
	const uint32_t *frames = gt_model_stack(m, l->waker_stack, &n);
	fputs(";--", out);
	for (uint32_t i = 0; i < n; i++)
		put_frame(out, m, frames[i]);
	fputc(';', out);
	put_name(out,
		 l->waker == GT_NO_THREAD ? "[waker not known]" : gt_model_label(m, l->waker, buf));
}

static void put_line(FILE *out, const struct folded *f, const struct line *l, uint64_t ns)
{
	const struct gt_model *m = f->model;
	const struct gt_wait w = { .kind = (enum gt_wait_kind)l->kind, .reason = l->reason };
	char buf[GT_LABEL_MAX];
	uint32_t n;
	const uint32_t *frames = gt_model_stack(m, l->stack, &n);
	put_name(out, gt_model_label(m, l->thread, buf));
	while (n > 0)
		put_frame(out, m, frames[--n]);
	fputs(";[", out);
	put_name(out, gt_wait_label(m, &w, buf));
	fputc(']', out);
	if (f->has_wakers)
		put_waker(out, m, l);
	fprintf(out, " %" PRIu64 "\n", ns);
}

static int export_folded(const struct gt_export *x, FILE *out, struct gt_err *err, bool has_wakers)
{
	static const struct gt_model_calls calls = { .wait_end = wait_end };
	struct folded f = { .has_wakers = has_wakers };
	f.model = gt_model_new(&calls, &f);
	const int rc = gt_model_read(f.model, &x->in, out, err);
	for (size_t i = 0; i < f.lines.n; i++)
		put_line(out, &f, (const void *)f.lines.keys[i].bytes, f.ns[i]);
	gt_keymap_free(&f.lines);
	free(f.ns);
	gt_model_free(f.model);
	return rc;
}

int gt_export_folded(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	return export_folded(x, out, err, false);
}

int gt_export_offwake(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	return export_folded(x, out, err, true);
}
