/*
 * Huge pages, where the heap is dense.
 *
 * A huge page is there as a whole from the first touch on. The heap hands its lowest free granules
 * out first, so what it gets when all that it has is taken will be full soon: only such memory, of
 * a heap that is large already, comes in huge pages. Memory of small heaps is of ordinary ones,
 * also where the kernel gives huge ones to all (transparent_hugepage/enabled: always): they could
 * stay almost empty.
 *
 * For a heap the kernel is not asked for them unless PLAT_HUGE=dense says so. Where it has no huge
 * page at hand, it makes one by moving others' pages while the program waits
 * (transparent_hugepage/defrag: madvise): docs/allocator.md has what that costs.
 *
 * For large blocks it is asked if the one before was full, or was full when it was freed: whoever
 * fills one fills the next. What no huge page fits into, at both ends, is made resident at once.
 * Of huge pages nobody can tell what was touched; so one in 16 of these blocks has ordinary ones in
 * one place, another one each time.
 */
#ifndef PLAT_ALLOC_HUGE_H
#define PLAT_ALLOC_HUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUGE_BYTES ((size_t)2 << 20)	 /* x86, and aarch64, with pages of 4 KiB */
#define HUGE_HEAP_MIN ((size_t)64 << 20) /* smaller heaps have none */
#define HUGE_BLOCK_MIN (2 * HUGE_BYTES)	 /* nor have smaller blocks, unless a heap has */

/* A stretch of memory: empty where start is end. */
struct stretch {
	uintptr_t start, end;
};

/*
 * The heap has grown by these bytes, which nobody has touched, to `lent` in all. What of them comes
 * in huge pages.
 */
struct stretch plat__huge_grew(uintptr_t start, size_t bytes, size_t lent);

/* A block of so many bytes is about to be made: whether it is to be of huge pages. */
bool plat__huge_is_due(size_t bytes);

/*
 * It is there, or was full and grew: the kernel is asked for what is told. *teller, where teller is
 * not NULL: the number of the place that keeps ordinary pages, from 1 on, if one does.
 */
struct stretch plat__huge_ask(uintptr_t start, size_t bytes, uint32_t *teller);
struct stretch plat__huge_place(uintptr_t start, uint32_t teller);
/* What of the block no huge page fits into is made resident. */
void plat__huge_fill_ends(struct stretch huge, uintptr_t start, size_t bytes);
/*
 * The block keeps its first `kept` bytes: what comes behind them will take what it touches. Where
 * the kernel has been told so.
 */
struct stretch plat__huge_decline(uintptr_t start, size_t bytes, size_t kept);

/*
 * These ordinary pages, none of which is resident yet, are a block's of HUGE_BLOCK_MIN or more, or
 * such a block's teller: they will be looked at before the next one is made.
 */
void plat__huge_made(struct stretch telling);

/* That block is about to be freed, or is to grow: they are looked at now. Whether it is full. */
bool plat__huge_look(struct stretch telling);

#endif
