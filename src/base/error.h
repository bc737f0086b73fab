/* What went wrong, where a number cannot tell the whole story. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/compiler.h"

/* The caller's storage. Empty until a function fails. */
struct error {
	char text[512];
};

/*
 * Writes the sentence into err (which may be NULL) and returns -errnum, so that a function can
 * `return fail(err, errno, "%s: cannot open it", path)`. The reason that errnum stands for is
 * appended. With errnum < 0 the sentence is complete as it is, and errnum is returned.
 */
int fail(struct error *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4) MUST_CHECK;

#endif
