#include "tools/lib/utf8.h"

#include <string.h>

const char *gt_utf8_next(const char *text, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0x80, 0x800,
					  0x10000 }; /* shorter forms are not UTF-8 */
	const unsigned char *p = (const unsigned char *)text;
	const unsigned more = *p < 0x80 ? 0 : *p >= 0xf0 && *p < 0xf8 ? 3 : *p >= 0xe0 ? 2 : 1;
	*c = GT_UTF8_BAD;
	if (more == 0) {
		*c = *p;
		return text + 1;
	}
	if (*p < 0xc0 || *p >= 0xf8)
		return text + 1;

	uint32_t v = *p & (0x3fu >> more);
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) /* also the terminating zero */
			return text + 1;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return text + 1;
	*c = v;
	return text + 1 + more;
}

size_t gt_utf8_clean(char *buf, size_t cap, const char *text)
{
	size_t len = 0, width = 0;
	while (*text != '\0') {
		uint32_t c;
		const char *const next = gt_utf8_next(text, &c);
		const size_t bytes = (size_t)(next - text);
		const int is_plain = c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) &&
				     !(c == GT_UTF8_BAD && bytes == 1);
		if (len + (is_plain ? bytes : 1) >= cap)
			break;
		if (is_plain)
			memcpy(buf + len, text, bytes);
		else
			buf[len] = '?';
		len += is_plain ? bytes : 1;
		width++;
		text = next;
	}
	buf[len] = '\0';
	return width;
}
