/*
 * Blocks between pages that nobody can touch.
 *
 *     | guard | ... | rest, block | guard |       the block ends where its last page does, but for
 *                                                 what its alignment needs
 *
 * A freed block's pages cannot be touched either, and its addresses are used again as late as can
 * be. By default there are 64 places for blocks of up to 32 KiB; PLAT_GUARD=all puts every block
 * into one, and makes more when there are none. A larger one gets a place of its own, with
 * addresses of nothing in front. A block of no bytes has no page at all.
 */
#ifndef PLAT_ALLOC_GUARD_H
#define PLAT_ALLOC_GUARD_H

#include "alloc/state.h"

#include <stdbool.h>

/* In front of a block that has a place of its own, where they can be had. */
#define GUARD_FRONT ((size_t)1 << 20)

/*
 * Large blocks are run under from afar: whoever counts down a matrix by rows does not meet the last
 * page. So in front of them lie addresses with nothing behind, not even page tables: *front bytes,
 * none if there are no addresses to spare. alignment: a power of two, at least a granule.
 */
int plat__guard_map(size_t bytes, size_t alignment, size_t *front, uintptr_t *ret);

/* frame: see sites.h. NULL: there is no place, or no memory. */
void *plat__guard_malloc(size_t bytes, size_t alignment, const void *frame);
/* The block was of so many bytes; its slab already says that it is free. */
void plat__guard_free(struct slab *slab, size_t bytes, const void *frame);
/* Addresses of freed blocks go back, as far as they are nobody else's. true: some have. */
bool plat__guard_let_go(void);
/* From now on the page can be touched. false: it cannot be had. */
bool plat__guard_open(struct slab *slab, uintptr_t address);

#endif
