/*
 * A table is filled once and printed as aligned text, as JSON or as CSV. Text says "1.23ms" and
 * "4.00K"; JSON and CSV hold the exact number, and the column's key carries its unit (total_ns).
 *
 * Memory: a table owns copies of everything put into it; gt_table_free() gives it back. When memory
 * ends the process ends with a message (tools/lib/mem.h).
 */
#ifndef GT_TABLE_H
#define GT_TABLE_H

#include "tools/lib/json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum gt_column_kind {
	GT_COL_TEXT,
	GT_COL_COUNT, /* a plain number */
	GT_COL_ID,    /* as COUNT; UINT64_MAX is "no id" */
	GT_COL_NS,
	GT_COL_BYTES,
	GT_COL_RATIO,     /* a double with two decimals */
	GT_COL_CHANGE,    /* a number with its sign */
	GT_COL_NS_CHANGE, /* the same of ns */
};

struct gt_column {
	const char *key;   /* in JSON and CSV; with the unit */
	const char *title; /* in text */
	enum gt_column_kind kind;
};

struct gt_cell; /* table.c */

struct gt_table {
	const struct gt_column *columns;
	size_t n_columns;
	struct gt_cell *cells;
	size_t n_cells, cap;
};

void gt_table_init(struct gt_table *t, const struct gt_column *columns, size_t n_columns);
void gt_table_free(struct gt_table *t);

/* The next cell, row by row; the kind of its column decides which one is meant. */
void gt_table_text(struct gt_table *t, const char *text);
void gt_table_u64(struct gt_table *t, uint64_t v);
void gt_table_u64_as(struct gt_table *t, uint64_t v,
		     enum gt_column_kind kind); /* in text, unlike its column */
void gt_table_change(struct gt_table *t, int64_t v);
void gt_table_ratio(struct gt_table *t, double v);
void gt_table_none(struct gt_table *t); /* "-", null, empty: not known, or not measured */

size_t gt_table_rows(const struct gt_table *t);

/* With a line of titles; `indent` blanks in front. `is_bold` sets the titles off (terminal only).
 */
void gt_table_print_text(const struct gt_table *t, FILE *out, unsigned indent, bool is_bold);

/* An array of objects, one a line, as the value of `key`. */
void gt_table_print_json(const struct gt_table *t, struct gt_json *j, const char *key);

/* RFC 4180 with a line of keys. */
void gt_table_print_csv(const struct gt_table *t, FILE *out);

#endif
