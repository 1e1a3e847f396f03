/* The file around the generations: its header, its end-of-generation byte, and where bytes go. */
#ifndef GT_FILE_H
#define GT_FILE_H

#include <stddef.h>
#include <stdint.h>

#define GT_FILE_HEADER       "go 1.26 trace\0\0" /* 16 bytes with the terminating zero */
#define GT_FILE_HEADER_LEN   16
#define GT_END_OF_GENERATION 0x34

/* Where bytes go. `put` returns 0 or -errno; after a failure the sink takes no more. */
struct gt_sink {
	int (*put)(struct gt_sink *self, const void *bytes, size_t len);
};

#endif
