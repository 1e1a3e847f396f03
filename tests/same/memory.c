/* The malloc family at its edges. Addresses are not shown. */
#include "tests/same/see.h"

#include <malloc.h>
#include <stdint.h>

static void show(const char *what, void *q)
{
	printf("%s: %s, errno %d, aligned 16 %d\n", what, q ? "memory" : "null", q ? 0 : errno,
	       ((uintptr_t)q & 15) == 0);
}

int main(void)
{
	volatile size_t big = SIZE_MAX, half = SIZE_MAX / 2;
	void *p;
	show("malloc 0", malloc(0));
	show("malloc big", malloc(big));
	show("calloc 0", calloc(0, 5));
	show("calloc overflow", calloc(half, 3));
	show("realloc null", realloc(NULL, 10));
	show("realloc to 0", realloc(malloc(10), 0));
	show("reallocarray overflow", reallocarray(NULL, half, 3));
	show("reallocarray", reallocarray(NULL, 3, 7));
	show("realloc big", realloc(malloc(10), big));
	free(NULL);
	p = (void *)1;
	SEE(posix_memalign(&p, 3, 10));
	SEE(posix_memalign(&p, 64, 10));
	printf("aligned %d\n", ((uintptr_t)p & 63) == 0);
	SEE(posix_memalign(&p, 64, half));
	show("aligned_alloc", aligned_alloc(4096, 8192));
	show("memalign", memalign(256, 1));
	show("valloc", valloc(1));
	show("pvalloc", pvalloc(1));
	printf("usable %zu %zu\n", malloc_usable_size(malloc(100)), malloc_usable_size(NULL));
	unsigned char *z = calloc(1000, 10);
	int sum = 0;
	for (int i = 0; i < 10000; i++)
		sum += z[i];
	z = realloc(z, 20000);
	errno = 55;
	free(z);
	printf("sum %d, errno after free %d\n", sum, errno);
	return 0;
}
