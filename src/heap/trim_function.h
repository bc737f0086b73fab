/*
 * What trims the heap of a process when it is called in it: malloc_trim(), which glibc and plat's
 * malloc have.
 */
#ifndef HEAP_TRIM_FUNCTION_H
#define HEAP_TRIM_FUNCTION_H

#include "base/error.h"
#include "heap/allocator.h"

struct trim_function {
	plat_addr function;
	/* All code of the allocator lies here, and some more: who is in it may hold its locks.
	 * Empty where it has none. */
	plat_addr code_start, code_end;
};

/* 0; -ENOTSUP with a sentence where there is none; or as the reader. */
int trim_function_find(const struct space *space, struct reader *reader,
		       const struct allocator *allocator, struct trim_function *ret,
		       struct error *err) MUST_CHECK;

#endif
