#include "tools/lib/err.h"

#include "tools/lib/utf8.h"

#include <inttypes.h>
#include <string.h>

int gt_err_vset(struct gt_err *err, enum gt_err_code code, uint64_t offset, const char *fmt,
		va_list ap)
{
	if (!err)
		return -(int)code;
	char raw[sizeof(err->text)];
	vsnprintf(raw, sizeof(raw), fmt, ap);
	err->code = code;
	err->offset = offset;
	gt_utf8_clean(err->text, sizeof(err->text), raw);
	return -(int)code;
}

int gt_err_set(struct gt_err *err, enum gt_err_code code, uint64_t offset, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	gt_err_vset(err, code, offset, fmt, ap);
	va_end(ap);
	return -(int)code;
}

void gt_err_prefix(struct gt_err *err, const char *fmt, ...)
{
	if (!err)
		return;
	char text[sizeof(err->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	size_t len = strlen(text);
	if (len + 2 >= sizeof(text))
		return;
	snprintf(text + len, sizeof(text) - len, ": %.*s", (int)(sizeof(text) - len - 3),
		 err->text);
	memcpy(err->text, text, sizeof(text));
}

int gt_err_format(const struct gt_err *err, const char *file, char *buf, size_t size)
{
	if (err->offset == GT_NO_OFFSET)
		return snprintf(buf, size, "%s: %s", file, err->text);
	return snprintf(buf, size, "%s: 0x%" PRIx64 ": %s", file, err->offset, err->text);
}

void gt_err_print(const struct gt_err *err, const char *file, FILE *out)
{
	if (err->offset == GT_NO_OFFSET)
		fprintf(out, "%s: %s\n", file, err->text);
	else
		fprintf(out, "%s: 0x%" PRIx64 ": %s\n", file, err->offset, err->text);
}
