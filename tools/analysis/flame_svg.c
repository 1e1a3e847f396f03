/*
 * The picture: the root at the bottom, each node as wide as its time, above its parent. The largest
 * child stands left, so that pictures of two runs look alike. Nodes narrower than MIN_WIDTH are
 * left out; how much that is, is said.
 */
#include "tools/analysis/flame.h"
#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH     1200.0
#define ROW       17
#define HEAD      56 /* for the title, above */
#define MIN_WIDTH 0.25
#define CHAR      6.7 /* width of a character */

/* A click makes a node as wide as the picture, and what is below it, too; a click on the root
 * undoes that. x and w of each group are those of the whole. */
static const char script[] =
	"<script><![CDATA[\n"
	"const W = 1200, all = [...document.querySelectorAll('g.n')].map(g => ({ g,\n"
	"  x: +g.dataset.x, w: +g.dataset.w, r: g.querySelector('rect'), t: "
	"g.querySelector('text'),\n"
	"  s: g.dataset.s }));\n"
	"function show(x, w) {\n"
	"  for (const n of all) {\n"
	"    const a = Math.max(n.x, x), b = Math.min(n.x + n.w, x + w), v = (b - a) / w * W;\n"
	"    n.g.style.display = v < 0.2 ? 'none' : '';\n"
	"    const p = (a - x) / w * W;\n"
	"    n.r.setAttribute('x', p); n.r.setAttribute('width', Math.max(v, 0));\n"
	"    n.t.setAttribute('x', p + 3);\n"
	"    const c = Math.floor((v - 6) / 6.7);\n"
	"    n.t.textContent = c < 3 ? '' : n.s.length <= c ? n.s : n.s.slice(0, c - 1) + "
	"'\\u2026';\n"
	"  }\n"
	"}\n"
	"for (const n of all) n.g.addEventListener('click', () => show(n.x, n.w));\n"
	"]]></script>\n";

struct picture {
	const struct gt_flame *flame;
	FILE *out;
	uint32_t *order;    /* nodes by parent, the largest first */
	double *x;          /* left end; -1 = not drawn */
	uint32_t depth;     /* of what is drawn */
	uint64_t hidden_ns; /* of nodes that are not drawn, but their parents are */
};

