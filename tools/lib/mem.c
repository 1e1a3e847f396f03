#include "tools/lib/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noreturn)) static void out_of_memory(void)
{
	fputs("gtrace: out of memory\n", stderr);
	exit(125);
}

void *gt_mem_resize(void *ptr, size_t n, size_t size)
{
	void *const p = reallocarray(ptr, n, size);
	if (p == NULL && n > 0 && size > 0)
		out_of_memory();
	return p;
}

void *gt_mem_grow(void *ptr, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return ptr;
	const size_t wanted = *cap < 8 ? 8 : 2 * *cap;
	ptr = gt_mem_resize(ptr, wanted, size);
	*cap = wanted;
	return ptr;
}

char *gt_mem_text(const char *text)
{
	const size_t len = strlen(text) + 1;
	return memcpy(gt_mem_resize(NULL, len, 1), text, len);
}

char *gt_mem_format(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *text;
	const int n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return text;
}
