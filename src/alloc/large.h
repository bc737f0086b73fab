/* Blocks that stand alone: in granules of their own, or in a mapping of their own. */
#ifndef PLAT_ALLOC_LARGE_H
#define PLAT_ALLOC_LARGE_H

#include "alloc/state.h"

#include <stdbool.h>

/* alignment: a power of two. *is_zero: the block reads as zeros. NULL: there is no memory. */
void *plat__large_malloc(size_t bytes, size_t alignment, bool *is_zero);
/* Its block is live. false: somebody else was faster. frame: see sites.h. */
bool plat__large_free(struct slab *slab, const void *frame);
/* Nothing was written behind a block of so many bytes. */
bool plat__large_is_intact(const struct slab *slab, size_t bytes);
/* NULL: it cannot be done in place, nor by moving pages. The caller has checked the canary. */
void *plat__large_realloc(struct slab *slab, size_t bytes);

/* Lets go of what is kept against reuse. */
bool plat__large_let_go(void);
/* The same, and gives back what is free: for when there is no memory. */
bool plat__large_return(void);

struct large_sums {
	size_t mappings;
	size_t mapped_bytes;
};

struct large_sums plat__large_sums(void);

static inline size_t large_size(const struct slab *slab)
{
	return (size_t)(__atomic_load_n(&slab->size, __ATOMIC_ACQUIRE) - 1);
}

#endif
