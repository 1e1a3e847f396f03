/* For tests/same: print what a call returned, and errno if it failed. */
#ifndef GT_TEST_SEE_H
#define GT_TEST_SEE_H

#include "tests/run/prog.h"

/* Prints the text of the call, its result, and errno after it (which a success must not touch). */
#define SEE(expr)                                                                                  \
	({                                                                                         \
		errno = 777;                                                                       \
		long see_rc = (long)(expr);                                                        \
		int see_errno = errno;                                                             \
		printf("%s = %ld", #expr, see_rc);                                                 \
		if (see_errno != 777)                                                              \
			printf(" (errno %d)", see_errno);                                          \
		printf("\n");                                                                      \
		fflush(stdout);                                                                    \
		see_rc;                                                                            \
	})

/* A success may legally change errno in libc itself: only failures are shown. */
#define SEE_RC(expr)                                                                               \
	({                                                                                         \
		long see_rc = (long)(expr);                                                        \
		int see_errno = errno;                                                             \
		printf("%s = %ld", #expr, see_rc);                                                 \
		if (see_rc == -1)                                                                  \
			printf(" (errno %d)", see_errno);                                          \
		printf("\n");                                                                      \
		fflush(stdout);                                                                    \
		see_rc;                                                                            \
	})

#endif
