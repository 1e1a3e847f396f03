#include "tools/analysis/flame.h"

#include "tools/lib/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What makes a stack of the picture; its bytes are the key. */
struct line {
	uint32_t thread, waker;
	gt_stack_id stack, waker_stack;
	gt_text_id reason;
	uint32_t kind;
};

struct sum {
	uint64_t ns, waits;
};

struct gt_flame_private {
	struct gt_keymap lines, nodes;
	struct sum *sums;
	size_t cap_sums, cap_nodes;
};

static void wait_end(void *arg, const struct gt_wait *w)
{
	struct gt_flame *f = arg;
	struct gt_flame_private *p = f->priv;
	if (!gt_answer_is_wanted(&f->answer, w))
		return;
	f->answer.doubts.n_waits++;
	f->answer.doubts.cut += w->is_open;
	if (f->only >= 0 && gt_answer_class(&f->answer, w) != (enum gt_class)f->only)
		return;
	struct line key;
	memset(&key, 0, sizeof(key));
	key.thread = w->thread;
	key.stack = w->stack;
	key.reason = w->reason;
	key.kind = w->kind;
	if (f->has_wakers) {
		key.waker = gt_model_find(f->answer.model, w->waker_g);
		key.waker_stack = w->waker_stack;
		f->answer.doubts.no_waker += key.waker == GT_NO_THREAD &&
					     w->kind == GT_WAIT_BLOCK &&
					     gt_answer_class(&f->answer, w) != GT_CLASS_SLEEP &&
					     !w->is_expired && !w->is_open;
	}
	bool is_new;
	const size_t i = gt_keymap_put(&p->lines, &key, sizeof(key), &is_new);
	if (is_new) {
		p->sums = gt_mem_grow(p->sums, i, &p->cap_sums, sizeof(*p->sums));
		p->sums[i] = (struct sum){ 0 };
	}
	p->sums[i].ns += (uint64_t)(w->end - w->begin);
	p->sums[i].waits++;
}

static void generation(void *arg, const struct gt_gen *g)
{
	struct gt_flame *f = arg;
	gt_answer_generation(&f->answer, g);
}

static const struct gt_model_calls calls = { .generation = generation, .wait_end = wait_end };

/* ---------------------------------------------------------------- the tree */

/* Names stand between semicolons. */
static uint32_t put_name(struct gt_flame *f, const char *text)
{
	char buf[GT_LABEL_MAX + 8];
	size_t n = 0;
	for (; text[n] != '\0' && n + 1 < sizeof(buf); n++)
		buf[n] = (char)(text[n] == ';' ? ':' : text[n]);
	buf[n] = '\0';
	return (uint32_t)gt_keymap_put(&f->names, n > 0 ? buf : "?", n > 0 ? n : 1, NULL);
}

static uint32_t put_node(struct gt_flame *f, uint32_t parent, enum gt_flame_kind kind,
			 const char *text, const struct sum *s)
{
	const uint32_t key[3] = { parent, kind, put_name(f, text) };
	bool is_new;
	const size_t i = gt_keymap_put(&f->priv->nodes, key, sizeof(key), &is_new);
	if (is_new) {
		f->nodes = gt_mem_grow(f->nodes, i, &f->priv->cap_nodes, sizeof(*f->nodes));
		f->nodes[i] = (struct gt_flame_node){
			.parent = parent,
			.name = key[2],
			.kind = kind,
			.depth = i > 0 ? f->nodes[parent].depth + 1 : 0,
		};
		f->n_nodes = i + 1;
	}
	f->nodes[i].ns += s->ns;
	f->nodes[i].waits += s->waits;
	return (uint32_t)i;
}

static const char *function(const struct gt_flame *f, uint32_t frame)
{
	return gt_model_text(f->answer.model, gt_model_frame(f->answer.model, frame)->func);
}

static uint32_t put_waker(struct gt_flame *f, uint32_t at, const struct line *l,
			  const struct sum *s)
{
	char buf[GT_LABEL_MAX];
	uint32_t n;
	const uint32_t *frames = gt_model_stack(f->answer.model, l->waker_stack, &n);
	at = put_node(f, at, GT_FLAME_WAKER, "--", s);
	for (uint32_t i = 0; i < n; i++)
		at = put_node(f, at, GT_FLAME_WAKER, function(f, frames[i]), s);
	return put_node(f, at, GT_FLAME_WAKER,
			l->waker == GT_NO_THREAD ? "[waker not known]"
						 : gt_model_label(f->answer.model, l->waker, buf),
			s);
}

static void put_line(struct gt_flame *f, const struct line *l, const struct sum *s)
{
	const struct gt_model *m = f->answer.model;
	const struct gt_wait w = { .kind = (enum gt_wait_kind)l->kind, .reason = l->reason };
	char buf[GT_LABEL_MAX], wait[GT_LABEL_MAX + 4];
	uint32_t n;
	const uint32_t *frames = gt_model_stack(m, l->stack, &n);
	uint32_t at = put_node(f, 0, GT_FLAME_ROOT, "all", s);
	at = put_node(f, at, GT_FLAME_THREAD, gt_model_label(m, l->thread, buf), s);
	while (n > 0)
		at = put_node(f, at, GT_FLAME_FRAME, function(f, frames[--n]), s);
	snprintf(wait, sizeof(wait), "[%s]", gt_wait_label(m, &w, buf));
	at = put_node(f, at, GT_FLAME_WAIT, wait, s);
	if (f->has_wakers)
		at = put_waker(f, at, l, s);
	f->nodes[at].self_ns += s->ns;
}

/* ---------------------------------------------------------------- the whole */

void gt_flame_init(struct gt_flame *f)
{
	memset(f, 0, sizeof(*f));
	f->only = -1;
	f->priv = gt_mem_resize(NULL, 1, sizeof(*f->priv));
	memset(f->priv, 0, sizeof(*f->priv));
	gt_answer_init(&f->answer, &calls, f);
}

void gt_flame_free(struct gt_flame *f)
{
	gt_answer_free(&f->answer);
	gt_keymap_free(&f->names);
	gt_keymap_free(&f->priv->lines);
	gt_keymap_free(&f->priv->nodes);
	free(f->priv->sums);
	free(f->priv);
	free(f->nodes);
}

int gt_flame_read(struct gt_flame *f, const char *verb, const struct gt_input *in)
{
	const int status = gt_answer_read(&f->answer, verb, in);
	const struct sum none = { 0 };
	put_node(f, 0, GT_FLAME_ROOT, "all", &none);
	for (size_t i = 0; i < f->priv->lines.n; i++)
		put_line(f, (const void *)f->priv->lines.keys[i].bytes, &f->priv->sums[i]);
	return status;
}

static void put_path(const struct gt_flame *f, uint32_t node, FILE *out)
{
	const struct gt_flame_node *n = &f->nodes[node];
	if (n->parent != 0) {
		put_path(f, n->parent, out);
		fputc(';', out);
	}
	fputs(f->names.keys[n->name].bytes, out);
}

void gt_flame_folded(const struct gt_flame *f, FILE *out)
{
	for (uint32_t i = 1; i < f->n_nodes; i++) {
		if (f->nodes[i].self_ns == 0)
			continue;
		put_path(f, i, out);
		fprintf(out, " %" PRIu64 "\n", f->nodes[i].self_ns);
	}
}
