#include "tools/lib/table.h"

#include "tools/lib/mem.h"
#include "tools/lib/quantity.h"
#include "tools/lib/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELL_TEXT 256 /* text output cuts longer cells; JSON and CSV do not */

struct gt_cell {
	enum { NONE, TEXT, NUMBER, RATIO, CHANGE } kind;
	enum gt_column_kind as; /* of a NUMBER */
	union {
		char *text; /* owned */
		uint64_t number;
		double ratio;
		int64_t change;
	};
};

void gt_table_init(struct gt_table *t, const struct gt_column *columns, size_t n_columns)
{
	*t = (struct gt_table){ .columns = columns, .n_columns = n_columns };
}

void gt_table_free(struct gt_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++) {
		if (t->cells[i].kind == TEXT)
			free(t->cells[i].text);
	}
	free(t->cells);
	gt_table_init(t, t->columns, t->n_columns);
}

static struct gt_cell *add(struct gt_table *t)
{
	t->cells = gt_mem_grow(t->cells, t->n_cells, &t->cap, sizeof(*t->cells));
	return &t->cells[t->n_cells++];
}

void gt_table_text(struct gt_table *t, const char *text)
{
	struct gt_cell *c = add(t);
	c->kind = TEXT;
	c->text = gt_mem_text(text);
}

void gt_table_u64(struct gt_table *t, uint64_t v)
{
	gt_table_u64_as(t, v, t->columns[t->n_cells % t->n_columns].kind);
}

void gt_table_u64_as(struct gt_table *t, uint64_t v, enum gt_column_kind kind)
{
	*add(t) = (struct gt_cell){ .kind = NUMBER, .as = kind, .number = v };
}

void gt_table_ratio(struct gt_table *t, double v)
{
	*add(t) = (struct gt_cell){ .kind = RATIO, .ratio = v };
}

void gt_table_change(struct gt_table *t, int64_t v)
{
	const enum gt_column_kind as = t->columns[t->n_cells % t->n_columns].kind;
	*add(t) = (struct gt_cell){ .kind = CHANGE, .as = as, .change = v };
}

void gt_table_none(struct gt_table *t)
{
	*add(t) = (struct gt_cell){ .kind = NONE };
}

size_t gt_table_rows(const struct gt_table *t)
{
	return t->n_cells / t->n_columns;
}

static void show_change(const struct gt_cell *c, char buf[static CELL_TEXT])
{
	const uint64_t size = c->change < 0 ? -(uint64_t)c->change : (uint64_t)c->change;
	buf[0] = c->change < 0 ? '-' : '+';
	if (c->as == GT_COL_NS_CHANGE)
		gt_duration_print(buf + 1, size);
	else
		snprintf(buf + 1, CELL_TEXT - 1, "%" PRIu64, size);
}

/* The cell as people read it; returns its width in characters. */
static size_t show(const struct gt_table *t, size_t row, size_t col, char buf[static CELL_TEXT])
{
	const struct gt_cell *c = &t->cells[row * t->n_columns + col];
	if (c->kind == TEXT)
		return gt_utf8_clean(buf, CELL_TEXT, c->text[0] != '\0' ? c->text : "-");
	if (c->kind == RATIO)
		snprintf(buf, CELL_TEXT, "%.2f", c->ratio);
	else if (c->kind == CHANGE)
		show_change(c, buf);
	else if (c->kind == NONE || (c->as == GT_COL_ID && c->number == UINT64_MAX))
		strcpy(buf, "-");
	else if (c->as == GT_COL_NS)
		gt_duration_print(buf, c->number);
	else if (c->as == GT_COL_BYTES)
		gt_size_print(buf, c->number);
	else
		snprintf(buf, CELL_TEXT, "%" PRIu64, c->number);
	return strlen(buf);
}

static void pad(FILE *out, size_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

/* Numbers stand right, text left; the last column of text is not padded. */
static void print_cell(const struct gt_table *t, FILE *out, size_t col, const char *text,
		       size_t used, size_t width)
{
	const bool is_text = t->columns[col].kind == GT_COL_TEXT;
	if (col > 0)
		fputs("  ", out);
	if (!is_text)
		pad(out, width - used);
	fputs(text, out);
	if (is_text && col + 1 < t->n_columns)
		pad(out, width - used);
}

void gt_table_print_text(const struct gt_table *t, FILE *out, unsigned indent, bool is_bold)
{
	char buf[CELL_TEXT];
	const size_t rows = gt_table_rows(t);
	size_t *width = gt_mem_resize(NULL, t->n_columns, sizeof(*width));
	for (size_t col = 0; col < t->n_columns; col++) {
		width[col] = strlen(t->columns[col].title);
		for (size_t row = 0; row < rows; row++) {
			const size_t w = show(t, row, col, buf);
			if (w > width[col])
				width[col] = w;
		}
	}
	pad(out, indent);
	fputs(is_bold ? "\033[1m" : "", out);
	for (size_t col = 0; col < t->n_columns; col++)
		print_cell(t, out, col, t->columns[col].title, strlen(t->columns[col].title),
			   width[col]);
	fputs(is_bold ? "\033[0m\n" : "\n", out);
	for (size_t row = 0; row < rows; row++) {
		pad(out, indent);
		for (size_t col = 0; col < t->n_columns; col++) {
			const size_t used = show(t, row, col, buf);
			print_cell(t, out, col, buf, used, width[col]);
		}
		fputc('\n', out);
	}
	free(width);
}

void gt_table_print_json(const struct gt_table *t, struct gt_json *j, const char *key)
{
	gt_json_array(j, key, false);
	for (size_t row = 0; row < gt_table_rows(t); row++) {
		gt_json_object(j, NULL, true);
		for (size_t col = 0; col < t->n_columns; col++) {
			const struct gt_cell *c = &t->cells[row * t->n_columns + col];
			const struct gt_column *k = &t->columns[col];
			if (c->kind == TEXT)
				gt_json_text(j, k->key, c->text);
			else if (c->kind == RATIO)
				gt_json_number(j, k->key, c->ratio);
			else if (c->kind == CHANGE)
				gt_json_i64(j, k->key, c->change);
			else if (c->kind == NONE ||
				 (k->kind == GT_COL_ID && c->number == UINT64_MAX))
				gt_json_null(j, k->key);
			else
				gt_json_u64(j, k->key, c->number);
		}
		gt_json_end_object(j);
	}
	gt_json_end_array(j);
}

static void csv_text(FILE *out, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void gt_table_print_csv(const struct gt_table *t, FILE *out)
{
	for (size_t col = 0; col < t->n_columns; col++)
		fprintf(out, "%s%s", col > 0 ? "," : "", t->columns[col].key);
	fputs("\r\n", out);
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct gt_cell *c = &t->cells[i];
		const struct gt_column *k = &t->columns[i % t->n_columns];
		if (i % t->n_columns > 0)
			fputc(',', out);
		if (c->kind == TEXT)
			csv_text(out, c->text);
		else if (c->kind == RATIO)
			fprintf(out, "%.6g", c->ratio);
		else if (c->kind == CHANGE)
			fprintf(out, "%" PRId64, c->change);
		else if (c->kind == NUMBER && !(k->kind == GT_COL_ID && c->number == UINT64_MAX))
			fprintf(out, "%" PRIu64, c->number);
		if (i % t->n_columns == t->n_columns - 1)
			fputs("\r\n", out);
	}
}
