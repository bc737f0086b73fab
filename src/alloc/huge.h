/*
 * Huge pages, where the heap is dense.
 *
 * A huge page is there as a whole from the first touch on. The heap hands its lowest free granules
 * out first, so what it gets when all that it has is taken will be full soon: only such memory, of
 * a heap that is large already, comes in huge pages. Memory of small heaps is of ordinary ones,
 * also where the kernel gives huge ones to all (transparent_hugepage/enabled: always): they could
 * stay almost empty.
 *
 * The kernel is not asked for them unless PLAT_HUGE=dense says so. Where it has no huge page at
 * hand, it makes one by moving others' pages while the program waits (transparent_hugepage/defrag:
 * madvise): docs/allocator.md has what that costs.
 */
#ifndef PLAT_ALLOC_HUGE_H
#define PLAT_ALLOC_HUGE_H

#include <stddef.h>
#include <stdint.h>

#define HUGE_BYTES ((size_t)2 << 20)	 /* x86, and aarch64, with pages of 4 KiB */
#define HUGE_HEAP_MIN ((size_t)64 << 20) /* smaller heaps have none */

/* A stretch of memory: empty where start is end. */
struct stretch {
	uintptr_t start, end;
};

/*
 * The heap has grown by these bytes, which nobody has touched, to `lent` in all. What of them comes
 * in huge pages.
 */
struct stretch plat__huge_grew(uintptr_t start, size_t bytes, size_t lent);

#endif
