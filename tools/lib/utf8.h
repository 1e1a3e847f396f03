/*
 * Text from a trace is any bytes, and a hostile file may hold terminal escapes. Everything that
 * goes to a terminal or into JSON passes through here.
 */
#ifndef GT_UTF8_H
#define GT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define GT_UTF8_BAD 0xfffd /* stands for a byte that is no UTF-8 */

/*
 * The character at `text` (not at its terminating zero) into *c, GT_UTF8_BAD for a byte that does
 * not belong to one; returns what follows.
 */
const char *gt_utf8_next(const char *text, uint32_t *c);

/*
 * `text` for a terminal: control characters and bytes that are no UTF-8 become '?'; cut to `cap` -
 * 1 bytes at a character. Returns the width in characters (one column each; wide ones are not told
 * apart).
 */
size_t gt_utf8_clean(char *buf, size_t cap, const char *text);

#endif