static void put_xml(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

static const struct gt_flame *sorted; /* for qsort */

static int by_parent_and_size(const void *a, const void *b)
{
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct gt_flame_node *x = &sorted->nodes[i], *y = &sorted->nodes[k];
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return i < k ? -1 : i > k;
}

static double width_of(const struct gt_flame *f, uint32_t node)
{
	const uint64_t all = f->nodes[0].ns;
	return all == 0 ? WIDTH : WIDTH * (double)f->nodes[node].ns / (double)all;
}

/* N.B. the root is its own parent: it is placed before. */
static void place(struct picture *p)
{
	const struct gt_flame *f = p->flame;
	const size_t n = f->n_nodes;
	for (uint32_t i = 0; i < n; i++)
		p->order[i] = i;
	sorted = f;
	qsort(p->order, n, sizeof(*p->order), by_parent_and_size);
	for (size_t i = 0; i < n; i++)
		p->x[i] = -1;
	p->x[0] = 0;
	double *next = gt_mem_resize(NULL, n, sizeof(*next)); /* where the next child begins */
	for (size_t i = 0; i < n; i++)
		next[i] = 0;
	/* Parents have smaller numbers than their children, so they are placed before them. */
	for (size_t i = 0; i < n; i++) {
		const uint32_t k = p->order[i], parent = f->nodes[k].parent;
		if (k == 0 || p->x[parent] < 0)
			continue;
		if (width_of(f, k) < MIN_WIDTH) {
			p->hidden_ns += f->nodes[k].ns;
			continue;
		}
		p->x[k] = p->x[parent] + next[parent];
		next[parent] += width_of(f, k);
		p->depth = f->nodes[k].depth > p->depth ? f->nodes[k].depth : p->depth;
	}
	free(next);
}

/* The same name has the same colour; kinds have a hue each. */
static void put_color(FILE *out, enum gt_flame_kind kind, const char *name)
{
	static const int hues[] = { 220, 265, 210, 15, 130 };
	uint32_t hash = 2166136261u;
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	fprintf(out, "hsl(%d,%u%%,%u%%)", hues[kind] + (int)(hash % 21) - 10, 45 + (hash >> 8) % 25,
		72 + (hash >> 16) % 10);
}

static void put_text(FILE *out, const char *name, double width)
{
	const size_t fits = width > 6 ? (size_t)((width - 6) / CHAR) : 0, len = strlen(name);
	char buf[256];
	if (fits < 3)
		return;
	if (len <= fits) {
		put_xml(out, name);
		return;
	}
	size_t n = fits - 1 < sizeof(buf) - 1 ? fits - 1 : sizeof(buf) - 1;
	while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
		n--; /* not within a character */
	memcpy(buf, name, n);
	buf[n] = '\0';
	put_xml(out, buf);
	fputs("\u2026", out);
}

static void draw(const struct picture *p, uint32_t node)
{
	const struct gt_flame *f = p->flame;
	const struct gt_flame_node *n = &f->nodes[node];
	const char *name = f->names.keys[n->name].bytes;
	const double w = width_of(f, node), all = (double)f->nodes[0].ns;
	const double y = HEAD + (double)(p->depth - n->depth) * ROW;
	char a[GT_QUANTITY_TEXT];
	fprintf(p->out,
		"<g class=\"n\" data-x=\"%.3f\" data-w=\"%.3f\" data-ns=\"%" PRIu64 "\" data-s=\"",
		p->x[node], w, n->ns);
	put_xml(p->out, name);
	fputs("\"><title>", p->out);
	put_xml(p->out, name);
	fprintf(p->out,
		": %s, %.2f %%, %" PRIu64 " wait%s</title><rect x=\"%.3f\" y=\"%.0f\" "
		"width=\"%.3f\" height=\"%d\" fill=\"",
		gt_duration_print(a, n->ns), all > 0 ? 100 * (double)n->ns / all : 100, n->waits,
		n->waits == 1 ? "" : "s", p->x[node], y, w, ROW - 1);
	put_color(p->out, n->kind, name);
	fprintf(p->out, "\"/><text x=\"%.3f\" y=\"%.0f\">", p->x[node] + 3, y + 12);
	put_text(p->out, name, w);
	fputs("</text></g>\n", p->out);
}

static void put_doubts(const struct picture *p)
{
	const struct gt_doubts *d = &p->flame->answer.doubts;
	char a[GT_QUANTITY_TEXT];
	fputs("<text x=\"3\" y=\"46\">", p->out);
	if (d->min_wait != NULL && strcmp(d->min_wait, "0") != 0)
		fprintf(p->out, "calls shorter than %s are not in it; ", d->min_wait);
	if (d->hooks != NULL) {
		fputs("GTRACE_HOOKS=", p->out);
		put_xml(p->out, d->hooks);
		fputs("; ", p->out);
	}
	for (size_t i = 0; i < d->names.n; i++) {
		put_xml(p->out, d->names.keys[i].bytes);
		fprintf(p->out, " %" PRIu64 "; ", d->values[i]);
	}
	if (d->no_waker > 0)
		fprintf(p->out, "%" PRIu64 " of %" PRIu64 " waits: waker not known; ", d->no_waker,
			d->n_waits);
	if (p->hidden_ns > 0)
		fprintf(p->out, "too narrow to draw: %s; ", gt_duration_print(a, p->hidden_ns));
	fprintf(p->out, "%s</text>\n", d->names.n == 0 ? "nothing lost" : "the rest is whole");
}

static void put_head(const struct picture *p, double height)
{
	const struct gt_flame *f = p->flame;
	const struct gt_model *m = f->answer.model;
	char a[GT_QUANTITY_TEXT];
	fprintf(p->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
		"xmlns=\"http://www.w3.org/2000/svg\" "
		"viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
		"font-family=\"monospace\" "
		"font-size=\"11\">\n<style>g.n:hover rect { stroke: black } g.n { cursor: pointer "
		"} "
		"text { pointer-events: none }</style>\n<rect width=\"100%%\" height=\"100%%\" "
		"fill=\"white\"/>\n<text x=\"3\" y=\"18\" font-size=\"14\">",
		WIDTH, height, WIDTH, height);
	put_xml(p->out, gt_model_text(m, gt_model_process(m)->exe));
	fprintf(p->out, " %s: %s in %" PRIu64 " waits</text>\n<text x=\"3\" y=\"32\">",
		f->has_wakers ? "waits and who ended them" : "waits",
		gt_duration_print(a, f->nodes[0].ns), f->nodes[0].waits);
	fprintf(p->out, "from below: thread, its stack, what it waited for%s%s%s</text>\n",
		f->has_wakers ? ", stack of the waker, waker" : "", f->only >= 0 ? "; only " : "",
		f->only >= 0 ? gt_class_word((enum gt_class)f->only) : "");
	put_doubts(p);
}

void gt_flame_svg(const struct gt_flame *f, FILE *out)
{
	struct picture p = {
		.flame = f,
		.out = out,
		.order = gt_mem_resize(NULL, f->n_nodes, sizeof(*p.order)),
		.x = gt_mem_resize(NULL, f->n_nodes, sizeof(*p.x)),
	};
	place(&p);
	put_head(&p, HEAD + ((double)p.depth + 1) * ROW + 4);
	for (uint32_t i = 0; i < f->n_nodes; i++) {
		if (p.x[i] >= 0)
			draw(&p, i);
	}
	fputs(script, out);
	fputs("</svg>\n", out);
	free(p.order);
	free(p.x);
}
