/*
 * A JSON writer: commas, indentation and escapes. Strings of a trace are any bytes; what is not
 * UTF-8 becomes U+FFFD, so that the output always parses.
 */
#ifndef GT_JSON_H
#define GT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GT_JSON_DEPTH 16

struct gt_json {
	FILE *out;
	unsigned depth;                /* open objects and arrays */
	bool has_items[GT_JSON_DEPTH]; /* the next item there needs a comma */
	bool is_flat[GT_JSON_DEPTH];   /* all on one line */
};

/*
 * Each writes one value; `key` names it inside an object and is NULL inside an array and at the
 * top. A flat object or array stands on one line, with everything in it.
 */
void gt_json_object(struct gt_json *j, const char *key, bool is_flat);
void gt_json_array(struct gt_json *j, const char *key, bool is_flat);
void gt_json_u64(struct gt_json *j, const char *key, uint64_t v);
void gt_json_i64(struct gt_json *j, const char *key, int64_t v);
void gt_json_bool(struct gt_json *j, const char *key, bool v);
void gt_json_null(struct gt_json *j, const char *key);
void gt_json_text(struct gt_json *j, const char *key, const char *text); /* NULL writes null */
void gt_json_number(struct gt_json *j, const char *key, double v);

/* Only `text` in quotes, for those who write the rest themselves. */
void gt_json_quote(FILE *out, const char *text);

/* Ends the innermost object or array; the outermost also ends its line. */
void gt_json_end_object(struct gt_json *j);
void gt_json_end_array(struct gt_json *j);

#endif
