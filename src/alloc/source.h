/*
 * Where pages come from. The allocator's core knows these functions only; in tests they are a
 * stretch of memory of the test's own, and any of them can be made to fail.
 */
#ifndef PLAT_ALLOC_SOURCE_H
#define PLAT_ALLOC_SOURCE_H

#include "alloc/state.h"

#include <stdbool.h>

struct source {
	/* More memory of a kind that only grows and shrinks at its end. It reads as zeros. */
	int (*grow)(size_t bytes, uintptr_t *ret);
	/* The end of what was taken last goes back: 0, or the source keeps it. */
	int (*shrink)(uintptr_t start, size_t bytes);
	/* A mapping for one block; its size is of whole pages, its alignment at least a granule. */
	int (*map)(size_t bytes, size_t alignment, uintptr_t *ret);
	int (*unmap)(uintptr_t start, size_t bytes);
	/* Such a mapping grows or shrinks where it is (target 0), or moves over that at target. */
	int (*remap)(uintptr_t start, size_t bytes, size_t wanted, uintptr_t target);
	/* Nobody can touch it, and its addresses stay taken until unmap. */
	int (*fence)(uintptr_t start, size_t bytes);
	/* The pages are dropped and read as zeros. */
	int (*drop)(uintptr_t start, size_t bytes);
};

extern const struct source plat__source_brk;
extern const struct source plat__source_mmap;
/* In the child. */
void plat__source_after_fork(void);
/* The one in use. */
extern const struct source *plat__source;

#endif
