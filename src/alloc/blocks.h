/*
 * Every block there is, and the one that an address lies in: without a lock, while other threads go
 * on. A block that lives all the while is told exactly as it is; one that is made or freed
 * meanwhile is told as it was or as it is, or left out.
 */
#ifndef PLAT_ALLOC_BLOCKS_H
#define PLAT_ALLOC_BLOCKS_H

#include "alloc/state.h"

#include <stdbool.h>

struct block {
	uintptr_t start;
	size_t size; /* as requested; of a free one, what fits in */
	size_t room; /* bytes of the heap, or of pages of its own mapping, that nobody else has */
	uint8_t kind;
	bool is_live;
};

/* false: the address lies in no block, nor where a freed one was. */
bool plat__block_at(uintptr_t address, struct block *ret);

/* Calls visit for the blocks of one slab, until it returns something else than 0. */
int plat__blocks_of(const struct slab *slab, int (*visit)(const struct block *block, void *data),
		    void *data);

#endif
