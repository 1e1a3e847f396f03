#include "tools/lib/json.h"

#include "tools/lib/utf8.h"

#include <inttypes.h>
#include <math.h>

static void indent(struct gt_json *j)
{
	fputc('\n', j->out);
	for (unsigned i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

void gt_json_quote(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text != '\0') {
		uint32_t c;
		const char *const start = text;
		text = gt_utf8_next(text, &c);
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (char)c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04" PRIx32, c);
		else if (c == GT_UTF8_BAD)
			fputs("\\ufffd", out);
		else
			fwrite(start, 1, (size_t)(text - start), out);
	}
	fputc('"', out);
}

/* What stands in front of every value: comma, line, key. */
static void item(struct gt_json *j, const char *key)
{
	if (j->depth > 0) {
		const bool is_flat = j->is_flat[j->depth - 1];
		if (j->has_items[j->depth - 1])
			fputs(is_flat ? ", " : ",", j->out);
		j->has_items[j->depth - 1] = true;
		if (!is_flat)
			indent(j);
	}
	if (key != NULL) {
		gt_json_quote(j->out, key);
		fputs(": ", j->out);
	}
}

static void begin(struct gt_json *j, const char *key, char bracket, bool is_flat)
{
	const bool in_flat = j->depth > 0 && j->is_flat[j->depth - 1];
	item(j, key);
	fputc(bracket, j->out);
	j->has_items[j->depth] = false;
	j->is_flat[j->depth] = is_flat || in_flat;
	j->depth++;
}

static void end(struct gt_json *j, char bracket)
{
	j->depth--;
	if (j->has_items[j->depth] && !j->is_flat[j->depth])
		indent(j);
	fputc(bracket, j->out);
	if (j->depth == 0)
		fputc('\n', j->out);
}

void gt_json_object(struct gt_json *j, const char *key, bool is_flat)
{
	begin(j, key, '{', is_flat);
}

void gt_json_array(struct gt_json *j, const char *key, bool is_flat)
{
	begin(j, key, '[', is_flat);
}

void gt_json_end_object(struct gt_json *j)
{
	end(j, '}');
}

void gt_json_end_array(struct gt_json *j)
{
	end(j, ']');
}

void gt_json_u64(struct gt_json *j, const char *key, uint64_t v)
{
	item(j, key);
	fprintf(j->out, "%" PRIu64, v);
}

void gt_json_i64(struct gt_json *j, const char *key, int64_t v)
{
	item(j, key);
	fprintf(j->out, "%" PRId64, v);
}

void gt_json_bool(struct gt_json *j, const char *key, bool v)
{
	item(j, key);
	fputs(v ? "true" : "false", j->out);
}

void gt_json_null(struct gt_json *j, const char *key)
{
	item(j, key);
	fputs("null", j->out);
}

void gt_json_text(struct gt_json *j, const char *key, const char *text)
{
	if (text == NULL) {
		gt_json_null(j, key);
		return;
	}
	item(j, key);
	gt_json_quote(j->out, text);
}

void gt_json_number(struct gt_json *j, const char *key, double v)
{
	if (!isfinite(v)) { /* JSON has no word for it */
		gt_json_null(j, key);
		return;
	}
	item(j, key);
	fprintf(j->out, "%.6g", v);
}
