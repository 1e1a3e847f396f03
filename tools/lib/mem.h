/* Memory of the command line tools: when there is none left they say so and end. Readers stay
 * bounded by other means. */
#ifndef GT_MEM_H
#define GT_MEM_H

#include <stddef.h>

/* As realloc(ptr, n * size), but never NULL (for n * size > 0) and safe against overflow. The
 * caller owns the result. */
void *gt_mem_resize(void *ptr, size_t n, size_t size);

/* Room for item number `n` in an array of *cap items: doubles it when it is full. Returns the
 * array. */
void *gt_mem_grow(void *ptr, size_t n, size_t *cap, size_t size);

/* A copy of `text`, the caller's to free. */
char *gt_mem_text(const char *text);

/* As asprintf, never NULL; the caller's to free. */
__attribute__((format(printf, 1, 2))) char *gt_mem_format(const char *format, ...);

#endif
