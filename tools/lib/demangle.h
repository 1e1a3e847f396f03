/* Names of functions as people write them. */
#ifndef GT_DEMANGLE_H
#define GT_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The C++ (Itanium) or Rust (legacy, without its hash, and v0) name behind a symbol, with
 * parameters but without return type; NULL when it is no such symbol, or more than `cap` bytes. A
 * longer C++ name loses its parameters first. The result lies in buf[cap] and ends in a zero.
 */
const char *gt_demangle(char *buf, size_t cap, const char *symbol, size_t len);

/* Was gtrace built with a demangler? */
bool gt_demangle_is_there(void);

#endif
