/*
 * By libiberty, which gdb and binutils use.
 *
 * Corner cases
 *
 * - A short hostile symbol may stand for a text of gigabytes: the output goes through a callback,
 * which leaves by longjmp when the text is too long. libiberty holds nothing meanwhile that would
 * leak but small tables.
 */
#include "tools/lib/demangle.h"

#include <setjmp.h>
#include <string.h>

#ifdef GT_HAS_IBERTY
#include <libiberty/demangle.h>

#define SYMBOL_MAX 4096 /* longer ones are no symbols */

struct sink {
	char *buf;
	size_t len, cap;
	jmp_buf is_full;
};

static void put(const char *text, size_t len, void *arg)
{
	struct sink *s = arg;
	if (len >= s->cap - s->len)
		longjmp(s->is_full, 1);
	memcpy(s->buf + s->len, text, len);
	s->len += len;
	s->buf[s->len] = 0;
}

typedef int demangler(const char *, int, demangle_callbackref, void *);

/* N.B. a function of its own: no local variable changes between setjmp and longjmp */
static bool run(demangler *f, int options, const char *symbol, struct sink *s)
{
	s->len = 0;
	if (setjmp(s->is_full))
		return false;
	return f(symbol, options, put, s) && s->len > 0;
}

/* "f(int) [clone .part.0]": pieces of one function are one function. */
static void cut_clone(char *text)
{
	char *clone = strstr(text, " [clone ");
	if (clone != NULL)
		*clone = 0;
}

const char *gt_demangle(char *buf, size_t cap, const char *symbol, size_t len)
{
	char copy[SYMBOL_MAX];
	if (len < 3 || len >= sizeof(copy) || cap == 0 || symbol[0] != '_' ||
	    (symbol[1] != 'Z' && symbol[1] != 'R'))
		return NULL;
	memcpy(copy, symbol, len);
	copy[len] = 0;
	struct sink s = { .buf = buf, .cap = cap };
	/* Rust first: its older names are valid C++ ones. */
	if (!run(rust_demangle_callback, 0, copy, &s) &&
	    !run(cplus_demangle_v3_callback, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP, copy, &s) &&
	    !run(cplus_demangle_v3_callback, DMGL_ANSI, copy, &s))
		return NULL;
	cut_clone(buf);
	return buf;
}

bool gt_demangle_is_there(void)
{
	return true;
}

#else

const char *gt_demangle(char *buf, size_t cap, const char *symbol, size_t len)
{
	(void)buf, (void)cap, (void)symbol, (void)len;
	return NULL;
}

bool gt_demangle_is_there(void)
{
	return false;
}

#endif
